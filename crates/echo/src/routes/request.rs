//! A request, read within bounds.

use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use http::{HeaderMap, Method};
use serde::de::DeserializeOwned;
use service::{
    client::{self, Address},
    http::error::HttpError,
};
use warp::{Filter, Rejection, path::FullPath, reject};

use crate::sdp::MAX_OFFER;

/// An offer in JSON, whose line ends are two characters there, and what goes with it.
const MAX_BODY: usize = 2 * MAX_OFFER;
/// Longest name in a path.
const NAME_CHARACTERS: usize = 64;

pub(super) struct Request {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) address: Address,
    path: String,
    body: Bytes,
}

impl Request {
    /// The parts of its path.
    pub(super) fn path(&self) -> Vec<&str> {
        self.path.split('/').skip(1).collect()
    }

    /// Its body as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        // What serde says may quote the body.
        let wrong = "The body is not the JSON that belongs here.";
        serde_json::from_slice(&self.body).map_err(|_| HttpError::Unprocessable(wrong))
    }

    /// Its body as SDP.
    pub(super) fn sdp(&self) -> Result<&str, HttpError> {
        let given = self.headers.get(http::header::CONTENT_TYPE);
        let given = given
            .and_then(|given| given.to_str().ok()?.split(';').next())
            .unwrap_or_default();
        if !given.trim().eq_ignore_ascii_case("application/sdp") {
            return Err(HttpError::UnsupportedMediaType);
        }
        let wrong = HttpError::InvalidRequest("The body is no SDP offer.");
        std::str::from_utf8(&self.body).map_err(|_| wrong)
    }
}

/// Requests for paths that are ours; all others are left to the routes that follow.
pub(super) fn request(
    is_ours: fn(&[&str]) -> bool,
) -> impl Filter<Extract = (Result<Request, HttpError>,), Error = Rejection> + Clone {
    let path = warp::path::full().and_then(move |path: FullPath| {
        let parts: Vec<&str> = path.as_str().split('/').skip(1).collect();
        let ours = is_ours(&parts);
        let path = path.as_str().to_owned();
        async move {
            if ours {
                Ok(path)
            } else {
                Err(reject::not_found())
            }
        }
    });
    path.and(warp::method())
        .and(warp::header::headers_cloned())
        .and(client::address())
        .and(warp::body::stream())
        .then(async |path, method, headers, address, body| {
            Ok(Request {
                method,
                headers,
                address,
                path,
                body: read(body).await?,
            })
        })
}

async fn read(
    body: impl Stream<Item = Result<impl bytes::Buf, warp::Error>>,
) -> Result<Bytes, HttpError> {
    let mut body = pin!(body);
    let mut whole = BytesMut::new();
    while let Some(part) = body.next().await {
        let mut part = part.map_err(|_| HttpError::InvalidRequest("The body breaks off."))?;
        if whole.len() + part.remaining() > MAX_BODY {
            return Err(HttpError::TooLarge);
        }
        whole.extend_from_slice(&part.copy_to_bytes(part.remaining()));
    }
    Ok(whole.freeze())
}

/// A name in a path: letters, digits and `.`, `_`, `-`.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=NAME_CHARACTERS).contains(&name.len()) && name.bytes().all(plain)
}

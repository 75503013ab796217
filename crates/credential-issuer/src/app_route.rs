//! `POST /api/turn/credentials`: ICE servers for an app that shows its token.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use service::{
    client::{self, Address},
    http::error::HttpError,
    jwt::{Verifier, bearer},
};
use warp::{Filter, Rejection, Reply, reject, reply::Response};

use crate::{
    access::Access,
    issuer::{Issuer, Unserved},
    routes::{public, unix_now},
};

/// A body is a number in braces.
const BODY_BYTES: u64 = 1024;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// Seconds.
    ttl: Option<u64>,
}

/// Errors in the shape that clients of this route know.
#[derive(Serialize)]
struct Detail {
    detail: &'static str,
}

enum Refused {
    Http(HttpError),
    Detail(StatusCode, &'static str),
}

/// For apps with a token; without anything to check tokens with there is no such route.
pub fn app_routes(
    issuer: Arc<Issuer>,
    access: Access,
    verifier: Option<Verifier>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    let state = warp::any().and_then(move || {
        let state = (issuer.clone(), access.clone(), verifier.clone());
        async move {
            match state {
                (issuer, access, Some(verifier)) => Ok((issuer, access, verifier)),
                (.., None) => Err(reject::not_found()),
            }
        }
    });
    warp::path!("api" / "turn" / "credentials")
        .and(warp::post())
        .and(state)
        .and(client::address())
        .and(warp::header::headers_cloned())
        .and(warp::body::content_length_limit(BODY_BYTES))
        .and(warp::body::bytes())
        .then(
            async |(issuer, access, verifier): (Arc<Issuer>, Access, Verifier),
                   address: Address,
                   headers: HeaderMap,
                   body: Bytes| {
                let answer = credentials(&issuer, &access, &verifier, address, &headers, &body);
                match answer.await {
                    Ok(response) => {
                        access.count(&Ok(()), "credentials");
                        public(Ok(response))
                    }
                    Err(Refused::Http(error)) => {
                        access.count::<()>(&Err(error), "");
                        public(Err(error))
                    }
                    Err(Refused::Detail(status, detail)) => {
                        access.count(&Ok(()), "credentials-refused");
                        let body = warp::reply::json(&Detail { detail });
                        public(Ok(warp::reply::with_status(body, status).into_response()))
                    }
                }
            },
        )
}

async fn credentials(
    issuer: &Issuer,
    access: &Access,
    verifier: &Verifier,
    address: Address,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Refused> {
    access.take(address).map_err(Refused::Http)?;
    let token = bearer(headers).and_then(|token| verifier.subject(token).ok());
    if token.is_none() {
        let why = "This needs a valid bearer token.";
        return Err(Refused::Detail(StatusCode::UNAUTHORIZED, why));
    }
    // serde also reads a struct from an array; a wish is an object.
    let object = body.trim_ascii_start().starts_with(b"{");
    let wish = object.then(|| serde_json::from_slice::<Wish>(body).ok());
    let wish = wish.flatten().ok_or_else(|| {
        let why = r#"The body is {} or {"ttl": <seconds>}."#;
        Refused::Detail(StatusCode::UNPROCESSABLE_ENTITY, why)
    })?;
    let client = issuer.pseudonym(address.source());
    let served = issuer.try_ice_servers(&client, wish.ttl, unix_now()).await;
    let served = served.map_err(|unserved| match unserved {
        Unserved::ProvidersFailed => {
            let why = "No TURN provider could be reached.";
            Refused::Detail(StatusCode::BAD_GATEWAY, why)
        }
        Unserved::NoneConfigured => {
            let why = "No TURN provider is configured.";
            Refused::Detail(StatusCode::INTERNAL_SERVER_ERROR, why)
        }
    })?;
    Ok(warp::reply::json(&served.list()).into_response())
}

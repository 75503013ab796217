//! An asset as an answer: encoding, conditions and ranges (RFC 9110 sections 8, 13, 14).

use bytes::Bytes;
use headers::{ETag, HeaderMapExt as _, IfNoneMatch, IfRange};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use service::http::error::HttpError;
use warp::{Reply as _, reply::Response};

use crate::{
    asset::Asset,
    encoding::{self, Encoding},
    range::{self, Part},
};

/// How long an answer may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Its address names its content.
    ForEver,
    /// It must be asked for again each time.
    Never,
}

/// The whole file, a part of it, or word that the client has it already. Blocking: it may
/// compress.
pub(crate) fn respond(method: &Method, request: &HeaderMap, asset: &Asset, keep: Keep) -> Response {
    let range = request
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok())
        .filter(|_| *method == Method::GET);
    // A range is of the file as it is: parts of compressed forms help nobody.
    let wanted = if range.is_some() {
        Vec::new()
    } else {
        encoding::accepted(request)
    };
    let (encoding, content) = asset.form(&wanted);
    let tag = asset.tag(encoding);

    let known = request.typed_get::<IfNoneMatch>();
    let mut response = if known.is_some_and(|known| !known.precondition_passes(&tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let range = range.filter(|_| range_applies(request, &tag));
        match range.map_or(Part::Whole, |range| range::part(range, content.len())) {
            Part::Whole => whole(content),
            Part::Of(range) => part(range, &content),
            // No header of the file: such an answer is not kept.
            Part::Beyond => return beyond(content.len()),
        }
    };
    if *method == Method::HEAD {
        *response.body_mut() = Default::default();
    }
    describe(response.headers_mut(), asset, encoding, &tag, keep);
    response
}

fn describe(headers: &mut HeaderMap, asset: &Asset, encoding: Encoding, tag: &ETag, keep: Keep) {
    headers.typed_insert(tag.clone());
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(match keep {
            Keep::ForEver => "public, max-age=31536000, immutable",
            Keep::Never => "no-cache",
        }),
    );
    if asset.varies() {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if encoding != Encoding::Identity {
        let encoding = HeaderValue::from_static(encoding.name());
        headers.insert(header::CONTENT_ENCODING, encoding);
    }
    if let Ok(kind) = HeaderValue::from_str(&asset.content_type) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
}

/// `If-Range` must name exactly this content; a date never does, nor does nonsense.
fn range_applies(request: &HeaderMap, tag: &ETag) -> bool {
    !request.contains_key(header::IF_RANGE)
        || request
            .typed_get::<IfRange>()
            .is_some_and(|condition| !condition.is_modified(Some(tag), None))
}

fn whole(content: Bytes) -> Response {
    let length = content.len();
    let mut response = warp::http::Response::new(content).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, length.into());
    response
}

fn part(range: std::ops::Range<usize>, content: &Bytes) -> Response {
    let place = format!("bytes {}-{}/{}", range.start, range.end - 1, content.len());
    let mut response = whole(content.slice(range));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    place_at(&mut response, place);
    response
}

fn beyond(length: usize) -> Response {
    let refused = HttpError::InvalidRequest("The file has no such part.");
    let mut response = refused.into_response();
    *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    place_at(&mut response, format!("bytes */{length}"));
    response
}

fn place_at(response: &mut Response, place: String) {
    let place = HeaderValue::try_from(place).expect("digits are a header value");
    response.headers_mut().insert(header::CONTENT_RANGE, place);
}

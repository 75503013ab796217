//! An asset as an answer: encoding, conditions and ranges (RFC 9110 sections 8, 13, 14).

use std::ops::Bound;

use bytes::Bytes;
use headers::{ETag, HeaderMapExt as _, IfNoneMatch, IfRange, Range};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warp::{Reply as _, reply::Response};

use crate::{
    asset::Asset,
    encoding::{self, Encoding},
};

/// How long an answer may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Its address names its content.
    ForEver,
    /// It must be asked for again each time.
    Never,
}

/// The whole file, a part of it, or word that the client has it already.
pub(crate) fn respond(method: &Method, request: &HeaderMap, asset: &Asset, keep: Keep) -> Response {
    let range = request
        .typed_get::<Range>()
        .filter(|_| *method == Method::GET);
    // A range is of the file as it is: parts of compressed forms help nobody.
    let wanted = if range.is_some() {
        Encoding::Identity
    } else {
        encoding::accepted(request)
    };
    let (encoding, content) = asset.form(wanted);
    let tag = asset.tag(encoding);

    let known = request.typed_get::<IfNoneMatch>();
    let mut response = if known.is_some_and(|known| !known.precondition_passes(&tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        match range.filter(|_| range_applies(request, &tag)) {
            Some(range) => part(&range, &content),
            None => whole(content),
        }
    };
    if *method == Method::HEAD {
        let length = response.headers().get(header::CONTENT_LENGTH).cloned();
        *response.body_mut() = Default::default();
        if let Some(length) = length {
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length);
        }
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
        headers.insert(
            header::CONTENT_ENCODING,
            HeaderValue::from_static(encoding.name()),
        );
    }
    if let Ok(kind) = HeaderValue::from_str(&asset.content_type) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
}

/// `If-Range` must name exactly this content; a date never does.
fn range_applies(request: &HeaderMap, tag: &ETag) -> bool {
    let condition = request.typed_get::<IfRange>();
    condition.is_none_or(|condition| !condition.is_modified(Some(tag), None))
}

fn whole(content: Bytes) -> Response {
    let length = content.len();
    let mut response = warp::http::Response::new(content).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, length.into());
    response
}

/// One range; a client that wants several gets the whole.
fn part(range: &Range, content: &Bytes) -> Response {
    let length = content.len();
    let all = u64::try_from(length).unwrap_or(u64::MAX);
    let mut ranges = range.satisfiable_ranges(all);
    let (Some((start, end)), None) = (ranges.next(), ranges.next()) else {
        return if range.satisfiable_ranges(all).next().is_some() {
            whole(content.clone())
        } else {
            unsatisfiable(length)
        };
    };
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    let start = match start {
        Bound::Included(first) => at(first),
        Bound::Excluded(before) => at(before).saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match end {
        Bound::Included(last) => at(last).saturating_add(1).min(length),
        Bound::Excluded(after) => at(after).min(length),
        Bound::Unbounded => length,
    };
    if start >= end {
        return unsatisfiable(length);
    }
    let mut response = whole(content.slice(start..end));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let place = format!("bytes {start}-{}/{length}", end - 1);
    let place = HeaderValue::try_from(place).expect("digits are a header value");
    response.headers_mut().insert(header::CONTENT_RANGE, place);
    response
}

fn unsatisfiable(length: usize) -> Response {
    let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    let place =
        HeaderValue::try_from(format!("bytes */{length}")).expect("digits are a header value");
    response.headers_mut().insert(header::CONTENT_RANGE, place);
    response
}

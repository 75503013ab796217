//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): what is published at `/whip/<name>` is
//! seen at `/whep/<name>`. Answers are complete, so there is nothing to trickle: PATCH is
//! answered with 405, as the RFC has it.

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use service::http::error::HttpError;
use uuid::Uuid;
use warp::{Reply as _, reply::Response};

use super::{
    answer::{empty, sentence},
    request::{Request, is_name},
};
use crate::{
    echo::{NotOpened, Shared, Wish},
    metrics::Dialect,
    parameters::Parameters,
};

/// Publishes under that name, or under one that nobody guesses.
pub(super) fn publish(
    shared: &Arc<Shared>,
    request: &Request,
    name: Option<&str>,
) -> Result<Response, HttpError> {
    let drawn = Uuid::new_v4().to_string();
    open(shared, request, Dialect::Whip, name.unwrap_or(&drawn))
}

pub(super) fn view(
    shared: &Arc<Shared>,
    request: &Request,
    name: &str,
) -> Result<Response, HttpError> {
    open(shared, request, Dialect::Whep, name)
}

pub(super) fn close(
    shared: &Shared,
    kind: &str,
    name: &str,
    id: &str,
) -> Result<Response, HttpError> {
    let dialect = if kind == "whip" {
        Dialect::Whip
    } else {
        Dialect::Whep
    };
    let id = Uuid::parse_str(id).map_err(|_| HttpError::NotFound)?;
    if shared.close_session(dialect, name, id) {
        Ok(empty(StatusCode::OK))
    } else {
        Err(HttpError::NotFound)
    }
}

fn open(
    shared: &Arc<Shared>,
    request: &Request,
    dialect: Dialect,
    name: &str,
) -> Result<Response, HttpError> {
    if !is_name(name) {
        return Err(HttpError::InvalidRequest(
            "A name has 1 to 64 letters, digits and . _ - characters.",
        ));
    }
    let wish = Wish {
        dialect,
        address: request.address,
        offer: request.sdp()?,
        parameters: Parameters::default(),
        name,
    };
    let (id, sdp) = shared.open_session(wish).map_err(|error| match error {
        // RFC 9725 section 4.2: what cannot be read is a bad request.
        NotOpened::Refused(refused) => HttpError::InvalidRequest(sentence(refused)),
        NotOpened::TooOften(_)
        | NotOpened::Crowded(_)
        | NotOpened::Taken
        | NotOpened::NoView(_) => error.into(),
    })?;
    let kind = match dialect {
        Dialect::Whep => "whep",
        Dialect::Whip | Dialect::Offer | Dialect::FastRtc => "whip",
    };
    let location = HeaderValue::try_from(format!("/{kind}/{name}/{id}"));
    let mut answer = warp::reply::with_status(sdp, StatusCode::CREATED).into_response();
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/sdp"),
    );
    headers.insert(
        header::LOCATION,
        location.expect("names and ids are plain characters"),
    );
    Ok(answer)
}

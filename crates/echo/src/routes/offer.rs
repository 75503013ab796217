//! `POST /api/v1/webrtc/offer` and its sessions, in the words of Scope's clients.

use std::sync::Arc;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use service::http::error::HttpError;
use uuid::Uuid;
use warp::{Reply as _, reply::Response};

use super::{answer::empty, request::Request};
use crate::{
    echo::{Shared, Wish},
    metrics::Dialect,
    parameters::Parameters,
};

/// Candidates in one message.
const MAX_CANDIDATES: usize = 64;

#[derive(Deserialize)]
struct Offer {
    sdp: String,
    r#type: String,
    #[serde(rename = "initialParameters")]
    initial_parameters: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Candidates {
    candidates: Vec<Candidate>,
}

/// Its shape is checked and that is all: see `sdp::without_candidates`.
#[derive(Deserialize)]
struct Candidate {
    #[serde(rename = "candidate")]
    _candidate: String,
    #[serde(rename = "sdpMid")]
    _mid: Option<String>,
    #[serde(rename = "sdpMLineIndex")]
    _line: Option<u16>,
}

pub(super) fn open(shared: &Arc<Shared>, request: &Request) -> Result<Response, HttpError> {
    let offer: Offer = request.json()?;
    if offer.r#type != "offer" {
        return Err(HttpError::Unprocessable("The type is not offer."));
    }
    let mut parameters = Parameters::default();
    let outcome = parameters.update(&offer.initial_parameters.unwrap_or_default());
    if let Some(rule) = outcome.errors.into_values().next() {
        return Err(HttpError::Unprocessable(rule));
    }
    let wish = Wish {
        dialect: Dialect::Offer,
        address: request.address,
        offer: &offer.sdp,
        parameters,
        name: "",
    };
    let (id, sdp) = shared.open_session(wish)?;
    let answer = json!({ "sdp": sdp, "type": "answer", "sessionId": id.to_string() });
    Ok(warp::reply::json(&answer).into_response())
}

pub(super) fn trickle(shared: &Shared, request: &Request, id: &str) -> Result<Response, HttpError> {
    let id = Uuid::parse_str(id).map_err(|_| HttpError::NotFound)?;
    if !shared.is_open(Dialect::Offer, "", id) {
        return Err(HttpError::NotFound);
    }
    let Candidates { candidates } = request.json()?;
    if candidates.len() > MAX_CANDIDATES {
        return Err(HttpError::Unprocessable("These are too many candidates."));
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(super) fn close(shared: &Shared, id: &str) -> Result<Response, HttpError> {
    let id = Uuid::parse_str(id).map_err(|_| HttpError::NotFound)?;
    if shared.close_session(Dialect::Offer, "", id) {
        Ok(empty(StatusCode::NO_CONTENT))
    } else {
        Err(HttpError::NotFound)
    }
}

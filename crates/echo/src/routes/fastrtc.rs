//! `POST /webrtc/offer` in the words of FastRTC's clients: offers and candidates come the
//! same way, under an id that the client chose, and refusals are answers with status 200.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use service::{crowd::Crowded, http::error::HttpError};
use warp::{Reply as _, reply::Response};

use super::{answer::sentence, request::Request};
use crate::{
    echo::{NotOpened, Shared, Wish},
    metrics::Dialect,
    parameters::Parameters,
    streams::NoView,
};

/// Longest id, in bytes.
const MAX_ID: usize = 128;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Message {
    Offer {
        sdp: String,
        webrtc_id: String,
    },
    IceCandidate {
        #[serde(rename = "candidate")]
        _candidate: Value,
        webrtc_id: String,
    },
}

pub(super) fn hear(shared: &Arc<Shared>, request: &Request) -> Result<Response, HttpError> {
    let answer = match request.json()? {
        Message::Offer { sdp, webrtc_id } => open(shared, request, &sdp, &webrtc_id),
        Message::IceCandidate { webrtc_id, .. } => {
            if shared.named(Dialect::FastRtc, &webrtc_id).is_some() {
                json!({ "status": "success" })
            } else {
                failed("unknown_connection", None)
            }
        }
    };
    Ok(warp::reply::json(&answer).into_response())
}

fn open(shared: &Arc<Shared>, request: &Request, offer: &str, name: &str) -> Value {
    if !(1..=MAX_ID).contains(&name.len()) {
        return failed("webrtc_id has 1 to 128 characters", None);
    }
    let wish = Wish {
        dialect: Dialect::FastRtc,
        address: request.address,
        offer,
        parameters: Parameters::default(),
        name,
    };
    match shared.open_session(wish) {
        Ok((_, sdp)) => json!({ "sdp": sdp, "type": "answer" }),
        Err(not_opened) => {
            shared
                .metrics
                .refused(HttpError::from(not_opened).parts().2);
            refusal(shared, not_opened)
        }
    }
}

fn refusal(shared: &Shared, not_opened: NotOpened) -> Value {
    match not_opened {
        NotOpened::Crowded(Crowded::Source) => failed(
            "concurrency_limit_reached",
            Some(shared.max_sessions_per_source),
        ),
        NotOpened::Crowded(Crowded::Server) | NotOpened::NoView(NoView::Full) => {
            failed("concurrency_limit_reached", Some(shared.max_sessions))
        }
        NotOpened::TooOften(_) => failed("too many offers: try again in a moment", None),
        NotOpened::Taken => failed("connection_already_exists", None),
        NotOpened::Refused(refused) => failed(sentence(refused), None),
        NotOpened::NoView(NoView::NoStream) => failed("unknown_connection", None),
    }
}

fn failed(error: &str, limit: Option<usize>) -> Value {
    let meta = match limit {
        Some(limit) => json!({ "error": error, "limit": limit }),
        None => json!({ "error": error }),
    };
    json!({ "status": "failed", "meta": meta })
}

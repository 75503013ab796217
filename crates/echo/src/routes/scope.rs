//! What Scope's page asks before its offer. Pipelines are chosen by each session, so there
//! is nothing to load: all of them always are.

use serde::Deserialize;
use serde_json::{Value, json};
use service::http::error::HttpError;
use warp::{Reply as _, reply::Response};

use super::request::Request;
use crate::pipeline::PipelineId;

#[derive(Deserialize)]
struct Load {
    pipeline_id: String,
    #[serde(rename = "load_params")]
    _parameters: Option<Value>,
}

pub(super) fn status() -> Response {
    let status = json!({
        "status": "loaded",
        "pipeline_id": PipelineId::default(),
        "load_params": null,
        "error": null,
    });
    warp::reply::json(&status).into_response()
}

pub(super) fn load(request: &Request) -> Result<Response, HttpError> {
    let load: Load = request.json()?;
    let id = PipelineId::named(&load.pipeline_id).ok_or(HttpError::InvalidRequest(
        "There is no pipeline of this name: choose passthrough, delay or loss.",
    ))?;
    let answer = json!({ "message": "Pipelines are loaded.", "pipeline_id": id });
    Ok(warp::reply::json(&answer).into_response())
}

pub(super) fn hardware() -> Response {
    warp::reply::json(&json!({ "vram_gb": null })).into_response()
}

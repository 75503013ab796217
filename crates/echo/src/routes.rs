//! The ways to ask for a session: Scope's offers, FastRTC's, WHIP and WHEP.

mod answer;
mod fastrtc;
mod offer;
mod request;
mod scope;
mod whip;

use std::{sync::Arc, time::SystemTime};

use http::{Method, StatusCode};
use serde_json::json;
use service::http::error::HttpError;
use warp::{Filter, Rejection, Reply, reply::Response};

use crate::{
    echo::{Echo, Shared},
    routes::request::Request,
};

/// `/api/v1/webrtc/offer`, `/api/v1/pipeline/…`, `/api/v1/hardware/info`, `/webrtc/offer`,
/// `/whip/…` and `/whep/…`.
pub fn routes(
    echo: &Echo,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let shared = Arc::clone(&echo.0);
    request::request(is_ours).then(move |request: Result<Request, HttpError>| {
        let shared = Arc::clone(&shared);
        async move {
            let address = request.as_ref().ok().map(|request| request.address);
            let (origin, answer) = match request {
                Ok(request) if shared.origins.allow(&request.headers) => {
                    let origin = request.headers.get("origin").cloned();
                    (origin, respond(&shared, &request))
                }
                Ok(_) => (None, Err(HttpError::Forbidden)),
                Err(error) => (None, Err(error)),
            };
            let mut answer = answer.unwrap_or_else(|error| {
                shared.metrics.refused(error.parts().2);
                error.into_response()
            });
            if let (StatusCode::CREATED, Some(address)) = (answer.status(), address) {
                let servers = shared.ice_servers(address).await;
                answer::link(&mut answer, &servers);
            }
            answer::with_headers(answer, origin)
        }
    })
}

/// `GET /health` of this service on its own: Scope's clients read it.
pub fn health_route() -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    warp::path!("health").and(warp::get()).map(|| {
        let timestamp = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        warp::reply::json(&json!({ "status": "healthy", "timestamp": timestamp })).into_response()
    })
}

fn is_ours(path: &[&str]) -> bool {
    matches!(
        path,
        ["api", "v1", "webrtc", "offer"]
            | ["api", "v1", "webrtc", "offer", _]
            | ["api", "v1", "pipeline", "status" | "load"]
            | ["api", "v1", "hardware", "info"]
            | ["webrtc", "offer"]
            | ["whip"]
            | ["whip" | "whep", _]
            | ["whip" | "whep", _, _]
    )
}

fn respond(shared: &Arc<Shared>, request: &Request) -> Result<Response, HttpError> {
    let path = request.path();
    let path = path.as_slice();
    if request.method == Method::OPTIONS {
        let whip = matches!(path.first(), Some(&("whip" | "whep")));
        return Ok(answer::options(whip));
    }
    match (&request.method, path) {
        (&Method::POST, ["api", "v1", "webrtc", "offer"]) => offer::open(shared, request),
        (&Method::PATCH, ["api", "v1", "webrtc", "offer", id]) => {
            offer::trickle(shared, request, id)
        }
        (&Method::DELETE, ["api", "v1", "webrtc", "offer", id]) => offer::close(shared, id),
        (&Method::GET, ["api", "v1", "pipeline", "status"]) => Ok(scope::status()),
        (&Method::POST, ["api", "v1", "pipeline", "load"]) => scope::load(request),
        (&Method::GET, ["api", "v1", "hardware", "info"]) => Ok(scope::hardware()),
        (&Method::POST, ["webrtc", "offer"]) => fastrtc::hear(shared, request),
        (&Method::POST, ["whip"]) => whip::publish(shared, request, None),
        (&Method::POST, ["whip", name]) => whip::publish(shared, request, Some(name)),
        (&Method::POST, ["whep", name]) => whip::view(shared, request, name),
        (&Method::DELETE, [kind @ ("whip" | "whep"), name, id]) => {
            whip::close(shared, kind, name, id)
        }
        _ => Err(HttpError::MethodNotAllowed),
    }
}

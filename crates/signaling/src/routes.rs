//! `GET /ws`, `/ws/app`, `/ws/device`, `/parties/…`, `/party/…` and `/health`; `/ws/events`
//! and `POST /ws/messages` for calls without a WebSocket.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, header};
use protocol::{
    party::{Connections, NAME_BYTES},
    robot::DEVICE_BYTES,
};
use serde::{Deserialize, Serialize};
use service::http::error::HttpError;
use tokio::sync::oneshot;
use uuid::Uuid;
use warp::{Filter, Rejection, Reply, reply::Response};

use crate::{
    Shared, Signaling,
    dialect::party,
    ear::{Allowed, Ear, call::CallEar, party::PartyEar, robot::RobotEar},
    fallback,
    hub::{Command, unix_now},
    upgrade::{Request, request},
};

/// The party of `/party/<room>`.
const MAIN: &str = "main";

impl Signaling {
    /// Everything signaling serves to the public.
    pub fn routes(&self) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
        let state = {
            let shared = Arc::clone(&self.shared);
            warp::any().map(move || Arc::clone(&shared))
        };
        let asked = warp::get().and(state.clone()).and(request());
        let calls = warp::path!("ws").and(asked.clone());
        let calls = calls.map(|shared: Arc<Shared>, request: Request| {
            let ear = first_ear(&shared, &request);
            answer(&shared, ear.and_then(|ear| request.accept(&shared, ear)))
        });
        let events = warp::path!("ws" / "events").and(asked.clone());
        let events = events.map(|shared: Arc<Shared>, request: Request| {
            answer(&shared, fallback::open(&shared, &request))
        });
        let said = warp::path!("ws" / "messages").and(warp::post());
        let said = said.and(state.clone()).and(warp::header::headers_cloned());
        let said = said
            .and(fallback::body(self.shared.limits.max_message))
            .then(
                |shared: Arc<Shared>, headers: HeaderMap, body: Bytes| async move {
                    answer(&shared, fallback::say(&shared, &headers, &body).await)
                },
            );
        let apps = warp::path!("ws" / "app").and(asked.clone());
        let apps = apps.and(warp::query());
        let apps = apps.map(|shared: Arc<Shared>, request: Request, query| {
            let ear = app_ear(&shared, &request, &query);
            answer(&shared, ear.and_then(|ear| request.accept(&shared, ear)))
        });
        let devices = warp::path!("ws" / "device").and(asked.clone());
        let devices = devices.and(warp::query());
        let devices = devices.map(|shared: Arc<Shared>, request: Request, query| {
            let ear = device_ear(&shared, &request, &query);
            answer(&shared, ear.and_then(|ear| request.accept(&shared, ear)))
        });
        let party = warp::path!("party" / String).map(|room| (MAIN.to_owned(), room));
        let parties = warp::path!("parties" / String / String).or(party.untuple_one());
        let parties = parties.unify().and(asked).and(warp::query()).then(
            |party: String, room: String, shared: Arc<Shared>, request, query| async move {
                answer(&shared, enter(&shared, &party, &room, request, query).await)
            },
        );
        let shared = Arc::clone(&self.shared);
        let health = warp::path!("health").and(warp::get());
        let health = health.map(move || health_of(&shared));
        calls
            .or(events)
            .unify()
            .or(said)
            .unify()
            .or(apps)
            .unify()
            .or(devices)
            .unify()
            .or(parties)
            .unify()
            .or(health)
            .unify()
    }
}

fn answer(shared: &Shared, answer: Result<Response, HttpError>) -> Response {
    answer.unwrap_or_else(|error| {
        shared.metrics.refuse(error.parts().2);
        error.into_response()
    })
}

fn first_ear(shared: &Arc<Shared>, request: &Request) -> Result<Ear, HttpError> {
    let allowed = Allowed {
        calls: shared.origins.calls.allow(&request.headers),
        peers: shared.origins.peers.allow(&request.headers),
    };
    if !request.wants_websocket() {
        return Err(HttpError::UpgradeRequired);
    }
    if !allowed.calls && !allowed.peers {
        return Err(HttpError::Forbidden);
    }
    let ear = CallEar::new(shared, request.address.source());
    Ok(Ear::First(Box::new(ear), allowed))
}

#[derive(Deserialize)]
struct AppQuery {
    token: Option<String>,
}

fn app_ear(shared: &Shared, request: &Request, query: &AppQuery) -> Result<Ear, HttpError> {
    let verifier = shared.apps.as_ref().ok_or(HttpError::NotFound)?;
    if !shared.origins.robots.allow(&request.headers) {
        return Err(HttpError::Forbidden);
    }
    let bearer = service::jwt::bearer(&request.headers);
    let token = bearer
        .or(query.token.as_deref())
        .ok_or(HttpError::Unauthorized)?;
    let subject = verifier
        .subject(token)
        .map_err(|_| HttpError::Unauthorized)?;
    Ok(Ear::Robot(RobotEar::app(subject)))
}

#[derive(Deserialize)]
struct DeviceQuery {
    device_id: Option<String>,
    sig: Option<String>,
    /// Unix seconds.
    ts: Option<String>,
}

fn device_ear(shared: &Shared, request: &Request, query: &DeviceQuery) -> Result<Ear, HttpError> {
    if !shared.robots.configured() {
        return Err(HttpError::NotFound);
    }
    if !shared.origins.robots.allow(&request.headers) {
        return Err(HttpError::Forbidden);
    }
    let (Some(id), Some(sig)) = (&query.device_id, &query.sig) else {
        return Err(HttpError::Unauthorized);
    };
    // A request that is no upgrade must not use a signature up.
    if !request.wants_websocket() {
        return Err(HttpError::UpgradeRequired);
    }
    let at = query.ts.as_ref().map(|ts| ts.parse()).transpose();
    let at = at.map_err(|_| HttpError::Unauthorized)?;
    if id.len() > DEVICE_BYTES || !shared.robots.proves(id, at, sig, unix_now()) {
        return Err(HttpError::Unauthorized);
    }
    let device_id = id.clone();
    Ok(Ear::Robot(RobotEar::Device { device_id }))
}

#[derive(Deserialize)]
struct PartyQuery {
    #[serde(rename = "_pk")]
    id: Option<String>,
    /// `0` turns it off.
    presence: Option<String>,
}

async fn enter(
    shared: &Arc<Shared>,
    party: &str,
    room: &str,
    request: Request,
    query: PartyQuery,
) -> Result<Response, HttpError> {
    let known = shared.parties.is_empty() || shared.parties.iter().any(|known| known == party);
    if !known {
        return Err(HttpError::NotFound);
    }
    let long = |name: &str| name.is_empty() || name.len() > NAME_BYTES;
    if long(party) || long(room) || query.id.as_deref().is_some_and(long) {
        let why = "Names of parties, rooms and connections have 1 to 128 bytes.";
        return Err(HttpError::InvalidRequest(why));
    }
    let room = party::key(party, room);
    if !request.headers.contains_key(header::UPGRADE) {
        let (answer, counted) = oneshot::channel();
        let asked = shared.hub.send(Command::Count(room, answer)).await;
        asked.map_err(|_| HttpError::Unavailable(2))?;
        let connections = counted.await.map_err(|_| HttpError::Unavailable(2))?;
        let answer = warp::reply::json(&Connections { connections });
        let answer = warp::reply::with_header(answer, "cache-control", "no-store");
        let any = "access-control-allow-origin";
        return Ok(warp::reply::with_header(answer, any, "*").into_response());
    }
    if !shared.origins.parties.allow(&request.headers) {
        return Err(HttpError::Forbidden);
    }
    let id = query.id.unwrap_or_else(|| Uuid::new_v4().to_string());
    let ear = PartyEar {
        room,
        id: id.into(),
        presence: query.presence.as_deref() != Some("0"),
    };
    request.accept(shared, Ear::Party(ear))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    rooms: i64,
    /// Unix milliseconds.
    timestamp: u128,
}

fn health_of(shared: &Shared) -> Response {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let health = Health {
        status: "ok",
        rooms: shared.metrics.rooms(),
        timestamp: now.map_or(0, |since| since.as_millis()),
    };
    let answer = warp::reply::json(&health);
    warp::reply::with_header(answer, "cache-control", "no-store").into_response()
}

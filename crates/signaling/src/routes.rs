//! `GET /ws` and `GET /health`.
//!
//! The upgrade is made by hand: warp's own hides the read buffer size, which is most of
//! what an idle socket costs, and tungstenite's refuses the short keys that Dart sends.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use service::{
    client::{self, Address},
    crowd::{Crowded, Place},
    http::error::HttpError,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};
use warp::{Filter, Rejection, Reply, reply::Response};

use crate::{Shared, Signaling, socket};

/// Longest `Sec-WebSocket-Key` that is answered; RFC 6455 says 24 characters, Dart sends 12.
const KEY_CHARACTERS: usize = 64;

impl Signaling {
    /// Everything signaling serves to the public.
    pub fn routes(&self) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
        let shared = Arc::clone(&self.shared);
        let socket = warp::path!("ws")
            .and(warp::get())
            .and(client::address())
            .and(warp::header::headers_cloned())
            .and(warp::ext::optional::<OnUpgrade>())
            .map(
                move |address, headers: HeaderMap, upgrade: Option<OnUpgrade>| {
                    accept(&shared, address, &headers, upgrade).unwrap_or_else(|error| {
                        shared.metrics.refuse(error.parts().2);
                        error.into_response()
                    })
                },
            );
        let shared = Arc::clone(&self.shared);
        let health = warp::path!("health")
            .and(warp::get())
            .map(move || health(&shared));
        socket.or(health).unify()
    }
}

fn accept(
    shared: &Arc<Shared>,
    address: Address,
    headers: &HeaderMap,
    upgrade: Option<OnUpgrade>,
) -> Result<Response, HttpError> {
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .filter(|_| wants_websocket(headers));
    let (Some(key), Some(upgrade)) = (key, upgrade) else {
        return Err(HttpError::UpgradeRequired);
    };
    if headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        return Err(HttpError::UpgradeRequired);
    }
    if key.is_empty() || key.len() > KEY_CHARACTERS {
        return Err(HttpError::InvalidRequest(
            "The Sec-WebSocket-Key is not one.",
        ));
    }
    if !shared.origins.allow(headers) {
        return Err(HttpError::Forbidden);
    }
    if shared.shutdown.is_requested() {
        return Err(HttpError::Unavailable(2));
    }
    let source = address.source();
    let place = shared.crowd.take(source).map_err(|crowded| match crowded {
        Crowded::Server => HttpError::Unavailable(10),
        Crowded::Source => HttpError::RateLimited(10),
    })?;
    let accept_key = derive_accept_key(key.as_bytes());
    tokio::spawn(converse(Arc::clone(shared), address, place, upgrade));

    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    let accept_key = HeaderValue::try_from(accept_key).expect("base64 is a header value");
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept_key);
    Ok(response)
}

/// RFC 6455 section 4.2.1.
fn wants_websocket(headers: &HeaderMap) -> bool {
    let has = |name, token: &str| {
        let values = headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let mut tokens = values.flat_map(|value| value.split(','));
        tokens.any(|value| value.trim().eq_ignore_ascii_case(token))
    };
    has(header::UPGRADE, "websocket") && has(header::CONNECTION, "upgrade")
}

async fn converse(shared: Arc<Shared>, address: Address, place: Place, upgrade: OnUpgrade) {
    let Ok(upgraded) = upgrade.await else { return };
    shared.metrics.sockets.inc();
    let limits = &shared.limits;
    let config = WebSocketConfig::default()
        .read_buffer_size(limits.read_buffer)
        .write_buffer_size(0)
        .max_write_buffer_size(limits.outbox.bytes + 4 * limits.max_message)
        // A message over the limit is refused; one of twice the size is not even read.
        .max_message_size(Some(2 * limits.max_message))
        .max_frame_size(Some(2 * limits.max_message));
    let io = TokioIo::new(upgraded);
    let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    // Boxed: what a socket needs only while it starts is not kept for as long as it lives.
    Box::pin(socket::serve(Arc::clone(&shared), address.source(), stream)).await;
    shared.metrics.sockets.dec();
    drop(place);
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    rooms: i64,
    /// Unix milliseconds.
    timestamp: u128,
}

fn health(shared: &Shared) -> Response {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let timestamp = now.map_or(0, |since| since.as_millis());
    let health = Health {
        status: "ok",
        rooms: shared.metrics.rooms(),
        timestamp,
    };
    warp::reply::with_header(warp::reply::json(&health), "cache-control", "no-store")
        .into_response()
}

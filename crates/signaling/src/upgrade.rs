//! From an HTTP request to a WebSocket (RFC 6455 section 4.2).
//!
//! Made by hand: warp's own hides the read buffer size, which is most of what an idle
//! socket costs, and tungstenite's refuses the short keys that Dart sends.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use service::{
    client::Address,
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
use warp::{Filter, Rejection, Reply as _, reply::Response};

use crate::{Shared, ear::Ear, socket};

/// Longest `Sec-WebSocket-Key` that is answered; RFC 6455 says 24 characters, Dart sends 12.
const KEY_CHARACTERS: usize = 64;

/// What a client asks with.
pub(crate) struct Request {
    pub(crate) address: Address,
    pub(crate) headers: HeaderMap,
    upgrade: Option<OnUpgrade>,
}

/// Of any request that may become a WebSocket.
pub(crate) fn request() -> impl Filter<Extract = (Request,), Error = Rejection> + Copy {
    service::client::address()
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<OnUpgrade>())
        .map(|address, headers, upgrade| Request {
            address,
            headers,
            upgrade,
        })
}

impl Request {
    /// RFC 6455 section 4.2.1.
    pub(crate) fn wants_websocket(&self) -> bool {
        let has = |name, token: &str| {
            let values = self.headers.get_all(name).iter();
            let values = values.filter_map(|value| value.to_str().ok());
            let mut tokens = values.flat_map(|value| value.split(','));
            tokens.any(|value| value.trim().eq_ignore_ascii_case(token))
        };
        has(header::UPGRADE, "websocket") && has(header::CONNECTION, "upgrade")
    }

    /// Answers 101 and serves the socket, or says why not.
    pub(crate) fn accept(self, shared: &Arc<Shared>, ear: Ear) -> Result<Response, HttpError> {
        let key = self.headers.get(header::SEC_WEBSOCKET_KEY);
        let key = key.filter(|_| self.wants_websocket());
        let (Some(key), Some(upgrade)) = (key, self.upgrade) else {
            return Err(HttpError::UpgradeRequired);
        };
        let version = self.headers.get(header::SEC_WEBSOCKET_VERSION);
        if version.is_none_or(|version| version != "13") {
            return Err(HttpError::UpgradeRequired);
        }
        if key.is_empty() || key.len() > KEY_CHARACTERS {
            let why = "The Sec-WebSocket-Key is not one.";
            return Err(HttpError::InvalidRequest(why));
        }
        let place = place(shared, self.address)?;
        let accept_key = derive_accept_key(key.as_bytes());
        tokio::spawn(converse(
            Arc::clone(shared),
            self.address,
            place,
            ear,
            upgrade,
        ));

        let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        let accept_key = HeaderValue::try_from(accept_key).expect("base64 is a header value");
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept_key);
        Ok(response)
    }
}

/// Room for one more, if there is any.
pub(crate) fn place(shared: &Shared, address: Address) -> Result<Place, HttpError> {
    if shared.shutdown.is_requested() {
        return Err(HttpError::Unavailable(2));
    }
    let place = shared.crowd.take(address.source());
    place.map_err(|crowded| match crowded {
        Crowded::Server => HttpError::Unavailable(10),
        Crowded::Source => HttpError::RateLimited(10),
    })
}

async fn converse(
    shared: Arc<Shared>,
    address: Address,
    place: Place,
    ear: Ear,
    upgrade: OnUpgrade,
) {
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
    Box::pin(socket::serve(
        Arc::clone(&shared),
        address.source(),
        ear,
        stream,
    ))
    .await;
    shared.metrics.sockets.dec();
    drop(place);
}

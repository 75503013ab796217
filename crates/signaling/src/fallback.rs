//! Calls where something on the way breaks WebSockets: messages come down as server-sent
//! events (WHATWG HTML, section 9.2) and go up in POSTs. Same messages, same limits, same
//! resume; only what carries them differs.

use std::{
    collections::HashMap,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_channel::mpsc;
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _, stream::unfold};
use http::{HeaderMap, HeaderValue, StatusCode};
use service::http::error::HttpError;
use tokio_tungstenite::tungstenite::{self, Message};
use uuid::Uuid;
use warp::{Filter, Rejection, Reply as _, reply::Response, sse::Event};

use crate::{
    Shared,
    ear::{Ear, call::CallEar},
    socket,
    upgrade::{Request, place},
};

/// Messages read ahead of the ear; a POST waits when there are more.
const AHEAD: usize = 4;
/// Some proxies hold back the first kilobytes of an answer.
const PADDING: usize = 2048;

/// Who speaks through POSTs now: the mouths of their sockets, by a name that nobody guesses.
#[derive(Default)]
pub(crate) struct Conversations(Mutex<HashMap<String, mpsc::Sender<Message>>>);

impl Conversations {
    fn map(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<Message>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the conversation away when the page stops reading.
struct Reader {
    shared: Arc<Shared>,
    name: String,
    events: mpsc::Receiver<Message>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.conversations.map().remove(&self.name);
    }
}

/// `GET /ws/events`: begins a conversation. Its first event is `open` with the name to
/// show in POSTs; messages follow, and at the end `close` with `{"code","reason"}`.
pub(crate) fn open(shared: &Arc<Shared>, request: &Request) -> Result<Response, HttpError> {
    if !shared.origins.calls.allow(&request.headers) {
        return Err(HttpError::Forbidden);
    }
    let place = place(shared, request.address)?;
    let source = request.address.source();
    let name = Uuid::new_v4().simple().to_string();
    let (mouth, said) = mpsc::channel(AHEAD);
    let (outgoing, events) = mpsc::channel(1);
    shared.conversations.map().insert(name.clone(), mouth);
    let reader = Reader {
        shared: Arc::clone(shared),
        name: name.clone(),
        events,
    };
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        shared.metrics.fallbacks.inc();
        let ear = Ear::Call(Box::new(CallEar::new(&shared, source)));
        let pair = Pair { said, outgoing };
        socket::serve(Arc::clone(&shared), source, ear, pair).await;
        shared.metrics.fallbacks.dec();
        drop(place);
    });
    let first = Event::default().event("open").data(name);
    let first = first.comment(" ".repeat(PADDING));
    let events = futures_util::stream::iter([Ok::<_, Infallible>(first)]).chain(told(reader));
    let mut response = warp::sse::reply(events).into_response();
    let headers = response.headers_mut();
    let unstored = HeaderValue::from_static("no-store, no-transform");
    headers.insert(http::header::CACHE_CONTROL, unstored);
    // nginx's word for "pass it on at once".
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// What the socket writes, until it has written its close.
fn told(reader: Reader) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        let event = Event::default();
        Some(match reader.events.next().await? {
            // Within JSON a line break is but a space; to an event it would be its end.
            Message::Text(text) => {
                let line = text.replace(['\r', '\n'], " ");
                (Ok(event.data(line)), Some(reader))
            }
            Message::Close(close) => {
                let (code, reason) = close.map_or((1005, String::new()), |close| {
                    (close.code.into(), close.reason.to_string())
                });
                let close = serde_json::json!({ "code": code, "reason": reason });
                (Ok(event.event("close").data(close.to_string())), None)
            }
            // A heartbeat, for whatever stands between; calls have no binary messages.
            Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_) => {
                (Ok(event.comment("")), Some(reader))
            }
        })
    })
}

/// The body of a POST: one message a line.
pub(crate) fn body(
    max_message: usize,
) -> impl Filter<Extract = (Bytes,), Error = Rejection> + Copy {
    let limit = u64::try_from(max_message).unwrap_or(u64::MAX);
    warp::body::content_length_limit(limit).and(warp::body::bytes())
}

/// `POST /ws/messages`: says each line in the conversation of the bearer. Answers when all
/// of it is taken in; a page waits for that before it says more, so that the order is kept.
pub(crate) async fn say(
    shared: &Shared,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, HttpError> {
    let name = service::jwt::bearer(headers).ok_or(HttpError::Unauthorized)?;
    let mouth = shared.conversations.map().get(name).cloned();
    let mut mouth = mouth.ok_or(HttpError::NotFound)?;
    let text = std::str::from_utf8(body);
    let text = text.map_err(|_| HttpError::InvalidRequest("Messages are UTF-8."))?;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let said = mouth.send(Message::text(line)).await;
        said.map_err(|_| HttpError::NotFound)?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The two ways, as one carrier.
struct Pair {
    said: mpsc::Receiver<Message>,
    outgoing: mpsc::Sender<Message>,
}

impl Stream for Pair {
    type Item = Result<Message, tungstenite::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.said.poll_next_unpin(context).map(|said| said.map(Ok))
    }
}

/// The page reads no more.
fn gone(_: mpsc::SendError) -> tungstenite::Error {
    tungstenite::Error::ConnectionClosed
}

impl Sink<Message> for Pair {
    type Error = tungstenite::Error;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Self::Error>> {
        self.outgoing.poll_ready_unpin(context).map_err(gone)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Self::Error> {
        self.outgoing.start_send_unpin(message).map_err(gone)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Self::Error>> {
        self.outgoing.poll_flush_unpin(context).map_err(gone)
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Self::Error>> {
        self.outgoing.poll_close_unpin(context).map_err(gone)
    }
}

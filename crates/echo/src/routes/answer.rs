//! What goes with every answer, and what a refusal is called.

use http::{HeaderValue, StatusCode, header};
use protocol::ice::IceServer;
use service::{crowd::Crowded, http::error::HttpError};
use warp::{Reply as _, reply::Response};

use crate::{accept::Refused, echo::NotOpened, streams::NoView};

/// When to come again, in seconds: as long as it takes to notice a client that is gone.
const RETRY: u64 = 30;
const METHODS: &str = "GET, POST, PATCH, DELETE, OPTIONS";

impl From<NotOpened> for HttpError {
    fn from(not_opened: NotOpened) -> Self {
        match not_opened {
            NotOpened::TooOften(seconds) => Self::RateLimited(seconds),
            NotOpened::Crowded(Crowded::Source) => Self::RateLimited(RETRY),
            NotOpened::Crowded(Crowded::Server) | NotOpened::NoView(NoView::Full) => {
                Self::Unavailable(RETRY)
            }
            NotOpened::Taken => Self::Conflict("This name is in use."),
            NotOpened::NoView(NoView::NoStream) => Self::NotFound,
            NotOpened::Refused(refused) => Self::Unprocessable(sentence(refused)),
        }
    }
}

pub(super) fn sentence(refused: Refused) -> &'static str {
    match refused {
        Refused::NotSdp => "This is no SDP offer.",
        Refused::Incomplete => "The offer lacks ICE or DTLS parameters, or contradicts itself.",
        Refused::NoMedia => "The offer has neither media nor a data channel.",
        Refused::NoCodec => "The offer has no codec that is known here.",
        Refused::SendsNothing => "The offer sends nothing.",
        Refused::ReceivesNothing => "The offer receives nothing.",
    }
}

/// Nothing to say.
pub(super) fn empty(status: StatusCode) -> Response {
    warp::reply::with_status(warp::reply(), status).into_response()
}

/// What may be asked here (for pages: the preflight of the Fetch standard).
pub(super) fn options(whip: bool) -> Response {
    let mut answer = empty(StatusCode::NO_CONTENT);
    let headers = answer.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(METHODS));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(METHODS),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("authorization, content-type, if-match"),
    );
    if whip {
        headers.insert("accept-post", HeaderValue::from_static("application/sdp"));
    }
    answer
}

/// ICE servers for a WHIP client (RFC 9725 section 4.6): a link for each of their addresses.
pub(super) fn link(answer: &mut Response, servers: &[IceServer]) {
    let quoted = |name: &str, value: Option<&String>| {
        value.map_or(String::new(), |value| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            format!("; {name}=\"{value}\"")
        })
    };
    for server in servers {
        let mut parameters = "rel=\"ice-server\"".to_owned();
        parameters += &quoted("username", server.username.as_ref());
        parameters += &quoted("credential", server.credential.as_ref());
        if server.credential.is_some() {
            parameters += "; credential-type=\"password\"";
        }
        for url in &server.urls {
            // What a provider made up that fits into no header is left out.
            if let Ok(link) = HeaderValue::try_from(format!("<{url}>; {parameters}")) {
                answer.headers_mut().append(header::LINK, link);
            }
        }
    }
}

/// Nothing is stored, and the page that asked may read it.
pub(super) fn with_headers(mut answer: Response, origin: Option<HeaderValue>) -> Response {
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("location, link, retry-after"),
        );
    }
    answer
}

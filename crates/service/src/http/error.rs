//! Errors at the HTTP edge: a sentence for people, a stable code for machines, and nothing
//! of what went wrong inside.

use std::convert::Infallible;

use http::{StatusCode, header};
use serde::Serialize;
use warp::{
    Rejection, Reply,
    reject::{self, Reject},
    reply::Response,
};

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// Nothing is there.
    NotFound,
    /// Something is there, but not for this method.
    MethodNotAllowed,
    /// The request lacks something, or has it wrong; the sentence says what.
    InvalidRequest(&'static str),
    /// No credentials, or wrong ones.
    Unauthorized,
    /// Another origin's page asks.
    Forbidden,
    /// Somebody else has it; the sentence says what.
    Conflict(&'static str),
    /// More than the limit.
    TooLarge,
    /// The body is of another type than is read here.
    UnsupportedMediaType,
    /// The body can be read, and means nothing that can be done; the sentence says why.
    Unprocessable(&'static str),
    /// Too often; again after so many seconds.
    RateLimited(u64),
    /// The client must ask for a WebSocket.
    UpgradeRequired,
    /// Not now; again after so many seconds.
    Unavailable(u64),
    /// Our fault.
    Internal,
}

impl Reject for HttpError {}

#[derive(Serialize)]
struct Body {
    error: &'static str,
    code: &'static str,
}

impl HttpError {
    /// The status, the sentence and the code.
    #[must_use]
    pub fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "Nothing is here.", "not-found"),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "This address does not take that method.",
                "method-not-allowed",
            ),
            Self::InvalidRequest(why) => (StatusCode::BAD_REQUEST, why, "invalid-request"),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "This needs credentials.",
                "unauthorized",
            ),
            Self::Forbidden => (
                StatusCode::FORBIDDEN,
                "Pages of this origin are not allowed here.",
                "forbidden",
            ),
            Self::Conflict(why) => (StatusCode::CONFLICT, why, "conflict"),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "This is too large.",
                "too-large",
            ),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "This type of body is not read here.",
                "unsupported-media-type",
            ),
            Self::Unprocessable(why) => (StatusCode::UNPROCESSABLE_ENTITY, why, "unprocessable"),
            Self::RateLimited(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests. Try again in a moment.",
                "rate-limited",
            ),
            Self::UpgradeRequired => (
                StatusCode::UPGRADE_REQUIRED,
                "This address speaks WebSocket only.",
                "upgrade-required",
            ),
            Self::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The server is busy. Try again in a moment.",
                "unavailable",
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong here.",
                "internal",
            ),
        }
    }
}

impl Reply for HttpError {
    fn into_response(self) -> Response {
        let (status, error, code) = self.parts();
        let body = warp::reply::json(&Body { error, code });
        let mut response = warp::reply::with_status(body, status).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CACHE_CONTROL,
            header::HeaderValue::from_static("no-store"),
        );
        match self {
            Self::RateLimited(seconds) | Self::Unavailable(seconds) => {
                headers.insert(header::RETRY_AFTER, seconds.into());
            }
            Self::UpgradeRequired => {
                headers.insert(
                    header::UPGRADE,
                    header::HeaderValue::from_static("websocket"),
                );
            }
            Self::NotFound
            | Self::MethodNotAllowed
            | Self::InvalidRequest(_)
            | Self::Unauthorized
            | Self::Forbidden
            | Self::Conflict(_)
            | Self::TooLarge
            | Self::UnsupportedMediaType
            | Self::Unprocessable(_)
            | Self::Internal => {}
        }
        response
    }
}

/// As [`recover`], but leaves what nobody took to the routes that follow.
///
/// # Errors
/// The rejection, when nothing was found.
pub async fn recover_found(rejection: Rejection) -> Result<Response, Rejection> {
    if rejection.is_not_found() {
        return Err(rejection);
    }
    recover(rejection).await.map_err(|never| match never {})
}

/// Turns every rejection, warp's own included, into a typed answer.
///
/// # Errors
/// Never.
pub async fn recover(rejection: Rejection) -> Result<Response, Infallible> {
    let error = if let Some(error) = rejection.find::<HttpError>() {
        *error
    } else if rejection.find::<reject::PayloadTooLarge>().is_some() {
        HttpError::TooLarge
    } else if rejection.find::<reject::InvalidQuery>().is_some() {
        HttpError::InvalidRequest("The query cannot be read.")
    } else if rejection.find::<reject::MethodNotAllowed>().is_some() {
        HttpError::MethodNotAllowed
    } else if rejection.is_not_found() {
        HttpError::NotFound
    } else {
        HttpError::InvalidRequest("The request cannot be read.")
    };
    Ok(error.into_response())
}

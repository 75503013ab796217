//! `GET /api/turn` for the public, `GET /internal/ice-servers` for signaling.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use prometheus::{IntCounterVec, Opts, Registry};
use serde::{Deserialize, Serialize};
use service::{
    client::{self, Address},
    config::Secret,
    http::error::HttpError,
    rate::{Rate, Rates},
};
use subtle::ConstantTimeEq as _;
use warp::{Filter, Rejection, Reply, reply::Response};

use crate::issuer::Issuer;

/// Longest name a client may call itself.
const NAME_CHARACTERS: usize = 64;

/// Who may ask for what, and how often.
#[derive(Clone)]
pub struct Access {
    rates: Arc<Mutex<Rates>>,
    requests: IntCounterVec,
    token: Option<Secret>,
}

impl Access {
    /// `token` opens the internal route; without one it is open to whoever reaches it.
    ///
    /// # Errors
    /// When the metric is registered already.
    pub fn new(
        per_minute: u32,
        token: Option<Secret>,
        registry: &Registry,
    ) -> prometheus::Result<Self> {
        let help = "Requests for TURN credentials, by outcome.";
        let options = Opts::new("tuturu_issuer_requests_total", help);
        let requests = IntCounterVec::new(options, &["outcome"])?;
        registry.register(Box::new(requests.clone()))?;
        let rates = Rates::new(Rate::new(per_minute, Duration::from_secs(60), per_minute));
        Ok(Self {
            rates: Arc::new(Mutex::new(rates)),
            requests,
            token,
        })
    }

    fn count(&self, outcome: &str) {
        self.requests.with_label_values(&[outcome]).inc();
    }
}

#[derive(Deserialize)]
struct TurnQuery {
    service: Option<String>,
    username: Option<String>,
    ttl: Option<u64>,
}

#[derive(Serialize)]
struct TurnAnswer<'a> {
    username: String,
    password: String,
    ttl: u64,
    uris: &'a [String],
}

/// `GET /api/turn?service=turn&username=<name>`, in the shape of
/// draft-uberti-behave-turn-rest-00 section 2.2, for pages of any origin.
///
/// The user name is `<expiry>:<name>` as the draft has it, so a client that changes its
/// name has a relay quota of its own under each one: the rate limit bounds how many.
pub fn public_routes(
    issuer: Arc<Issuer>,
    access: Access,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    warp::path!("api" / "turn")
        .and(warp::get())
        .and(client::address())
        .and(warp::query())
        .map(move |address: Address, query: TurnQuery| {
            let answer = match turn(&issuer, &access, address, &query) {
                Ok(answer) => answer,
                Err(error) => {
                    access.count(error.parts().2);
                    error.into_response()
                }
            };
            let answer = warp::reply::with_header(answer, "access-control-allow-origin", "*");
            warp::reply::with_header(answer, "cache-control", "no-store").into_response()
        })
}

fn turn(
    issuer: &Issuer,
    access: &Access,
    address: Address,
    query: &TurnQuery,
) -> Result<Response, HttpError> {
    if query.service.as_deref() != Some("turn") {
        return Err(HttpError::InvalidRequest(
            "Ask with ?service=turn&username=<name>.",
        ));
    }
    let name = query
        .username
        .as_deref()
        .filter(|name| is_name(name))
        .ok_or(HttpError::InvalidRequest(
            "username is 1 to 64 letters, digits and . _ @ + - characters.",
        ))?;
    let mut rates = access.rates.lock().unwrap_or_else(PoisonError::into_inner);
    let allowed = rates.take(address.source(), Instant::now());
    drop(rates);
    allowed.map_err(|wait| HttpError::RateLimited(wait.as_secs() + 1))?;
    let (made, ttl) = issuer.issue(name, query.ttl, unix_now());
    access.count("issued");
    let (username, password) = (made.username, made.password);
    let answer = TurnAnswer {
        username,
        password,
        ttl,
        uris: issuer.turn_uris(),
    };
    Ok(warp::reply::json(&answer).into_response())
}

/// The name is part of a credential: nothing in it may be mistaken for something else.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._@+-".contains(&b);
    (1..=NAME_CHARACTERS).contains(&name.len()) && name.bytes().all(plain)
}

#[derive(Deserialize)]
struct InternalQuery {
    client: String,
    ttl: Option<u64>,
}

/// `GET /internal/ice-servers?client=<pseudonym>&ttl=<seconds>` for the other services;
/// no proxy routes it.
pub fn internal_routes(
    issuer: Arc<Issuer>,
    access: Access,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    warp::path!("internal" / "ice-servers")
        .and(warp::get())
        .and(warp::header::optional("authorization"))
        .and(warp::query())
        .map(move |authorization: Option<String>, query: InternalQuery| {
            let answer = internal(&issuer, &access, authorization.as_deref(), &query);
            access.count(
                answer
                    .as_ref()
                    .map_or_else(|error| error.parts().2, |_| "internal"),
            );
            answer.unwrap_or_else(Reply::into_response)
        })
}

fn internal(
    issuer: &Issuer,
    access: &Access,
    authorization: Option<&str>,
    query: &InternalQuery,
) -> Result<Response, HttpError> {
    if let Some(token) = &access.token {
        let given = authorization.and_then(|text| text.strip_prefix("Bearer "));
        let given = given.unwrap_or_default().as_bytes();
        if !bool::from(given.ct_eq(token.expose().as_bytes())) {
            return Err(HttpError::Unauthorized);
        }
    }
    if !is_name(&query.client) {
        return Err(HttpError::InvalidRequest(
            "client is a pseudonym of up to 64 characters.",
        ));
    }
    let servers = issuer.ice_servers(&query.client, query.ttl, unix_now());
    let answer = warp::reply::json(&servers);
    Ok(warp::reply::with_header(answer, "cache-control", "no-store").into_response())
}

fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

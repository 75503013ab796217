//! `GET /api/turn` and `GET /api/v1/webrtc/ice-servers` for the public,
//! `GET /internal/ice-servers` for signaling.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Deserialize;
use service::{
    client::{self, Address},
    http::error::HttpError,
};
use warp::{Filter, Rejection, Reply, reply::Response};

use crate::{access::Access, issuer::Issuer};

/// Longest name a client may call itself.
const NAME_CHARACTERS: usize = 64;
/// When to ask again for a relay that is not there, in seconds.
const RETRY: u64 = 30;

/// Read leniently, so that what is wrong with it is answered as everything else is.
type Query = HashMap<String, String>;

/// What pages of any origin may ask: `/api/turn` and `/api/v1/webrtc/ice-servers`.
pub fn public_routes(
    issuer: Arc<Issuer>,
    access: Access,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    let to = (issuer, access);
    let with = warp::any().map(move || to.clone());
    let turn = warp::path!("api" / "turn")
        .and(warp::get())
        .and(with.clone())
        .and(client::address())
        .and(warp::query())
        .then(
            async |(issuer, access): (Arc<Issuer>, Access), address: Address, query: Query| {
                let answer = turn(&issuer, &access, address, &query).await;
                access.count(&answer, "issued");
                public(answer)
            },
        );
    let list = warp::path!("api" / "v1" / "webrtc" / "ice-servers")
        .and(warp::get())
        .and(with)
        .and(client::address())
        .then(
            async |(issuer, access): (Arc<Issuer>, Access), address: Address| {
                let answer = list(&issuer, &access, address).await;
                access.count(&answer, "listed");
                public(answer)
            },
        );
    turn.or(list).unify()
}

/// `GET /api/turn?service=turn&username=<name>`, in the shape of
/// draft-uberti-behave-turn-rest-00 section 2.2.
///
/// The user name is `<expiry>:<name>` as the draft has it, so a client that changes its
/// name has a relay quota of its own under each one: the rate limit bounds how many.
async fn turn(
    issuer: &Issuer,
    access: &Access,
    address: Address,
    query: &Query,
) -> Result<Response, HttpError> {
    if query.get("service").is_none_or(|service| service != "turn") {
        return Err(HttpError::InvalidRequest(
            "Ask with ?service=turn&username=<name>.",
        ));
    }
    let name = query.get("username").filter(|name| is_name(name));
    let name = name.ok_or(HttpError::InvalidRequest(
        "username is 1 to 64 letters, digits and . _ @ + - characters.",
    ))?;
    let ttl = query.get("ttl").map(|ttl| ttl.parse()).transpose();
    let ttl = ttl.map_err(|_| HttpError::InvalidRequest("ttl is a number of seconds."))?;
    access.take(address)?;
    let grant = issuer.grant(name, ttl, unix_now()).await;
    let grant = grant.ok_or(HttpError::Unavailable(RETRY))?;
    Ok(warp::reply::json(&grant).into_response())
}

/// `GET /api/v1/webrtc/ice-servers`: `{"iceServers":[…]}` and nothing else. Who asks gives
/// no name, so allocations count for its source.
async fn list(issuer: &Issuer, access: &Access, address: Address) -> Result<Response, HttpError> {
    access.take(address)?;
    let client = issuer.pseudonym(address.source());
    let served = issuer.ice_servers(&client, None, unix_now()).await;
    Ok(warp::reply::json(&served.list()).into_response())
}

pub(crate) fn public(answer: Result<Response, HttpError>) -> Response {
    let answer = answer.unwrap_or_else(Reply::into_response);
    let answer = warp::reply::with_header(answer, "access-control-allow-origin", "*");
    warp::reply::with_header(answer, "cache-control", "no-store").into_response()
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
    let to = (issuer, access);
    warp::path!("internal" / "ice-servers")
        .and(warp::get())
        .and(warp::any().map(move || to.clone()))
        .and(warp::header::optional("authorization"))
        .and(warp::query())
        .then(
            async |(issuer, access): (Arc<Issuer>, Access),
                   authorization: Option<String>,
                   query: InternalQuery| {
                let answer = internal(&issuer, &access, authorization.as_deref(), &query).await;
                access.count(&answer, "internal");
                answer.unwrap_or_else(Reply::into_response)
            },
        )
}

async fn internal(
    issuer: &Issuer,
    access: &Access,
    authorization: Option<&str>,
    query: &InternalQuery,
) -> Result<Response, HttpError> {
    if !access.opens(authorization) {
        return Err(HttpError::Unauthorized);
    }
    if !is_name(&query.client) {
        return Err(HttpError::InvalidRequest(
            "client is a pseudonym of up to 64 characters.",
        ));
    }
    let now = unix_now();
    let servers = issuer.ice_servers(&query.client, query.ttl, now).await;
    let answer = warp::reply::json(&servers);
    Ok(warp::reply::with_header(answer, "cache-control", "no-store").into_response())
}

pub(crate) fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

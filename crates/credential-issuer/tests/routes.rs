//! The routes, as clients ask them.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::sync::Arc;

use clap::Parser;
use credential_issuer::{
    Access, IssuerArgs, ProviderMetrics, internal_routes, public_routes, shared_secret::password,
};
use serde_json::{Value, json};
use service::{client::Address, http::error::recover};
use warp::{
    Filter as _,
    http::{Request, Response},
};

const SECRET: &str = "the secret of the tests";

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    issuer: IssuerArgs,
}

struct Counter {
    arguments: IssuerArgs,
    access: Access,
}

impl Counter {
    fn open(arguments: &[&str]) -> Self {
        let uris = "turn:relay.example:3478?transport=tcp,turn:relay.example:3478?transport=udp";
        let base = [
            "issuer",
            "--turn-secret",
            SECRET,
            "--turn-uris",
            uris,
            "--stun-uris",
            "stun:relay.example:3478",
        ];
        let arguments = Arguments::parse_from(base.iter().chain(arguments)).issuer;
        let token = Some("the token of the tests".parse().unwrap());
        let access = Access::new(
            arguments.credential_rate,
            token,
            &prometheus::Registry::new(),
        )
        .unwrap();
        Self { arguments, access }
    }

    async fn ask(&self, path: &str, authorization: &str) -> (u16, Value, Response<()>) {
        let providers = self.arguments.providers().unwrap();
        let metrics = ProviderMetrics::new(&prometheus::Registry::new()).unwrap();
        let issuer = self.arguments.issuer(providers, vec![], vec![], metrics);
        let issuer = Arc::new(issuer.unwrap());
        let internal = internal_routes(Arc::clone(&issuer), self.access.clone());
        let routes = public_routes(issuer, self.access.clone())
            .or(internal)
            .unify()
            .recover(recover);
        let mut request = Request::builder()
            .uri(path)
            .header("authorization", authorization);
        request
            .extensions_mut()
            .unwrap()
            .insert(Address::new([192, 0, 2, 1].into()));
        let request = request
            .body(http_body_util::Empty::<bytes::Bytes>::new())
            .unwrap();
        let response = tower_service::Service::call(&mut warp::service(routes), request)
            .await
            .unwrap();
        let (parts, body) = warp::reply::Reply::into_response(response).into_parts();
        let body = http_body_util::BodyExt::collect(body)
            .await
            .unwrap()
            .to_bytes();
        let body = serde_json::from_slice(&body).unwrap();
        (parts.status.as_u16(), body, Response::from_parts(parts, ()))
    }
}

#[tokio::test]
async fn the_draft_is_answered_as_it_says() {
    let counter = Counter::open(&[]);
    let (status, body, response) = counter.ask("/api/turn?service=turn&username=ann", "").await;
    assert_eq!(status, 200);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let username = body["username"].as_str().unwrap();
    assert!(username.ends_with(":ann"));
    assert_eq!(body["password"], password(SECRET.as_bytes(), username));
    assert_eq!(body["ttl"], 86_400);
    assert!(body["uris"][0].as_str().unwrap().ends_with("transport=udp"));
}

#[tokio::test]
async fn the_list_alone_is_for_pages_that_name_nobody() {
    let counter = Counter::open(&["--credential-rate", "2"]);
    let path = "/api/v1/webrtc/ice-servers";
    let (status, body, response) = counter.ask(path, "").await;
    assert_eq!(status, 200);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let servers = body["iceServers"].as_array().unwrap();
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    assert_eq!(servers[0], json!({ "urls": ["stun:relay.example:3478"] }));
    let username = servers[1]["username"].as_str().unwrap();
    assert_eq!(
        servers[1]["credential"],
        password(SECRET.as_bytes(), username)
    );
    let name = |body: &Value| {
        let username = body["iceServers"][1]["username"].as_str().unwrap();
        username.split_once(':').unwrap().1.to_owned()
    };
    assert_eq!(name(&body).len(), 12, "a pseudonym");
    assert!(!body.to_string().contains("192.0.2.1"));
    // One budget for both routes, and the same name for the same source.
    let again = Counter::open(&[]).ask(path, "").await.1;
    assert_eq!(name(&body), name(&again));
    let turn = "/api/turn?service=turn&username=ann";
    assert_eq!(counter.ask(turn, "").await.0, 200);
    let (status, body, response) = counter.ask(path, "").await;
    assert_eq!((status, &body["code"]), (429, &json!("rate-limited")));
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn what_is_missing_or_odd_is_named() {
    let counter = Counter::open(&[]);
    for path in [
        "/api/turn",
        "/api/turn?service=turn",
        "/api/turn?service=stun&username=ann",
        "/api/turn?service=turn&username=",
        "/api/turn?service=turn&username=a%3Ab",
        "/api/turn?service=turn&username=%00",
        "/api/turn?service=turn&username=a&ttl=-1",
        "/api/turn?service=turn&service=turn",
    ] {
        let (status, body, _) = counter.ask(path, "").await;
        assert_eq!(
            (status, &body["code"]),
            (400, &json!("invalid-request")),
            "{path}"
        );
    }
    let long = format!("/api/turn?service=turn&username={}", "a".repeat(65));
    assert_eq!(counter.ask(&long, "").await.0, 400);
}

#[tokio::test]
async fn a_source_gets_so_many_and_no_more() {
    let counter = Counter::open(&["--credential-rate", "2"]);
    for expected in [200, 200, 429] {
        let (status, _, response) = counter.ask("/api/turn?service=turn&username=ann", "").await;
        assert_eq!(status, expected);
        assert_eq!(
            response.headers().contains_key("retry-after"),
            expected == 429
        );
    }
}

#[tokio::test]
async fn the_internal_route_wants_its_token() {
    let counter = Counter::open(&["--ice-transport-policy", "relay"]);
    let path = "/internal/ice-servers?client=4f1c0d2a9b3e";
    for wrong in ["", "Bearer", "Bearer x", "the token of the tests"] {
        assert_eq!(counter.ask(path, wrong).await.0, 401, "{wrong}");
    }
    let (status, body, _) = counter.ask(path, "Bearer the token of the tests").await;
    assert_eq!(status, 200);
    assert_eq!(
        body["iceServers"][0],
        json!({ "urls": ["stun:relay.example:3478"] })
    );
    assert!(
        body["iceServers"][1]["username"]
            .as_str()
            .unwrap()
            .ends_with(":4f1c0d2a9b3e")
    );
    assert_eq!(
        (&body["iceTransportPolicy"], &body["ttl"]),
        (&json!("relay"), &json!(3600))
    );
}

//! `POST /api/turn/credentials`, as apps ask.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use credential_issuer::{Access, IssuerArgs, ProviderMetrics, app_routes, shared_secret::password};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use service::{client::Address, http::error::recover, jwt::JwtArgs};
use warp::{Filter as _, http::Request};

const SECRET: &str = "the secret of the tests";
const JWT: &str = "another secret of the tests";

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    issuer: IssuerArgs,
    #[command(flatten)]
    jwt: JwtArgs,
}

fn token(secret: &str) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let claims = json!({ "sub": "ann", "exp": now + 60 });
    let key = EncodingKey::from_secret(secret.as_bytes());
    format!(
        "Bearer {}",
        encode(&Header::default(), &claims, &key).unwrap()
    )
}

async fn ask(arguments: &[&str], authorization: &str, body: &'static str) -> (u16, Value) {
    let Arguments { issuer, jwt } = Arguments::parse_from(["issuer"].iter().chain(arguments));
    let registry = prometheus::Registry::new();
    let access = Access::new(issuer.credential_rate, None, &registry).unwrap();
    let metrics = ProviderMetrics::new(&registry).unwrap();
    let providers = issuer.providers().unwrap();
    let issuer = issuer.issuer(providers, vec![], vec![], metrics).unwrap();
    let routes = app_routes(Arc::new(issuer), access, jwt.verifier().unwrap()).recover(recover);
    let mut request = Request::post("/api/turn/credentials")
        .header("authorization", authorization)
        .header("content-length", body.len())
        .body(http_body_util::Full::new(bytes::Bytes::from(body)))
        .unwrap();
    let address = Address::new([192, 0, 2, 1].into());
    request.extensions_mut().insert(address);
    let mut service = warp::service(routes);
    let answer = tower_service::Service::call(&mut service, request).await;
    let (parts, body) = warp::reply::Reply::into_response(answer.unwrap()).into_parts();
    let body = http_body_util::BodyExt::collect(body)
        .await
        .unwrap()
        .to_bytes();
    (
        parts.status.as_u16(),
        serde_json::from_slice(&body).unwrap(),
    )
}

const COTURN: [&str; 8] = [
    "--jwt-secret",
    JWT,
    "--turn-secret",
    SECRET,
    "--turn-uris",
    "turn:relay.example:3478?transport=udp",
    "--stun-uris",
    "stun:relay.example:3478",
];

#[tokio::test]
async fn an_app_with_a_token_gets_credentials_for_as_long_as_it_asks() {
    for (body, life) in [
        (r#"{"ttl":600}"#, 600),
        ("{}", 3600),
        (r#"{"ttl":9999999}"#, 86_400),
    ] {
        let (status, answer) = ask(&COTURN, &token(JWT), body).await;
        let relay = &answer["iceServers"][1];
        let username = relay["username"].as_str().unwrap();
        let expected = json!({ "iceServers": [
            { "urls": ["stun:relay.example:3478"] },
            { "urls": ["turn:relay.example:3478?transport=udp"], "username": username,
              "credential": password(SECRET.as_bytes(), username) },
        ] });
        assert_eq!((status, &answer), (200, &expected));
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let expiry: u64 = username.split(':').next().unwrap().parse().unwrap();
        assert!(expiry.abs_diff(now + life) < 30, "{body}");
    }
}

#[tokio::test]
async fn what_is_wrong_has_a_status_and_a_detail() {
    let other = token("not the secret of the tests");
    let good = token(JWT);
    for (authorization, body, status) in [
        ("", "{}", 401),
        ("Bearer", "{}", 401),
        (other.as_str(), "{}", 401),
        (&good, "", 422),
        (&good, "[]", 422),
        (&good, "[5]", 422),
        (&good, r#"{"ttl":"long"}"#, 422),
        (&good, r#"{"ttl":-1}"#, 422),
        (&good, r#"{"ttl":1,"ttl":2}"#, 422),
    ] {
        let (answered, answer) = ask(&COTURN, authorization, body).await;
        assert_eq!(answered, status, "{body}");
        assert!(answer["detail"].is_string(), "{answer}");
    }
    let (status, _) = ask(&COTURN[2..], &good, "{}").await;
    assert_eq!(status, 404, "nothing to check tokens with");
}

#[tokio::test]
async fn a_server_without_providers_is_told_from_one_whose_providers_fail() {
    let none = ["--jwt-secret", JWT, "--ice-providers", "none"];
    let (status, answer) = ask(&none, &token(JWT), "{}").await;
    assert_eq!(status, 500);
    assert!(answer["detail"].is_string());

    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", gone.local_addr().unwrap());
    drop(gone);
    let failing = [
        "--jwt-secret",
        JWT,
        "--ice-providers",
        "hugging-face",
        "--hf-token",
        "a token of the tests",
        "--hugging-face-url",
        &url,
    ];
    let (status, answer) = ask(&failing, &token(JWT), "{}").await;
    assert_eq!(status, 502);
    assert!(answer["detail"].is_string());
}

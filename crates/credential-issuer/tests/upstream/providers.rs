//! The providers, against a stand-in over real HTTP that answers well, badly, or never.

use std::{io::Write as _, process::Stdio, sync::Arc, time::Duration};

use crate::stand_in::{Act, CANARY, StandIn, answer, redirect};
use clap::Parser;
use credential_issuer::{
    Access, IceServers, Issuer, IssuerArgs, ProviderMetrics, ProviderName, Unserved, public_routes,
};
use prometheus::{Registry, TextEncoder};
use serde_json::{Value, json};
use service::{client::Address, http::error::recover};
use warp::{Filter as _, http::Request};

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    issuer: IssuerArgs,
}

/// An issuer and what it counts.
struct House {
    issuer: Arc<Issuer>,
    registry: Registry,
}

const CLOUDFLARE: [&str; 2] = [
    "--cloudflare-turn-key-id=key-of-tests",
    "--cloudflare-turn-api-token=token-of-tests",
];
const STATIC: &str =
    r#"--ice-servers=[{"urls":["turn:listed:3478"],"username":"u","credential":"c"}]"#;

impl House {
    fn open(arguments: &[&str]) -> Self {
        let own_time = |argument: &&str| argument.starts_with("--provider-timeout");
        // A slow machine is no failure: only who is meant to hang is given up soon.
        let patient = ["--provider-timeout=60s"];
        let patient = &patient[usize::from(arguments.iter().any(own_time))..];
        let arguments = ["issuer"].iter().chain(patient).chain(arguments);
        let arguments = Arguments::parse_from(arguments).issuer;
        let registry = Registry::new();
        let metrics = ProviderMetrics::new(&registry).unwrap();
        let providers = arguments.providers().unwrap();
        let issuer = arguments.issuer(providers, vec![], vec!["stun:own:3478".into()], metrics);
        Self {
            issuer: Arc::new(issuer.unwrap()),
            registry,
        }
    }

    /// One whose first provider is the stand-in as Cloudflare.
    fn behind(stand_in: &StandIn, arguments: &[&str]) -> Self {
        let url = format!("--cloudflare-url={}", stand_in.url());
        let all = [&CLOUDFLARE[..], &[&url], arguments].concat();
        Self::open(&all)
    }

    async fn ask(&self) -> IceServers {
        self.issuer.ice_servers("ann", None, 1000).await
    }

    fn metrics(&self) -> String {
        TextEncoder
            .encode_to_string(&self.registry.gather())
            .unwrap()
    }

    fn counted(&self, provider: &str, outcome: &str) -> u32 {
        let name = format!(
            "tuturu_issuer_provider_requests_total{{outcome=\"{outcome}\",provider=\"{provider}\"}} "
        );
        let metrics = self.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |count| count.parse().unwrap())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let access = Access::new(30, None, &Registry::new()).unwrap();
        let routes = public_routes(Arc::clone(&self.issuer), access).recover(recover);
        let mut request = Request::builder().uri(path);
        let address = Address::new([192, 0, 2, 1].into());
        request.extensions_mut().unwrap().insert(address);
        let body = http_body_util::Empty::<bytes::Bytes>::new();
        let request = request.body(body).unwrap();
        let response = tower_service::Service::call(&mut warp::service(routes), request).await;
        let response = warp::reply::Reply::into_response(response.unwrap());
        let status = response.status().as_u16();
        let body = http_body_util::BodyExt::collect(response.into_body()).await;
        let body = body.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }
}

fn good() -> Act {
    let servers = json!({ "iceServers": [
        { "urls": ["stun:cloud:3478", "stun:cloud:53"] },
        { "urls": ["turns:cloud:5349?transport=tcp", "turn:cloud:3478?transport=udp", "turn:cloud:53?transport=udp"],
          "username": "user", "credential": "pass" },
    ] });
    answer("201 Created", &servers.to_string())
}

#[tokio::test]
async fn cloudflare_is_asked_once_and_port_53_is_left_out() {
    let stand_in = StandIn::open(good()).await;
    let house = House::behind(&stand_in, &["--ice-providers=cloudflare", "--turn-ttl=2h"]);
    let asked = (0..50).map(|_| {
        let issuer = Arc::clone(&house.issuer);
        tokio::spawn(async move { issuer.ice_servers("ann", Some(9), 1000).await })
    });
    for served in asked.collect::<Vec<_>>() {
        let served = served.await.unwrap();
        assert_eq!(served.source, ProviderName::Cloudflare);
        assert!((7190..=7200).contains(&served.ttl), "{}", served.ttl);
        assert_eq!(
            serde_json::to_value(served.list()).unwrap(),
            json!({ "iceServers": [
            { "urls": ["stun:cloud:3478"] },
            { "urls": ["turns:cloud:5349?transport=tcp", "turn:cloud:3478?transport=udp"], "username": "user", "credential": "pass" },
        ] })
        );
    }
    let asked = stand_in.asked();
    assert_eq!(asked.len(), 1, "however many wait");
    let path = "/v1/turn/keys/key-of-tests/credentials/generate-ice-servers";
    assert!(asked[0].starts_with(&format!("POST {path} HTTP/1.1\r\n")));
    assert!(asked[0].contains("\r\nauthorization: Bearer token-of-tests\r\n"));
    assert!(asked[0].ends_with("\r\n\r\n{\"ttl\":7200}"), "{}", asked[0]);
    assert_eq!(house.counted("cloudflare", "fetched"), 1);

    let older =
        json!({ "iceServers": { "urls": ["turn:cloud"], "username": "u", "credential": "c" } });
    let stand_in = StandIn::open(answer("200 OK", &older.to_string())).await;
    let house = House::behind(&stand_in, &["--ice-providers=cloudflare"]);
    assert_eq!(
        house.ask().await.configuration.ice_servers[0].urls,
        ["turn:cloud"]
    );
}

#[tokio::test]
async fn hugging_face_and_twilio_are_asked_in_their_own_way() {
    let stand_in = StandIn::open(good()).await;
    let url = format!("--hugging-face-url={}", stand_in.url());
    let house = House::open(&["--ice-providers=hf", "--hf-token=hf-of-tests", &url]);
    assert_eq!(house.ask().await.source, ProviderName::HuggingFace);
    let asked = stand_in.asked().remove(0);
    assert!(
        asked.starts_with("GET /credentials?ttl=3600 HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(asked.contains("\r\nauthorization: Bearer hf-of-tests\r\n"));

    let token = json!({ "ttl": "1800", "ice_servers": [
        { "url": "stun:twilio:3478", "urls": "stun:twilio:3478" },
        { "url": "turn:twilio:3478?transport=udp", "urls": "turn:twilio:3478?transport=udp", "username": "u", "credential": "c" },
    ] });
    stand_in.says(answer("201 Created", &token.to_string()));
    let url = format!("--twilio-url={}", stand_in.url());
    let house = House::open(&[
        "--ice-providers=twilio",
        "--twilio-account-sid=AC0123",
        "--twilio-auth-token=token",
        &url,
    ]);
    let served = serde_json::to_value(house.ask().await).unwrap();
    assert_eq!(served["iceTransportPolicy"], "relay");
    assert!((1790..=1800).contains(&served["ttl"].as_u64().unwrap()));
    assert_eq!(
        served["iceServers"],
        json!([
            { "urls": ["stun:twilio:3478"] },
            { "urls": ["turn:twilio:3478?transport=udp"], "username": "u", "credential": "c" },
        ])
    );
    let asked = stand_in.asked().remove(1);
    assert!(asked.starts_with("POST /2010-04-01/Accounts/AC0123/Tokens.json HTTP/1.1\r\n"));
    assert!(asked.contains("\r\nauthorization: Basic QUMwMTIzOnRva2Vu\r\n"));
    assert!(asked.contains("\r\ncontent-type: application/x-www-form-urlencoded\r\n"));
    assert!(asked.ends_with("\r\n\r\nTtl=3600"), "{asked}");
}

#[tokio::test]
async fn whatever_goes_wrong_the_next_one_serves_and_hears_nothing_of_it() {
    let trap = StandIn::open(good()).await;
    let head = format!("HTTP/1.1 200 {CANARY}\r\nContent-Length: 100\r\n\r\n{{\"iceServers\"");
    for (act, outcome) in [
        (Act::Hang(String::new()), "timeout"),
        (Act::Hang(head), "timeout"),
        (answer("500 Oops", CANARY), "status"),
        (answer("403 Forbidden", CANARY), "status"),
        (Act::Flood, "too-large"),
        (answer("200 OK", &format!("{{\"{CANARY}\"")), "malformed"),
        (answer("200 OK", &format!("[\"{CANARY}\"]")), "malformed"),
        (answer("204 No Content", ""), "malformed"),
        (
            answer(
                "200 OK",
                &format!(r#"{{"iceServers":[{{"urls":"http://{CANARY}"}}]}}"#),
            ),
            "malformed",
        ),
        (
            redirect("http://169.254.169.254/latest/meta-data/"),
            "redirect",
        ),
        (redirect(&format!("{}/", trap.url())), "redirect"),
        (Act::HangUp, "unreachable"),
        (Act::Say(format!("{CANARY}\r\n\r\n")), "unreachable"),
    ] {
        let stand_in = StandIn::open(act).await;
        let time = if outcome == "timeout" { "200ms" } else { "60s" };
        let time = format!("--provider-timeout={time}");
        let arguments = ["--ice-providers=cloudflare,static", &time, STATIC];
        let house = House::behind(&stand_in, &arguments);
        let served = house.ask().await;
        assert_eq!(served.source, ProviderName::Static, "{outcome}");
        let served = serde_json::to_string(&served).unwrap();
        assert!(served.contains("turn:listed:3478") && !served.contains(CANARY));
        assert_eq!(
            house.counted("cloudflare", outcome),
            1,
            "{}",
            house.metrics()
        );
        assert_eq!(house.counted("static", "issued"), 1);
        assert!(!house.metrics().contains(CANARY));
        // Who is given up soon may not have been reached yet; nobody is asked twice.
        let asked = stand_in.asked().len();
        assert!(
            asked == 1 || (asked == 0 && outcome == "timeout"),
            "{asked}"
        );
    }
    assert!(trap.asked().is_empty(), "no redirect is followed");
}

#[tokio::test]
async fn without_any_relay_there_is_stun_and_the_reason_is_known() {
    let stand_in = StandIn::open(answer("500 Oops", CANARY)).await;
    let house = House::behind(&stand_in, &["--ice-providers=cloudflare"]);
    let served = house.ask().await;
    assert_eq!(
        serde_json::to_value(&served).unwrap(),
        json!({ "iceServers": [{ "urls": ["stun:own:3478"] }], "ttl": 120, "failed": true })
    );
    assert_eq!(served.source, ProviderName::None);
    assert_eq!(house.counted("none", "stun-only"), 1);
    let tried = house.issuer.try_ice_servers("ann", None, 0).await;
    assert_eq!(tried.unwrap_err(), Unserved::ProvidersFailed);
    let (status, body) = house.get("/api/turn?service=turn&username=ann").await;
    assert_eq!((status, &body["code"]), (503, &json!("unavailable")));
    let (status, body) = house.get("/api/v1/webrtc/ice-servers").await;
    let stun = json!({ "iceServers": [{ "urls": ["stun:own:3478"] }] });
    assert_eq!((status, body), (200, stun));

    let house = House::open(&["--ice-providers=none"]);
    let tried = house.issuer.try_ice_servers("ann", None, 0).await;
    assert_eq!(tried.unwrap_err(), Unserved::NoneConfigured);
    assert_eq!(house.ask().await.configuration.ice_servers.len(), 1);
}

#[tokio::test]
async fn who_fails_three_times_is_left_alone() {
    let stand_in = StandIn::open(answer("500 Oops", CANARY)).await;
    let secret = "--turn-secret=the secret of the tests";
    let arguments = [
        "--ice-providers=cloudflare,coturn",
        secret,
        "--turn-uris=turn:own:3478",
    ];
    let house = House::behind(&stand_in, &arguments);
    for _ in 0..10 {
        let served = house.ask().await;
        assert_eq!(served.source, ProviderName::Coturn);
        let relay = &served.configuration.ice_servers[1];
        assert_eq!(relay.username.as_deref(), Some("4600:ann"));
    }
    assert_eq!(stand_in.asked().len(), 3);
    assert_eq!(house.counted("cloudflare", "status"), 3);
    assert_eq!(house.counted("cloudflare", "open"), 7);
    let gauge = "tuturu_issuer_provider_breaker_state{provider=\"cloudflare\"} 2\n";
    assert!(house.metrics().contains(gauge), "{}", house.metrics());

    let mut promtool = std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("promtool is missing: apt-get install prometheus");
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(house.metrics().as_bytes()).unwrap();
    drop(input);
    assert!(promtool.wait().unwrap().success());
}

#[tokio::test]
async fn the_draft_is_answered_by_our_relay_or_else_by_the_chain() {
    let stand_in = StandIn::open(good()).await;
    let path = "/api/turn?service=turn&username=ann";
    let house = House::behind(&stand_in, &["--ice-providers=cloudflare"]);
    let (status, body) = house.get(path).await;
    assert_eq!((status, &body["username"]), (200, &json!("user")));
    assert_eq!(body["password"], "pass");
    assert!(body["ttl"].as_u64().unwrap() > 3500);
    let uris = [
        "turn:cloud:3478?transport=udp",
        "turns:cloud:5349?transport=tcp",
    ];
    assert_eq!(body["uris"], json!(uris), "UDP first, and TURN only");

    let arguments = [
        "--ice-providers=cloudflare,coturn",
        "--turn-secret=the secret of the tests",
        "--turn-uris=turn:own:3478",
    ];
    let house = House::behind(&stand_in, &arguments);
    let (_, body) = house.get(path).await;
    assert!(
        body["username"].as_str().unwrap().ends_with(":ann"),
        "{body}"
    );
    assert_eq!(stand_in.asked().len(), 1, "our own relay asks nobody");
}

#[tokio::test]
async fn a_provider_that_is_gone_is_no_reason_to_wait() {
    // Taken, so that nobody else gets it, but nobody listens there.
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = taken.local_addr().unwrap();
    let url = format!("--cloudflare-url=http://{gone}");
    let all = [&CLOUDFLARE[..], &["--ice-providers=cloudflare", &url]].concat();
    let house = House::open(&all);
    let asked = tokio::time::timeout(Duration::from_secs(20), house.ask());
    assert_eq!(asked.await.unwrap().source, ProviderName::None);
    assert_eq!(house.counted("cloudflare", "unreachable"), 1);
}

//! What slow, silent and crowding clients cost, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::{process::Stdio, time::Duration};

use clap::Parser;
use service::{
    admin::Admin,
    client::{self, Address},
    http::{HttpArgs, Server, error::recover, serve},
    shutdown::{Shutdown, Trigger},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use warp::{Filter as _, Reply as _};

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    http: HttpArgs,
}

/// A service that says who asks, echoes bodies, sends much, never answers, and upgrades.
async fn open(arguments: &[&str]) -> (String, Trigger, tokio::task::JoinHandle<()>) {
    let limits = Arguments::parse_from(["http"].iter().chain(arguments)).http;
    let who = warp::path!("who")
        .and(client::address())
        .map(|address: Address| address.ip().to_string());
    let echo = warp::path!("echo")
        .and(warp::body::content_length_limit(1000))
        .and(warp::body::bytes())
        .map(|body: bytes::Bytes| body.to_vec());
    let much = warp::path!("much").map(|| vec![b'x'; 64 << 20]);
    let never = warp::path!("never").then(std::future::pending::<&str>);
    let upgrade = warp::path!("upgrade")
        .and(warp::ext::get::<hyper::upgrade::OnUpgrade>())
        .map(|upgrade: hyper::upgrade::OnUpgrade| {
            tokio::spawn(async move {
                let mut io = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
                let mut byte = [0];
                while io.read_exact(&mut byte).await.is_ok() {
                    io.write_all(&byte).await.unwrap();
                }
            });
            let switching = warp::http::StatusCode::SWITCHING_PROTOCOLS.into_response();
            let switching = warp::reply::with_header(switching, "upgrade", "echo");
            warp::reply::with_header(switching, "connection", "upgrade")
        });
    let routes = who.or(echo).or(much).or(never).or(upgrade).recover(recover);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (trigger, shutdown) = Shutdown::manual();
    let server = Server {
        listener,
        tls: None,
        limits,
        shutdown,
    };
    (
        address,
        trigger,
        tokio::spawn(serve(server, warp::service(routes))),
    )
}

async fn send(address: &str, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Everything until the server closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end like any other.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{headers}\r\n")
}

#[tokio::test]
async fn half_a_head_silence_and_idling_end_in_time() {
    let (address, _trigger, _) = open(&["--header-timeout", "100ms"]).await;
    rest(send(&address, "GET /who HTT").await).await;
    rest(send(&address, "").await).await;
    let idle = rest(send(&address, "GET /who HTTP/1.1\r\nHost: here\r\n\r\n").await).await;
    assert!(idle.ends_with("127.0.0.1"), "{idle}");
}

#[tokio::test]
async fn half_a_body_and_an_endless_handler_end_in_time() {
    let (address, _trigger, _) = open(&["--request-timeout", "100ms"]).await;
    let half = "POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nhalf";
    assert!(
        !rest(send(&address, half).await)
            .await
            .starts_with("HTTP/1.1 200")
    );
    assert!(
        !rest(send(&address, &get("/never", "")).await)
            .await
            .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test]
async fn who_does_not_read_is_dropped() {
    let (address, trigger, serving) = open(&["--write-timeout", "200ms"]).await;
    let _stuck = send(&address, &get("/much", "")).await;
    // The connection ends although nobody reads: the service can stop.
    trigger.request();
    timeout(Duration::from_secs(4), serving)
        .await
        .expect("no connection is left")
        .unwrap();
}

#[tokio::test]
async fn a_full_service_says_so_and_recovers() {
    for (limit, status) in [
        ("--max-connections", "503"),
        ("--max-connections-per-source", "429"),
    ] {
        let (address, _trigger, _) = open(&[limit, "2"]).await;
        let one = send(&address, "GET").await;
        let _two = send(&address, "GET").await;
        let full = rest(send(&address, &get("/who", "")).await).await;
        assert!(
            full.starts_with(&format!("HTTP/1.1 {status}")) && full.contains("Retry-After"),
            "{full}"
        );
        drop(one);
        // The place is free as soon as the server has seen the end.
        let free = async {
            while !rest(send(&address, &get("/who", "")).await)
                .await
                .starts_with("HTTP/1.1 200")
            {}
        };
        timeout(PATIENCE, free).await.expect("there is room again");
    }
}

#[tokio::test]
async fn the_address_is_the_connections_unless_a_proxy_is_trusted() {
    let forged = get("/who", "X-Forwarded-For: 1.1.1.1, 203.0.113.9\r\n");
    let (address, _trigger, _) = open(&[]).await;
    assert!(
        rest(send(&address, &forged).await)
            .await
            .ends_with("127.0.0.1")
    );
    let (address, _trigger, _) = open(&["--trusted-proxies", "127.0.0.0/8"]).await;
    assert!(
        rest(send(&address, &forged).await)
            .await
            .ends_with("203.0.113.9")
    );
}

#[tokio::test]
async fn an_upgraded_connection_outlives_the_time_outs_of_http() {
    let (address, _trigger, _) =
        open(&["--header-timeout", "50ms", "--request-timeout", "50ms"]).await;
    let mut stream = send(
        &address,
        "GET /upgrade HTTP/1.1\r\nHost: here\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n",
    )
    .await;
    let mut head = [0; 512];
    let length = stream.read(&mut head).await.unwrap();
    assert!(head[..length].starts_with(b"HTTP/1.1 101"));
    // Another connection runs into the time-out meanwhile.
    rest(send(&address, "GET").await).await;
    rest(send(&address, "GET").await).await;
    stream.write_all(b"!").await.unwrap();
    let mut byte = [0];
    timeout(PATIENCE, stream.read_exact(&mut byte))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&byte, b"!");
}

#[tokio::test]
async fn errors_are_typed_and_say_nothing_of_the_inside() {
    let (address, _trigger, _) = open(&[]).await;
    let missing = rest(send(&address, &get("/missing", "")).await).await;
    assert!(
        missing.starts_with("HTTP/1.1 404")
            && missing.ends_with(r#"{"error":"Nothing is here.","code":"not-found"}"#),
        "{missing}"
    );
    let large =
        "POST /echo HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: 2000\r\n\r\n";
    assert!(
        rest(send(&address, large).await)
            .await
            .contains(r#""code":"too-large""#)
    );
}

#[tokio::test]
async fn the_admin_listener_tells_life_readiness_and_metrics() {
    let mut admin = Admin::new().unwrap();
    let (alive, is_alive) = tokio::sync::watch::channel(true);
    admin.live_when("hub", move || {
        let alive = *is_alive.borrow();
        async move { alive || std::future::pending().await }
    });
    let ready = admin.readiness();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (trigger, shutdown) = Shutdown::manual();
    tokio::spawn(admin.serve(listener, shutdown));
    let ask = async |path: &str| rest(send(&address, &get(path, "")).await).await;
    assert!(ask("/live").await.starts_with("HTTP/1.1 200"));
    assert!(ask("/ready").await.starts_with("HTTP/1.1 503"));
    ready.set(true);
    assert!(ask("/ready").await.starts_with("HTTP/1.1 200"));
    alive.send_replace(false);
    let dead = ask("/live").await;
    assert!(
        dead.starts_with("HTTP/1.1 503") && dead.ends_with("hub\n"),
        "{dead}"
    );
    let metrics = ask("/metrics").await;
    assert!(metrics.contains("tuturu_build_info{version="), "{metrics}");
    check_metrics(metrics.split_once("\r\n\r\n").unwrap().1).await;
    drop(trigger);
}

/// Prometheus' own opinion.
async fn check_metrics(text: &str) {
    let mut promtool = tokio::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is missing: apt-get install prometheus");
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .await
        .unwrap();
    let verdict = promtool.wait_with_output().await.unwrap();
    assert!(verdict.status.success(), "{verdict:?}");
}

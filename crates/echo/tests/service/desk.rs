//! The echo and its HTTP side on ports of their own.

use std::{net::SocketAddr, time::Duration};

use clap::Parser;
use echo::{Echo, EchoArgs, IceSource, health_route, routes};
use prometheus::{Encoder as _, Registry, TextEncoder};
use protocol::ice::IceServer;
use serde_json::{Value, json};
use service::{
    http::{HttpArgs, Server, error::recover, serve},
    shutdown::{Shutdown, Trigger},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};
use warp::Filter as _;

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    echo: EchoArgs,
    #[command(flatten)]
    http: HttpArgs,
}

pub(crate) struct Desk {
    pub(crate) echo: Echo,
    pub(crate) address: SocketAddr,
    registry: Registry,
    _trigger: Trigger,
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }
}

impl Desk {
    pub(crate) async fn open(arguments: &[&str]) -> Self {
        let base = ["echo", "--echo-media-listen", "127.0.0.1:0"];
        let args = Args::parse_from(base.iter().chain(arguments));
        let registry = Registry::new();
        let public = [127, 0, 0, 1].into();
        let issuer: IceSource = std::sync::Arc::new(|client| {
            assert_eq!(client.len(), 12, "a pseudonym");
            let relay = IceServer {
                urls: vec!["turn:relay.example:3478?transport=udp".into()],
                username: Some("1:\"ann\"".into()),
                credential: Some("secret".into()),
            };
            Box::pin(async move { vec![relay] })
        });
        let echo = Echo::start(&args.echo, public, Some(issuer), &registry);
        let echo = echo.await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (trigger, shutdown) = Shutdown::manual();
        let routes = routes(&echo).or(health_route()).unify().recover(recover);
        let server = Server {
            listener,
            tls: None,
            limits: args.http,
            shutdown,
        };
        tokio::spawn(serve(server, warp::service(routes)));
        Self {
            echo,
            address,
            registry,
            _trigger: trigger,
        }
    }

    pub(crate) async fn ask(&self, request: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let whole = format!(
            "{request} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            self.address,
            body.len()
        );
        let (mut reader, mut writer) = stream.split();
        let mut answer = Vec::new();
        // An answer may come before the whole request was taken.
        let (_, read) = tokio::join!(
            writer.write_all(whole.as_bytes()),
            timeout(PATIENCE, reader.read_to_end(&mut answer))
        );
        let _ = read.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = "content-type: application/json\r\n";
        self.ask(&format!("POST {path}"), headers, &body.to_string())
            .await
    }

    pub(crate) async fn offer(&self, sdp: &str) -> Answer {
        let body = json!({ "sdp": sdp, "type": "offer" });
        self.post("/api/v1/webrtc/offer", &body).await
    }

    pub(crate) fn metrics(&self) -> String {
        let mut text = Vec::new();
        let encoder = TextEncoder::new();
        encoder.encode(&self.registry.gather(), &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    /// Waits until the metrics have that line.
    pub(crate) async fn counts(&self, line: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.metrics().lines().any(|counted| counted == line) {
            assert!(Instant::now() < end, "never {line}: {}", self.metrics());
            tokio::task::yield_now().await;
        }
    }
}

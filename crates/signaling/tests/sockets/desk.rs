//! A real signaling service on port 0, and pages that speak to it over real sockets.

use std::{sync::Arc, time::Duration};

use clap::Parser;
use futures_util::{SinkExt as _, StreamExt as _};
use prometheus::{Encoder as _, Registry, TextEncoder};
use protocol::ice::{IceConfiguration, IceServer};
use serde_json::{Value, json};
use service::{
    http::{HttpArgs, Server, error::recover, serve},
    shutdown::{Shutdown, Trigger},
};
use signaling::{Issued, IssuerLink, Signaling, SignalingArgs};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message},
};
use warp::Filter as _;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    signaling: SignalingArgs,
    #[command(flatten)]
    http: HttpArgs,
}

/// The service under test.
pub(crate) struct Desk {
    pub(crate) address: String,
    pub(crate) signaling: Signaling,
    pub(crate) trigger: Trigger,
    registry: Registry,
}

impl Desk {
    pub(crate) async fn open(arguments: &[&str]) -> Self {
        let issued = Issued {
            configuration: Arc::new(IceConfiguration {
                ice_servers: vec![IceServer {
                    urls: vec!["stun:here:1".into()],
                    username: None,
                    credential: None,
                }],
                ice_transport_policy: None,
            }),
            ttl: 3600,
            failed: false,
        };
        Self::open_with(
            arguments,
            IssuerLink::InProcess(Arc::new(move |_| {
                Box::pin(std::future::ready(issued.clone()))
            })),
        )
        .await
    }

    pub(crate) async fn open_with(arguments: &[&str], issuer: IssuerLink) -> Self {
        let Arguments { signaling, http } = Arguments::parse_from(["desk"].iter().chain(arguments));
        let (trigger, shutdown) = Shutdown::manual();
        let registry = Registry::new();
        let signaling = Signaling::start(&signaling, issuer, &registry, shutdown.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Server {
            listener,
            tls: None,
            limits: http,
            shutdown,
        };
        tokio::spawn(serve(
            server,
            warp::service(signaling.routes().recover(recover)),
        ));
        Self {
            address,
            signaling,
            trigger,
            registry,
        }
    }

    /// The value of a metric, once everything is done that was asked of the hub.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        assert!(self.signaling.is_live().await);
        let mut text = Vec::new();
        let families = self.registry.gather();
        TextEncoder::new().encode(&families, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        let value = value.unwrap_or_else(|| panic!("no {name} in {text}"));
        value.trim().parse().unwrap()
    }

    pub(crate) async fn page(&self) -> Page {
        self.socket("/ws").await.unwrap()
    }

    /// A socket at that path, or the status of the refusal.
    pub(crate) async fn socket(&self, path: &str) -> Result<Page, u16> {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        match client_async(format!("ws://{}{path}", self.address), stream).await {
            Ok((socket, _)) => Ok(Page { socket }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }

    /// A page that joined, and the reply it got.
    pub(crate) async fn joined(&self, join: Value) -> (Page, Value) {
        let mut page = self.page().await;
        page.say(&join).await;
        let reply = page.hear().await;
        (page, reply)
    }

    /// Sends raw HTTP and gives the raw answer's beginning.
    pub(crate) async fn http(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 2048];
        let length = timeout(PATIENCE, stream.read(&mut answer))
            .await
            .unwrap()
            .unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    pub(crate) async fn upgrade(&self, headers: &str) -> String {
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\n{headers}\r\n\r\n",
            self.address
        );
        self.http(&request).await
    }
}

pub(crate) fn join(pin: &str) -> Value {
    json!({ "type": "join-pin", "pin": pin, "resume": null })
}

pub(crate) fn join_again(pin: &str, token: &Value) -> Value {
    json!({ "type": "join-pin", "pin": pin, "resume": token })
}

pub(crate) fn join_as_released(pin: &str) -> Value {
    json!({ "type": "join-pin", "pin": pin })
}

/// One page's socket.
pub(crate) struct Page {
    pub(crate) socket: WebSocketStream<TcpStream>,
}

impl Page {
    pub(crate) async fn say(&mut self, message: &Value) {
        self.say_raw(&message.to_string()).await;
    }

    pub(crate) async fn say_raw(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next message.
    pub(crate) async fn hear(&mut self) -> Value {
        let frame = self.hear_raw().await;
        let Message::Text(text) = frame else {
            panic!("instead of a message: {frame:?}");
        };
        serde_json::from_str(&text).unwrap()
    }

    /// The next frame that is not a heartbeat.
    pub(crate) async fn hear_raw(&mut self) -> Message {
        loop {
            let next = timeout(PATIENCE, self.socket.next()).await;
            match next.expect("something is said") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return message,
                other => panic!("instead of a message: {other:?}"),
            }
        }
    }

    /// Whatever comes until a message of that type.
    pub(crate) async fn waits_for(&mut self, kind: &str) -> Value {
        loop {
            let message = self.hear().await;
            if message["type"] == kind {
                return message;
            }
        }
    }

    pub(crate) async fn hears(&mut self, kind: &str) -> Value {
        let message = self.hear().await;
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    /// Nothing was said to this page before it is answered now.
    pub(crate) async fn heard_nothing(&mut self) {
        self.say(&json!({ "type": "ping" })).await;
        self.hears("pong").await;
    }

    /// The code of the close that comes next.
    pub(crate) async fn is_closed(&mut self) -> u16 {
        loop {
            match timeout(PATIENCE, self.socket.next())
                .await
                .expect("the socket is closed")
            {
                Some(Ok(Message::Close(Some(close)))) => {
                    assert!(close.reason.len() <= 123);
                    return close.code.into();
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("instead of a close: {other:?}"),
            }
        }
    }
}

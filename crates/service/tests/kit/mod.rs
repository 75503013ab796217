//! A small service to be unkind to, and clients that speak bytes.
#![expect(
    dead_code,
    unreachable_pub,
    reason = "every test program uses a part of it"
)]

use std::{io, sync::Arc, time::Duration};

use clap::Parser;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use service::{
    client::{self, Address},
    http::{HttpArgs, Server, error::recover, serve},
    shutdown::{Shutdown, Trigger},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::rustls::ServerConfig;
use warp::{Filter, Rejection, Reply, filters::BoxedFilter, reply::Response};

/// Nothing that is waited for takes so long.
pub const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    http: HttpArgs,
}

/// A running service.
pub struct Running {
    pub address: String,
    pub trigger: Trigger,
    pub serving: JoinHandle<()>,
    /// Requests to `/held` that arrived.
    pub arrived: mpsc::UnboundedReceiver<()>,
    /// Answers the requests to `/held`.
    pub release: Arc<Notify>,
    /// How the server's writing to upgraded connections ended.
    pub ended: mpsc::UnboundedReceiver<io::ErrorKind>,
}

/// Serves on a port of its own, with these flags.
pub async fn open(arguments: &[&str]) -> Running {
    open_at("127.0.0.1:0", None, arguments).await
}

/// A service that says who asks, echoes bodies, sends much, never answers, answers when
/// released, and upgrades to an echo and to a flood.
pub async fn open_at(bind: &str, tls: Option<Arc<ServerConfig>>, arguments: &[&str]) -> Running {
    let limits = Arguments::parse_from(["http"].iter().chain(arguments)).http;
    let (arrival, arrived) = mpsc::unbounded_channel();
    let (end, ended) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let held = {
        let release = Arc::clone(&release);
        warp::path!("held").then(move || {
            let (arrival, release) = (arrival.clone(), Arc::clone(&release));
            async move {
                let released = release.notified();
                arrival.send(()).unwrap();
                released.await;
                "released"
            }
        })
    };
    let routes = plain().or(held).or(upgrades(end)).recover(recover);
    let listener = TcpListener::bind(bind).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (trigger, shutdown) = Shutdown::manual();
    let server = Server {
        listener,
        tls,
        limits,
        shutdown,
    };
    Running {
        address,
        trigger,
        serving: tokio::spawn(serve(server, warp::service(routes))),
        arrived,
        release,
        ended,
    }
}

fn plain() -> BoxedFilter<(Response,)> {
    let who = warp::path!("who")
        .and(warp::get().or(warp::post()).unify())
        .and(client::address())
        .map(|address: Address| address.ip().to_string());
    let echo = warp::path!("echo")
        .and(warp::body::content_length_limit(1000))
        .and(warp::body::bytes())
        .map(|body: bytes::Bytes| body.to_vec());
    let much = warp::path!("much").map(|| vec![b'x'; 64 << 20]);
    let never = warp::path!("never").then(std::future::pending::<&str>);
    let panics = warp::path!("panics").map(|| -> &str { panic!("as asked") });
    let query = warp::path!("query")
        .and(warp::query::<std::collections::HashMap<String, u8>>())
        .map(|_| "read");
    let routes = who.or(echo).or(much).or(never).or(panics).or(query);
    routes.map(Reply::into_response).boxed()
}

fn upgrades(
    end: mpsc::UnboundedSender<io::ErrorKind>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    let echo = warp::path!("upgrade")
        .and(warp::ext::get::<OnUpgrade>())
        .map(|upgrade: OnUpgrade| {
            tokio::spawn(async move {
                let mut io = TokioIo::new(upgrade.await.unwrap());
                let mut byte = [0];
                while io.read_exact(&mut byte).await.is_ok() {
                    io.write_all(&byte).await.unwrap();
                }
            });
            switching()
        });
    let flood =
        warp::path!("flood")
            .and(warp::ext::get::<OnUpgrade>())
            .map(move |upgrade: OnUpgrade| {
                let end = end.clone();
                tokio::spawn(async move {
                    let mut io = TokioIo::new(upgrade.await.unwrap());
                    let error = loop {
                        if let Err(error) = io.write_all(&[0; 64 << 10]).await {
                            break error;
                        }
                    };
                    // Nobody listens once the test is over.
                    let _ = end.send(error.kind());
                });
                switching()
            });
    echo.or(flood).unify()
}

fn switching() -> Response {
    let switching = warp::http::StatusCode::SWITCHING_PROTOCOLS.into_response();
    let switching = warp::reply::with_header(switching, "upgrade", "echo");
    warp::reply::with_header(switching, "connection", "upgrade").into_response()
}

/// Connects and sends.
pub async fn send(address: &str, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Everything until the server closes.
pub async fn rest(mut stream: impl AsyncRead + Unpin) -> String {
    let mut answer = Vec::new();
    // A reset is an end like any other.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

/// The answer to a whole request.
pub async fn ask(address: &str, path: &str) -> String {
    rest(send(address, &get(path, "")).await).await
}

/// A request after which the server closes.
pub fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{headers}\r\n")
}

/// An upgraded connection.
pub async fn upgrade(address: &str, path: &str) -> TcpStream {
    upgrade_over(TcpStream::connect(address).await.unwrap(), path).await
}

/// Upgrades a connection.
pub async fn upgrade_over<T>(mut stream: T, path: &str) -> T
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: here\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Byte by byte: what follows the head is not for here.
    while !answer.ends_with(b"\r\n\r\n") {
        let byte = timeout(PATIENCE, stream.read_u8()).await;
        answer.push(byte.expect("an answer").unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"));
    stream
}

/// Whether the echo at the other end still answers.
pub async fn echoes(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> bool {
    let exchange = async {
        stream.write_all(b"!").await?;
        stream.read_u8().await
    };
    matches!(timeout(PATIENCE, exchange).await, Ok(Ok(b'!')))
}

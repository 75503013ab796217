//! Serving HTTP so that no client costs more than its share: time-outs for headers,
//! requests and writes, caps for connections, and an end that lets requests finish.
//!
//! warp 0.4 has no time-outs of its own, so its routes are driven by hyper from here.

pub mod error;
mod refuse;

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use ::http::{Request, Response};
use clap::Args;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tower_service::Service;

use crate::{
    client::{Address, ProxyArgs},
    config::duration,
    crowd::{Crowd, Crowded, Place},
    shutdown::Shutdown,
};

/// hyper's smallest read buffer: a request head of a page fits well.
const HEAD_BYTES: usize = 16 * 1024;
/// How long requests in flight may take to finish when the service stops.
const FINISH: Duration = Duration::from_secs(5);

/// Limits of HTTP connections.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "HTTP")]
pub struct HttpArgs {
    /// A request's head must arrive within this time; so long a connection may be idle.
    #[arg(long, env = "TUTURU_HEADER_TIMEOUT", default_value = "5s", value_parser = duration, value_name = "TIME")]
    pub header_timeout: Duration,

    /// A request must be answered within this time, its body included.
    #[arg(long, env = "TUTURU_REQUEST_TIMEOUT", default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub request_timeout: Duration,

    /// A connection that takes no data for this time is closed.
    #[arg(long, env = "TUTURU_WRITE_TIMEOUT", default_value = "10s", value_parser = duration, value_name = "TIME")]
    pub write_timeout: Duration,

    /// HTTP connections at most, above it 503; WebSockets have a limit of their own.
    #[arg(
        long,
        env = "TUTURU_MAX_CONNECTIONS",
        default_value_t = 4096,
        value_name = "N"
    )]
    pub max_connections: usize,

    /// HTTP connections from one source, above it 429. Trusted proxies are exempt.
    #[arg(
        long,
        env = "TUTURU_MAX_CONNECTIONS_PER_SOURCE",
        default_value_t = 64,
        value_name = "N"
    )]
    pub max_connections_per_source: usize,

    /// Whose X-Forwarded-For is believed.
    #[command(flatten)]
    pub proxy: ProxyArgs,
}

/// A listener and how to treat who connects.
pub struct Server {
    /// Already bound.
    pub listener: TcpListener,
    /// Set for https.
    pub tls: Option<Arc<ServerConfig>>,
    /// Limits of connections.
    pub limits: HttpArgs,
    /// Ends [`serve`].
    pub shutdown: Shutdown,
}

/// Serves until the shutdown is requested and requests in flight are answered. Upgraded
/// connections belong to their handlers and are not waited for. The handler finds the
/// client's [`Address`] in the request's extensions.
pub async fn serve<S, B>(server: Server, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Server {
        listener,
        tls,
        limits,
        shutdown,
    } = server;
    let limits = Arc::new(limits);
    let acceptor = tls.map(TlsAcceptor::from);
    let crowd = Crowd::new(limits.max_connections, limits.max_connections_per_source);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.requested() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                back_off(&error).await;
                continue;
            }
        };
        let place = match admit(&crowd, &limits.proxy, peer) {
            Ok(place) => place,
            Err(crowded) => {
                refuse::refuse(stream, crowded, acceptor.is_some());
                continue;
            }
        };
        let connection = Connection {
            peer,
            limits: Arc::clone(&limits),
            shutdown: shutdown.clone(),
            service: service.clone(),
        };
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            let _place = place;
            connection.accept(stream, acceptor).await;
        });
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    // What is not answered by then is cut off with the process.
    let _ = timeout(FINISH, finished).await;
}

fn admit(crowd: &Crowd, proxy: &ProxyArgs, peer: SocketAddr) -> Result<Place, Crowded> {
    if proxy.trusts(peer.ip()) {
        return crowd.take_shared();
    }
    crowd.take(Address::new(peer.ip()).source())
}

/// The listener outlives a process that is short of descriptors, and connections that end
/// before they are accepted.
async fn back_off(error: &io::Error) {
    let of_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    );
    if !of_connection {
        tracing::error!(kind = ?error.kind(), "cannot accept connections for now");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

struct Connection<S> {
    peer: SocketAddr,
    limits: Arc<HttpArgs>,
    shutdown: Shutdown,
    service: S,
}

impl<S, B> Connection<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    async fn accept(self, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
        // Signaling is small messages that somebody waits for.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.write_timeout));
        let stream = Box::pin(stream);
        match acceptor {
            None => self.converse(stream).await,
            Some(acceptor) => {
                let handshake = timeout(self.limits.header_timeout, acceptor.accept(stream));
                if let Ok(Ok(stream)) = handshake.await {
                    self.converse(stream).await;
                }
            }
        }
    }

    async fn converse<T>(self, stream: T)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self {
            peer,
            limits,
            shutdown,
            service,
        } = self;
        let (head, whole) = (limits.header_timeout, limits.request_timeout);
        let handler = service_fn(move |mut request: Request<Incoming>| {
            let client = limits.proxy.client(peer.ip(), request.headers());
            request.extensions_mut().insert(client);
            let mut service = service.clone();
            async move {
                match timeout(whole, service.call(request)).await {
                    Ok(Ok(response)) => Ok(response),
                    Ok(Err(never)) => match never {},
                    Err(_) => Err(TooSlow),
                }
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), handler)
            .with_upgrades();
        tokio::pin!(connection);
        tokio::select! {
            // How a connection ends is the client's affair.
            _ = connection.as_mut() => {}
            () = shutdown.requested() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the request took too long")]
struct TooSlow;

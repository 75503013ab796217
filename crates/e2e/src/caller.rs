//! Somebody who calls the front from an address of their own, and may be rude: requests are
//! written as they stand.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use rustls::{ClientConfig, ClientConnection, RootCertStore, crypto::ring, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::handshake::client::Request};

use crate::network::{DOMAIN, SERVER};

/// Longer than the longest that the front waits for anything.
const PATIENCE: Duration = Duration::from_secs(90);

/// One of four, at an address.
#[derive(Clone)]
pub struct Caller {
    /// Where from.
    pub address: Ipv4Addr,
    roots: Arc<RootCertStore>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The head, as it came.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Caller {
    /// The caller of that number, from 1 to 4, who trusts these roots.
    #[must_use]
    pub fn new(number: u8, roots: Arc<RootCertStore>) -> Self {
        assert!((1..=4).contains(&number), "there are four callers");
        let address = Ipv4Addr::new(203, 0, 113, 100 + number);
        Self { address, roots }
    }

    /// A bare connection.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn connect(&self, port: u16) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.address, 0).into())?;
        Ok(socket.connect((SERVER, port).into()).await?)
    }

    /// TLS on 443 with that name, offering that protocol, or none.
    ///
    /// # Errors
    /// What the handshake ends with.
    pub async fn secure(&self, name: &str, protocol: &str) -> Result<TlsStream<TcpStream>> {
        self.over(self.connect(443).await?, name, protocol).await
    }

    /// The same over a connection that is there already.
    ///
    /// # Errors
    /// What the handshake ends with.
    pub async fn over(
        &self,
        stream: TcpStream,
        name: &str,
        protocol: &str,
    ) -> Result<TlsStream<TcpStream>> {
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        if !protocol.is_empty() {
            config.alpn_protocols = vec![protocol.into()];
        }
        let name = ServerName::try_from(name.to_owned())?;
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
        Ok(timeout(PATIENCE, handshake).await??)
    }

    /// The first message of a handshake with that name.
    ///
    /// # Errors
    /// When it is no name.
    pub fn hello(name: &str) -> Result<Vec<u8>> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned())?;
        let mut bytes = Vec::new();
        ClientConnection::new(Arc::new(config), name)?.write_tls(&mut bytes)?;
        Ok(bytes)
    }

    /// `GET` of the page's server, with further lines of the head.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, path: &str, lines: &str) -> Result<Answer> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n");
        self.say(&format!("{head}{lines}\r\n")).await
    }

    /// Says that to the page's server, and hears it out.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn say(&self, request: &str) -> Result<Answer> {
        let mut stream = self.secure(DOMAIN, "http/1.1").await?;
        // It may be answered, and the connection closed, before it was read to its end.
        let _ = stream.write_all(request.as_bytes()).await;
        let text = rest(&mut stream).await?;
        Answer::read(&text).with_context(|| format!("no answer to {request}: {text}"))
    }

    /// A WebSocket at that path, with further headers.
    ///
    /// # Errors
    /// When it is not upgraded.
    pub async fn socket(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<WebSocketStream<TlsStream<TcpStream>>> {
        use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
        let stream = self.secure(DOMAIN, "http/1.1").await?;
        let mut request: Request = format!("wss://{DOMAIN}{path}").into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse()?);
        }
        Ok(timeout(PATIENCE, client_async(request, stream)).await??.0)
    }
}

impl Answer {
    /// Reads it, if it is one.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        })
    }

    /// All values of a header.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }
}

/// What comes until the other side closes, however it does.
///
/// # Errors
/// When it does not.
pub async fn rest(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<String> {
    let mut bytes = Vec::new();
    let reading = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // A reset is an end as well.
    let _ = reading.context("the connection is not closed")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

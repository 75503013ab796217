//! A provider that is none: it keeps what it is asked, and answers what it is told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::{TlsAcceptor, rustls};

/// What an upstream says that nobody else may hear.
pub(crate) const CANARY: &str = "canary-of-the-upstream";

/// What it does with a request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Answers with that.
    Say(String),
    /// Says that and then nothing, with the connection open.
    Hang(String),
    /// Answers with 10 MB.
    Flood,
    /// Hangs up.
    HangUp,
}

pub(crate) fn answer(status: &str, body: &str) -> Act {
    let length = body.len();
    Act::Say(format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"
    ))
}

pub(crate) fn redirect(to: &str) -> Act {
    Act::Say(format!(
        "HTTP/1.1 307 {CANARY}\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
    ))
}

#[derive(Clone)]
pub(crate) struct StandIn {
    pub(crate) address: SocketAddr,
    act: Arc<Mutex<Act>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    pub(crate) async fn open(act: Act) -> Self {
        Self::open_with(act, None).await
    }

    pub(crate) async fn open_with(act: Act, tls: Option<rustls::ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self {
            address: listener.local_addr().unwrap(),
            act: Arc::new(Mutex::new(act)),
            asked: Arc::default(),
        };
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let serving = this.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (serving, acceptor) = (serving.clone(), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => serving.play(stream).await,
                        // A client that does not like the certificate leaves here.
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => serving.play(stream).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        this
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn says(&self, act: Act) {
        *self.act.lock().unwrap() = act;
    }

    /// The requests so far, head and body.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Ends at the first surprise: what matters is what the client makes of it.
    async fn play(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
        let mut request = Vec::new();
        while !whole(&request) {
            let mut buffer = [0; 2048];
            let read = stream.read(&mut buffer).await.ok()?;
            if read == 0 {
                return None;
            }
            request.extend_from_slice(&buffer[..read]);
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        self.asked.lock().unwrap().push(text);
        let act = self.act.lock().unwrap().clone();
        match act {
            Act::Say(text) => stream.write_all(text.as_bytes()).await.ok()?,
            Act::Hang(text) => {
                stream.write_all(text.as_bytes()).await.ok()?;
                // Until the client has enough of it.
                let _ = stream.read(&mut [0; 1]).await;
                return None;
            }
            Act::Flood => {
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n";
                stream.write_all(head.as_bytes()).await.ok()?;
                for _ in 0..1000 {
                    stream.write_all(&[b' '; 10_000]).await.ok()?;
                }
            }
            Act::HangUp => {}
        }
        stream.shutdown().await.ok()
    }
}

fn whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, length)| length.parse().unwrap());
    body.len() >= length
}

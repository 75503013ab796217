//! https: served, and bounded before the first byte of HTTP.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod kit;

use std::sync::Arc;

use kit::{Running, echoes, get, open_at, rest, send};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    },
};

struct Secure {
    service: Running,
    connector: TlsConnector,
}

impl Secure {
    async fn open(arguments: &[&str]) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate: CertificateDer<'static> = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            service: open_at("127.0.0.1:0", Some(Arc::new(server)), arguments).await,
            connector: TlsConnector::from(Arc::new(client)),
        }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(&self.service.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        self.connector.connect(name, stream).await.unwrap()
    }

    async fn ask(&self, path: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(get(path, "").as_bytes()).await.unwrap();
        rest(stream).await
    }
}

#[tokio::test]
async fn requests_and_upgrades_work() {
    let secure = Secure::open(&[]).await;
    let answer = secure.ask("/who").await;
    assert!(answer.ends_with("127.0.0.1"), "{answer}");
    let mut stream = kit::upgrade_over(secure.connect().await, "/upgrade").await;
    assert!(echoes(&mut stream).await);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_ends_in_time() {
    let secure = Secure::open(&["--header-timeout", "100ms"]).await;
    let address = &secure.service.address;
    assert_eq!(rest(send(address, "").await).await, "");
    // The first bytes of a client's hello, and no more.
    assert_eq!(rest(send(address, "\x16\x03\x01\x02").await).await, "");
    // After a whole handshake the time of a request's head runs.
    rest(secure.connect().await).await;
}

#[tokio::test]
async fn plain_http_is_turned_away_and_costs_only_its_connection() {
    let secure = Secure::open(&[]).await;
    let answer = kit::ask(&secure.service.address, "/who").await;
    assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
    assert!(secure.ask("/who").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn above_the_limit_it_closes() {
    let secure = Secure::open(&["--max-connections", "1", "--header-timeout", "1h"]).await;
    let _one = secure.connect().await;
    assert_eq!(rest(send(&secure.service.address, "").await).await, "");
}

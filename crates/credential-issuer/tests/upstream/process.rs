//! The service as a process: providers over https, what it logs, and how it refuses.

use std::{path::Path, process::Stdio, time::Duration};

use crate::stand_in::{Act, CANARY, StandIn, answer, redirect};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStderr, Command},
    time::timeout,
};
use tokio_rustls::rustls::{
    self,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

const PATIENCE: Duration = Duration::from_secs(20);
const TOKEN: &str = "canary-of-the-token";
const KEY: &str = "canary-of-the-key";

fn issuer(url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_credential-issuer"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TUTURU_") {
            command.env_remove(name);
        }
    }
    command
        .args(["--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"])
        .args(["--log-format=json", "--log-level=trace"])
        .args(["--stun-uris=stun:own:3478", "--provider-timeout=60s"])
        .env_remove("SSL_CERT_DIR")
        .env("TUTURU_ICE_PROVIDERS", "cloudflare")
        .env("TUTURU_CLOUDFLARE_URL", url)
        .env("CLOUDFLARE_TURN_KEY_ID", KEY)
        .env("CLOUDFLARE_TURN_KEY_API_TOKEN", TOKEN)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A process that serves.
struct Running {
    child: Child,
    address: String,
    lines: Lines<BufReader<ChildStderr>>,
    log: String,
}

impl Running {
    async fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (mut log, mut address) = (String::new(), None);
        let serving = async {
            while address.is_none() {
                let line = lines.next_line().await.unwrap().expect("it serves");
                let event: Value = serde_json::from_str(&line).unwrap();
                if event["message"] == "serving" {
                    address = Some(event["address"].as_str().unwrap().to_owned());
                }
                log += &line;
            }
        };
        timeout(PATIENCE, serving).await.unwrap();
        Self {
            child,
            address: address.unwrap(),
            lines,
            log,
        }
    }

    async fn ice_servers(&self) -> Value {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let request =
            "GET /api/v1/webrtc/ice-servers HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        timeout(PATIENCE, read).await.unwrap().unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }

    /// Everything it logged.
    async fn end(mut self) -> String {
        self.child.start_kill().unwrap();
        let reading = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                self.log += &line;
            }
        };
        timeout(PATIENCE, reading).await.unwrap();
        self.log
    }
}

fn good() -> Act {
    let servers = json!({ "iceServers": [{ "urls": ["turn:cloud"], "username": "u", "credential": "canary-of-the-credential" }] });
    answer("201 Created", &servers.to_string())
}

/// A certificate for localhost that nobody but `file` vouches for, and its server.
fn self_signed(file: &Path) -> rustls::ServerConfig {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    std::fs::write(file, made.cert.pem()).unwrap();
    let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
    rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap()
}

#[tokio::test]
async fn https_wants_a_certificate_that_somebody_vouches_for() {
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (
        folder.path().join("own.pem"),
        folder.path().join("other.pem"),
    );
    let tls = self_signed(&own);
    drop(self_signed(&other));
    let stand_in = StandIn::open_with(good(), Some(tls)).await;
    let url = format!("https://localhost:{}", stand_in.address.port());

    let stranger = Running::start(issuer(&url).env("SSL_CERT_FILE", &other)).await;
    let stun = json!({ "iceServers": [{ "urls": ["stun:own:3478"] }] });
    assert_eq!(stranger.ice_servers().await, stun);
    assert!(stand_in.asked().is_empty(), "the token was not shown");

    let known = Running::start(issuer(&url).env("SSL_CERT_FILE", &own)).await;
    assert_eq!(
        known.ice_servers().await["iceServers"][0]["urls"][0],
        "turn:cloud"
    );
    assert!(stand_in.asked()[0].contains(&format!("Bearer {TOKEN}")));
    for running in [stranger, known] {
        let log = running.end().await;
        assert!(!log.contains("canary"), "{log}");
    }
}

#[tokio::test]
async fn the_log_says_who_failed_and_why_and_not_a_word_more() {
    let stand_in = StandIn::open(answer("500 Oops", CANARY)).await;
    let running = Running::start(&mut issuer(&stand_in.url())).await;
    running.ice_servers().await;
    stand_in.says(redirect(&format!("http://169.254.169.254/{CANARY}")));
    running.ice_servers().await;
    stand_in.says(answer("200 OK", &format!("{{\"{CANARY}\":")));
    running.ice_servers().await;
    assert_eq!(stand_in.asked().len(), 3);
    let log = running.end().await;
    for needle in [
        r#""provider":"cloudflare""#,
        "it answered with status 500",
        "it wanted to redirect the request",
        "its answer is no good",
        "the ICE provider is left alone",
        "callers get STUN only",
    ] {
        assert!(log.contains(needle), "{needle}: {log}");
    }
    assert!(!log.contains("canary") && !log.contains("169.254"), "{log}");

    let list = r#"[{"urls":"turn:listed","username":"u","credential":"canary"}]"#;
    let mut fallback = issuer(&stand_in.url());
    fallback.env("TUTURU_ICE_PROVIDERS", "cloudflare,static");
    let running = Running::start(fallback.env("TUTURU_ICE_SERVERS", list)).await;
    let served = running.ice_servers().await;
    assert_eq!(served["iceServers"][0]["urls"][0], "turn:listed");
    let log = running.end().await;
    assert!(log.contains("ICE servers come from a fallback") && log.contains("static"));
    assert!(!log.contains("canary"), "{log}");
}

#[tokio::test]
async fn wrong_providers_are_one_line_and_78() {
    let none = tempfile::NamedTempFile::new().unwrap();
    for (name, value, needle) in [
        ("TUTURU_ICE_PROVIDERS", "cloudflair", "a provider is coturn"),
        ("TUTURU_ICE_PROVIDERS", "", "a provider is coturn"),
        (
            "TUTURU_ICE_PROVIDERS",
            "coturn",
            "TUTURU_TURN_SECRET is missing",
        ),
        (
            "TUTURU_ICE_PROVIDERS",
            "twilio",
            "TWILIO_ACCOUNT_SID is missing",
        ),
        (
            "TUTURU_ICE_SERVERS",
            r#"[{"urls":"canary:x"}]"#,
            "TUTURU_ICE_SERVERS",
        ),
        ("TUTURU_CLOUDFLARE_URL", "cloud", "TUTURU_CLOUDFLARE_URL"),
        (
            "CLOUDFLARE_TURN_KEY_ID",
            "",
            "CLOUDFLARE_TURN_KEY_ID is missing",
        ),
        ("CLOUDFLARE_TURN_API_TOKEN", "canary", "differ"),
        (
            "SSL_CERT_FILE",
            none.path().to_str().unwrap(),
            "no root certificates",
        ),
    ] {
        let ended = issuer("https://localhost:1").env(name, value).output();
        let ended = timeout(PATIENCE, ended).await.expect(needle).unwrap();
        let text = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(
            (ended.status.code(), text.lines().count()),
            (Some(78), 1),
            "{text}"
        );
        assert!(text.contains(needle) && !text.contains("canary"), "{text}");
    }
}

//! `tuturu doctor` against real servers on loopback: what is well, and each way it is not.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

const SECRET: &str = "0f3a9b8c7d6e5f4a3b2c1d0e";
const OTHER_SECRET: &str = "1f3a9b8c7d6e5f4a3b2c1d0e";
/// Where relays are: another address than the one they must not send to.
const RELAY: &str = "127.0.0.2";
const START: Duration = Duration::from_secs(60);

/// A certificate of a small authority, for these names.
struct Papers {
    folder: TempDir,
}

impl Papers {
    fn new(names: &[&str], years: (i32, i32)) -> Self {
        let mut authority = rcgen::CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let name = "an authority of tests";
        authority
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        let ca = authority.self_signed(&key).unwrap();
        let issuer = rcgen::Issuer::new(authority, key);
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (name, pem) in [
            ("ca", ca.pem()),
            ("certificate", certificate.pem()),
            ("key", key.serialize_pem()),
        ] {
            std::fs::write(folder.path().join(name), pem).unwrap();
        }
        Self { folder }
    }

    fn good() -> Self {
        Self::new(&["localhost", "127.0.0.2"], (2020, 4000))
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Ends TLS in front of a relay, as nginx does.
    async fn terminator(&self, relay: u16) -> u16 {
        let certificate = CertificateDer::from_pem_file(self.path("certificate")).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.path("key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((RELAY, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut outside = acceptor.accept(stream).await.unwrap();
                    let mut inside = TcpStream::connect((RELAY, relay)).await.unwrap();
                    // Either end may leave as it likes.
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
        port
    }
}

/// Free for TCP; nobody else is after the UDP one.
async fn free_port() -> u16 {
    let listener = TcpListener::bind((RELAY, 0)).await.unwrap();
    listener.local_addr().unwrap().port()
}

fn tuturu() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tuturu"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TUTURU_") {
            command.env_remove(name);
        }
    }
    command.kill_on_drop(true).stderr(Stdio::null());
    command
}

/// A running server.
struct House {
    _child: Child,
    _lines: Lines<BufReader<ChildStdout>>,
    http: String,
    https: String,
    relay: u16,
}

impl House {
    async fn open(papers: &Papers, relay: u16, arguments: &[&str]) -> Self {
        let listen = ["--listen", "--https-listen", "--admin-listen"];
        let media = format!("--echo-media-listen={RELAY}:0");
        let own = arguments.iter().any(|it| it.starts_with("--echo-media"));
        let mut child = tuturu()
            .args(["serve", "--https", "--public-ip", RELAY])
            .args((!own).then_some(media))
            .args(listen.iter().flat_map(|flag| [*flag, "127.0.0.1:0"]))
            .args([
                "--certificate",
                &papers.path("certificate"),
                "--private-key",
                &papers.path("key"),
            ])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut http, mut https) = (None, None);
        let ready = async {
            while http.is_none() || https.is_none() {
                let line = lines
                    .next_line()
                    .await
                    .unwrap()
                    .expect("the server says that it is ready");
                let port = |before: &str| {
                    Some(line.split_once(before)?.1.trim_end_matches('/').to_owned())
                };
                http = http.take().or_else(|| port("http://localhost:"));
                https = https.take().or_else(|| port("https://localhost:"));
            }
        };
        timeout(START, ready).await.unwrap();
        Self {
            _child: child,
            _lines: lines,
            http: http.unwrap(),
            https: https.unwrap(),
            relay,
        }
    }

    /// With the relay that is built in, and everything as it should be.
    async fn whole(papers: &Papers, arguments: &[&str]) -> Self {
        let relay = free_port().await;
        let listen = format!("{RELAY}:{relay}");
        let uris = uris(relay, papers.terminator(relay).await);
        let own = ["--turn-listen", &listen, "--turn-uris", &uris];
        Self::open(papers, relay, &[&own, arguments].concat()).await
    }

    async fn examined(&self, papers: &Papers, domain: &str) -> Findings {
        let relay = self.relay.to_string();
        let ports = [
            "--http-port",
            &self.http,
            "--https-port",
            &self.https,
            "--turn-port",
            &relay,
        ];
        let others = [
            "--turn-host",
            RELAY,
            "--ca",
            &papers.path("ca"),
            "--timeout",
            "10s",
        ];
        examine(&[&[domain][..], &ports, &others].concat()).await
    }
}

fn uris(relay: u16, tls: u16) -> String {
    format!(
        "turn:{RELAY}:{relay}?transport=udp,turn:{RELAY}:{relay}?transport=tcp,turns:{RELAY}:{tls}?transport=tcp"
    )
}

/// What the doctor said.
#[derive(Debug)]
struct Findings {
    code: Option<i32>,
    all: Vec<Value>,
}

impl Findings {
    fn bad(&self) -> Vec<&str> {
        let bad = self.all.iter().filter(|finding| finding["ok"] == false);
        bad.map(|finding| finding["check"].as_str().unwrap())
            .collect()
    }

    #[track_caller]
    fn of(&self, check: &str) -> (bool, &str, &str) {
        let found = self.all.iter().find(|finding| finding["check"] == check);
        let found = found.unwrap_or_else(|| panic!("{check}: {self:#?}"));
        let text = |name: &str| found[name].as_str().unwrap();
        (found["ok"] == true, text("detail"), text("advice"))
    }
}

async fn examine(arguments: &[&str]) -> Findings {
    let folder = tempfile::tempdir().unwrap();
    let output = tuturu()
        .arg("doctor")
        .args(arguments)
        .arg("--json")
        .current_dir(folder.path())
        .output();
    let output = timeout(START * 3, output).await.unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let all = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    Findings {
        code: output.status.code(),
        all,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_with_everything_in_one_process() {
    let papers = Papers::good();
    let house = House::whole(&papers, &["--hsts"]).await;
    let findings = house.examined(&papers, "localhost").await;
    assert_eq!(findings.bad(), [""; 0], "{findings:#?}");
    assert_eq!(findings.code, Some(0));
    for check in ["TURN over UDP", "TURN over TCP", "TURN over TLS"] {
        assert!(
            findings.of(check).1.contains("a relayed packet arrived"),
            "{findings:#?}"
        );
    }
    assert!(
        findings
            .of("certificate of localhost")
            .1
            .contains("days left")
    );
    assert!(findings.of("signaling").1.contains("two sockets met"));
    assert!(findings.of("deny list").1.contains("169.254.169.254"));
    for check in ["echo over UDP", "echo over TCP"] {
        assert!(findings.of(check).1.contains("connected"), "{findings:#?}");
    }
    assert_eq!(findings.all.len(), 21, "{findings:#?}");

    // For people: a line each, and no colour in a pipe.
    let ports = [
        "--http-port",
        &house.http,
        "--https-port",
        &house.https,
        "--turn-host",
        RELAY,
    ];
    let relay = house.relay.to_string();
    let output = tuturu()
        .args([
            "doctor",
            "localhost",
            "--turn-port",
            &relay,
            "--ca",
            &papers.path("ca"),
        ])
        .args(ports)
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert_eq!(text.matches("\u{2714} ").count(), 21, "{text}");
    assert!(
        text.ends_with("All is well.\n") && !text.contains('\x1b'),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_and_nothing_else() {
    let papers = Papers::good();
    let house = House::whole(&papers, &[]).await;
    let findings = house.examined(&papers, "localhost").await;
    assert_eq!(
        findings.bad(),
        ["headers of the page", "headers of a 404"],
        "{findings:#?}"
    );
    assert_eq!(findings.code, Some(1));
    let (_, detail, advice) = findings.of("headers of the page");
    assert!(
        detail.ends_with(": strict-transport-security") && advice.contains("--hsts"),
        "{detail}"
    );

    // The same server by a name that its certificate lacks.
    let findings = house.examined(&papers, "127.0.0.1").await;
    let (ok, detail, _) = findings.of("certificate of 127.0.0.1");
    assert!(!ok && detail.contains("not for 127.0.0.1"), "{findings:#?}");
    assert!(
        findings.of("signaling").0,
        "what is behind it is looked at: {findings:#?}"
    );

    // And with nobody who vouches for it.
    let findings = house.examined(&Papers::good(), "localhost").await;
    let (ok, detail, advice) = findings.of("certificate of localhost");
    assert!(
        !ok && detail.contains("nobody known") && advice.contains("--ca"),
        "{findings:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_that_nobody_reaches() {
    let papers = Papers::good();
    // It listens elsewhere than where it says.
    let house = House::whole(&papers, &["--hsts", "--echo-media-listen=127.0.0.9:0"]).await;
    let findings = house.examined(&papers, "localhost").await;
    assert_eq!(
        findings.bad(),
        ["echo over UDP", "echo over TCP"],
        "{findings:#?}"
    );
    let (_, detail, advice) = findings.of("echo over UDP");
    assert!(
        !detail.is_empty() && advice.contains("firewall"),
        "{findings:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_have_ended_or_soon_will() {
    let expired = Papers::new(&["localhost"], (2020, 2021));
    let listen = ["--turn-listen", "127.0.0.1:0", "--hsts"];
    let house = House::open(&expired, 1, &listen).await;
    let findings = house.examined(&expired, "localhost").await;
    let (ok, detail, advice) = findings.of("certificate of localhost");
    assert!(
        !ok && detail.contains("expired") && advice.contains("renew"),
        "{findings:#?}"
    );
    assert!(
        findings.of("page").0 && !findings.of("TURN over TLS").0,
        "{findings:#?}"
    );
    assert_eq!(findings.code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_ports_and_names_that_lead_nowhere() {
    let port = free_port().await.to_string();
    let ports = [
        "--http-port",
        &port,
        "--https-port",
        &port,
        "--turn-port",
        &port,
    ];
    let findings = examine(&[&["127.0.0.1", "--timeout", "2s"][..], &ports].concat()).await;
    assert_eq!(findings.code, Some(1));
    let (https, tcp, udp) = (
        format!("port {port}"),
        format!("port {port}/tcp"),
        format!("port {port}/udp"),
    );
    for check in [&https, &tcp, &udp] {
        let (ok, _, advice) = findings.of(check);
        assert!(!ok && advice.contains("firewall"), "{findings:#?}");
    }
    assert!(!findings.of("TURN over UDP").0);
    let findings = examine(&["call.invalid", "--timeout", "2s"]).await;
    assert!(!findings.of("DNS of call.invalid").0 && !findings.of("DNS of turn.call.invalid").0);
    let output = tuturu()
        .arg("doctor")
        .current_dir(std::env::temp_dir())
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "whom?");
}

/// A coturn on loopback; `denied`: with the list of peers that it must not send to.
async fn coturn(folder: &Path, denied: bool) -> (Child, u16) {
    let port = free_port().await;
    let mut command = Command::new("turnserver");
    command
        .args([
            "-n",
            "--log-file=stdout",
            "--no-cli",
            "--no-tls",
            "--no-dtls",
            "--use-auth-secret",
            "--realm=tests",
        ])
        .args(["--verbose", "--allow-loopback-peers"])
        .arg(format!("--listening-ip={RELAY}"))
        .arg(format!("--relay-ip={RELAY}"))
        .arg(format!("--listening-port={port}"))
        .arg(format!("--static-auth-secret={SECRET}"))
        .arg(format!("--pidfile={}", folder.join("turn.pid").display()))
        .arg(format!("--userdb={}", folder.join("turn.db").display()));
    if denied {
        command.args([
            "--denied-peer-ip=10.0.0.0-10.255.255.255",
            "--denied-peer-ip=127.0.0.1",
            "--denied-peer-ip=169.254.0.0-169.254.255.255",
        ]);
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("turnserver is missing: apt-get install coturn");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let listening = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("IPv4. UDP listener opened") {
                return;
            }
        }
        panic!("turnserver ended");
    };
    timeout(START, listening).await.expect("turnserver starts");
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, port)
}

async fn with_coturn(denied: bool, secret: &str) -> Findings {
    let (papers, folder) = (Papers::good(), tempfile::tempdir().unwrap());
    let (_coturn, relay) = coturn(folder.path(), denied).await;
    let uris = uris(relay, papers.terminator(relay).await);
    let arguments = [
        "--hsts",
        "--turn-listen",
        "127.0.0.1:0",
        "--turn-uris",
        &uris,
        "--turn-secret",
        secret,
    ];
    let house = House::open(&papers, relay, &arguments).await;
    house.examined(&papers, "localhost").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coturn_that_is_set_up_well() {
    let findings = with_coturn(true, SECRET).await;
    assert_eq!(findings.bad(), [""; 0], "{findings:#?}");
    assert_eq!(findings.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coturn_that_reaches_what_is_behind_it() {
    let findings = with_coturn(false, SECRET).await;
    assert_eq!(findings.bad(), ["deny list"], "{findings:#?}");
    let (_, detail, advice) = findings.of("deny list");
    for open in ["127.0.0.1", "10.0.0.1", "169.254.169.254"] {
        assert!(detail.contains(open), "{detail}");
    }
    assert!(advice.contains("deny private"), "{advice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coturn_with_another_secret() {
    let findings = with_coturn(true, OTHER_SECRET).await;
    let expected = [
        "TURN over UDP",
        "TURN over TCP",
        "TURN over TLS",
        "deny list",
    ];
    assert_eq!(findings.bad(), expected, "{findings:#?}");
    let (_, detail, advice) = findings.of("TURN over UDP");
    assert!(
        detail.contains("401") && advice.contains("TURN_SECRET"),
        "{findings:#?}"
    );
}

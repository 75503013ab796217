//! The command line, as a person and a service manager meet it.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Output, Stdio},
};

fn tuturu() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tuturu"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TUTURU_") {
            command.env_remove(name);
        }
    }
    command
}

fn fails(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn help_teaches() {
    let help =
        String::from_utf8(tuturu().args(["serve", "--help"]).output().unwrap().stdout).unwrap();
    for needle in [
        "TUTURU_LISTEN",
        "TUTURU_PUBLIC_IP",
        "TUTURU_WEB_ROOT",
        "--turn-listen",
        "--admin-listen",
        "[default: 0.0.0.0:8080]",
        "Examples:",
        "--https",
    ] {
        assert!(help.contains(needle), "{needle}: {help}");
    }
}

#[test]
fn every_variable_is_declared_once() {
    let help =
        String::from_utf8(tuturu().args(["serve", "--help"]).output().unwrap().stdout).unwrap();
    let mut seen = std::collections::HashSet::new();
    for variable in help
        .split("[env: ")
        .skip(1)
        .filter_map(|rest| rest.split(['=', ']']).next())
    {
        let known = ["TUTURU_LOG_FORMAT", "TUTURU_LOG_LEVEL"].contains(&variable);
        assert!(seen.insert(variable) || known, "{variable} twice");
    }
    assert!(seen.len() > 40, "{}", seen.len());
}

#[test]
fn wrong_configuration_is_one_line_and_78() {
    let (code, text) = fails(tuturu().arg("serve").env("TUTURU_LISTN", "x"));
    assert_eq!((code, text.lines().count()), (Some(78), 1), "{text}");
    assert!(text.contains("Did you mean TUTURU_LISTEN?"));
    for (name, value) in [
        ("TUTURU_LISTEN", "nowhere"),
        ("TUTURU_TURN_SECRET", "changeme-changeme"),
        ("TUTURU_RELAY_PORTS", "9-1"),
        ("TUTURU_SEAT_GRACE", "soon"),
        ("TUTURU_ICE_PROVIDERS", "cloudflair"),
        ("TUTURU_ICE_PROVIDERS", "twilio"),
        ("TUTURU_ICE_SERVERS", "{}"),
    ] {
        let (code, text) = fails(tuturu().arg("serve").env(name, value));
        assert_eq!((code, text.lines().count()), (Some(78), 1), "{text}");
        assert!(
            !text.contains("changeme-changeme"),
            "a secret is not repeated: {text}"
        );
    }
    let both = fails(tuturu().args([
        "serve",
        "--turn-secret",
        "0123456789abcdef",
        "--turn-secret-file",
        "/dev/null",
    ]));
    assert_eq!(both.0, Some(78), "{}", both.1);
}

#[test]
fn wrong_usage_is_2() {
    assert_eq!(fails(tuturu().arg("dance")).0, Some(2));
    assert_eq!(fails(tuturu().args(["serve", "--dance"])).0, Some(2));
}

#[test]
fn a_taken_port_is_named_with_the_flag_that_changes_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, text) = fails(tuturu().args([
        "serve",
        "--listen",
        &taken.local_addr().unwrap().to_string(),
    ]));
    assert_eq!((code, text.lines().count()), (Some(1), 1), "{text}");
    assert!(
        text.contains("--listen") && text.contains("in use"),
        "{text}"
    );
}

fn serve(arguments: &[&str]) -> (Child, Vec<String>) {
    let mut child = tuturu()
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--turn-listen",
            "127.0.0.1:0",
            "--echo-media-listen",
            "127.0.0.1:0",
            "--public-ip",
            "127.0.0.1",
        ])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = Vec::new();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    while !lines
        .last()
        .is_some_and(|line: &String| line.starts_with("This is the quick way"))
    {
        lines.push(
            output
                .next()
                .expect("the server says that it is ready")
                .unwrap(),
        );
    }
    (child, lines)
}

fn get(url: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn value<'a>(lines: &'a [String], name: &str) -> &'a str {
    let line = lines
        .iter()
        .find(|line| line.trim_start().starts_with(name))
        .unwrap();
    line.split_whitespace().nth(1).unwrap()
}

#[test]
fn one_process_serves_everything_and_ends_when_asked() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("state");
    let arguments = [
        "--state-dir",
        folder.to_str().unwrap(),
        "--https",
        "--https-listen",
        "127.0.0.1:0",
    ];
    let (mut child, lines) = serve(&arguments);
    let page = value(&lines, "page").to_owned();
    assert!(
        lines.iter().any(|line| line.contains("https://localhost:")),
        "{lines:?}"
    );
    assert!(get(&page).contains("<title>tuturu"));
    assert!(get(&format!("{page}health")).contains(r#""status":"ok""#));
    let turn = get(&format!("{page}api/turn?service=turn&username=ann"));
    assert!(
        turn.contains(&format!(
            r#""uris":["{}?transport=udp""#,
            value(&lines, "relay")
        )),
        "{turn}"
    );
    let servers = get(&format!("{page}api/v1/webrtc/ice-servers"));
    let relay = format!("{}?transport=udp", value(&lines, "relay"));
    assert!(servers.contains(&relay), "{servers}");
    assert!(get(&format!("{page}api/unknown")).contains("404"));
    assert!(
        get(&format!("{page}api/turn")).contains("content-security-policy"),
        "headers on every answer"
    );
    let metrics = value(&lines, "admin");
    let metrics = get(metrics).split_once("\r\n\r\n").unwrap().1.to_owned();
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("apt-get install prometheus");
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(metrics.as_bytes())
        .unwrap();
    assert!(promtool.wait().unwrap().success(), "{metrics}");
    let admin = value(&lines, "admin")
        .trim_start_matches("http://")
        .trim_end_matches("/metrics");
    assert!(tuturu().args(["health", admin]).status().unwrap().success());
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(folder.join("turn-secret"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(fails(tuturu().args(["health", admin])).0, Some(1));
}

/// docs/config.md is generated: `UPDATE_DOCS=1 cargo test -p tuturu documented`.
#[test]
fn every_flag_is_documented() {
    let help = String::from_utf8(
        tuturu()
            .args(["serve", "--help"])
            .env("COLUMNS", "1000")
            .output()
            .unwrap()
            .stdout,
    )
    .unwrap();
    let table = documentation(&help);
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/config.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &table).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&file).unwrap_or_default(),
        table,
        "run it with UPDATE_DOCS=1"
    );
}

/// A row for each flag that has a variable: flag, variable, default, what it does.
fn documentation(help: &str) -> String {
    let mut table = String::from(
        "# Configuration\n\nFlags and variables of `tuturu serve`; the services of their own take the same ones for their part. A flag wins \
         over its variable, the variable over the default. Secrets can also be read from the file that `…_FILE` names. \
         An unknown `TUTURU_…` variable or a bad value is one clear line and exit code 78.\n\n\
         | flag | variable | default | what it does |\n|---|---|---|---|\n",
    );
    for block in help.split("\n      --").skip(1) {
        let mut lines = block.lines().map(str::trim).filter(|line| !line.is_empty());
        let flag = lines.next().unwrap_or_default();
        let (mut what, mut variable, mut default) = (Vec::new(), "", "");
        for line in lines {
            let inside = |name: &str| Some(line.strip_prefix(name)?.trim_end_matches(']'));
            if let Some(name) = inside("[env: ") {
                variable = name.split('=').next().unwrap_or_default();
            } else if let Some(value) = inside("[default: ") {
                default = value;
            } else if variable.is_empty()
                && !line.starts_with("Possible values")
                && !line.starts_with("- ")
            {
                what.push(line);
            }
        }
        if !variable.is_empty() {
            let what = what.join(" ");
            table.push_str(&format!(
                "| `--{flag}` | `{variable}` | {default} | {what} |\n"
            ));
        }
    }
    table
}

#[test]
fn robots_are_added_listed_and_revoked() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("robots.json");
    let robots = |arguments: &[&str]| {
        let mut command = tuturu();
        command
            .arg("robots")
            .args(arguments)
            .arg("--file")
            .arg(&file);
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        let text = String::from_utf8([stdout, stderr].concat()).unwrap();
        (status.code(), text)
    };
    let (code, text) = robots(&["add", "rover", "--owner", "ann"]);
    let key = text
        .lines()
        .map(str::trim)
        .find(|line| line.len() == 64)
        .unwrap();
    assert_eq!(code, Some(0));
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let (_, text) = robots(&["add", "rover", "--owner", "bob"]);
    assert!(!text.contains(key), "a key is shown once: {text}");
    let (_, text) = robots(&["list"]);
    assert_eq!(text, "rover\tann, bob\n");
    assert_eq!(robots(&["revoke", "rover", "--owner", "ann"]).0, Some(0));
    assert_eq!(robots(&["list"]).1, "rover\tbob\n");
    assert_eq!(robots(&["revoke", "rover"]).0, Some(0));
    assert!(robots(&["list"]).1.contains("No robots yet"));
    assert_eq!(robots(&["revoke", "rover"]).0, Some(1));
    assert_eq!(robots(&["add", "no such id"]).0, Some(78));
}

/// The stock Flutter app: TLS, any certificate, a short key in lower case and no Origin.
#[test]
fn a_dart_client_finds_its_page_and_its_socket_behind_tls() {
    use std::sync::Arc;
    let page = tempfile::tempdir().unwrap();
    std::fs::write(page.path().join("index.html"), "a compiled Flutter page").unwrap();
    let root = page.path().to_str().unwrap();
    let arguments = [
        "--https",
        "--https-listen",
        "127.0.0.1:0",
        "--web-root",
        root,
    ];
    let (mut child, lines) = serve(&arguments);
    let https = lines
        .iter()
        .find_map(|line| line.split_once("https://localhost:"));
    let port = https.unwrap().1.trim_end_matches('/').to_owned();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    let config = Arc::new(config);
    let ask = |request: &str, until: &str| {
        let connection =
            rustls::ClientConnection::new(Arc::clone(&config), "localhost".try_into().unwrap());
        let socket = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        socket
            .set_read_timeout(Some(std::time::Duration::from_secs(20)))
            .unwrap();
        let mut stream = rustls::StreamOwned::new(connection.unwrap(), socket);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer
            .windows(until.len())
            .any(|window| window == until.as_bytes())
        {
            assert_eq!(
                stream.read(&mut byte).unwrap(),
                1,
                "{}",
                String::from_utf8_lossy(&answer)
            );
            answer.extend(byte);
        }
    };
    ask(
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "a compiled Flutter page",
    );
    // RFC 6455 section 4.2.2: SHA-1 over the key as it came.
    let upgrade = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: qwertyuiopas\r\n\r\n";
    ask(upgrade, "XRGaYWrtMs7BaXH6+54MJ4NyDFA=");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Dart's `badCertificateCallback` that says yes.
#[derive(Debug)]
struct AnyCertificate;

impl rustls::client::danger::ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        let provider = rustls::crypto::ring::default_provider();
        provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

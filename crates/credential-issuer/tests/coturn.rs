//! Credentials are tried against the real coturn.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::{
    process::Stdio,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use credential_issuer::shared_secret::credentials;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::{TcpListener, UdpSocket},
    process::{Child, Command},
    time::timeout,
};

const CURRENT: &str = "the current secret of the tests";
const PREVIOUS: &str = "the previous secret of the tests";

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A coturn on loopback that accepts both secrets, as during a rotation.
async fn coturn(folder: &std::path::Path) -> (Child, u16) {
    let port = free_port().await;
    let mut child = Command::new("turnserver")
        .args([
            "-n",
            "--log-file=stdout",
            "--no-cli",
            "--no-tls",
            "--no-dtls",
            "--use-auth-secret",
            "--realm=tests",
        ])
        .args([
            "--listening-ip=127.0.0.1",
            "--relay-ip=127.0.0.1",
            "--allow-loopback-peers",
            "--verbose",
        ])
        .arg(format!("--listening-port={port}"))
        .arg(format!("--static-auth-secret={CURRENT}"))
        .arg(format!("--static-auth-secret={PREVIOUS}"))
        .arg(format!("--pidfile={}", folder.join("turn.pid").display()))
        .arg(format!("--userdb={}", folder.join("turn.db").display()))
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
    timeout(Duration::from_secs(20), listening)
        .await
        .expect("turnserver starts");
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, port)
}

/// Whether coturn's own client can relay with that user name and password.
async fn relays(port: u16, secret: &str, expiry: u64) -> bool {
    let made = credentials(secret.as_bytes(), "tester", expiry);
    let echo = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let peer = echo.local_addr().unwrap().port();
    let echoing = tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = echo.recv_from(&mut buffer).await {
            let _ = echo.send_to(&buffer[..length], from).await;
        }
    });
    let client = Command::new("turnutils_uclient")
        .args([
            "-c",
            "-n",
            "5",
            "-m",
            "1",
            "-l",
            "100",
            "-e",
            "127.0.0.1",
            "-r",
            &peer.to_string(),
        ])
        .args([
            "-p",
            &port.to_string(),
            "-u",
            &made.username,
            "-w",
            &made.password,
            "127.0.0.1",
        ])
        .kill_on_drop(true)
        .output();
    let output = timeout(Duration::from_secs(60), client)
        .await
        .expect("the client ends")
        .unwrap();
    echoing.abort();
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success() && text.contains("tot_recv_msgs=5")
}

#[tokio::test]
async fn coturn_takes_what_is_issued_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (_coturn, port) = coturn(folder.path()).await;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert!(relays(port, CURRENT, now + 600).await, "the current secret");
    assert!(
        relays(port, PREVIOUS, now + 600).await,
        "the previous secret"
    );
    assert!(!relays(port, "somebody else's secret", now + 600).await);
    assert!(!relays(port, CURRENT, now - 600).await, "expired");
}

//! The services as processes of their own, meeting on the wire.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::Service;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{client_async, tungstenite::Message};

const TOKEN: &str = "the internal token of the tests";

async fn ice_servers(signaling: &str) -> Result<Value> {
    let stream = TcpStream::connect(signaling).await?;
    let (mut socket, _) = client_async(format!("ws://{signaling}/ws"), stream).await?;
    let join = r#"{"type":"join-call","call":"AbCdEfGhIjKlMnOpQr-_09","resume":null}"#;
    socket.send(Message::text(join)).await?;
    let reply = timeout(Duration::from_secs(20), socket.next())
        .await?
        .context("a reply")??;
    let reply: Value = serde_json::from_str(reply.to_text()?)?;
    Ok(reply["data"]["iceServers"].clone())
}

#[tokio::test]
async fn signaling_hands_out_what_the_issuer_issues_and_goes_on_without_it() -> Result<()> {
    let uris = "turn:relay.example:3478?transport=udp";
    let issuer = [
        "--turn-secret",
        "the turn secret of the tests",
        "--turn-uris",
        uris,
        "--internal-token",
        TOKEN,
    ];
    let mut issuer = Service::start("credential-issuer", &issuer).await?;
    let url = format!("http://{}/", issuer.address);
    let arguments = [
        "--issuer-url",
        &url,
        "--internal-token",
        TOKEN,
        "--fallback-stun-uris",
        "stun:fallback.example:3478",
    ];
    let signaling = Service::start("signaling", &arguments).await?;
    let servers = ice_servers(&signaling.address).await?;
    ensure!(
        servers[0]["urls"][0] == uris && servers[0]["credential"].is_string(),
        "{servers}"
    );

    let other = Service::start("signaling", &arguments).await?;
    issuer.child.kill().await?;
    ensure!(
        ice_servers(&signaling.address).await?[0]["credential"].is_string(),
        "credentials that are still good"
    );
    let servers = ice_servers(&other.address).await?;
    ensure!(
        servers[0]["urls"][0] == "stun:fallback.example:3478",
        "{servers}"
    );
    Ok(())
}

#[tokio::test]
async fn the_page_is_a_service_of_its_own() -> Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let page = Service::start("static-asset", &[]).await?;
    let mut stream = TcpStream::connect(&page.address).await?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    ensure!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("<title>tuturu"),
        "{answer}"
    );
    Ok(())
}

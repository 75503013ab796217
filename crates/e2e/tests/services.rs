//! The services as processes of their own, meeting on the wire.

use std::{collections::BTreeSet, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, ensure};
use e2e::Service;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::{net::TcpStream, process::Command, time::timeout};
use tokio_tungstenite::{client_async, tungstenite::Message};

const TOKEN: &str = "the internal token of the tests";

/// An echo needs to know where it is.
const ECHO: [&str; 4] = [
    "--public-ip",
    "127.0.0.1",
    "--echo-media-listen",
    "127.0.0.1:0",
];

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

#[tokio::test]
async fn a_service_checks_itself() -> Result<()> {
    for name in ["signaling", "credential-issuer", "static-asset", "echo"] {
        let admin = free_address().await?;
        let health = async || -> Result<bool> {
            let mut asking = Command::new(e2e::binary(name)?);
            asking.args(["--health", "--admin-listen", &admin]);
            Ok(asking.stderr(Stdio::null()).status().await?.success())
        };
        ensure!(!health().await?, "{name} does not run yet");
        let secret = [
            "--turn-secret",
            "the turn secret of the tests",
            "--turn-uris",
            "turn:relay.example:3478",
        ];
        let needed: &[&str] = match name {
            "credential-issuer" => &secret,
            "echo" => &ECHO,
            _ => &[],
        };
        let arguments = [&["--admin-listen", &admin], needed].concat();
        let mut service = Service::start(name, &arguments).await?;
        while !health().await? {
            ensure!(service.child.try_wait()?.is_none(), "{name} ended");
        }
    }
    Ok(())
}

async fn free_address() -> Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    Ok(listener.local_addr()?.to_string())
}

/// A service refuses variables that it does not know, so each gets its own and no other.
#[tokio::test]
async fn compose_gives_each_service_its_own_variables() -> Result<()> {
    let compose = include_str!("../../../docker-compose.yml");
    for name in ["signaling", "credential-issuer", "static-asset", "echo"] {
        let asked = Command::new(e2e::binary(name)?).arg("--help").output();
        let help = String::from_utf8(asked.await?.stdout)?;
        let known: BTreeSet<_> = help
            .split("[env: ")
            .skip(1)
            .filter_map(|rest| rest.split(['=', ']']).next())
            .collect();
        let own = block(compose, &format!("  {name}:"));
        let mut given = variables(&own);
        for anchor in ["service-environment", "tokens"] {
            if own.contains(&format!("*{anchor}")) {
                given.extend(variables(&block(compose, &format!("x-{anchor}:"))));
            }
        }
        let unknown: Vec<_> = given
            .iter()
            .filter(|given| !known.contains(given.as_str()))
            .collect();
        ensure!(unknown.is_empty(), "{name} does not know {unknown:?}");
        // Files need a volume, and nginx sends HSTS.
        let left_out = |known: &str| {
            known.ends_with("_FILE") || ["TUTURU_WEB_ROOT", "TUTURU_HSTS"].contains(&known)
        };
        let missing: Vec<_> = known
            .iter()
            .filter(|known| !given.contains(**known) && !left_out(known))
            .collect();
        ensure!(missing.is_empty(), "{name} is not given {missing:?}");
    }
    Ok(())
}

/// The lines under a key, up to the next one at its depth.
fn block(compose: &str, key: &str) -> String {
    let depth = key.len() - key.trim_start().len();
    let mut lines = compose.lines();
    let _ = lines.find(|line| line.split(" &").next() == Some(key));
    let deeper = |line: &&str| line.is_empty() || line.len() - line.trim_start().len() > depth;
    lines.take_while(deeper).collect::<Vec<_>>().join("\n")
}

fn variables(block: &str) -> BTreeSet<String> {
    let names = block.lines().filter_map(|line| line.trim().split_once(':'));
    names
        .map(|(name, _)| name.to_owned())
        .filter(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        })
        .collect()
}

//! What callers say about themselves: it is not believed, and not written down.

use anyhow::{Context as _, Result, ensure};
use e2e::{Caller, DOMAIN, Front, alone};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

/// Everything that some proxy believes.
const CLAIMS: &str = "X-Forwarded-For: 198.51.100.9\r\nX-Real-IP: 198.51.100.9\r\n\
     Forwarded: for=198.51.100.9;proto=http\r\nX-Forwarded-Host: other.test\r\nX-Forwarded-Proto: http\r\n\
     True-Client-IP: 198.51.100.9\r\nCF-Connecting-IP: 198.51.100.9\r\n";

/// Who asks here gives no name, and gets one that stands for the address.
const LIST: &str = "/api/v1/webrtc/ice-servers";

/// The pseudonym of the address that the credential issuer sees.
async fn seen(caller: &Caller, lines: &str) -> Result<String> {
    let answer = caller.get(LIST, lines).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let answer: Value = serde_json::from_str(&answer.body)?;
    let servers = answer["iceServers"].as_array().context("no list")?;
    let name = servers
        .iter()
        .find_map(|server| server["username"].as_str());
    let name = name.context("no name")?;
    Ok(name.split_once(':').context("no pseudonym")?.1.to_owned())
}

#[test]
fn a_claimed_address_is_not_believed() -> Result<()> {
    alone(async || {
        let front = Front::start().await?;
        let (ann, bob) = (
            Caller::new(1, front.papers.roots()?),
            Caller::new(2, front.papers.roots()?),
        );
        let own = seen(&ann, "").await?;
        ensure!(own != seen(&bob, "").await?, "callers are told apart");
        let twice = format!("{CLAIMS}X-Forwarded-For: 198.51.100.10, 203.0.113.102\r\n");
        for lines in [CLAIMS, &twice, "X-Forwarded-For: 203.0.113.102\r\n"] {
            ensure!(own == seen(&ann, lines).await?, "believed: {lines}");
        }

        // A header of the PROXY protocol is ours to write.
        let mut stream = ann.connect(443).await?;
        stream
            .write_all(b"PROXY TCP4 203.0.113.102 203.0.113.7 5000 443\r\n")
            .await?;
        ensure!(ann.over(stream, DOMAIN, "http/1.1").await.is_err());
        let mut stream = ann.secure(DOMAIN, "").await?;
        stream
            .write_all(b"PROXY TCP4 203.0.113.102 203.0.113.7 5000 443\r\n\r\n")
            .await?;
        let answer = e2e::rest(&mut stream).await?;
        ensure!(answer.contains(" 400 "), "{answer}");

        // Limits count whoever is there, under any name.
        let mut sockets = Vec::new();
        for number in 0..20 {
            let claim = format!("198.51.100.{number}");
            let headers = [("x-forwarded-for", claim.as_str()), ("x-real-ip", &claim)];
            sockets.push(ann.socket("/ws", &headers).await?);
        }
        let refused = ann
            .socket("/ws", &[("x-forwarded-for", "198.51.100.99")])
            .await;
        let refused = refused
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        ensure!(refused.contains("429"), "{refused}");
        bob.socket("/ws", &[("x-forwarded-for", "203.0.113.101")])
            .await?;
        let mut status = 200;
        for number in 0..40 {
            let claim = format!("X-Forwarded-For: 198.51.100.{number}\r\n");
            status = ann.get(LIST, &claim).await?.status;
        }
        ensure!(status == 429, "{status}");
        seen(&bob, "").await.map(|_| ())
    })
}

#[test]
fn nobody_is_in_the_logs() -> Result<()> {
    alone(async || {
        let front = Front::start().await?;
        let ann = Caller::new(1, front.papers.roots()?);
        let lines = "User-Agent: canary-agent\r\nReferer: https://call.test/canary-referer\r\n\
             Cookie: canary-cookie\r\nAuthorization: Bearer canary-token\r\n";
        for path in [
            "/?pin=204060",
            "/204060",
            "/api/turn?service=turn&username=canary-name",
            "/ws?canary-query",
            "/party/canary-room",
            "/.well-known/acme-challenge/canary-challenge",
            "/%zz-canary-broken",
        ] {
            ann.get(path, lines).await?;
        }
        ann.say("canary-garbage\r\n\r\n").await?;
        super::names::stun(&ann).await?;
        let _ = ann.secure("canary-name.test", "h2").await;
        let mut plain = ann.connect(80).await?;
        plain
            .write_all(b"GET /canary-plain?204060 HTTP/1.0\r\n\r\n")
            .await?;
        ensure!(e2e::rest(&mut plain).await?.contains("301"));
        let (nginx, coturn) = (front.log("nginx"), front.log("coturn"));
        for class in ["page", "credentials", "call", "room", "acme"] {
            let line = format!(r#""class":"{class}""#);
            ensure!(nginx.contains(&line), "the log is kept: {class}: {nginx}");
        }
        ensure!(coturn.contains("(address)"), "the log is kept: {coturn}");
        for log in [nginx, coturn] {
            for canary in ["canary", "204060", "203.0.113.", "127.0.0.1"] {
                ensure!(!log.contains(canary), "{canary}: {log}");
            }
        }
        Ok(())
    })
}

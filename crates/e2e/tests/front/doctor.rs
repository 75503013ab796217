//! `tuturu doctor` before the whole front: all is well, and each way it is not.

use std::process::Stdio;

use anyhow::{Result, ensure};
use e2e::{DOMAIN, Front, Part, SECRET, TURN_DOMAIN, alone, binary};
use serde_json::Value;
use tokio::process::Command;

/// What it finds, by the names of its checks.
struct Findings(Vec<Value>);

impl Findings {
    fn bad(&self) -> Vec<&str> {
        let bad = self.0.iter().filter(|finding| finding["ok"] == false);
        bad.filter_map(|finding| finding["check"].as_str())
            .collect()
    }

    /// What a check says, and what to do.
    fn told(&self, check: &str) -> String {
        let found = self.0.iter().find(|finding| finding["check"] == check);
        found.map_or_else(String::new, |found| {
            format!("{}: {}", found["detail"], found["advice"])
        })
    }
}

async fn examined(front: &Front) -> Result<Findings> {
    let ca = front.path("authority.pem");
    std::fs::write(&ca, front.papers.authority())?;
    let examined = Command::new(binary("tuturu")?)
        .args(["doctor", DOMAIN, "--json", "--timeout", "10s"])
        .args(["--public-ip", "203.0.113.7", "--ca"])
        .arg(&ca)
        .current_dir(front.path("acme"))
        .stderr(Stdio::inherit())
        .output()
        .await?;
    let findings: Vec<Value> = serde_json::from_slice(&examined.stdout)?;
    let findings = Findings(findings);
    ensure!(examined.status.success() == findings.bad().is_empty());
    Ok(findings)
}

#[test]
fn all_is_well_and_what_is_not_is_named() -> Result<()> {
    alone(async || {
        let mut front = Front::start().await?;
        let findings = examined(&front).await?;
        ensure!(findings.bad().is_empty(), "{:#?}", findings.0);
        for check in ["TURN over UDP", "TURN over TCP", "TURN over TLS"] {
            let told = findings.told(check);
            ensure!(told.contains("a relayed packet arrived"), "{check}: {told}");
        }
        ensure!(findings.told("deny list").contains("169.254.169.254"));
        ensure!(findings.told("signaling").contains("two sockets met"));

        // The relay is down.
        front.kill(Part::Relay).await?;
        let findings = examined(&front).await?;
        let all = [
            "port 3478/tcp",
            "port 3478/udp",
            "TURN over UDP",
            "TURN over TCP",
            "TURN over TLS",
            "deny list",
        ];
        ensure!(findings.bad() == all, "{:#?}", findings.0);
        ensure!(findings.told("port 3478/udp").contains("the relay runs"));

        // It is back, with another secret.
        front
            .begin(
                Part::Relay,
                "another secret entirely".replace(' ', "-").as_str(),
            )
            .await?;
        let findings = examined(&front).await?;
        ensure!(findings.bad() == all[2..], "{:#?}", findings.0);
        for way in &all[2..5] {
            let told = findings.told(way);
            ensure!(
                told.contains("401") && told.contains("TUTURU_TURN_SECRET"),
                "{told}"
            );
        }
        front.kill(Part::Relay).await?;
        front.begin(Part::Relay, SECRET).await?;
        ensure!(examined(&front).await?.bad().is_empty());

        // Nobody passes WebSockets on: they land at the page's service.
        let way = "location ~ ^/ws(?:/app|/device|/events|/messages)?$ {";
        front
            .edit("https.conf", way, "location = /nowhere {")
            .await?;
        let findings = examined(&front).await?;
        ensure!(findings.bad() == ["WebSocket at /ws"], "{:#?}", findings.0);
        ensure!(
            findings
                .told("WebSocket at /ws")
                .contains("let nginx pass Upgrade")
        );
        front
            .edit("https.conf", "location = /nowhere {", way)
            .await?;

        // Renewal has stopped working.
        let expired = front.papers.sign(&[DOMAIN, TURN_DOMAIN], 2021)?;
        front.install(&expired).await?;
        let findings = examined(&front).await?;
        let certificates = [
            format!("certificate of {DOMAIN}"),
            format!("relay certificate of {TURN_DOMAIN}"),
        ];
        ensure!(findings.bad() == certificates, "{:#?}", findings.0);
        for certificate in &certificates {
            let told = findings.told(certificate);
            ensure!(told.contains("expired") && told.contains("renew"), "{told}");
        }

        // And for another name than the relay's.
        let narrow = front.papers.sign(&[DOMAIN], 4000)?;
        front.install(&narrow).await?;
        let findings = examined(&front).await?;
        ensure!(findings.bad() == certificates[1..], "{:#?}", findings.0);
        let told = findings.told(&certificates[1]);
        ensure!(told.contains("not for"), "{told}");
        Ok(())
    })
}

//! aiortc, which knows neither transport-wide feedback nor pages.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, ensure};
use e2e::Server;
use serde_json::Value;
use tokio::{process::Command, time::timeout};

const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn aiortc_gets_its_bars_and_its_tone_back() -> Result<()> {
    let server = Server::start(&[]).await?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("echo/peer.py");
    let running = Command::new(e2e::python().await?)
        .arg(script)
        .arg(format!("{}/api/v1/webrtc/offer", server.page))
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let output = timeout(PATIENCE, running).await??;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{complaint}");
    let got: Value = serde_json::from_slice(&output.stdout)?;
    let bars = got["bars"].as_array().context("bars")?;
    for (bar, sent) in bars.iter().zip([235, 16, 128, 200]) {
        let bar = bar.as_i64().context("a number")?;
        // The decoder may give them in the full range.
        let full = (sent - 16) * 255 / 219;
        ensure!((bar - sent).abs() < 16 || (bar - full).abs() < 16, "{got}");
    }
    ensure!(bars.len() == 4, "{got}");
    let frequency = got["frequency"].as_f64().context("a frequency")?;
    ensure!((950.0..1050.0).contains(&frequency), "{got}");
    ensure!(got["opened"]["prompts"][0]["text"] == "a cat", "{got}");
    ensure!(got["updated"]["delay"] == 0.25, "{got}");
    server
        .counts("tuturu_echo_sessions{dialect=\"offer\"} 0")
        .await?;
    server.stop().await?;
    Ok(())
}

//! A service as a process of its own.

use std::{process::Stdio, time::Duration};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::binary;

/// Runs until it is dropped.
pub struct Service {
    /// The process.
    pub child: Child,
    /// Where it serves.
    pub address: String,
    /// Where it tells how it is.
    pub admin: String,
}

impl Service {
    /// Starts a binary on free ports; it logs its addresses when it serves.
    ///
    /// # Errors
    /// When it cannot be built or does not come up.
    pub async fn start(name: &str, arguments: &[&str]) -> Result<Self> {
        Self::start_at(name, "127.0.0.1:0", arguments).await
    }

    /// Starts it where others look for it.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_at(name: &str, listen: &str, arguments: &[&str]) -> Result<Self> {
        let mut child = Command::new(binary(name)?)
            .args(["--listen", listen])
            .env("TUTURU_ADMIN_LISTEN", "127.0.0.1:0")
            .args(["--log-format", "json"])
            .args(arguments)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stderr = child.stderr.take().context("no log")?;
        let mut lines = BufReader::new(stderr).lines();
        let serving = async {
            while let Some(line) = lines.next_line().await? {
                let event: Value =
                    serde_json::from_str(&line).with_context(|| format!("not JSON: {line}"))?;
                if event["message"] == "serving" {
                    let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
                    return Ok((text("address"), text("admin")));
                }
            }
            anyhow::bail!("{name} ended")
        };
        let (address, admin) = timeout(Duration::from_secs(20), serving).await??;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self {
            child,
            address,
            admin,
        })
    }
}

//! chromedriver, one for each test.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// A chromedriver on a free port.
pub struct Driver {
    child: Child,
    /// Where it listens.
    pub url: String,
}

impl Driver {
    /// Starts it.
    ///
    /// # Errors
    /// When it is not installed, or does not say where it listens.
    pub async fn start() -> anyhow::Result<Self> {
        Self::spawn(&mut Command::new("chromedriver")).await
    }

    /// Starts it for browsers with this home, which trust what is trusted there (`.pki/nssdb`).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn at_home(home: &Path) -> anyhow::Result<Self> {
        Self::spawn(Command::new("chromedriver").env("HOME", home)).await
    }

    async fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("chromedriver is missing: apt-get install chromium chromium-driver")?;
        let stdout = child.stdout.take().context("no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let port = async {
            while let Some(line) = lines.next_line().await? {
                // "ChromeDriver was started successfully on port 12345."
                let port = line
                    .strip_suffix('.')
                    .and_then(|line| line.split("on port ").nth(1));
                if let Some(port) = port {
                    return Ok(port.to_owned());
                }
            }
            bail!("chromedriver ended")
        };
        let port = timeout(Duration::from_secs(20), port).await??;
        // The rest is read so that the driver never waits for us.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self {
            child,
            url: format!("http://localhost:{port}"),
        })
    }
}

/// A test that fails does not close its browsers: they go with the driver, as one group.
impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(group) = self.child.id() {
            let group = format!("-{group}");
            // Nobody is left to tell that they are gone already.
            let _ = std::process::Command::new("kill")
                .args(["-KILL", "--", &group])
                .status();
        }
    }
}

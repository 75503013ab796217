//! What drives browsers: chromedriver, or geckodriver for Firefox.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::lab::Space;

/// A driver on a free port.
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
        let (child, port) = spawn(&mut Command::new("chromedriver")).await?;
        let url = format!("http://localhost:{port}");
        Ok(Self { child, url })
    }

    /// Starts geckodriver, for one Firefox.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn of_firefox() -> anyhow::Result<Self> {
        let (child, port) = spawn(&mut Command::new("geckodriver")).await?;
        let url = format!("http://127.0.0.1:{port}");
        Ok(Self { child, url })
    }

    /// Starts it for browsers with this home, which trust what is trusted there (`.pki/nssdb`).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn at_home(home: &Path) -> anyhow::Result<Self> {
        let (child, port) = spawn(Command::new("chromedriver").env("HOME", home)).await?;
        let url = format!("http://localhost:{port}");
        Ok(Self { child, url })
    }

    /// Starts that driver on a machine of the lab, for browsers with this home.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn in_space(space: &Space, name: &str, home: &Path) -> anyhow::Result<Self> {
        let mut command = Command::from(space.command(name));
        let (child, port) = spawn(command.env("HOME", home)).await?;
        let url = format!("http://{}", space.door(port)?);
        Ok(Self { child, url })
    }

    /// The group of all of its processes.
    #[must_use]
    pub fn group(&self) -> Option<u32> {
        self.child.id()
    }
}

async fn spawn(command: &mut Command) -> anyhow::Result<(Child, u16)> {
    let mut child = command
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("a driver is missing: make tools")?;
    let stdout = child.stdout.take().context("no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let port = async {
        while let Some(line) = lines.next_line().await? {
            // "ChromeDriver was started successfully on port 12345." or "Listening on 127.0.0.1:12345"
            let line = line.trim_end_matches('.');
            let port = ["on port ", "Listening on 127.0.0.1:"]
                .iter()
                .find_map(|before| line.split(before).nth(1)?.parse().ok());
            // Before it has one it says 0.
            if let Some(port) = port.filter(|port| *port != 0) {
                return Ok(port);
            }
        }
        bail!("the driver ended")
    };
    let port = timeout(Duration::from_secs(60), port).await??;
    // The rest is read so that the driver never waits for us.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, port))
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

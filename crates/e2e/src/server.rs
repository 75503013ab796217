//! The server under test: the very binary that `make run` starts.

use std::{net::UdpSocket, path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

use crate::{ask::get_until, binary};

const START: Duration = Duration::from_secs(30);

/// A running `tuturu serve` on loopback, with a state folder of its own.
pub struct Server {
    child: Child,
    log: JoinHandle<String>,
    state: TempDir,
    arguments: Vec<String>,
    /// `http://localhost:<port>`.
    pub page: String,
    /// `http://127.0.0.1:<port>/metrics`.
    pub admin: String,
}

impl Server {
    /// Starts it on free ports, with these further arguments.
    ///
    /// # Errors
    /// When it cannot be built or does not come up.
    pub async fn start(arguments: &[&str]) -> anyhow::Result<Self> {
        let state = tempfile::tempdir()?;
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let (child, log, page, admin) = spawn(state.path(), "127.0.0.1:0", &arguments).await?;
        Ok(Self {
            child,
            log,
            state,
            arguments,
            page,
            admin,
        })
    }

    /// Starts it where Firefox finds its echo: that offers its default address alone, and pairs
    /// it with no loopback.
    ///
    /// # Errors
    /// As [`start`](Self::start), and when this machine has no network.
    pub async fn in_reach_of_firefox() -> anyhow::Result<Self> {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        // Nothing is sent: this only asks which address it would be sent from.
        socket
            .connect("192.0.2.1:9")
            .context("this machine has no network")?;
        let address = socket.local_addr()?.ip().to_string();
        Self::start(&["--public-ip", &address, "--echo-media-listen", "0.0.0.0:0"]).await
    }

    /// Kills it as a crash would.
    ///
    /// # Errors
    /// When it is gone already.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("cannot kill the server")
    }

    /// Loses the secrets it kept, as a server without a state folder does at each restart.
    ///
    /// # Errors
    /// When they cannot be removed.
    pub fn forget(&self) -> anyhow::Result<()> {
        for secret in std::fs::read_dir(self.state.path())? {
            std::fs::remove_file(secret?.path())?;
        }
        Ok(())
    }

    /// Starts it again at the same address, with the secrets it kept.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let listen = self.page.replace("http://localhost", "127.0.0.1");
        let (child, log, _, admin) = spawn(self.state.path(), &listen, &self.arguments).await?;
        self.child = child;
        self.log = log;
        self.admin = admin;
        Ok(())
    }

    /// Waits until its metrics have that line.
    ///
    /// # Errors
    /// When they have not in time; shows them as they are.
    pub async fn counts(&self, line: &str) -> anyhow::Result<()> {
        let admin = self.admin.trim_start_matches("http://");
        let admin = admin.trim_end_matches("/metrics");
        let counted = |text: &str| text.lines().any(|counted| counted == line);
        get_until(admin, "/metrics", counted).await.map(|_| ())
    }

    /// Asks it to stop; everything it logged.
    ///
    /// # Errors
    /// When it does not end in time, or not well.
    pub async fn stop(mut self) -> anyhow::Result<String> {
        let pid = self.child.id().context("the server is gone")?.to_string();
        Command::new("kill").args(["-TERM", &pid]).status().await?;
        let log = timeout(START, self.log).await??;
        let status = timeout(START, self.child.wait()).await??;
        if !status.success() {
            bail!("the server ended with {status}: {log}");
        }
        Ok(log)
    }
}

/// Everything on free ports of loopback, but for what the arguments say.
fn elsewhere(arguments: &[String]) -> impl Iterator<Item = &'static str> {
    let defaults = [
        ["--admin-listen", "127.0.0.1:0"],
        ["--turn-listen", "127.0.0.1:0"],
        ["--echo-media-listen", "127.0.0.1:0"],
        ["--public-ip", "127.0.0.1"],
    ];
    let given = |flag| arguments.iter().any(|argument| argument == flag);
    let own = defaults.into_iter().filter(move |[flag, _]| !given(*flag));
    own.flatten().collect::<Vec<_>>().into_iter()
}

async fn spawn(
    state: &Path,
    listen: &str,
    arguments: &[String],
) -> anyhow::Result<(Child, JoinHandle<String>, String, String)> {
    let mut child = Command::new(binary("tuturu")?)
        .args([
            "--log-level",
            "debug",
            "serve",
            "--listen",
            listen,
            "--state-dir",
        ])
        .arg(state)
        .args(elsewhere(arguments))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start tuturu")?;
    let stdout = child.stdout.take().context("no output")?;
    let mut stderr = child.stderr.take().context("no log")?;
    // Read as it comes: a full pipe would stop the server.
    let log = tokio::spawn(async move {
        let mut bytes = Vec::new();
        // What was read until an error is the log.
        let _ = stderr.read_to_end(&mut bytes).await;
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let reading = async {
        let mut lines = BufReader::new(stdout).lines();
        let (mut page, mut admin) = (None, None);
        while let Some(line) = lines.next_line().await? {
            let address = line.split_whitespace().nth(1).map(ToOwned::to_owned);
            match line.split_whitespace().next() {
                Some("page") if page.is_none() => page = address,
                Some("admin") => admin = address,
                _ => {}
            }
            if let (Some(page), Some(admin)) = (&page, &admin) {
                return Ok((page.trim_end_matches('/').to_owned(), admin.clone()));
            }
        }
        bail!("tuturu ended before it was ready")
    };
    match timeout(START, reading).await {
        Ok(Ok((page, admin))) => Ok((child, log, page, admin)),
        Ok(Err(error)) => Err(error.context(log.await?)),
        Err(_) => bail!("tuturu is not ready after {START:?}"),
    }
}

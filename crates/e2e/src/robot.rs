//! The robot of `examples/robot`, in the Python that its own script prepares.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    time::timeout,
};

/// The first time, a hundred megabytes may come from PyPI.
const INSTALL: Duration = Duration::from_mins(8);
const PATIENCE: Duration = Duration::from_secs(45);

/// A running robot.
pub struct Robot {
    child: Child,
    says: Lines<BufReader<ChildStderr>>,
}

/// The folder of an example.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join("examples").join(name)
}

impl Robot {
    /// Starts it. It offers loopback alone, as everything here is on this machine.
    ///
    /// # Errors
    /// When Python, or what the robot needs from PyPI, is missing.
    pub async fn start(server: &str, id: &str, key: &str) -> anyhow::Result<Self> {
        let mut child = Command::new(python().await?)
            .arg(example("robot").join("robot.py"))
            .args([server, id])
            .env("ROBOT_KEY", key)
            .env("ROBOT_ADDRESS", "127.0.0.1")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the robot")?;
        let says = child.stderr.take().context("no output")?;
        let says = BufReader::new(says).lines();
        Ok(Self { child, says })
    }

    /// Waits until it says that.
    ///
    /// # Errors
    /// When it ends or is too late; says what it said instead.
    pub async fn says(&mut self, wanted: &str) -> anyhow::Result<()> {
        let mut said = Vec::new();
        let reading = async {
            while let Some(line) = self.says.next_line().await? {
                if line.contains(wanted) {
                    return Ok(true);
                }
                said.push(line);
            }
            anyhow::Ok(false)
        };
        match timeout(PATIENCE, reading).await {
            Ok(Ok(true)) => Ok(()),
            Ok(_) => bail!("the robot ended: {}", said.join("\n")),
            Err(_) => bail!("the robot never says {wanted:?}: {}", said.join("\n")),
        }
    }

    /// Switches it off, as a power cut would.
    ///
    /// # Errors
    /// When it is gone already.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("cannot kill the robot")
    }
}

/// The link that `examples/robot/link.py` makes.
///
/// # Errors
/// When there is no Python.
pub async fn link(server: &str, robot: &str, viewer: &str, secret: &str) -> anyhow::Result<String> {
    let output = Command::new("python3")
        .arg(example("robot").join("link.py"))
        .args([server, robot, viewer])
        .env("TUTURU_JWT_SECRET", secret)
        .output()
        .await
        .context("python3 is missing: apt-get install python3")?;
    ensure!(output.status.success(), "link.py fails: {output:?}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// A Python that has what the robot needs, beside the binaries under test.
///
/// # Errors
/// When it cannot be prepared.
pub async fn python() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(3).context("a target folder")?;
    let preparing = Command::new(example("robot").join("venv"))
        .arg(target.join("robot-venv"))
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let prepared = timeout(INSTALL, preparing).await;
    let prepared =
        prepared.context("installing the robot's requirements from PyPI takes too long")??;
    ensure!(
        prepared.status.success(),
        "{}",
        String::from_utf8_lossy(&prepared.stderr)
    );
    Ok(String::from_utf8(prepared.stdout)?.trim().into())
}

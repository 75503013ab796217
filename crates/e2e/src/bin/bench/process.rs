//! A server process, measured from outside through /proc.

use std::{path::Path, process::Stdio};

use anyhow::{Context as _, Result, bail};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::load::Kind;

/// `sysconf(_SC_CLK_TCK)`, which is 100 on every Linux that there is.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) struct Process {
    child: Child,
    pub(crate) address: String,
}

impl Process {
    pub(crate) async fn start(kind: Kind) -> Result<Self> {
        let own = std::env::current_exe()?;
        let mut command = match kind {
            Kind::Reference => {
                let mut command = Command::new(&own);
                command.arg("reference");
                command
            }
            Kind::Tuturu => {
                let folder = own.parent().context("a folder")?;
                let mut command = Command::new(folder.join("tuturu"));
                command.args([
                    "serve",
                    "--listen",
                    "127.0.0.1:0",
                    "--admin-listen",
                    "127.0.0.1:0",
                ]);
                command.args(["--turn-listen", "127.0.0.1:0", "--public-ip", "127.0.0.1"]);
                command.args(["--echo-media-listen", "127.0.0.1:0"]);
                command.args(["--echo-max-sessions-per-source", "100"]);
                command.args(["--echo-offer-rate", "100000"]);
                command.args([
                    "--log-level",
                    "warn",
                    "--max-sockets-per-source",
                    "100000",
                    "--max-connections-per-source",
                    "4096",
                ]);
                command.args([
                    "--message-rate",
                    "100000000",
                    "--message-burst",
                    "100000000",
                ]);
                command
            }
        };
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .context("build it first: cargo build --release --package tuturu")?;
        let stdout = child.stdout.take().context("no output")?;
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some(address) = line.trim().strip_prefix("page") {
                let address = address
                    .trim()
                    .trim_start_matches("http://")
                    .trim_end_matches('/');
                let address = address.replace("localhost", "127.0.0.1");
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok(Self { child, address });
            }
        }
        bail!("the server ended")
    }

    /// User and system time so far.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        cpu_seconds(self.child.id().context("the server ended")?)
    }

    pub(crate) fn resident_kib(&self) -> Result<f64> {
        resident_kib(self.child.id().context("the server ended")?)
    }
}

/// User and system time of a process so far.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = read(pid, "stat")?;
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks =
        |field: usize| -> Result<f64> { Ok(fields.get(field).context("a field")?.parse()?) };
    // proc(5): utime is field 14, stime 15; the first after the name is 3.
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

pub(crate) fn resident_kib(pid: u32) -> Result<f64> {
    let status = read(pid, "status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn read(pid: u32, file: &str) -> Result<String> {
    let path = Path::new("/proc").join(pid.to_string()).join(file);
    Ok(std::fs::read_to_string(path)?)
}

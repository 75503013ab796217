//! What a session of the echo costs, beside coturn relaying the same packets there and back.

use std::{process::Stdio, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    net::UdpSocket,
    process::{Child, Command},
    sync::Barrier,
    time::{Instant, sleep},
};

use crate::{
    caller::{Caller, PACKET_BYTES},
    load::Kind,
    process::{Process, cpu_seconds, resident_kib},
    row,
};

const SESSIONS: usize = 50;
/// A picture of 480 kbit/s: 60 packets a second, of 1,000 bytes.
const INTERVAL: Duration = Duration::from_micros(16_667);
const PACKETS: usize = 600;

/// Of one session.
struct Cost {
    microseconds: f64,
    kib: f64,
    lost: f64,
}

pub(crate) async fn run() -> Result<()> {
    let (echo, relay) = (echo().await?, coturn().await?);
    println!("\n{SESSIONS} sessions of 480 kbit/s there and back, beside coturn");
    let pair = |of: fn(&Cost) -> f64| [of(&echo), of(&relay)];
    row("CPU µs/packet", pair(|cost| cost.microseconds), "");
    let seconds = PACKETS as f64 * INTERVAL.as_secs_f64();
    println!(
        "{:<28} {:>10.2} {:>10.2}",
        "CPU % of a core/session",
        echo.microseconds * PACKETS as f64 / seconds / 1e4,
        relay.microseconds * PACKETS as f64 / seconds / 1e4
    );
    row("KiB/session", pair(|cost| cost.kib), "");
    println!(
        "{:<28} {:>10.2} {:>10.2}",
        "packets lost, %", echo.lost, relay.lost
    );
    Ok(())
}

async fn echo() -> Result<Cost> {
    let process = Process::start(Kind::Tuturu).await?;
    let idle = process.resident_kib()?;
    let ready = Arc::new(Barrier::new(SESSIONS + 1));
    let mut callers = Vec::with_capacity(SESSIONS);
    for _ in 0..SESSIONS {
        let caller = Caller::connect(&process.address).await?;
        let ready = Arc::clone(&ready);
        callers.push(tokio::spawn(async move {
            ready.wait().await;
            caller.send(PACKETS, INTERVAL).await
        }));
    }
    let before = process.cpu_seconds()?;
    ready.wait().await;
    let mut back = 0;
    for caller in callers {
        back += caller.await??;
    }
    cost(
        before,
        process.cpu_seconds()?,
        idle,
        process.resident_kib()?,
        back,
    )
}

/// `turnutils_uclient` sends through the relay to `turnutils_peer`, which sends back.
async fn coturn() -> Result<Cost> {
    let (port, peer_port) = (free_port().await?, free_port().await?);
    let folder = tempfile::tempdir()?;
    let options = [
        // No configuration of this machine's own.
        "-n".into(),
        format!("--listening-port={port}"),
        "--listening-ip=127.0.0.1".into(),
        "--relay-ip=127.0.0.1".into(),
        "--min-port=50000".into(),
        "--max-port=50999".into(),
        "--user=bench:bench".into(),
        "--realm=bench".into(),
        "--lt-cred-mech".into(),
        "--allow-loopback-peers".into(),
        "--no-cli".into(),
        "--no-tls".into(),
        "--no-dtls".into(),
        "--log-file=stdout".into(),
        format!("--pidfile={}", folder.path().join("pid").display()),
        format!("--userdb={}", folder.path().join("db").display()),
    ];
    let relay = quiet("turnserver", &options)?;
    let peer = [
        "-L".into(),
        "127.0.0.1".into(),
        "-p".into(),
        peer_port.to_string(),
    ];
    let _peer = quiet("turnutils_peer", &peer)?;
    let pid = relay.id().context("coturn ended")?;
    let send = async |clients: usize, packets: usize| -> Result<String> {
        let output = Command::new("turnutils_uclient")
            .args(["-c", "-u", "bench", "-w", "bench", "-e", "127.0.0.1"])
            .args(["-r", &peer_port.to_string(), "-p", &port.to_string()])
            .args(["-m", &clients.to_string(), "-n", &packets.to_string()])
            .args([
                "-l",
                &PACKET_BYTES.to_string(),
                "-z",
                &INTERVAL.as_millis().to_string(),
            ])
            .arg("127.0.0.1")
            .output();
        Ok(String::from_utf8_lossy(&output.await?.stdout).into_owned())
    };
    let end = Instant::now() + Duration::from_secs(30);
    while !send(1, 1).await?.contains("Total lost packets 0") {
        ensure!(Instant::now() < end, "coturn does not relay");
        sleep(Duration::from_millis(200)).await;
    }
    let (before, idle) = (cpu_seconds(pid)?, resident_kib(pid)?);
    let told = send(SESSIONS, PACKETS).await?;
    let lost = told
        .split("Total lost packets ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let lost: usize = lost.context("statistics")?.parse()?;
    cost(
        before,
        cpu_seconds(pid)?,
        idle,
        resident_kib(pid)?,
        SESSIONS * PACKETS - lost,
    )
}

fn cost(before: f64, after: f64, idle: f64, busy: f64, back: usize) -> Result<Cost> {
    let sent = SESSIONS * PACKETS;
    ensure!(back > sent / 2, "only {back} of {sent} packets came back");
    Ok(Cost {
        microseconds: (after - before) / back as f64 * 1e6,
        kib: (busy - idle) / SESSIONS as f64,
        lost: 100.0 * (1.0 - back as f64 / sent as f64),
    })
}

fn quiet(program: &str, arguments: &[String]) -> Result<Child> {
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{program} is missing: apt-get install coturn"))
}

async fn free_port() -> Result<u16> {
    Ok(UdpSocket::bind("127.0.0.1:0").await?.local_addr()?.port())
}

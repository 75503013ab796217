//! Asking a running service whether it is ready: what a container's health check runs, in an
//! image without a shell.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::Args;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// The way from a service's own binary.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Admin")]
pub struct HealthArgs {
    /// Ask the service that runs at the admin address whether it is ready; the exit code is
    /// the answer.
    #[arg(long)]
    pub health: bool,
}

/// Asks the admin listener of a service.
///
/// # Errors
/// When it is not ready, or does not answer within 3 s.
pub async fn ask(address: SocketAddr) -> anyhow::Result<()> {
    let asked = timeout(Duration::from_secs(3), status(reachable(address)));
    let status = asked
        .await
        .context("no answer within 3 s")?
        .context("cannot ask the service")?;
    if status != "200" {
        bail!("not ready: status {status}");
    }
    Ok(())
}

/// A service that listens on every address is asked on the loopback one.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

async fn status(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET /ready HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.split(' ').nth(1).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_asked_on_loopback() {
        let asked = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:9090"), "127.0.0.1:9090");
        assert_eq!(asked("[::]:9090"), "[::1]:9090");
        assert_eq!(asked("192.0.2.7:9090"), "192.0.2.7:9090");
    }
}

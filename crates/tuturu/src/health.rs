//! `tuturu health`: what a container's health check runs, in an image without a shell.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Which service to ask.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// Admin address of the service.
    #[arg(default_value = "127.0.0.1:9090", value_name = "ADDRESS")]
    address: SocketAddr,
}

pub(crate) async fn run(args: HealthArgs) -> anyhow::Result<()> {
    let asked = timeout(Duration::from_secs(3), ask(args.address));
    let status = asked
        .await
        .context("no answer within 3 s")?
        .context("cannot ask the service")?;
    if status != "200" {
        bail!("not ready: status {status}");
    }
    Ok(())
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET /ready HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.split(' ').nth(1).unwrap_or_default().to_owned())
}

//! One question over HTTP, and one that is asked until the answer is right.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// The body of `GET <path>` at that address, whatever the status.
///
/// # Errors
/// When nobody answers.
pub async fn get(address: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    // An answer to HTTP/1.0 comes in one piece.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let body = answer.split_once("\r\n\r\n").context("no HTTP answer")?.1;
    Ok(body.to_owned())
}

/// The first answer that is as wanted.
///
/// # Errors
/// Shows the last answer when none is in time.
pub async fn get_until(address: &str, path: &str, wanted: impl Fn(&str) -> bool) -> Result<String> {
    let mut last = String::new();
    let found = until(path, async || {
        last = get(address, path).await.unwrap_or_default();
        wanted(&last)
    });
    let found = found.await;
    found.with_context(|| format!("never as wanted: http://{address}{path}: {last}"))?;
    Ok(last)
}

/// Asks until the answer is yes.
///
/// # Errors
/// When it is not in time.
pub async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) -> Result<()> {
    let asking = async {
        while !so().await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let found = timeout(PATIENCE, asking).await;
    found.with_context(|| format!("never: {what}"))
}

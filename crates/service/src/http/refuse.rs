//! A short answer for a connection there is no room for.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
    time::timeout,
};

use crate::crowd::Crowded;

/// Answers under way at most; beyond that connections are simply closed.
static ANSWERS: Semaphore = Semaphore::const_new(64);

pub(super) fn refuse(mut stream: TcpStream, crowded: Crowded, tls: bool) {
    let Ok(permit) = ANSWERS.try_acquire() else {
        return;
    };
    if tls {
        return;
    }
    let (status, sentence, code) = match crowded {
        Crowded::Server => (
            "503 Service Unavailable",
            "The server is full.",
            "unavailable",
        ),
        Crowded::Source => (
            "429 Too Many Requests",
            "Too many connections.",
            "rate-limited",
        ),
    };
    let body = format!(r#"{{"error":"{sentence} Try again in a moment.","code":"{code}"}}"#);
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Retry-After: 5\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    tokio::spawn(async move {
        let _permit = permit;
        // The client's request is read before the close: unread data would reset the
        // connection, and the answer with it.
        let linger = async {
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await?;
            let mut rest = [0; 512];
            while stream.read(&mut rest).await? > 0 {}
            Ok::<_, std::io::Error>(())
        };
        let _ = timeout(Duration::from_secs(1), linger).await;
    });
}

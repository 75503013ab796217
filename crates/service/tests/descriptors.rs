//! A service that runs out of file descriptors goes on as soon as it has some again.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod kit;

use std::process::Stdio;

use kit::{PATIENCE, ask, open, send};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
    time::timeout,
};

/// Set for the process that [`short_of_descriptors_it_serves_again`] starts.
const CHILD: &str = "SERVE_UNTIL_KILLED";

/// Not a test of its own: it does nothing but in that process.
#[tokio::test]
async fn serve_until_killed() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let service = open(&["--header-timeout", "1h"]).await;
    println!("\nserving {}", service.address);
    service.serving.await.unwrap();
}

#[tokio::test]
async fn short_of_descriptors_it_serves_again() {
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -n 32 && exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "serve_until_killed", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = loop {
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
        let line = line.expect("the child serves");
        if let Some(address) = line.strip_prefix("serving ") {
            break address.to_owned();
        }
    };

    let mut crowd = Vec::new();
    for _ in 0..40 {
        crowd.push(send(&address, "GET").await);
    }
    // The kernel completes this connection; the service has no descriptor to accept it with.
    let waiting = tokio::spawn({
        let address = address.clone();
        async move { ask(&address, "/who").await }
    });
    let folder = format!("/proc/{}/fd", child.id().unwrap());
    let full = async {
        while std::fs::read_dir(&folder).unwrap().count() < 32 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, full).await.expect("the limit is reached");
    assert!(!waiting.is_finished());

    drop(crowd);
    let answer = timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(child.try_wait().unwrap().is_none(), "it lives");
}

//! Connections that a handler took over: none of the time-outs of HTTP but one, and no part
//! in its limits.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod kit;

use std::io;

use kit::{PATIENCE, ask, echoes, open, rest, send, upgrade};
use tokio::time::timeout;

#[tokio::test]
async fn they_outlive_the_time_outs_of_http() {
    let service = open(&["--header-timeout", "50ms", "--request-timeout", "50ms"]).await;
    let mut stream = upgrade(&service.address, "/upgrade").await;
    // Other connections run into the time-outs meanwhile.
    rest(send(&service.address, "GET").await).await;
    ask(&service.address, "/never").await;
    rest(send(&service.address, "GET").await).await;
    assert!(echoes(&mut stream).await);
}

#[tokio::test]
async fn a_slow_reader_still_runs_into_the_write_time_out() {
    let mut service = open(&["--write-timeout", "200ms"]).await;
    let _stuck = upgrade(&service.address, "/flood").await;
    let end = timeout(PATIENCE, service.ended.recv()).await;
    assert_eq!(end.unwrap(), Some(io::ErrorKind::TimedOut));
}

#[tokio::test]
async fn they_take_no_place_of_http() {
    let service = open(&["--max-connections", "1"]).await;
    let mut stream = upgrade(&service.address, "/upgrade").await;
    let free = async {
        while !ask(&service.address, "/who")
            .await
            .starts_with("HTTP/1.1 200")
        {}
    };
    timeout(PATIENCE, free).await.expect("there is room");
    assert!(echoes(&mut stream).await);
}

#[tokio::test]
async fn the_end_of_the_service_neither_waits_for_them_nor_ends_them() {
    let service = open(&[]).await;
    let mut stream = upgrade(&service.address, "/upgrade").await;
    service.trigger.request();
    timeout(PATIENCE, service.serving).await.unwrap().unwrap();
    assert!(echoes(&mut stream).await);
}

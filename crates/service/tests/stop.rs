//! How a service ends: no new connections, answers for requests in flight, no patience for
//! anything else.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod kit;

use kit::{PATIENCE, get, open, rest, send};
use tokio::{io::AsyncReadExt as _, net::TcpStream, time::timeout};

/// A request that the client would like to follow with others.
const HELD: &str = "GET /held HTTP/1.1\r\nHost: here\r\n\r\n";

#[tokio::test]
async fn requests_in_flight_are_answered_and_new_connections_refused() {
    let mut service = open(&[]).await;
    let stream = send(&service.address, HELD).await;
    timeout(PATIENCE, service.arrived.recv()).await.unwrap();
    service.trigger.request();
    let refused = async { while TcpStream::connect(&service.address).await.is_ok() {} };
    timeout(PATIENCE, refused)
        .await
        .expect("the listener closes");
    assert!(!service.serving.is_finished());
    service.release.notify_waiters();
    let answer = rest(stream).await;
    assert!(answer.ends_with("released"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    timeout(PATIENCE, service.serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn silent_and_idle_connections_are_closed_at_once() {
    // So long a time-out that only the stop itself can end them.
    let mut service = open(&["--header-timeout", "1h"]).await;
    let address = &service.address;
    let silent = send(address, "").await;
    let mut idle = send(address, "GET /who HTTP/1.1\r\nHost: here\r\n\r\n").await;
    timeout(PATIENCE, idle.read_u8()).await.unwrap().unwrap();
    let _held = send(address, HELD).await;
    timeout(PATIENCE, service.arrived.recv()).await.unwrap();
    service.trigger.request();
    rest(silent).await;
    rest(idle).await;
    assert!(!service.serving.is_finished(), "a request is in flight");
}

#[tokio::test]
async fn what_does_not_end_is_cut_off() {
    let mut service = open(&["--request-timeout", "1h"]).await;
    let stream = send(&service.address, &get("/held", "")).await;
    timeout(PATIENCE, service.arrived.recv()).await.unwrap();
    service.trigger.request();
    timeout(PATIENCE, service.serving).await.unwrap().unwrap();
    assert_eq!(rest(stream).await, "");
}

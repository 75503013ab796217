//! What slow, silent and crowding clients cost, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod kit;

use std::time::Duration;

use kit::{PATIENCE, ask, get, open, open_at, rest, send};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

#[tokio::test]
async fn half_a_head_silence_and_idling_end_in_time() {
    let service = open(&["--header-timeout", "100ms"]).await;
    let address = &service.address;
    rest(send(address, "GET /who HTT").await).await;
    rest(send(address, "").await).await;
    let idle = rest(send(address, "GET /who HTTP/1.1\r\nHost: here\r\n\r\n").await).await;
    assert!(idle.ends_with("127.0.0.1"), "{idle}");
}

#[tokio::test]
async fn a_head_that_drips_has_the_same_time_as_one_that_stalls() {
    let service = open(&["--header-timeout", "200ms"]).await;
    let mut stream = send(&service.address, "GET /who HTTP/1.1\r\nX-Slow: ").await;
    let drip = async {
        let mut answer = [0; 64];
        loop {
            if stream.write_all(b"x").await.is_err() {
                break;
            }
            // The end of the connection, or time for the next drop.
            let end = timeout(Duration::from_millis(20), stream.read(&mut answer));
            if matches!(end.await, Ok(Ok(0) | Err(_))) {
                break;
            }
        }
    };
    timeout(PATIENCE, drip).await.expect("the server closes");
}

#[tokio::test]
async fn half_a_body_and_an_endless_handler_end_in_time() {
    let service = open(&["--request-timeout", "100ms"]).await;
    let address = &service.address;
    let half = "POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nhalf";
    let answer = rest(send(address, half).await).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = ask(address, "/never").await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_body_that_nobody_reads_holds_nothing_up() {
    let service = open(&[]).await;
    let half = "POST /who HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nhalf";
    let answer = rest(send(&service.address, half).await).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn who_does_not_read_is_dropped() {
    let service = open(&["--write-timeout", "200ms", "--max-connections", "1"]).await;
    let address = &service.address;
    let mut stuck = send(address, &get("/much", "")).await;
    timeout(PATIENCE, stuck.read_u8()).await.unwrap().unwrap();
    // Its place is free although it never reads the rest.
    let free = async { while !ask(address, "/who").await.starts_with("HTTP/1.1 200") {} };
    timeout(PATIENCE, free).await.expect("there is room again");
}

#[tokio::test]
async fn a_full_service_says_so_and_recovers() {
    for (limit, status) in [
        ("--max-connections", "503"),
        ("--max-connections-per-source", "429"),
    ] {
        let service = open(&[limit, "2"]).await;
        let address = &service.address;
        let one = send(address, "GET").await;
        let _two = send(address, "GET").await;
        let full = ask(address, "/who").await;
        assert!(
            full.starts_with(&format!("HTTP/1.1 {status}")) && full.contains("Retry-After"),
            "{full}"
        );
        drop(one);
        // The place is free as soon as the server has seen the end.
        let free = async { while !ask(address, "/who").await.starts_with("HTTP/1.1 200") {} };
        timeout(PATIENCE, free).await.expect("there is room again");
    }
}

#[tokio::test]
async fn a_trusted_proxy_may_crowd_but_not_fill_the_service() {
    let service = open(&[
        "--trusted-proxies",
        "127.0.0.1",
        "--max-connections-per-source",
        "1",
        "--max-connections",
        "3",
    ])
    .await;
    let address = &service.address;
    let _two = (send(address, "GET").await, send(address, "GET").await);
    assert!(ask(address, "/who").await.starts_with("HTTP/1.1 200"));
    let _third = send(address, "GET").await;
    let full = async { while !ask(address, "/who").await.starts_with("HTTP/1.1 503") {} };
    timeout(PATIENCE, full).await.expect("three are all");
}

#[tokio::test]
async fn the_address_is_the_connections_unless_a_proxy_is_trusted() {
    let forged = get("/who", "X-Forwarded-For: 1.1.1.1, 203.0.113.9\r\n");
    let service = open(&[]).await;
    let who = rest(send(&service.address, &forged).await).await;
    assert!(who.ends_with("127.0.0.1"), "{who}");

    let service = open(&["--trusted-proxies", "127.0.0.0/8"]).await;
    let address = &service.address;
    let who = rest(send(address, &forged).await).await;
    assert!(who.ends_with("203.0.113.9"), "{who}");
    // Two header lines are one list; its last entry is the proxy's.
    let twice = get(
        "/who",
        "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 203.0.113.8\r\n",
    );
    let who = rest(send(address, &twice).await).await;
    assert!(who.ends_with("203.0.113.8"), "{who}");
    let nonsense = get("/who", "X-Forwarded-For: 1.1.1.1, unknown\r\n");
    let who = rest(send(address, &nonsense).await).await;
    assert!(who.ends_with("127.0.0.1"), "{who}");
}

#[tokio::test]
async fn ipv4_over_a_socket_of_both_families_is_ipv4() {
    let flags = ["--trusted-proxies", "127.0.0.1"];
    let service = open_at("[::]:0", None, &flags).await;
    let port = service.address.rsplit_once(':').unwrap().1;
    let address = format!("127.0.0.1:{port}");
    let who = ask(&address, "/who").await;
    assert!(who.ends_with("\r\n127.0.0.1"), "{who}");
    let forwarded = get("/who", "X-Forwarded-For: ::ffff:203.0.113.9\r\n");
    let who = rest(send(&address, &forwarded).await).await;
    assert!(who.ends_with("\r\n203.0.113.9"), "{who}");
}

#[tokio::test]
async fn errors_are_typed_and_say_nothing_of_the_inside() {
    let service = open(&[]).await;
    let address = &service.address;
    let missing = ask(address, "/missing").await;
    assert!(
        missing.starts_with("HTTP/1.1 404")
            && missing.ends_with(r#"{"error":"Nothing is here.","code":"not-found"}"#),
        "{missing}"
    );
    let request = |line: &str, length: usize| {
        format!(
            "{line} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    for (text, status, code) in [
        (request("POST /echo", 2000), "413", "too-large"),
        (request("PUT /who", 0), "405", "method-not-allowed"),
        (request("GET /query?a=300", 0), "400", "invalid-request"),
    ] {
        let answer = rest(send(address, &text).await).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}"))
                && answer.contains(&format!(r#""code":"{code}""#)),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn what_is_no_http_or_makes_a_handler_panic_costs_only_its_connection() {
    let service = open(&[]).await;
    let address = &service.address;
    for bytes in [
        "\0\0\0\0\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(64 << 10)),
        get("/panics", ""),
    ] {
        let answer = rest(send(address, &bytes).await).await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert!(ask(address, "/who").await.starts_with("HTTP/1.1 200"));
}

//! Clients that do what they should not: each costs a bounded amount and loses only its own
//! connection, while a call beside them goes on.

use std::time::Duration;

use crate::desk::*;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use signaling::IssuerLink;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_tungstenite::tungstenite::Message;

/// Two people in a call who must never notice anything.
async fn call(desk: &Desk) -> (Page, Page) {
    let (mut ann, _) = desk.joined(join("999999")).await;
    let (bob, _) = desk.joined(join("999999")).await;
    ann.hears("peer-joined").await;
    (ann, bob)
}

async fn undisturbed((mut ann, mut bob): (Page, Page)) {
    ann.say(&json!({ "type": "offer", "data": 1, "epoch": "e", "seq": 1 }))
        .await;
    assert_eq!(
        bob.hear().await,
        json!({ "type": "offer", "data": 1, "epoch": "e", "seq": 1 })
    );
    ann.heard_nothing().await;
}

#[tokio::test]
async fn garbage_is_answered_and_closes_only_what_the_protocol_says() {
    let desk = Desk::open(&[]).await;
    let call = call(&desk).await;
    for garbage in [
        "{",
        "[]",
        "7",
        "\u{0}",
        r#"{"type":"ping","type":"ping"}"#,
        r#"{"type":"offer","data":1,"seq":1}"#,
    ] {
        let mut page = desk.page().await;
        page.say_raw(garbage).await;
        page.hears("error").await;
        page.heard_nothing().await;
    }
    for (fatal, why) in [
        (
            r#"{"type":"join-pin","pin":123456}"#,
            "A PIN is six digits.",
        ),
        (
            r#"{"type":"join-pin","pin":"١٢٣٤٥٦"}"#,
            "A PIN is six digits.",
        ),
        ("{}", "This message has a missing or unknown type."),
        (
            r#"{"type":"dance"}"#,
            "This message has a missing or unknown type.",
        ),
    ] {
        let mut page = desk.page().await;
        page.say_raw(fatal).await;
        assert_eq!(page.hears("error").await["error"], why);
        assert_eq!(page.is_closed().await, 1008);
    }
    undisturbed(call).await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_much_too_large_not_even_read() {
    let desk = Desk::open(&[]).await;
    let call = call(&desk).await;
    let (mut page, _) = desk.joined(join("000001")).await;
    let large = |bytes: usize| format!(r#"{{"type":"offer","data":"{}"}}"#, "x".repeat(bytes));
    page.say_raw(&large(64 * 1024 - 26)).await;
    page.say_raw(&large(64 * 1024)).await;
    assert_eq!(page.hears("error").await["code"], "too-large");
    page.say_raw(&format!(
        r#"{{"type":"peer-message","data":"{}"}}"#,
        "x".repeat(16 * 1024)
    ))
    .await;
    assert_eq!(page.hears("error").await["code"], "too-large");
    page.say_raw(&large(128 * 1024)).await;
    assert_eq!(page.is_closed().await, 1009);

    let (mut old, _) = desk.joined(join_as_released("000002")).await;
    old.say_raw(&large(64 * 1024)).await;
    old.heard_nothing().await;
    undisturbed(call).await;
}

#[tokio::test]
async fn binary_and_broken_text_are_refused() {
    let desk = Desk::open(&[]).await;
    let (mut page, _) = desk.joined(join("000001")).await;
    page.socket
        .send(Message::binary(vec![0, 1, 2]))
        .await
        .unwrap();
    assert_eq!(page.hears("error").await["code"], "invalid-message");
    let mut raw = tokio::net::TcpStream::connect(&desk.address).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        desk.address
    );
    raw.write_all(request.as_bytes()).await.unwrap();
    // A masked text frame of one byte that is no UTF-8.
    raw.write_all(&[0x81, 0x81, 0, 0, 0, 0, 0xff])
        .await
        .unwrap();
    let mut answer = Vec::new();
    raw.read_to_end(&mut answer).await.unwrap();
    let close = [0x88, 15, 0x03, 0xef];
    assert!(
        answer.windows(4).any(|bytes| bytes == close),
        "closed with 1007"
    );
}

#[tokio::test]
async fn who_speaks_too_fast_is_cut_off() {
    let desk = Desk::open(&["--message-rate", "1", "--message-burst", "5"]).await;
    let mut page = desk.page().await;
    for _ in 0..6 {
        page.say(&json!({ "type": "ping" })).await;
    }
    for _ in 0..5 {
        page.hears("pong").await;
    }
    assert_eq!(page.is_closed().await, 1008);
}

#[tokio::test]
async fn who_never_joins_and_who_is_silent_are_sent_away() {
    let desk = Desk::open(&["--join-timeout", "100ms"]).await;
    let mut page = desk.page().await;
    assert_eq!(page.is_closed().await, 1008);

    let desk = Desk::open(&["--ping-interval", "300ms", "--ping-timeout", "3s"]).await;
    let (mut alive, _) = desk.joined(join("000001")).await;
    let (silent, _) = desk.joined(join("000001")).await;
    alive.hears("peer-joined").await;
    // Whoever reads answers pings; who does not read is gone.
    alive.hears("peer-away").await;
    drop(silent);
}

#[tokio::test]
async fn who_does_not_read_is_closed_and_delays_nobody() {
    let desk = Desk::open(&["--message-rate", "100000", "--message-burst", "100000"]).await;
    let (mut fast, _) = desk.joined(join("000001")).await;
    let (_slow, _) = desk.joined(join("000001")).await;
    fast.hears("peer-joined").await;
    let large =
        json!({ "type": "offer", "data": "x".repeat(60_000), "epoch": "e", "seq": 1 }).to_string();
    let (mut write, mut read) = fast.socket.split();
    let flood =
        tokio::spawn(
            async move { while write.send(Message::text(large.clone())).await.is_ok() {} },
        );
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(30), read.next())
            .await
            .expect("a full outbox ends the slow one");
        let Some(Ok(Message::Text(text))) = frame else {
            continue;
        };
        let message: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(message["type"], "peer-away");
        break;
    }
    flood.abort();
}

#[tokio::test]
async fn upgrades_are_refused_with_a_reason() {
    let desk = Desk::open(&[
        "--max-sockets-per-source",
        "2",
        "--allowed-origins",
        "https://app.example",
    ])
    .await;
    let key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
    let status = |answer: String| answer[9..12].to_owned();
    assert_eq!(
        status(desk.http("GET /ws HTTP/1.1\r\nHost: here\r\n\r\n").await),
        "426"
    );
    assert_eq!(
        status(
            desk.upgrade(&format!("{key}\r\nOrigin: https://evil.example"))
                .await
        ),
        "403"
    );
    assert_eq!(
        status(
            desk.upgrade(&format!("Sec-WebSocket-Key: {}", "x".repeat(65)))
                .await
        ),
        "400"
    );
    // The Dart client sends 12 characters in lower case and no Origin.
    let dart = desk.upgrade("Sec-WebSocket-Key: abcdefghijkl").await;
    assert!(dart.starts_with("HTTP/1.1 101"), "{dart}");
    assert!(
        !dart.to_ascii_lowercase().contains("sec-websocket-protocol")
            && !dart.to_ascii_lowercase().contains("extensions")
    );
    let (_one, _two) = (desk.page().await, desk.page().await);
    let crowded = desk
        .upgrade(&format!("{key}\r\nOrigin: https://app.example"))
        .await;
    assert_eq!(status(crowded.clone()), "429");
    assert!(
        crowded.contains("retry-after") && crowded.contains(r#""code":"rate-limited""#),
        "{crowded}"
    );
    desk.trigger.request();
    assert_eq!(
        status(Desk::open(&["--max-sockets", "0"]).await.upgrade(key).await),
        "503"
    );
}

#[tokio::test]
async fn calls_are_set_up_while_the_issuer_hangs_lies_or_is_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base: reqwest::Url = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let good = json!({ "iceServers": [{ "urls": ["turn:x"], "username": "u", "credential": "c" }], "ttl": 600 });
    let with_length = |status: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let answers = [
        Some(with_length("200 OK", &good.to_string())),
        Some(with_length("500 Oops", "secret")),
        Some(with_length("200 OK", "oops")),
        Some(with_length("200 OK", &" ".repeat(20_000))),
        Some(
            "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
                .to_owned(),
        ),
        None,
    ];
    let failures = answers.len();
    let issuer = tokio::spawn(async move {
        let mut hanging = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 2048];
            let length = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            assert!(
                request.contains("authorization: Bearer the token of the tests"),
                "{request}"
            );
            match answer {
                // The client is right to hang up before it has read ten pages of blanks.
                Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
                None => hanging.push(stream),
            }
        }
        hanging
    });
    let link = || IssuerLink::Http {
        base: base.clone(),
        token: Some("the token of the tests".into()),
    };
    let fallback = ["--fallback-stun-uris", "stun:fallback:1"];
    let (_page, reply) = Desk::open_with(&fallback, link())
        .await
        .joined(join("000001"))
        .await;
    assert_eq!(reply["data"]["iceServers"][0]["username"], "u");
    // All the others, and at last nobody is there.
    for _ in 0..failures {
        let (_page, reply) = Desk::open_with(&fallback, link())
            .await
            .joined(join("000001"))
            .await;
        assert_eq!(
            reply["data"]["iceServers"],
            json!([{ "urls": ["stun:fallback:1"] }])
        );
    }
    drop(issuer.await.unwrap());
}

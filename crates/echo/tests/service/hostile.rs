//! Offers that nobody makes in good faith: each is answered, and none costs much.

use proptest::prelude::*;
use serde_json::json;
use tokio::net::UdpSocket;

use crate::{
    desk::Desk,
    peer::{Peer, is_offer, some_offer},
};

#[tokio::test]
async fn what_is_no_offer_is_refused_with_a_reason() {
    let desk = Desk::open(&["--echo-offer-rate", "1000"]).await;
    let good = some_offer().await;
    let without = |start: &str| -> String {
        let kept = good
            .split_inclusive('\n')
            .filter(|line| !line.starts_with(start));
        kept.collect()
    };
    let session = good.split("m=").next().unwrap().to_owned();
    let unknown = good
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("a=fmtp") && !line.starts_with("a=rtcp-fb"))
        .map(|line| {
            line.split_once("a=rtpmap:")
                .map_or(line.to_owned(), |(_, rest)| {
                    format!(
                        "a=rtpmap:{} THEORA/90000\r\n",
                        rest.split(' ').next().unwrap()
                    )
                })
        });
    let unknown: String = unknown.collect();
    let no_channel = unknown
        .split("m=application")
        .next()
        .unwrap()
        .replace(" 2\r\na=", "\r\na=");
    assert!(is_offer(&no_channel));
    for (what, sdp) in [
        ("nothing", String::new()),
        ("text", "hello".into()),
        ("no media", session),
        ("no fingerprint", without("a=fingerprint")),
        ("no password", without("a=ice-pwd")),
        ("codecs nobody has", no_channel),
        ("lines without end", good.clone() + &"a=x\r\n".repeat(5000)),
        (
            "media without end",
            good.clone() + &"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".repeat(500),
        ),
    ] {
        let answer = desk.offer(&sdp).await;
        assert_eq!(answer.status, 422, "{what}: {answer:?}");
        assert_eq!(answer.json()["code"], "unprocessable");
    }
    for body in [
        json!({}),
        json!({ "sdp": good }),
        json!({ "sdp": good, "type": "answer" }),
        json!({ "sdp": 1, "type": "offer" }),
        json!({ "sdp": good, "type": "offer", "initialParameters": { "delay": 6 } }),
        json!({ "sdp": good, "type": "offer", "initialParameters": [] }),
    ] {
        assert_eq!(
            desk.post("/api/v1/webrtc/offer", &body).await.status,
            422,
            "{body}"
        );
    }
    let large = desk.offer(&"a=x\r\n".repeat(200_000)).await;
    assert_eq!(
        (large.status, &large.json()["code"]),
        (413, &json!("too-large"))
    );
    assert!(
        desk.metrics()
            .contains("tuturu_echo_sessions{dialect=\"offer\"} 0"),
        "none is open"
    );
    assert_eq!(desk.offer(&good).await.status, 200, "and it goes on");
}

#[tokio::test]
async fn nothing_is_sent_to_candidates() {
    let desk = Desk::open(&[]).await;
    let victim = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = victim.local_addr().unwrap().port();
    let offered = Peer::offer(str0m::media::Direction::SendRecv).await;
    let named = (0..1000).map(|n| {
        format!("a=candidate:{n} 1 udp 2113937151 127.0.0.1 {port} typ host\r\na=candidate:{n} 1 udp 2113937151 10.0.{}.{} 9 typ host\r\n", n / 256, n % 256)
    });
    let many: String = named.take(900).collect();
    let sdp = offered
        .sdp
        .replacen("m=video", &format!("{many}m=video"), 1);
    let answer = desk.offer(&sdp).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer.json()["sessionId"].as_str().unwrap().to_owned();
    let trickled = json!({ "candidates": [{ "candidate": format!("candidate:1 1 udp 2113937151 127.0.0.1 {port} typ host"), "sdpMid": "0" }] });
    let path = format!("PATCH /api/v1/webrtc/offer/{id}");
    let taken = desk
        .ask(
            &path,
            "content-type: application/json\r\n",
            &trickled.to_string(),
        )
        .await;
    assert_eq!(taken.status, 204);

    // The client itself connects and talks for long enough that anybody else would have
    // heard: checks of candidates come within 50 ms of each other.
    let mut peer = offered.answered(answer.json()["sdp"].as_str().unwrap());
    peer.until("connected", |got| got.connected).await;
    peer.send(200).await;
    peer.until("everything", |got| got.pictures.len() == 400)
        .await;
    let mut buffer = [0; 64];
    assert!(
        victim.try_recv(&mut buffer).is_err(),
        "somebody else heard of it"
    );
}

#[tokio::test]
async fn ten_thousand_candidates_and_a_thousand_half_open_sessions_are_bounded() {
    let limits = [
        "--echo-offer-rate",
        "100000",
        "--echo-silence",
        "2s",
        "--echo-max-sessions-per-source",
        "20",
    ];
    let desk = Desk::open(&limits).await;
    let offer = some_offer().await;
    let many = "a=candidate:1 1 udp 2113937151 10.0.0.1 9 typ host\r\n".repeat(10_000);
    let sdp = offer.replacen("m=video", &format!("{many}m=video"), 1);
    assert_eq!(desk.offer(&sdp).await.status, 413);

    let (mut opened, mut refused) = (0, 0);
    for _ in 0..1000 {
        match desk.offer(&offer).await.status {
            200 => opened += 1,
            429 => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!(opened + refused, 1000);
    assert!(refused > 500, "{opened} were opened");
    // All of them are gone again, and there is room.
    desk.counts("tuturu_echo_sessions{dialect=\"offer\"} 0")
        .await;
    desk.counts(&format!(
        "tuturu_echo_sessions_ended_total{{reason=\"silent\"}} {opened}"
    ))
    .await;
    assert_eq!(desk.offer(&offer).await.status, 200);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Mutilated offers are answered or refused, and nothing else.
    #[test]
    fn no_offer_brings_it_down(cuts in prop::collection::vec((0.0..1.0_f64, 0_usize..60, ".{0,12}"), 1..8)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let desk = Desk::open(&["--echo-offer-rate", "100000"]).await;
            let mut sdp = some_offer().await;
            for (at, length, text) in cuts {
                let characters: Vec<char> = sdp.chars().collect();
                let at = (at * characters.len() as f64) as usize;
                let end = (at + length).min(characters.len());
                sdp = characters[..at].iter().chain(&text.chars().collect::<Vec<_>>()).chain(&characters[end..]).collect();
            }
            let status = desk.offer(&sdp).await.status;
            assert!([200, 422].contains(&status), "{status}");
        });
    }
}

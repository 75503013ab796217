//! Who may have a session, how many, for how long; and what is said about it.

use serde_json::json;
use tokio::time::timeout;

use crate::{
    desk::{Desk, PATIENCE},
    peer::{Peer, some_offer},
};

#[tokio::test]
async fn sessions_are_found_by_their_id() {
    let desk = Desk::open(&[]).await;
    let answer = desk.offer(&some_offer().await).await.json();
    assert_eq!(answer["type"], "answer");
    let path = format!(
        "/api/v1/webrtc/offer/{}",
        answer["sessionId"].as_str().unwrap()
    );
    let candidates = json!({ "candidates": [{ "candidate": "candidate:1 1 udp 1 a.local 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0 }] });
    let patch = |path: String, body: String| {
        let desk = &desk;
        async move {
            desk.ask(
                &format!("PATCH {path}"),
                "content-type: application/json\r\n",
                &body,
            )
            .await
        }
    };
    assert_eq!(
        patch(path.clone(), candidates.to_string()).await.status,
        204
    );
    assert_eq!(patch(path.clone(), "{}".into()).await.status, 422);
    let unknown = "/api/v1/webrtc/offer/1b4e28ba-2fa1-41d2-883f-0016d3cca427";
    assert_eq!(
        patch(unknown.into(), candidates.to_string()).await.status,
        404
    );
    assert_eq!(
        desk.ask(&format!("DELETE {path}"), "", "").await.status,
        204
    );
    desk.counts("tuturu_echo_sessions_ended_total{reason=\"deleted\"} 1")
        .await;
    assert_eq!(
        desk.ask(&format!("DELETE {path}"), "", "").await.status,
        404
    );
    assert_eq!(patch(path, candidates.to_string()).await.status, 404);
}

#[tokio::test]
async fn a_silent_session_is_closed() {
    let desk = Desk::open(&["--echo-silence", "1s"]).await;
    let mut peer = Peer::connect(&desk).await;
    peer.send(5).await;
    // From here on nobody drives it: it neither sends nor answers.
    desk.counts("tuturu_echo_sessions_ended_total{reason=\"silent\"} 1")
        .await;
    peer.until("the farewell", |got| {
        got.messages
            .iter()
            .any(|told| told["type"] == "stream_stopped")
    })
    .await;
    desk.counts("tuturu_echo_sessions{dialect=\"offer\"} 0")
        .await;
}

#[tokio::test]
async fn a_stop_tells_all_sessions_at_once() {
    let desk = Desk::open(&[]).await;
    let mut peers = Vec::new();
    for _ in 0..5 {
        peers.push(Peer::connect(&desk).await);
    }
    let begun = std::time::Instant::now();
    let closed = timeout(PATIENCE, desk.echo.close());
    let driven = async {
        for peer in &mut peers {
            peer.until("the farewell", |got| got.ended).await;
        }
    };
    let (closed, ()) = tokio::join!(closed, driven);
    closed.unwrap();
    assert!(
        begun.elapsed().as_secs() < 10,
        "together, not one after the other"
    );
    for peer in &peers {
        assert!(
            peer.got
                .messages
                .iter()
                .any(|told| told["type"] == "stream_stopped")
        );
    }
    desk.counts("tuturu_echo_sessions_ended_total{reason=\"stopped\"} 5")
        .await;
}

#[tokio::test]
async fn each_source_and_all_together_are_bounded() {
    let few = [
        "--echo-max-sessions",
        "3",
        "--echo-max-sessions-per-source",
        "2",
    ];
    let desk = Desk::open(&few).await;
    let offer = some_offer().await;
    for _ in 0..2 {
        assert_eq!(desk.offer(&offer).await.status, 200);
    }
    let full = desk.offer(&offer).await;
    assert_eq!((full.status, full.header("retry-after")), (429, Some("30")));
    let fastrtc = json!({ "sdp": offer, "type": "offer", "webrtc_id": "a" });
    let refused = desk.post("/webrtc/offer", &fastrtc).await;
    assert_eq!(refused.status, 200);
    let expected =
        json!({ "status": "failed", "meta": { "error": "concurrency_limit_reached", "limit": 2 } });
    assert_eq!(refused.json(), expected);

    let slow = Desk::open(&["--echo-offer-rate", "2"]).await;
    let statuses = [200, 200, 429];
    for status in statuses {
        assert_eq!(slow.offer(&offer).await.status, status);
    }
}

#[tokio::test]
async fn fastrtc_is_answered_in_its_own_words() {
    let desk = Desk::open(&[]).await;
    let offer = json!({ "sdp": some_offer().await, "type": "offer", "webrtc_id": "one" });
    let answer = desk.post("/webrtc/offer", &offer).await.json();
    assert_eq!(answer["type"], "answer");
    assert_eq!(answer.as_object().unwrap().len(), 2);
    let candidate = |id: &str| json!({ "candidate": { "candidate": "", "sdpMid": "0" }, "type": "ice-candidate", "webrtc_id": id });
    let taken = desk.post("/webrtc/offer", &candidate("one")).await.json();
    assert_eq!(taken, json!({ "status": "success" }));
    for (body, error) in [
        (candidate("two"), "unknown_connection"),
        (offer, "connection_already_exists"),
        (
            json!({ "sdp": "none", "type": "offer", "webrtc_id": "three" }),
            "This is no SDP offer.",
        ),
    ] {
        let refused = desk.post("/webrtc/offer", &body).await;
        assert_eq!(
            (refused.status, &refused.json()["meta"]["error"]),
            (200, &json!(error))
        );
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_unless_they_are_named() {
    let desk = Desk::open(&["--echo-origins", "https://scope.example"]).await;
    let ask = async |origin: &str| {
        desk.ask(
            "GET /api/v1/pipeline/status",
            &format!("origin: {origin}\r\n"),
            "",
        )
        .await
    };
    let named = ask("https://scope.example").await;
    assert_eq!(named.status, 200);
    assert_eq!(
        named.header("access-control-allow-origin"),
        Some("https://scope.example")
    );
    let other = ask("https://evil.example").await;
    assert_eq!(
        (other.status, other.header("access-control-allow-origin")),
        (403, None)
    );
    let preflight = desk
        .ask(
            "OPTIONS /api/v1/webrtc/offer",
            "origin: https://scope.example\r\n",
            "",
        )
        .await;
    assert_eq!(preflight.status, 204);
    assert!(
        preflight
            .header("access-control-allow-headers")
            .unwrap()
            .contains("content-type")
    );
}

#[tokio::test]
async fn what_scope_asks_before_its_offer() {
    let desk = Desk::open(&[]).await;
    let status = desk.ask("GET /api/v1/pipeline/status", "", "").await.json();
    assert_eq!(
        status,
        json!({ "status": "loaded", "pipeline_id": "passthrough", "load_params": null, "error": null })
    );
    let load = async |id: &str| {
        desk.post(
            "/api/v1/pipeline/load",
            &json!({ "pipeline_id": id, "load_params": null }),
        )
        .await
        .status
    };
    assert_eq!((load("passthrough").await, load("magic").await), (200, 400));
    let hardware = desk.ask("GET /api/v1/hardware/info", "", "").await;
    assert_eq!(hardware.json(), json!({ "vram_gb": null }));
    let health = desk.ask("GET /health", "", "").await.json();
    assert_eq!(health["status"], "healthy");
    assert!(health["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(
        desk.ask("GET /api/v1/webrtc/offer", "", "").await.status,
        405
    );
    assert_eq!(desk.ask("GET /api/v1/webrtc", "", "").await.status, 404);
}

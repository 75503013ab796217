//! Calls as pages make them, over real sockets.

use crate::desk::*;
use serde_json::json;

#[tokio::test]
async fn released_pages_meet_speak_and_part() {
    let desk = Desk::open(&[]).await;
    let (mut ann, reply) = desk.joined(join_as_released("012345")).await;
    assert_eq!(
        reply,
        json!({ "type": "join-pin", "data": { "iceServers": [{ "urls": ["stun:here:1"] }] } })
    );
    let (mut bob, reply) = desk.joined(join_as_released("012345")).await;
    assert_eq!(reply["type"], "join-pin");
    assert_eq!(ann.hear().await, json!({ "type": "peer-joined" }));
    bob.heard_nothing().await;
    for number in 0..50 {
        ann.say(&json!({ "type": "ice-candidate", "data": { "candidate": number } }))
            .await;
    }
    for number in 0..50 {
        assert_eq!(
            bob.hear().await,
            json!({ "type": "ice-candidate", "data": { "candidate": number } })
        );
    }
    ann.say(&json!({ "type": "leave" })).await;
    assert_eq!(ann.is_closed().await, 1000);
    assert_eq!(bob.hear().await, json!({ "type": "peer-left" }));
}

#[tokio::test]
async fn what_is_carried_is_carried_unread() {
    let desk = Desk::open(&[]).await;
    let (mut ann, _) = desk.joined(join("012345")).await;
    let (mut bob, _) = desk.joined(join("012345")).await;
    ann.hears("peer-joined").await;
    let odd = r#"{"type":"offer","data":{"b" : 1e400,"a":[ "\u00e9\ud83d\ude00"],"a":2},"epoch":"e","seq":1}"#;
    ann.say_raw(odd).await;
    use futures_util::StreamExt as _;
    let frame = bob
        .socket
        .next()
        .await
        .unwrap()
        .unwrap()
        .into_text()
        .unwrap();
    assert_eq!(frame.as_str(), odd, "not a byte is changed");
    bob.say(&json!({ "type": "ack", "epoch": "e", "seq": 1 }))
        .await;
    assert_eq!(
        ann.hear().await,
        json!({ "type": "ack", "epoch": "e", "seq": 1 })
    );
}

#[tokio::test]
async fn a_released_page_hears_nothing_new_from_a_new_one() {
    let desk = Desk::open(&[]).await;
    let (mut ann, _) = desk.joined(join_as_released("012345")).await;
    let (mut bob, reply) = desk.joined(join("012345")).await;
    assert_eq!(
        (&reply["data"]["peerPresent"], &reply["data"]["peerResumes"]),
        (&json!(true), &json!(false))
    );
    ann.hears("peer-joined").await;
    bob.say(&json!({ "type": "peer-message", "data": {}, "epoch": "e", "seq": 1 }))
        .await;
    bob.say(&json!({ "type": "ack", "epoch": "e", "seq": 1 }))
        .await;
    bob.say(&json!({ "type": "answer", "data": { "sdp": "x" }, "epoch": "e", "seq": 2 }))
        .await;
    assert_eq!(
        ann.hear().await,
        json!({ "type": "answer", "data": { "sdp": "x" } })
    );
    drop(bob);
    // Bob's seat is held, but Ann has no word for it.
    ann.heard_nothing().await;
}

#[tokio::test]
async fn a_third_person_is_refused_clearly() {
    let desk = Desk::open(&[]).await;
    let (mut ann, _) = desk.joined(join("012345")).await;
    let (_bob, _) = desk.joined(join("012345")).await;
    let (mut carl, error) = desk.joined(join("012345")).await;
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("error"), &json!("room-full"))
    );
    assert_eq!(carl.is_closed().await, 1008);
    let (mut dora, error) = desk.joined(join_as_released("012345")).await;
    assert_eq!(
        error,
        json!({ "type": "error", "error": "Two people are already in this call. Choose another PIN." })
    );
    assert_eq!(dora.is_closed().await, 1008);
    ann.hears("peer-joined").await;
    ann.heard_nothing().await;
}

#[tokio::test]
async fn a_lost_page_comes_back_to_its_seat() {
    let desk = Desk::open(&[]).await;
    let (mut ann, reply) = desk.joined(join("012345")).await;
    assert_eq!(
        (&reply["data"]["offerer"], &reply["data"]["resumed"]),
        (&json!(true), &json!(false))
    );
    let (bob, reply) = desk.joined(join("012345")).await;
    assert_eq!(reply["data"]["offerer"], json!(false));
    let token = reply["data"]["resume"].clone();
    ann.hears("peer-joined").await;
    drop(bob);
    ann.hears("peer-away").await;
    let (mut bob, reply) = desk.joined(join_again("012345", &token)).await;
    assert_eq!(
        [
            &reply["data"]["resumed"],
            &reply["data"]["offerer"],
            &reply["data"]["peerPresent"],
            &reply["data"]["peerResumes"]
        ],
        [&json!(true), &json!(false), &json!(true), &json!(true)]
    );
    assert_eq!(
        ann.hears("peer-back").await["data"],
        json!({ "peerResumes": true })
    );
    bob.say(&json!({ "type": "leave" })).await;
    ann.hears("peer-left").await;
}

#[tokio::test]
async fn a_seat_is_held_only_for_the_grace_time() {
    let desk = Desk::open(&["--seat-grace", "100ms"]).await;
    let (mut ann, _) = desk.joined(join("012345")).await;
    let (bob, _) = desk.joined(join("012345")).await;
    ann.hears("peer-joined").await;
    drop(bob);
    ann.hears("peer-away").await;
    ann.hears("peer-left").await;
}

#[tokio::test]
async fn a_seat_that_is_taken_over_is_told_to_its_old_page() {
    let desk = Desk::open(&[]).await;
    let (mut ann, reply) = desk.joined(join("012345")).await;
    let (mut again, reply) = desk
        .joined(join_again("012345", &reply["data"]["resume"]))
        .await;
    assert_eq!(reply["data"]["resumed"], json!(true));
    assert_eq!(ann.hears("error").await["code"], "replaced");
    assert_eq!(ann.is_closed().await, 4409);
    again.heard_nothing().await;
}

#[tokio::test]
async fn a_restarted_process_knows_its_tokens_and_keeps_strangers_out() {
    let secret = ["--resume-secret", "a secret of the tests 0123456789"];
    let before = Desk::open(&secret).await;
    let (mut ann, _) = before.joined(join("012345")).await;
    let (_bob, bob_reply) = before.joined(join("012345")).await;
    let ann_token = ann.hears("peer-joined").await["data"]["resume"].clone();

    let after = Desk::open(&secret).await;
    let (mut ann, reply) = after.joined(join_again("012345", &ann_token)).await;
    assert_eq!(
        [&reply["data"]["resumed"], &reply["data"]["offerer"]],
        [&json!(true), &json!(true)]
    );
    let (_carl, error) = after.joined(join("012345")).await;
    assert_eq!(error["code"], "room-full");
    let (_bob, reply) = after
        .joined(join_again("012345", &bob_reply["data"]["resume"]))
        .await;
    assert_eq!(
        [&reply["data"]["resumed"], &reply["data"]["offerer"]],
        [&json!(true), &json!(false)]
    );
    ann.hears("peer-back").await;
}

#[tokio::test]
async fn a_token_of_another_secret_is_a_join_like_any_other() {
    let before = Desk::open(&[]).await;
    let (_ann, reply) = before.joined(join("012345")).await;
    let after = Desk::open(&[]).await;
    let (_ann, reply) = after
        .joined(join_again("012345", &reply["data"]["resume"]))
        .await;
    assert_eq!(reply["data"]["resumed"], json!(false));
}

#[tokio::test]
async fn calls_by_link_have_rooms_of_their_own() {
    let desk = Desk::open(&[]).await;
    let call = json!({ "type": "join-call", "call": "AbCdEfGhIjKlMnOpQr-_09", "resume": null });
    let (mut ann, reply) = desk.joined(call.clone()).await;
    assert_eq!(reply["type"], "join-call");
    let (_bob, _) = desk.joined(call).await;
    ann.hears("peer-joined").await;
    let (mut carl, error) = desk
        .joined(json!({ "type": "join-call", "call": "short", "resume": null }))
        .await;
    assert_eq!(error["code"], "invalid-call");
    assert_eq!(carl.is_closed().await, 1008);
}

#[tokio::test]
async fn guessing_ends_in_a_block_that_says_for_how_long() {
    let desk = Desk::open(&["--guess-block-after", "3"]).await;
    for pin in ["000001", "000002", "000003"] {
        let (mut page, _) = desk.joined(join(pin)).await;
        page.say(&json!({ "type": "leave" })).await;
        assert_eq!(page.is_closed().await, 1000);
    }
    let (mut page, error) = desk.joined(join("000004")).await;
    assert_eq!(error["code"], "rate-limited");
    assert!(error["data"]["retryAfterMs"].as_u64().unwrap() > 1_700_000);
    assert_eq!(page.is_closed().await, 1008);
    let (_page, reply) = desk
        .joined(json!({ "type": "join-call", "call": "AbCdEfGhIjKlMnOpQr-_09", "resume": null }))
        .await;
    assert_eq!(
        reply["type"], "join-call",
        "what cannot be guessed is not slowed down"
    );
}

#[tokio::test]
async fn a_stop_sends_new_pages_away_at_once_and_lets_released_ones_finish() {
    let desk = Desk::open(&[]).await;
    let (mut new, _) = desk.joined(join("000001")).await;
    let (mut old, _) = desk.joined(join_as_released("000002")).await;
    desk.trigger.request();
    let signaling = desk.signaling.clone();
    let draining = tokio::spawn(async move { signaling.drain().await });
    new.hears("draining").await;
    assert_eq!(new.is_closed().await, 1012);
    old.heard_nothing().await;
    assert!(!draining.is_finished());
    old.say(&json!({ "type": "leave" })).await;
    assert_eq!(old.is_closed().await, 1000);
    drop((new, old));
    draining.await.unwrap();
}

#[tokio::test]
async fn health_counts_rooms() {
    let desk = Desk::open(&[]).await;
    let (_ann, _) = desk.joined(join("012345")).await;
    let answer = desk
        .http("GET /health HTTP/1.1\r\nHost: here\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains(r#"{"status":"ok","rooms":1,"timestamp":"#),
        "{answer}"
    );
    assert!(desk.signaling.is_live().await);
}

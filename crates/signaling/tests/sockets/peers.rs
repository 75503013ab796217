//! Peers by id, as the clients of flutter-webrtc-server speak.

use crate::desk::*;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

pub(crate) fn new(id: &str) -> Value {
    json!({ "type": "new", "data": { "id": id, "name": format!("{id}'s"), "user_agent": "test" } })
}

/// Registered, and told of everybody.
pub(crate) async fn registered(desk: &Desk, id: &str) -> Page {
    let mut peer = desk.page().await;
    peer.say(&new(id)).await;
    sees(&mut peer, |ids| ids.contains(&id.to_owned())).await;
    peer
}

/// Waits for a list of peers that satisfies.
async fn sees(peer: &mut Page, satisfies: impl Fn(&[String]) -> bool) -> Vec<String> {
    loop {
        let list = peer.waits_for("peers").await["data"].take();
        let id = |card: &Value| card["id"].as_str().unwrap().to_owned();
        let ids: Vec<String> = list.as_array().unwrap().iter().map(id).collect();
        if satisfies(&ids) {
            return ids;
        }
    }
}

/// Nothing but presence was said to this peer before it is answered now.
async fn heard_only_presence(peer: &mut Page) {
    let marker = json!({ "type": "keepalive", "data": { "mark": 1 } });
    peer.say(&marker).await;
    loop {
        let message = peer.hear().await;
        if message == marker {
            return;
        }
        assert_eq!(message["type"], "peers", "{message}");
    }
}

fn offer(from: &str, to: &str) -> Value {
    let description = json!({ "type": "offer", "sdp": "v=0" });
    json!({ "type": "offer", "data": { "to": to, "from": from, "description": description,
        "session_id": format!("{from}-{to}"), "media": "video" } })
}

fn bye(session: &str, from: &str) -> Value {
    json!({ "type": "bye", "data": { "session_id": session, "from": from } })
}

#[tokio::test]
async fn a_call_from_registration_to_bye() {
    let desk = Desk::open(&[]).await;
    let mut ann = registered(&desk, "111111").await;
    let mut bob = registered(&desk, "222222").await;
    sees(&mut ann, |ids| ids == ["111111", "222222"]).await;

    let candidate = json!({ "type": "candidate", "data": { "to": "222222", "from": "111111",
        "candidate": { "sdpMLineIndex": 0, "sdpMid": "0", "candidate": "c" }, "session_id": "111111-222222" } });
    ann.say(&candidate).await;
    ann.say(&offer("111111", "222222")).await;
    assert_eq!(
        bob.waits_for("candidate").await,
        candidate,
        "candidates may come first"
    );
    assert_eq!(bob.hear().await, offer("111111", "222222"));
    let answer = json!({ "type": "answer", "data": { "to": "111111", "from": "222222",
        "description": { "type": "answer", "sdp": "v=0" }, "session_id": "111111-222222" } });
    bob.say(&answer).await;
    assert_eq!(ann.hear().await, answer);

    ann.say(&bye("111111-222222", "111111")).await;
    for (peer, id) in [(&mut ann, "111111"), (&mut bob, "222222")] {
        let heard = json!({ "type": "bye", "data": { "to": id, "session_id": "111111-222222" } });
        assert_eq!(peer.hear().await, heard, "the sender hears it too");
    }
    drop(bob);
    sees(&mut ann, |ids| ids == ["111111"]).await;
}

#[tokio::test]
async fn only_the_other_end_of_a_session_hears_leave() {
    let desk = Desk::open(&[]).await;
    let mut ann = registered(&desk, "a").await;
    let mut bob = registered(&desk, "b").await;
    let mut eve = registered(&desk, "c").await;
    ann.say(&offer("a", "b")).await;
    bob.waits_for("offer").await;
    drop(ann);
    assert_eq!(
        bob.waits_for("leave").await,
        json!({ "type": "leave", "data": "a" })
    );
    sees(&mut eve, |ids| ids == ["b", "c"]).await;
    heard_only_presence(&mut eve).await;

    // The session is over: the id is free for a new one, and a bye says who is gone.
    bob.say(&bye("a-b", "b")).await;
    let gone =
        json!({ "type": "error", "data": { "request": "bye", "reason": "Peer [a] not found." } });
    assert_eq!(bob.waits_for("error").await, gone);
    assert_eq!(
        bob.hear().await,
        json!({ "type": "bye", "data": { "to": "b", "session_id": "a-b" } })
    );
}

#[tokio::test]
async fn the_newer_registration_of_an_id_wins() {
    let desk = Desk::open(&[]).await;
    let mut ann = registered(&desk, "a").await;
    let mut old = registered(&desk, "b").await;
    let mut new = registered(&desk, "b").await;
    assert_eq!(old_is_closed(&mut old).await, 4409);
    ann.say(&offer("a", "b")).await;
    assert_eq!(new.waits_for("offer").await, offer("a", "b"));
}

async fn old_is_closed(old: &mut Page) -> u16 {
    loop {
        if let Message::Close(close) = old.hear_raw().await {
            return close.unwrap().code.into();
        }
    }
}

#[tokio::test]
async fn the_older_html5_client_speaks_flat_and_hears_data() {
    let desk = Desk::open(&[]).await;
    let mut bob = registered(&desk, "b").await;
    let mut flat = desk.page().await;
    flat.say(&json!({ "type": "new", "id": "a", "name": "n", "user_agent": "u" }))
        .await;
    sees(&mut flat, |ids| ids == ["b", "a"]).await;
    flat.say(&json!({ "type": "offer", "to": "b", "media": "video", "session_id": "a-b", "description": { "sdp": "s" } }))
        .await;
    let heard = bob.waits_for("offer").await;
    let data = json!({ "to": "b", "media": "video", "session_id": "a-b", "description": { "sdp": "s" }, "from": "a" });
    assert_eq!(heard, json!({ "type": "offer", "data": data }));
    flat.say(&json!({ "type": "bye", "session_id": "a-b" }))
        .await;
    bob.waits_for("bye").await;
    flat.waits_for("bye").await;
}

#[tokio::test]
async fn errors_have_the_exact_texts() {
    let desk = Desk::open(&[]).await;
    let mut ann = registered(&desk, "a").await;
    for (request, said, reason) in [
        ("offer", offer("a", "x"), "Peer [x] not found "),
        ("bye", bye("x-y", "a"), "Invalid session [x-y]"),
        ("bye", bye("nonsense", "a"), "Invalid session [nonsense]"),
    ] {
        ann.say(&said).await;
        let error = json!({ "type": "error", "data": { "request": request, "reason": reason } });
        assert_eq!(ann.waits_for("error").await, error);
    }
}

#[tokio::test]
async fn hostile_peers_lose_nothing_but_their_own() {
    let desk = Desk::open(&["--max-peers", "3"]).await;
    let mut ann = registered(&desk, "a").await;
    let mut bob = registered(&desk, "b").await;
    let mut eve = registered(&desk, "e").await;

    // What means nothing is ignored; what is wrong is told; a spoofed `from` is overwritten.
    for ignored in [
        json!({ "type": "leave" }),
        json!({ "type": "dance", "data": {} }),
        json!({ "type": "offer", "data": 7 }),
    ] {
        eve.say(&ignored).await;
    }
    heard_only_presence(&mut eve).await;
    for wrong in [
        "{",
        "[]",
        r#"{"type":"offer","data":{"to":7}}"#,
        r#"{"type":"new","data":{"id":{}}}"#,
        r#"{"type":"bye","type":"bye"}"#,
    ] {
        eve.say_raw(wrong).await;
        eve.waits_for("error").await;
    }
    eve.socket.send(Message::binary(vec![1, 2])).await.unwrap();
    eve.waits_for("error").await;
    eve.say_raw(&"x".repeat(64 * 1024 + 1)).await;
    eve.waits_for("error").await;
    let mut spoofed = offer("b", "a");
    spoofed["data"]["from"] = json!("b");
    eve.say(&spoofed).await;
    let heard = ann.waits_for("offer").await;
    assert_eq!(heard["data"]["from"], "e");

    // Somebody else's session is not hers to end.
    ann.say(&offer("a", "b")).await;
    bob.waits_for("offer").await;
    eve.say(&bye("a-b", "a")).await;
    assert_eq!(
        eve.waits_for("error").await["data"]["reason"],
        "Invalid session [a-b]"
    );
    heard_only_presence(&mut bob).await;

    // No more peers than there may be, and nobody speaks without an id.
    let mut late = desk.page().await;
    late.say(&json!({ "type": "keepalive" })).await;
    late.hears("keepalive").await;
    late.say(&offer("late", "a")).await;
    let error = late.waits_for("error").await;
    assert_eq!(error["data"]["reason"], "Say new first.");
    late.say(&new("late")).await;
    assert_eq!(late.waits_for("error").await["data"]["request"], "new");
    assert_eq!(late.is_closed().await, 1013);
    heard_only_presence(&mut ann).await;
}

#[tokio::test]
async fn a_burst_of_peers_costs_few_lists() {
    let patience = ["--max-sockets-per-source", "200", "--ping-timeout", "1h"];
    let desk = Desk::open(&patience).await;
    let mut first = registered(&desk, "first").await;
    let mut others = Vec::new();
    for n in 0..100 {
        let mut peer = desk.page().await;
        peer.say(&new(&format!("p{n}"))).await;
        others.push(peer);
    }
    let mut lists = 0;
    loop {
        lists += 1;
        if first.waits_for("peers").await["data"]
            .as_array()
            .unwrap()
            .len()
            == 101
        {
            break;
        }
    }
    assert!(lists < 50, "{lists} lists for a hundred peers");
}

#[tokio::test]
async fn a_stranger_cannot_touch_the_session_of_two_others() {
    let desk = Desk::open(&[]).await;
    let mut ann = registered(&desk, "a").await;
    let mut bob = registered(&desk, "b").await;
    let mut eve = registered(&desk, "e").await;
    // She names her own session as theirs will be, before it begins.
    let mut squatted = offer("e", "a");
    squatted["data"]["session_id"] = json!("a-b");
    eve.say(&squatted).await;
    ann.waits_for("offer").await;
    ann.say(&offer("a", "b")).await;
    bob.waits_for("offer").await;
    let answer = json!({ "type": "answer", "data": { "to": "a", "session_id": "a-b" } });
    bob.say(&answer).await;
    ann.waits_for("answer").await;
    // Her bye, and her loss, are no business of theirs.
    eve.say(&bye("a-b", "e")).await;
    let heard = eve.waits_for("bye").await;
    assert_eq!(heard["data"]["to"], "e");
    heard_only_presence(&mut ann).await;
    for n in 0..40 {
        let mut ringing = offer("e", "a");
        ringing["data"]["session_id"] = json!(format!("s{n}"));
        eve.say(&ringing).await;
        ann.waits_for("offer").await;
    }
    drop(eve);
    sees(&mut ann, |ids| ids == ["a", "b"]).await;
    heard_only_presence(&mut ann).await;
    // Their own session ends as it should.
    drop(bob);
    let left = ann.waits_for("leave").await;
    assert_eq!(left, json!({ "type": "leave", "data": "b" }));
}

#[tokio::test]
async fn who_rings_or_is_rung_hears_that_the_other_is_gone() {
    let desk = Desk::open(&[]).await;
    let mut ann = registered(&desk, "a").await;
    for caller_leaves in [true, false] {
        let mut bob = registered(&desk, "b").await;
        if caller_leaves {
            bob.say(&offer("b", "a")).await;
            ann.waits_for("offer").await;
        } else {
            ann.say(&offer("a", "b")).await;
            bob.waits_for("offer").await;
        }
        drop(bob);
        assert_eq!(ann.waits_for("leave").await["data"], "b");
    }
}

#[tokio::test]
async fn heavy_cards_close_nobodys_socket() {
    let desk = Desk::open(&["--max-sockets-per-source", "100", "--outbox-bytes", "32KiB"]).await;
    let mut ann = registered(&desk, "a").await;
    let heavy = "\u{1}\u{10ffff}\"".repeat(100);
    let mut refused = 0;
    let mut others = tokio::task::JoinSet::new();
    for n in 0..60 {
        let mut peer = desk.page().await;
        let card = json!({ "id": format!("p{n}"), "name": heavy, "user_agent": heavy });
        peer.say(&json!({ "type": "new", "data": card })).await;
        let first = peer.hear().await;
        refused += usize::from(first["type"] == "error");
        others.spawn(async move { while let Some(Ok(_)) = peer.socket.next().await {} });
    }
    assert!(refused > 0, "there is a limit to what all cards weigh");
    heard_only_presence(&mut ann).await;
}

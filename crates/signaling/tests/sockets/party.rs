//! Rooms by call ID, as PartyKit's clients speak.

use crate::desk::*;
use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

pub(crate) async fn member(desk: &Desk, room: &str, id: &str) -> Page {
    desk.socket(&format!("/parties/call/{room}?_pk={id}"))
        .await
        .unwrap()
}

fn joined(id: &str) -> Value {
    json!({ "type": "peer-joined", "peerId": id, "id": id })
}

fn left(id: &str) -> Value {
    json!({ "type": "peer-disconnected", "peerId": id, "id": id })
}

async fn connections(desk: &Desk, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    desk.http(&request).await
}

#[tokio::test]
async fn everybody_else_hears_every_byte_and_no_other_room_does() {
    let desk = Desk::open(&[]).await;
    let mut ann = member(&desk, "one", "ann").await;
    assert_eq!(ann.hear().await, json!({ "type": "peers", "ids": [] }));
    let mut bob = member(&desk, "one", "bob").await;
    assert_eq!(bob.hear().await, json!({ "type": "peers", "ids": ["ann"] }));
    assert_eq!(ann.hear().await, joined("bob"));
    let mut eve = member(&desk, "two", "eve").await;
    eve.hears("peers").await;

    for frame in [
        Message::text("{not json"),
        Message::text(""),
        Message::binary(vec![0, 255, 1]),
        Message::binary(vec![]),
        Message::text(r#"{"type":"peer-joined","id":"forged"}"#),
    ] {
        ann.socket.send(frame.clone()).await.unwrap();
        assert_eq!(bob.hear_raw().await, frame);
    }
    drop(bob);
    assert_eq!(ann.hear().await, left("bob"), "and nothing of its own");
    let mut two = member(&desk, "two", "second").await;
    two.hears("peers").await;
    assert_eq!(
        eve.hear().await,
        joined("second"),
        "nothing of the other room"
    );
}

#[tokio::test]
async fn an_id_that_connects_again_keeps_its_place() {
    let desk = Desk::open(&[]).await;
    let mut ann = member(&desk, "one", "ann").await;
    let mut old = member(&desk, "one", "bob").await;
    let mut new = member(&desk, "one", "bob").await;
    assert_eq!(new.hear().await, json!({ "type": "peers", "ids": ["ann"] }));
    old.hears("peers").await;
    assert_eq!(old.is_closed().await, 4409);
    drop(old);
    new.socket.send(Message::text("here")).await.unwrap();
    ann.hears("peers").await;
    assert_eq!(ann.hear().await, joined("bob"));
    assert_eq!(
        ann.hear_raw().await,
        Message::text("here"),
        "nobody came and nobody left"
    );
    let answer = connections(&desk, "/parties/call/one").await;
    assert!(answer.ends_with(r#"{"connections":2}"#), "{answer}");
}

#[tokio::test]
async fn presence_can_be_turned_off_and_a_name_is_not_needed() {
    let desk = Desk::open(&[]).await;
    let mut silent = desk
        .socket("/party/room?_pk=silent&presence=0")
        .await
        .unwrap();
    let mut ann = desk.socket("/parties/main/room").await.unwrap();
    assert_eq!(
        ann.hear().await,
        json!({ "type": "peers", "ids": ["silent"] }),
        "/party is the party main"
    );
    ann.socket.send(Message::text("hi")).await.unwrap();
    assert_eq!(silent.hear_raw().await, Message::text("hi"));
}

#[tokio::test]
async fn rooms_have_a_capacity_and_parties_may_be_a_list() {
    let desk = Desk::open(&["--party-capacity", "2", "--parties", "call,game"]).await;
    let mut ann = member(&desk, "one", "ann").await;
    let _bob = member(&desk, "one", "bob").await;
    ann.hears("peers").await;
    ann.hears("peer-joined").await;
    let mut third = member(&desk, "one", "third").await;
    assert_eq!(third.is_closed().await, 1013);
    assert_eq!(desk.socket("/parties/other/one").await.err(), Some(404));
    let answer = connections(&desk, "/parties/other/one").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let answer = connections(&desk, "/parties/game/one").await;
    assert!(answer.ends_with(r#"{"connections":0}"#), "{answer}");
    let long = format!("/parties/call/{}", "x".repeat(129));
    assert_eq!(desk.socket(&long).await.err(), Some(400));
}

#[tokio::test]
async fn what_is_too_large_ends_only_its_own_connection() {
    let desk = Desk::open(&[]).await;
    let mut ann = member(&desk, "one", "ann").await;
    let mut bob = member(&desk, "one", "bob").await;
    ann.hears("peers").await;
    ann.hears("peer-joined").await;
    bob.hears("peers").await;
    bob.socket
        .send(Message::binary(vec![7; 64 * 1024 + 1]))
        .await
        .unwrap();
    assert_eq!(bob.is_closed().await, 1009);
    assert_eq!(ann.hear().await, left("bob"));
    let exact = Message::binary(vec![7; 64 * 1024]);
    let mut cat = member(&desk, "one", "cat").await;
    cat.hears("peers").await;
    ann.hears("peer-joined").await;
    ann.socket.send(exact.clone()).await.unwrap();
    assert_eq!(cat.hear_raw().await, exact);
}

//! All vocabularies at once: nobody hears another room.

use std::collections::BTreeSet;

use crate::{
    desk::*,
    party::member,
    peers::registered,
    robots::{Yard, session},
};
use futures_util::{SinkExt as _, StreamExt as _, future::join_all};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

/// How much everybody says.
const MESSAGES: usize = 40;

/// One who speaks to exactly one other, in its own words.
struct Pair {
    name: String,
    one: Page,
    two: Page,
    words: fn(&str) -> String,
}

/// Every text that a client heard which carries a canary.
async fn canaries(page: &mut Page, count: usize) -> BTreeSet<String> {
    let mut heard = BTreeSet::new();
    while heard.len() < count {
        let Some(Ok(message)) = page.socket.next().await else {
            panic!("closed after {heard:?}");
        };
        let Message::Text(text) = message else {
            continue;
        };
        if let Some(start) = text.find("canary:") {
            let end = text[start..].find('"').unwrap();
            assert!(
                heard.insert(text[start..start + end].to_owned()),
                "{text} came twice"
            );
        }
    }
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hears_another_room() {
    let yard = Yard::open(&["--max-sockets-per-source", "200", "--message-burst", "1000"]).await;
    let desk = &yard.desk;
    let mut pairs = Vec::new();
    for n in 0..4 {
        let pin = format!("12345{n}");
        let (mut one, _) = desk.joined(join_as_released(&pin)).await;
        let (two, _) = desk.joined(join_as_released(&pin)).await;
        one.hears("peer-joined").await;
        let words = |text: &str| {
            json!({ "type": "ice-candidate", "data": { "candidate": text } }).to_string()
        };
        pairs.push(Pair {
            name: format!("call{n}"),
            one,
            two,
            words,
        });

        let (one, two) = (format!("p{n}-a"), format!("p{n}-b"));
        let (one, two) = (registered(desk, &one).await, registered(desk, &two).await);
        let words: fn(&str) -> String = |text| {
            // `canary:peers<n>/<side>-<k>` goes to the other side of the same n.
            let (n, side) = (&text[12..13], text.contains("/one"));
            let to = format!("p{n}-{}", if side { "b" } else { "a" });
            json!({ "type": "offer", "data": { "to": to, "session_id": format!("s{n}"), "description": text } }).to_string()
        };
        pairs.push(Pair {
            name: format!("peers{n}"),
            one,
            two,
            words,
        });

        let (one, two) = (
            member(desk, &format!("r{n}"), "a").await,
            member(desk, &format!("r{n}"), "b").await,
        );
        let words = |text: &str| json!({ "anything": text }).to_string();
        pairs.push(Pair {
            name: format!("party{n}"),
            one,
            two,
            words,
        });
    }
    let mut rover = yard.robot("rover").await;
    let (mut ann, mut cat) = (yard.app("ann").await, yard.app("ann").await);
    let first = session(&mut ann, &mut rover, "rover").await;
    let second = session(&mut cat, &mut rover, "rover").await;

    let talk = pairs.into_iter().map(|mut pair| async move {
        for k in 0..MESSAGES {
            for (side, page) in [("one", &mut pair.one), ("two", &mut pair.two)] {
                let text = (pair.words)(&format!("canary:{}/{side}-{k}", pair.name));
                page.socket.send(Message::text(text)).await.unwrap();
            }
        }
        for (from, page) in [("two", &mut pair.one), ("one", &mut pair.two)] {
            let expected: BTreeSet<_> = (0..MESSAGES)
                .map(|k| format!("canary:{}/{from}-{k}", pair.name))
                .collect();
            assert_eq!(canaries(page, MESSAGES).await, expected);
        }
    });
    let robots = async {
        for k in 0..MESSAGES {
            for (name, id) in [("first", &first), ("second", &second)] {
                let text = format!("canary:{name}-{k}");
                rover
                    .say(&json!({ "type": "webrtc_ice", "session_id": id, "candidate": text }))
                    .await;
            }
        }
        for (name, app) in [("first", &mut ann), ("second", &mut cat)] {
            let expected: BTreeSet<_> = (0..MESSAGES)
                .map(|k| format!("canary:{name}-{k}"))
                .collect();
            assert_eq!(canaries(app, MESSAGES).await, expected);
        }
    };
    tokio::join!(join_all(talk), robots);
}

#[tokio::test]
async fn a_pin_call_goes_on_beside_everything_else() {
    let yard = Yard::open(&[]).await;
    let desk = &yard.desk;
    let (mut ann, _) = desk.joined(join("123456")).await;
    let (mut bob, _) = desk.joined(join("123456")).await;
    ann.hears("peer-joined").await;
    // Names of rooms that look like others' are others'.
    for room in ["123456", "pin:123456", "peers", "robot:rover"] {
        let mut eve = member(desk, room, "eve").await;
        eve.socket.send(Message::text("hello")).await.unwrap();
        let mut peer = registered(desk, "pin:123456").await;
        peer.say(&json!({ "type": "bye", "data": { "session_id": "pin:123456-x" } }))
            .await;
        peer.waits_for("error").await;
    }
    ann.say(&json!({ "type": "offer", "data": 1, "epoch": "e", "seq": 1 }))
        .await;
    bob.hears("offer").await;
    ann.heard_nothing().await;
}

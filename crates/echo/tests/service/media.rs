//! What is sent comes back: every packet, as it was, and what is lost comes again.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    desk::Desk,
    peer::{PICTURE, Peer, picture},
};

#[tokio::test]
async fn every_packet_comes_back_as_it_was() {
    let desk = Desk::open(&[]).await;
    let mut peer = Peer::connect(&desk).await;
    peer.send(50).await;
    peer.until("everything", |got| {
        got.pictures.len() == 100 && got.sounds == 50
    })
    .await;
    let mut first = None;
    for number in 2..102 {
        let (time, marker, count) = peer.got.pictures[&picture(number)];
        assert_eq!((marker, count), (number % 2 == 1, 1), "packet {number}");
        // Times are the sender's.
        let offset = time.wrapping_sub(number / 2 * PICTURE);
        assert_eq!(*first.get_or_insert(offset), offset);
    }
    desk.counts("tuturu_echo_setup_seconds_count 1").await;
    desk.counts("tuturu_echo_sessions{dialect=\"offer\"} 1")
        .await;
    peer.close();
    peer.until("the end", |got| got.ended).await;
    desk.counts("tuturu_echo_sessions_ended_total{reason=\"closed\"} 1")
        .await;
}

#[tokio::test]
async fn what_is_lost_on_the_way_back_is_sent_again() {
    let desk = Desk::open(&[]).await;
    let mut peer = Peer::connect(&desk).await;
    peer.loses = |number| number % 10 == 9;
    peer.send(100).await;
    // Only what follows a gap shows it.
    for _ in 0..20 {
        if (2..202).all(|number| peer.got.pictures.contains_key(&picture(number))) {
            return;
        }
        peer.send(20).await;
    }
    panic!("some packets never come");
}

#[tokio::test]
async fn a_wish_for_a_whole_picture_reaches_the_camera() {
    let desk = Desk::open(&[]).await;
    let mut peer = Peer::connect(&desk).await;
    peer.send(5).await;
    peer.until("pictures", |got| !got.pictures.is_empty()).await;
    peer.ask_for_key_frame();
    peer.until("a request", |got| got.key_frames_asked > 0)
        .await;
}

#[tokio::test]
async fn media_goes_over_tcp_too() {
    let desk = Desk::open(&[]).await;
    let offered = Peer::offer_over_tcp(desk.echo.media_address()).await;
    let answer = desk.offer(&offered.sdp).await;
    let mut peer = offered.answered(answer.json()["sdp"].as_str().unwrap());
    peer.until("connected", |got| got.connected).await;
    peer.send(20).await;
    peer.until("everything", |got| got.pictures.len() == 40)
        .await;
}

#[tokio::test]
async fn a_delay_holds_back_and_is_let_go_in_order() {
    let desk = Desk::open(&[]).await;
    let mut peer = Peer::connect(&desk).await;
    let set = peer.set(&json!({ "pipeline": "delay", "delay": 1 })).await;
    assert_eq!(
        (&set["pipeline"], &set["delay"]),
        (&json!("delay"), &json!(1.0))
    );
    let begun = Instant::now();
    peer.send(1).await;
    peer.until("the picture", |got| got.pictures.len() == 2)
        .await;
    assert!(begun.elapsed() >= Duration::from_secs(1));

    peer.set(&json!({ "delay": 5 })).await;
    peer.send(10).await;
    assert_eq!(peer.got.pictures.len(), 2, "they wait");
    let begun = Instant::now();
    peer.set(&json!({ "pipeline": "passthrough" })).await;
    peer.until("all that waited", |got| got.pictures.len() == 22)
        .await;
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "nothing waits any more"
    );
}

#[tokio::test]
async fn a_loss_loses_and_what_is_lost_is_sent_again() {
    let desk = Desk::open(&[]).await;
    let mut peer = Peer::connect(&desk).await;
    peer.send(20).await;
    peer.until("everything", |got| got.pictures.len() == 40)
        .await;
    peer.set(&json!({ "pipeline": "loss", "loss": 20 })).await;
    peer.send(200).await;
    for _ in 0..20 {
        if (2..442).all(|number| peer.got.pictures.contains_key(&picture(number))) {
            break;
        }
        peer.send(20).await;
    }
    let back = (2..442).filter(|number| peer.got.pictures.contains_key(&picture(*number)));
    // Now and then one is lost, and lost again, until it is too late for it.
    assert!(back.count() > 400, "what is lost comes again");
    let metrics = desk.metrics();
    let lossy = metrics.lines().any(|line| {
        line.starts_with("tuturu_echo_loss_ratio_sum{direction=\"sent\"}") && !line.ends_with(" 0")
    });
    assert!(lossy, "and is seen as loss: {metrics}");
}

#[tokio::test]
async fn parameters_are_checked_and_told() {
    let desk = Desk::open(&[]).await;
    let mut peer = Peer::connect(&desk).await;
    assert_eq!(peer.got.messages[0]["type"], "parameters_updated");
    let update = json!({ "loss": 99, "delay": 2, "prompts": ["a cat"], "noise_scale": 0.5 });
    let set = peer.set(&update).await;
    assert_eq!(set["unknown"], json!(["noise_scale"]));
    assert_eq!(set["errors"]["loss"], "loss is 0 to 20 percent");
    assert_eq!((&set["loss"], &set["delay"]), (&json!(0.0), &json!(2.0)));
    assert_eq!(set["prompts"], json!([{ "text": "a cat", "weight": 1.0 }]));
    assert!(set["answer"].is_string());
    for wrong in ["[]", "{", "\"a\""] {
        let before = peer.got.messages.len();
        peer.say(wrong);
        peer.until("an answer", |got| got.messages.len() > before)
            .await;
        let told = peer.got.messages.last().unwrap();
        assert_eq!(
            (&told["type"], &told["code"]),
            (&json!("error"), &json!("invalid-message"))
        );
    }
}

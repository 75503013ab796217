//! What pages tell of their calls: counted at once, told to nobody.

use crate::desk::*;
use serde_json::{Value, json};
use tokio::time::timeout;

fn connected(setup: Option<u32>, path: &str) -> Value {
    let data =
        json!({ "outcome": "connected", "reason": "none", "setup_bucket": setup, "path": path });
    json!({ "type": "report", "data": data })
}

fn failed(reason: &str) -> Value {
    let data =
        json!({ "outcome": "failed", "reason": reason, "setup_bucket": null, "path": "none" });
    json!({ "type": "report", "data": data })
}

fn counter(outcome: &str, reason: &str, path: &str) -> String {
    format!(
        "tuturu_signaling_call_reports_total{{outcome=\"{outcome}\",path=\"{path}\",reason=\"{reason}\"}}"
    )
}

/// Two who met.
async fn call(desk: &Desk, pin: &str) -> (Page, Page) {
    let (mut ann, _) = desk.joined(join(pin)).await;
    let (bob, _) = desk.joined(join(pin)).await;
    ann.hears("peer-joined").await;
    (ann, bob)
}

#[tokio::test]
async fn each_side_tells_and_the_other_side_does_not_hear_it() {
    let desk = Desk::open(&[]).await;
    let (ann, reply) = desk.joined(join("012345")).await;
    assert_eq!(reply["data"]["reports"], json!(true));
    assert_eq!(
        desk.metric("tuturu_signaling_calls_opened_total").await,
        1.0
    );
    assert_eq!(
        desk.metric("tuturu_signaling_calls_started_total").await,
        0.0
    );
    let (mut ann, (mut bob, _)) = (ann, desk.joined(join("012345")).await);
    ann.hears("peer-joined").await;
    assert_eq!(
        desk.metric("tuturu_signaling_calls_started_total").await,
        1.0
    );

    ann.say(&connected(Some(500), "direct")).await;
    bob.say(&failed("ice")).await;
    ann.heard_nothing().await;
    bob.heard_nothing().await;
    ann.heard_nothing().await;
    let count = desk.metric(&counter("connected", "none", "direct")).await;
    assert_eq!(count, 1.0);
    assert_eq!(desk.metric(&counter("failed", "ice", "none")).await, 1.0);
    let setup = "tuturu_signaling_call_setup_seconds";
    let at_most = |bound| format!("{setup}_bucket{{path=\"direct\",le=\"{bound}\"}}");
    assert_eq!(desk.metric(&at_most("0.25")).await, 0.0);
    assert_eq!(desk.metric(&at_most("0.5")).await, 1.0);
    assert_eq!(
        desk.metric(&format!("{setup}_count{{path=\"relayed\"}}"))
            .await,
        0.0
    );
}

#[tokio::test]
async fn what_takes_longer_than_every_bucket_is_above_them_all() {
    let desk = Desk::open(&[]).await;
    let (mut ann, _bob) = call(&desk, "012345").await;
    ann.say(&connected(None, "relayed")).await;
    ann.heard_nothing().await;
    let at_most = |bound| {
        format!("tuturu_signaling_call_setup_seconds_bucket{{path=\"relayed\",le=\"{bound}\"}}")
    };
    assert_eq!(desk.metric(&at_most("30")).await, 0.0);
    assert_eq!(desk.metric(&at_most("+Inf")).await, 1.0);
}

#[tokio::test]
async fn one_for_each_seat_even_when_it_comes_back() {
    let desk = Desk::open(&[]).await;
    let (mut ann, _) = desk.joined(join("012345")).await;
    let (mut bob, reply) = desk.joined(join("012345")).await;
    bob.say(&failed("ice")).await;
    bob.heard_nothing().await;
    bob.say(&failed("ice")).await;
    assert_eq!(bob.hears("error").await["code"], "invalid-report");
    drop(bob);
    ann.waits_for("peer-away").await;
    let again = join_again("012345", &reply["data"]["resume"]);
    let (mut bob, reply) = desk.joined(again).await;
    assert_eq!(reply["data"]["resumed"], json!(true));
    bob.say(&failed("ice")).await;
    assert_eq!(bob.hears("error").await["code"], "invalid-report");
    bob.heard_nothing().await;
    assert_eq!(desk.metric(&counter("failed", "ice", "none")).await, 1.0);
    assert_eq!(
        desk.metric("tuturu_signaling_calls_started_total").await,
        1.0
    );
}

#[tokio::test]
async fn who_was_away_when_the_other_one_came_tells_as_well() {
    let desk = Desk::open(&[]).await;
    let (ann, reply) = desk.joined(join("012345")).await;
    drop(ann);
    let held = async {
        while desk.metric("tuturu_signaling_seats_held").await < 1.0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, held).await.expect("her seat is held");
    let (mut bob, _) = desk.joined(join("012345")).await;
    let again = join_again("012345", &reply["data"]["resume"]);
    let (mut ann, _) = desk.joined(again).await;
    bob.hears("peer-back").await;
    for page in [&mut ann, &mut bob] {
        page.say(&connected(Some(1000), "direct")).await;
        page.heard_nothing().await;
    }
    let count = desk.metric(&counter("connected", "none", "direct")).await;
    assert_eq!(count, 2.0);
    assert_eq!(
        desk.metric("tuturu_signaling_calls_started_total").await,
        1.0
    );
}

#[tokio::test]
async fn what_is_unknown_too_long_or_too_early_is_refused_and_the_call_goes_on() {
    let desk = Desk::open(&[]).await;
    let mut page = desk.page().await;
    page.say(&failed("ice")).await;
    page.heard_nothing().await;
    let (mut carl, _) = desk.joined(join("999999")).await;
    carl.say(&failed("ice")).await;
    assert_eq!(
        carl.hears("error").await["code"],
        "invalid-report",
        "he is alone"
    );

    let (mut ann, _bob) = call(&desk, "012345").await;
    for wrong in [
        failed("198.51.100.7"),
        connected(Some(7), "direct"),
        json!({ "type": "report" }),
    ] {
        ann.say(&wrong).await;
        assert_eq!(ann.hears("error").await["code"], "invalid-report");
    }
    let mut long = failed("ice").to_string();
    long.push_str(&" ".repeat(200));
    ann.say_raw(&long).await;
    assert_eq!(ann.hears("error").await["code"], "too-large");
    ann.heard_nothing().await;
    assert_eq!(desk.metric(&counter("failed", "ice", "none")).await, 0.0);
    ann.say(&failed("ice")).await;
    ann.heard_nothing().await;
    assert_eq!(desk.metric(&counter("failed", "ice", "none")).await, 1.0);
}

#[tokio::test]
async fn released_pages_do_not_know_the_message_and_are_not_counted() {
    let desk = Desk::open(&[]).await;
    let (mut ann, reply) = desk.joined(join_as_released("012345")).await;
    assert_eq!(reply["data"].get("reports"), None);
    let (_bob, _) = desk.joined(join("012345")).await;
    ann.hears("peer-joined").await;
    ann.say(&failed("ice")).await;
    ann.heard_nothing().await;
    assert_eq!(desk.metric(&counter("failed", "ice", "none")).await, 0.0);
    assert_eq!(
        desk.metric("tuturu_signaling_calls_started_total").await,
        1.0
    );
}

#[tokio::test]
async fn who_is_not_asked_is_not_counted() {
    let desk = Desk::open(&["--call-reports", "off"]).await;
    let (mut ann, reply) = desk.joined(join("012345")).await;
    assert_eq!(reply["data"].get("reports"), None);
    let (_bob, _) = desk.joined(join("012345")).await;
    ann.hears("peer-joined").await;
    ann.say(&failed("ice")).await;
    ann.heard_nothing().await;
    assert_eq!(desk.metric(&counter("failed", "ice", "none")).await, 0.0);
}

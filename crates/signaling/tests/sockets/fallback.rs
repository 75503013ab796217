//! Calls of pages whose network breaks WebSockets.

use reqwest::{Client, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::desk::*;

/// A page that reads events and posts messages.
struct HttpPage {
    client: Client,
    messages: String,
    name: String,
    events: Response,
    unread: String,
}

async fn ask(desk: &Desk, origin: &str) -> Response {
    let url = format!("http://{}/ws/events", desk.address);
    let asked = Client::new().get(url).header(header::ORIGIN, origin);
    asked.send().await.unwrap()
}

impl HttpPage {
    async fn open(desk: &Desk) -> Self {
        let events = ask(desk, &format!("http://{}", desk.address)).await;
        assert_eq!(events.status(), StatusCode::OK);
        assert_eq!(events.headers()["content-type"], "text/event-stream");
        assert_eq!(events.headers()["x-accel-buffering"], "no");
        let mut page = Self {
            client: Client::new(),
            messages: format!("http://{}/ws/messages", desk.address),
            name: String::new(),
            events,
            unread: String::new(),
        };
        let (kind, name) = page.event().await;
        assert_eq!((kind.as_str(), name.len()), ("open", 32));
        page.name = name;
        page
    }

    /// The next event that is not a comment only.
    async fn event(&mut self) -> (String, String) {
        loop {
            if let Some((event, rest)) = self.unread.split_once("\n\n") {
                let field = |name: &str| {
                    let found = event.lines().find_map(|line| line.strip_prefix(name));
                    found.map(|value| value.trim_start().to_owned())
                };
                let (kind, data) = (field("event:"), field("data:"));
                self.unread = rest.to_owned();
                match data {
                    Some(data) => return (kind.unwrap_or_else(|| "message".into()), data),
                    None => continue,
                }
            }
            let more = timeout(PATIENCE, self.events.chunk()).await;
            let more = more.expect("something is said").unwrap();
            let more = more.expect("the events go on");
            self.unread += std::str::from_utf8(&more).unwrap();
        }
    }

    async fn hear(&mut self) -> Value {
        let (kind, data) = self.event().await;
        assert_eq!(kind, "message", "{data}");
        serde_json::from_str(&data).unwrap()
    }

    async fn hears(&mut self, kind: &str) -> Value {
        let message = self.hear().await;
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    async fn is_closed(&mut self) -> Value {
        let (kind, data) = self.event().await;
        assert_eq!(kind, "close", "{data}");
        serde_json::from_str::<Value>(&data).unwrap()["code"].clone()
    }

    async fn post(&self, body: impl Into<reqwest::Body>) -> StatusCode {
        let post = self.client.post(&self.messages).bearer_auth(&self.name);
        post.body(body).send().await.unwrap().status()
    }

    async fn say(&self, messages: &[Value]) {
        let lines: Vec<_> = messages.iter().map(ToString::to_string).collect();
        assert_eq!(self.post(lines.join("\n")).await, StatusCode::NO_CONTENT);
    }
}

fn numbered(from: u32) -> Vec<Value> {
    let of = |number| json!({ "type": "ice-candidate", "data": { "n": number }, "epoch": "e", "seq": number });
    (from..from + 20).map(of).collect()
}

#[tokio::test]
async fn a_call_between_a_socket_and_events_keeps_every_message_and_its_order() {
    let desk = Desk::open(&[]).await;
    let (mut ann, _) = desk.joined(join("012345")).await;
    let mut bob = HttpPage::open(&desk).await;
    assert_eq!(desk.metric("tuturu_signaling_fallbacks").await, 1.0);
    bob.say(&[join("012345")]).await;
    assert_eq!(bob.hears("join-pin").await["data"]["peerPresent"], true);
    ann.hears("peer-joined").await;
    for from in [1, 21] {
        bob.say(&numbered(from)).await;
    }
    for message in numbered(1).into_iter().chain(numbered(21)) {
        assert_eq!(ann.hear().await, message);
        ann.say(&message).await;
        assert_eq!(bob.hear().await, message);
    }
    ann.say_raw("{\"type\":\"offer\",\r\n\n\"data\":{\r\"sdp\":1},\"epoch\":\"e\",\"seq\":41}")
        .await;
    let offer = json!({ "type": "offer", "data": { "sdp": 1 }, "epoch": "e", "seq": 41 });
    assert_eq!(bob.hear().await, offer, "line breaks end no event");
    bob.say(&[json!({ "type": "leave" })]).await;
    assert_eq!(bob.is_closed().await, 1000);
    ann.hears("peer-left").await;
    assert_eq!(bob.post("{}").await, StatusCode::NOT_FOUND);
    assert_eq!(
        bob.events.chunk().await.unwrap(),
        None,
        "and the events end"
    );
}

#[tokio::test]
async fn who_stops_reading_is_away_and_resumes_over_either() {
    let desk = Desk::open(&[]).await;
    let (mut ann, _) = desk.joined(join("012345")).await;
    let mut bob = HttpPage::open(&desk).await;
    bob.say(&[join("012345")]).await;
    let token = bob.hears("join-pin").await["data"]["resume"].clone();
    ann.hears("peer-joined").await;
    drop(bob);
    ann.hears("peer-away").await;
    let (bob, reply) = desk.joined(join_again("012345", &token)).await;
    assert_eq!(reply["data"]["resumed"], true);
    ann.hears("peer-back").await;
    drop(bob);
    ann.hears("peer-away").await;
    let mut bob = HttpPage::open(&desk).await;
    bob.say(&[join_again("012345", &token)]).await;
    assert_eq!(bob.hears("join-pin").await["data"]["resumed"], true);
    ann.hears("peer-back").await;
}

#[tokio::test]
async fn a_restart_sends_events_away_too() {
    let desk = Desk::open(&[]).await;
    let mut bob = HttpPage::open(&desk).await;
    bob.say(&[join("012345")]).await;
    bob.hears("join-pin").await;
    let signaling = desk.signaling.clone();
    let drained = tokio::spawn(async move { signaling.drain().await });
    bob.hears("draining").await;
    assert_eq!(bob.is_closed().await, 1012);
    timeout(PATIENCE, drained).await.unwrap().unwrap();
    assert_eq!(desk.metric("tuturu_signaling_fallbacks").await, 0.0);
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_costs_only_its_own_conversation() {
    let desk = Desk::open(&["--max-sockets-per-source", "3", "--max-message", "4096"]).await;
    let (mut ann, _) = desk.joined(join("012345")).await;
    let mut bob = HttpPage::open(&desk).await;
    let mut eve = HttpPage::open(&desk).await;
    let own = format!("http://{}", desk.address);
    assert_eq!(
        ask(&desk, &own).await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(
        ask(&desk, "https://elsewhere.example").await.status(),
        StatusCode::FORBIDDEN
    );

    let unnamed = Client::new().post(&bob.messages).body("{}").send();
    assert_eq!(unnamed.await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let stranger = Client::new()
        .post(&bob.messages)
        .bearer_auth("0".repeat(32));
    let stranger = stranger.body("{}").send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        bob.post("x".repeat(4097)).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(bob.post(vec![0xff]).await, StatusCode::BAD_REQUEST);
    assert_eq!(bob.post("\n\r\n\n").await, StatusCode::NO_CONTENT);
    assert_eq!(bob.post("[1]").await, StatusCode::NO_CONTENT);
    bob.hears("error").await;

    while eve.post("{}\n".repeat(200)).await != StatusCode::NOT_FOUND {}
    let closed = loop {
        let (kind, data) = eve.event().await;
        if kind == "close" {
            break serde_json::from_str::<Value>(&data).unwrap();
        }
    };
    assert_eq!(closed["code"], 1008);

    bob.say(&[json!({ "type": "ping" })]).await;
    bob.hears("pong").await;
    ann.heard_nothing().await;
}

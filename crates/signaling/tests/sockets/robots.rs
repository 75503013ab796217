//! Apps and robots.

use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::desk::*;
use futures_util::SinkExt as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use signaling::{
    IssuerLink,
    robots::{RobotsFile, signature},
};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

const SECRET: &str = "a secret of the tests, long enough";

/// A service with the robots `rover` and `other`, which are Ann's, and `bobs`.
pub(crate) struct Yard {
    pub(crate) desk: Desk,
    file: RobotsFile,
    path: PathBuf,
    _folder: TempDir,
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn token_of(claims: &Value, secret: &str, algorithm: Algorithm) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(algorithm), claims, &key).unwrap()
}

fn token(subject: &str) -> String {
    let claims = json!({ "sub": subject, "exp": now() + 60, "aud": "robots" });
    token_of(&claims, SECRET, Algorithm::HS256)
}

impl Yard {
    pub(crate) async fn open(arguments: &[&str]) -> Self {
        Self::open_with(arguments, None).await
    }

    async fn open_with(arguments: &[&str], issuer: Option<IssuerLink>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("robots.json");
        let mut file = RobotsFile::default();
        for (robot, owner) in [("rover", "ann"), ("other", "ann"), ("bobs", "bob")] {
            file.add(robot, &[owner.into()]).unwrap();
        }
        file.write(&path).unwrap();
        let own = [
            "--robots-file",
            path.to_str().unwrap(),
            "--jwt-secret",
            SECRET,
            "--jwt-audience",
            "robots",
        ];
        let arguments: Vec<&str> = own.iter().chain(arguments).copied().collect();
        let desk = match issuer {
            Some(issuer) => Desk::open_with(&arguments, issuer).await,
            None => Desk::open(&arguments).await,
        };
        Self {
            desk,
            file,
            path,
            _folder: folder,
        }
    }

    fn signed(&self, robot: &str, at: u64) -> String {
        let known = self
            .file
            .robots
            .iter()
            .find(|known| known.id == robot)
            .unwrap();
        let pairs = known.key.as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        let key: Vec<u8> = pairs.map(byte).collect();
        let sig = signature(&key, robot, Some(at));
        format!("/ws/device?device_id={robot}&sig={sig}&ts={at}")
    }

    pub(crate) async fn robot(&self, id: &str) -> Page {
        let mut at = now();
        loop {
            // Two connections of a robot in one second would use one signature twice.
            match self.desk.socket(&self.signed(id, at)).await {
                Ok(page) => return page,
                Err(401) => at -= 1,
                Err(status) => panic!("{status}"),
            }
        }
    }

    pub(crate) async fn app(&self, subject: &str) -> Page {
        let path = format!("/ws/app?token={}", token(subject));
        self.desk.socket(&path).await.unwrap()
    }
}

fn request(robot: &str) -> Value {
    json!({ "type": "webrtc_request", "device_id": robot })
}

/// A session that has begun, and its id.
pub(crate) async fn session(app: &mut Page, robot: &mut Page, id: &str) -> String {
    app.say(&request(id)).await;
    let credentials = app.hears("webrtc_credentials").await;
    let asked = robot.hears("webrtc_request").await;
    assert_eq!(credentials["session_id"], asked["session_id"]);
    let servers = json!({ "iceServers": [{ "urls": ["stun:here:1"] }] });
    assert_eq!(
        (&credentials["ice_servers"], &asked["ice_servers"]),
        (&servers, &servers)
    );
    let session = asked["session_id"].as_str().unwrap().to_owned();
    assert_eq!(session.len(), 36);
    assert_eq!(session.as_bytes()[14], b'4', "a UUID of version 4");
    session
}

#[tokio::test]
async fn a_session_from_request_to_close() {
    let yard = Yard::open(&[]).await;
    let mut rover = yard.robot("rover").await;
    let mut ann = yard.app("ann").await;
    let id = session(&mut ann, &mut rover, "rover").await;

    let offer =
        format!(r#"{{"type":"webrtc_offer",  "session_id":"{id}","sdp":"v=0","unknown":[1]}}"#);
    rover.say_raw(&offer).await;
    assert_eq!(ann.hear_raw().await, Message::text(offer), "as it came");
    ann.say(&json!({ "type": "webrtc_answer", "session_id": id, "sdp": "v=0" }))
        .await;
    rover.hears("webrtc_answer").await;
    for (from, to) in [(true, "app"), (false, "robot")] {
        let ice =
            json!({ "type": "webrtc_ice", "session_id": id, "candidate": { "candidate": to } });
        let (speaker, hearer) = if from {
            (&mut rover, &mut ann)
        } else {
            (&mut ann, &mut rover)
        };
        speaker.say(&ice).await;
        assert_eq!(hearer.hear().await, ice);
    }
    ann.say(&json!({ "type": "webrtc_close", "session_id": id }))
        .await;
    let close = json!({ "type": "webrtc_close", "session_id": id });
    assert_eq!(ann.hear().await, close);
    assert_eq!(rover.hear().await, close);
    rover
        .say(&json!({ "type": "webrtc_ice", "session_id": id }))
        .await;
    ann.say(&request("bobs")).await;
    assert_eq!(
        ann.hear().await["message"],
        "Not authorized",
        "nothing came after the close"
    );
}

#[tokio::test]
async fn a_robot_serves_several_viewers_and_a_loss_closes_its_sessions() {
    let yard = Yard::open(&[]).await;
    let mut rover = yard.robot("rover").await;
    let (mut one, mut two) = (yard.app("ann").await, yard.app("ann").await);
    let first = session(&mut one, &mut rover, "rover").await;
    let second = session(&mut two, &mut rover, "rover").await;
    rover
        .say(&json!({ "type": "webrtc_offer", "session_id": second, "sdp": "2" }))
        .await;
    assert_eq!(two.hear().await["sdp"], "2");
    drop(one);
    assert_eq!(
        rover.hear().await,
        json!({ "type": "webrtc_close", "session_id": first })
    );
    drop(rover);
    assert_eq!(
        two.hear().await,
        json!({ "type": "webrtc_close", "session_id": second })
    );
    two.say(&request("rover")).await;
    assert_eq!(
        two.hear().await,
        json!({ "type": "error", "message": "Device offline" })
    );
}

#[tokio::test]
async fn the_newest_socket_of_a_robot_wins() {
    let yard = Yard::open(&[]).await;
    let mut old = yard.robot("rover").await;
    let mut ann = yard.app("ann").await;
    let id = session(&mut ann, &mut old, "rover").await;
    let mut new = yard.robot("rover").await;
    assert_eq!(old.is_closed().await, 4409);
    assert_eq!(
        ann.hear().await,
        json!({ "type": "webrtc_close", "session_id": id })
    );
    session(&mut ann, &mut new, "rover").await;
}

#[tokio::test]
async fn who_is_not_let_in() {
    let yard = Yard::open(&[]).await;
    let claims = json!({ "sub": "ann", "exp": now() + 60, "aud": "robots" });
    let part = |token: &str, n: usize| token.split('.').nth(n).unwrap().to_owned();
    let good = token("ann");
    // {"alg":"none","typ":"JWT"}
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", part(&good, 1));
    let changed = |key: &str, value: Value| {
        let mut claims = claims.clone();
        claims[key] = value;
        token_of(&claims, SECRET, Algorithm::HS256)
    };
    let mut without = claims.clone();
    without.as_object_mut().unwrap().remove("sub");
    for (why, bad) in [
        ("none", none),
        (
            "another algorithm",
            token_of(&claims, SECRET, Algorithm::HS512),
        ),
        (
            "wrong key",
            token_of(&claims, "another secret, also long", Algorithm::HS256),
        ),
        ("expired", changed("exp", json!(now() - 61))),
        ("wrong audience", changed("aud", json!("cars"))),
        ("no subject", token_of(&without, SECRET, Algorithm::HS256)),
        ("empty subject", changed("sub", json!(""))),
        ("garbage", "x".repeat(100)),
        ("nothing", String::new()),
    ] {
        let refused = yard
            .desk
            .socket(&format!("/ws/app?token={bad}"))
            .await
            .err();
        assert_eq!(refused, Some(401), "{why}");
    }
    assert_eq!(yard.desk.socket("/ws/app").await.err(), Some(401));
    let leeway = format!("/ws/app?token={}", changed("exp", json!(now() - 30)));
    assert!(
        yard.desk.socket(&leeway).await.is_ok(),
        "clocks differ a little"
    );

    let at = now();
    let good = yard.signed("rover", at);
    for bad in [
        good.replace("rover", "other"),
        yard.signed("rover", at - 400),
        good.replace(&format!("&ts={at}"), ""),
        good.replace(&format!("ts={at}"), "ts=soon"),
        "/ws/device?device_id=rover".into(),
        "/ws/device".into(),
    ] {
        assert_eq!(yard.desk.socket(&bad).await.err(), Some(401), "{bad}");
    }
    assert!(yard.desk.socket(&good).await.is_ok());
    assert_eq!(
        yard.desk.socket(&good).await.err(),
        Some(401),
        "a signature is good once"
    );

    let header = format!(
        "GET /ws/app HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: abcdefghijkl\r\nAuthorization: Bearer {}\r\n\r\n",
        token("ann")
    );
    let answer = yard.desk.http(&header).await;
    assert!(
        answer.starts_with("HTTP/1.1 101"),
        "a token in a header: {answer}"
    );

    let closed = Desk::open(&[]).await;
    for path in ["/ws/app?token=x", "/ws/device?device_id=a&sig=b"] {
        assert_eq!(
            closed.socket(path).await.err(),
            Some(404),
            "nothing is configured"
        );
    }
}

#[tokio::test]
async fn hostile_ends_reach_nobody_else() {
    let yard = Yard::open(&[]).await;
    let (mut rover, mut bobs) = (yard.robot("rover").await, yard.robot("bobs").await);
    let (mut ann, mut bob) = (yard.app("ann").await, yard.app("bob").await);
    let id = session(&mut ann, &mut rover, "rover").await;
    session(&mut bob, &mut bobs, "bobs").await;

    // Foreign and unknown sessions are ignored, whatever is said about them.
    for stranger in [&mut bob, &mut bobs] {
        for kind in ["webrtc_ice", "webrtc_close"] {
            stranger
                .say(&json!({ "type": kind, "session_id": id }))
                .await;
            let unknown = "00000000-0000-4000-8000-000000000000";
            stranger
                .say(&json!({ "type": kind, "session_id": unknown }))
                .await;
        }
    }
    for (said, message) in [
        ("{", "Invalid message"),
        ("[]", "Invalid message"),
        (
            r#"{"type":"webrtc_request","device_id":7}"#,
            "Invalid message",
        ),
        (r#"{"type":"webrtc_ice","session_id":7}"#, "Invalid message"),
        (
            r#"{"type":"webrtc_ice","type":"webrtc_ice"}"#,
            "Invalid message",
        ),
        (r#"{"type":"dance"}"#, "Unknown message type"),
        (
            r#"{"type":"webrtc_offer","session_id":"x"}"#,
            "Unknown message type",
        ),
        (
            r#"{"type":"webrtc_request","device_id":"rover"}"#,
            "Not authorized",
        ),
        (
            r#"{"type":"webrtc_request","device_id":"nobody"}"#,
            "Not authorized",
        ),
    ] {
        bob.say_raw(said).await;
        assert_eq!(
            bob.hear().await,
            json!({ "type": "error", "message": message }),
            "{said}"
        );
    }
    bob.socket.send(Message::binary(vec![0])).await.unwrap();
    assert_eq!(bob.hear().await["message"], "Invalid message");
    bob.say_raw(&"x".repeat(64 * 1024 + 1)).await;
    assert_eq!(bob.hear().await["message"], "Message too large");

    rover
        .say(&json!({ "type": "webrtc_offer", "session_id": id }))
        .await;
    assert_eq!(
        ann.hear().await,
        json!({ "type": "webrtc_offer", "session_id": id }),
        "nothing else came"
    );
}

#[tokio::test]
async fn the_file_is_read_again_on_sighup() {
    let mut yard = Yard::open(&[]).await;
    let _rover = yard.robot("rover").await;
    let mut other = yard.robot("other").await;
    let mut bob = yard.app("bob").await;
    let (mut bobs, mut watched) = (yard.robot("bobs").await, yard.app("bob").await);
    let id = session(&mut watched, &mut bobs, "bobs").await;
    bob.say(&request("rover")).await;
    assert_eq!(bob.hear().await["message"], "Not authorized");
    yard.file.add("rover", &["bob".into()]).unwrap();
    assert!(yard.file.revoke("other", &[]));
    assert!(yard.file.revoke("bobs", &["bob".into()]));
    yard.file.write(&yard.path).unwrap();
    let own = std::process::id().to_string();
    let hung_up = std::process::Command::new("kill")
        .args(["-HUP", &own])
        .status();
    assert!(hung_up.unwrap().success());
    loop {
        bob.say(&request("rover")).await;
        let heard = bob.hear().await;
        if heard["type"] == "webrtc_credentials" {
            break;
        }
        assert_eq!(heard["message"], "Not authorized");
        tokio::task::yield_now().await;
    }
    assert_eq!(other.is_closed().await, 1008, "it is no robot any more");
    let closed = json!({ "type": "webrtc_close", "session_id": id });
    assert_eq!(watched.hear().await, closed, "it is not theirs any more");
    assert_eq!(bobs.hear().await, closed);
}

#[tokio::test]
async fn without_an_issuer_there_is_no_session() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", nobody.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(nobody);
    let yard = Yard::open_with(&[], Some(IssuerLink::Http { base, token: None })).await;
    let _rover = yard.robot("rover").await;
    let mut ann = yard.app("ann").await;
    ann.say(&request("rover")).await;
    let message = ann.hear().await["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("TURN error: "), "{message}");
}

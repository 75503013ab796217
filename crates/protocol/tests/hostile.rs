//! What clients may send that nobody would: no text makes a decoder panic, and what is
//! wrong is called by its name.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use proptest::prelude::*;
use protocol::{
    call::{CallError, ClientMessage, says_resume},
    object::Object,
    party::Presence,
    peers::{Event, Invalid, Request as Peers},
    robot::{Request as Robot, RobotError, Role},
};

/// Text that no dialect takes for a message.
const NO_OBJECTS: [&str; 16] = [
    "",
    " ",
    "{",
    "}",
    "[]",
    "7",
    "null",
    "true",
    "\"offer\"",
    r#"["offer",{}]"#,
    r#"{"type":"offer"} x"#,
    r#"{"type":"offer"}{}"#,
    r#"{"type":"offer",}"#,
    r#"{'type':'offer'}"#,
    r#"{"type":"offer","type":"offer"}"#,
    "\u{feff}{\"type\":\"offer\"}",
];

#[test]
fn what_is_no_object_is_refused_by_every_dialect() {
    for text in NO_OBJECTS {
        assert_eq!(
            ClientMessage::decode(text),
            Err(CallError::InvalidMessage),
            "{text}"
        );
        assert_eq!(Peers::decode(text).err(), Some(Invalid::Json), "{text}");
        assert!(!Peers::is_first(text), "{text}");
        for role in [Role::App, Role::Device] {
            assert_eq!(
                Robot::decode(text, role),
                Err(RobotError::Invalid),
                "{text}"
            );
        }
    }
}

#[test]
fn fields_of_a_call_have_one_type() {
    let cases = [
        (r#"{"type":["ping"]}"#, CallError::UnknownType),
        (r#"{"type":"Ping"}"#, CallError::UnknownType),
        (
            r#"{"type":"join-pin","pin":["012345"]}"#,
            CallError::InvalidPin,
        ),
        (
            r#"{"type":"join-pin","pin":"012345 "}"#,
            CallError::InvalidPin,
        ),
        (
            r#"{"type":"join-pin","call":"012345"}"#,
            CallError::InvalidPin,
        ),
        (r#"{"type":"join-call","call":7}"#, CallError::InvalidCall),
        (
            r#"{"type":"join-call","call":"AbCdEfGhIjKlMnOpQr+/09"}"#,
            CallError::InvalidCall,
        ),
        (
            r#"{"type":"join-pin","pin":"012345","resume":false}"#,
            CallError::InvalidMessage,
        ),
        (
            r#"{"type":"join-pin","pin":"012345","resume":null,"resume":null}"#,
            CallError::InvalidMessage,
        ),
        (
            r#"{"type":"ack","epoch":"a","seq":-1}"#,
            CallError::InvalidMessage,
        ),
        (
            r#"{"type":"ack","epoch":"a","seq":1.5}"#,
            CallError::InvalidMessage,
        ),
        (
            r#"{"type":"ack","epoch":"a","seq":"1"}"#,
            CallError::InvalidMessage,
        ),
        (
            r#"{"type":"ack","epoch":"a","seq":18446744073709551616}"#,
            CallError::InvalidMessage,
        ),
        (
            r#"{"type":"ack","epoch":"","seq":1}"#,
            CallError::InvalidMessage,
        ),
        (
            r#"{"type":"offer","data":{},"epoch":null,"seq":null}"#,
            CallError::InvalidMessage,
        ),
    ];
    for (text, why) in cases {
        assert_eq!(ClientMessage::decode(text), Err(why), "{text}");
    }
}

#[test]
fn fields_of_peers_have_one_type_and_a_length() {
    let long = format!(r#"{{"type":"new","data":{{"id":"{}"}}}}"#, "x".repeat(65));
    let session = format!(
        r#"{{"type":"bye","data":{{"session_id":"{}"}}}}"#,
        "x".repeat(145)
    );
    for text in [
        r#"{"type":"new"}"#,
        r#"{"type":"new","data":{}}"#,
        r#"{"type":"new","data":{"id":7}}"#,
        r#"{"type":"new","data":{"id":""}}"#,
        r#"{"type":"new","data":{"id":null}}"#,
        r#"{"type":"new","data":{"id":"\ud800"}}"#,
        r#"{"type":"offer","data":{"from":"a"}}"#,
        r#"{"type":"offer","data":{"to":["b"]}}"#,
        r#"{"type":"bye","data":{}}"#,
        r#"{"type":"bye","data":{"session_id":1}}"#,
        &long,
        &session,
    ] {
        assert_eq!(Peers::decode(text).err(), Some(Invalid::Field), "{text}");
    }
    for text in [
        "{}",
        r#"{"type":7,"data":{}}"#,
        r#"{"type":null}"#,
        r#"{"type":"OFFER","data":{"to":"b"}}"#,
        r#"{"type":"offer","data":null,"to":"b"}"#,
        r#"{"type":"offer","data":[{"to":"b"}]}"#,
        r#"{"type":"offer","data":"{}"}"#,
        // The data is no object either: a key comes twice.
        r#"{"type":"offer","data":{"to":"b","to":"c"}}"#,
        r#"{"type":"offer","data":{"to":"b","\u0074o":"c"}}"#,
    ] {
        assert!(Peers::decode(text).unwrap().is_none(), "{text}");
    }
}

#[test]
fn what_is_too_long_for_people_is_cut_at_a_character() {
    let text = format!(
        r#"{{"type":"new","data":{{"id":"a","name":"{}","user_agent":7}}}}"#,
        "é".repeat(65)
    );
    let Some(Peers::New(card)) = Peers::decode(&text).unwrap() else {
        panic!("{text}");
    };
    assert_eq!(card.name, "é".repeat(64));
    assert_eq!(card.user_agent, "");
}

#[test]
fn fields_of_a_robot_have_one_type_and_a_length() {
    let long = format!(
        r#"{{"type":"webrtc_request","device_id":"{}"}}"#,
        "x".repeat(65)
    );
    for text in [
        r#"{"type":"webrtc_request"}"#,
        r#"{"type":"webrtc_request","device_id":""}"#,
        r#"{"type":"webrtc_request","device_id":null}"#,
        r#"{"type":"webrtc_answer"}"#,
        r#"{"type":"webrtc_ice","session_id":7}"#,
        r#"{"type":"webrtc_close","session_id":{"a":"b"}}"#,
        &long,
    ] {
        assert_eq!(
            Robot::decode(text, Role::App),
            Err(RobotError::Invalid),
            "{text}"
        );
    }
    for text in ["{}", r#"{"type":7}"#, r#"{"type":"webrtc_credentials"}"#] {
        assert_eq!(
            Robot::decode(text, Role::App),
            Err(RobotError::UnknownType),
            "{text}"
        );
    }
}

/// Text that gets past the first gate: braces, quotes, the words of the dialects.
fn nearly_a_message() -> impl Strategy<Value = String> {
    let words = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "null",
        "7",
        "type",
        "data",
        "\"type\":",
        "\"offer\"",
        "\"new\"",
        "\"bye\"",
        "\"webrtc_ice\"",
        "\"join-pin\"",
        "\"ack\"",
        "\"data\":{",
        "\"id\":\"a\"",
        "\"to\":\"b\"",
        "\"session_id\":",
        "\\ud800",
        "\u{0}",
        "é",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..24)
        .prop_map(|words| words.concat())
}

fn decoded_by_all(text: &str) {
    // Whatever they say of it, they say it.
    let _ = (ClientMessage::decode(text), says_resume(text));
    if let Ok(Some(Peers::Forward(forward))) = Peers::decode(text) {
        assert!(Object::parse(&forward.encode("me")).is_some(), "{text}");
    }
    let _ = Peers::is_first(text);
    let _ = (
        Robot::decode(text, Role::App),
        Robot::decode(text, Role::Device),
    );
}

fn field(text: &str, name: &str) -> serde_json::Value {
    let message: serde_json::Value = serde_json::from_str(text).unwrap();
    message[name].clone()
}

#[test]
fn deep_nesting_is_no_trap() {
    for depth in [1, 127, 128, 129, 30_000] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        decoded_by_all(&deep);
        let carried = format!(r#"{{"type":"offer","data":{{"to":"b","x":{deep}}}}}"#);
        decoded_by_all(&carried);
        assert!(Peers::decode(&carried).is_ok() && ClientMessage::decode(&carried).is_ok());
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_decoder_panic(text in ".{0,200}", near in nearly_a_message()) {
        decoded_by_all(&text);
        decoded_by_all(&near);
        decoded_by_all(&format!(r#"{{"type":"offer","data":{{"to":"b","x":{near}}}}}"#));
    }

    #[test]
    fn names_are_said_as_they_are(name in any::<String>()) {
        for presence in [Presence::Joined(&name), Presence::Left(&name)] {
            let text = presence.encode();
            prop_assert_eq!(field(&text, "id"), name.as_str());
            prop_assert_eq!(field(&text, "peerId"), name.as_str());
        }
        let peers = Presence::Peers(&[&name, "b"]).encode();
        prop_assert_eq!(field(&peers, "ids"), serde_json::json!([name, "b"]));
        let reason = format!("Peer [{name}] not found ");
        let error = Event::Error { request: "offer", reason: &reason }.encode();
        prop_assert_eq!(&field(&error, "data")["reason"], reason.as_str());
        prop_assert_eq!(field(&Event::Leave { id: &name }.encode(), "data"), name.as_str());
    }

    #[test]
    fn a_session_is_any_string_that_is_then_looked_for(session in ".{0,40}") {
        let text = serde_json::json!({ "type": "webrtc_close", "session_id": session });
        let decoded = Robot::decode(&text.to_string(), Role::App);
        prop_assert_eq!(decoded, Ok(Robot::Close { session_id: session }));
    }
}

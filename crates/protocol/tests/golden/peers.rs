//! Peers by id.

use protocol::peers::{Card, Event, Invalid, Kind, Request};

use crate::{every_file_is_tested, read};

const FOLDER: &str = "peers";
const SESSION: &str = "111111-222222";

fn ann() -> Card {
    Card {
        id: "111111".into(),
        name: "Ann's phone".into(),
        user_agent: "flutter-webrtc/ios-plugin 0.0.1".into(),
    }
}

fn bob() -> Card {
    Card {
        id: "222222".into(),
        name: "Bob".into(),
        user_agent: "flutter-webrtc/linux-plugin 0.0.1".into(),
    }
}

/// A message to another peer, what it is, who it is to, and how that one hears it.
const FORWARDED: [(&str, Kind, &str, &str); 4] = [
    ("client-offer", Kind::Offer, "222222", "server-offer"),
    (
        "client-offer-flat",
        Kind::Offer,
        "222222",
        "server-offer-flat",
    ),
    ("client-answer", Kind::Answer, "111111", "server-answer"),
    (
        "client-candidate",
        Kind::Candidate,
        "222222",
        "server-candidate",
    ),
];

/// The other messages of a client, by the variant that they are.
const SAID: [&str; 6] = [
    "client-new",
    "client-new-flat",
    "client-bye",
    "client-bye-flat",
    "client-keepalive",
    "client-leave",
];

fn frames() -> [(&'static str, String); 11] {
    let error = |request, reason: &str| Event::Error { request, reason }.encode();
    let refused = |request, why: Invalid| error(request, &why.to_string());
    let bye = Event::Bye {
        to: "111111",
        session_id: SESSION,
    };
    [
        ("server-peers", Event::Peers(&[&ann(), &bob()]).encode()),
        ("server-bye", bye.encode()),
        ("server-leave", Event::Leave { id: "111111" }.encode()),
        (
            "server-error-no-such-peer",
            error("offer", "Peer [333333] not found "),
        ),
        (
            "server-error-leg-gone",
            error("bye", "Peer [222222] not found."),
        ),
        (
            "server-error-invalid-session",
            error("bye", "Invalid session [333333-222222]"),
        ),
        ("server-error-not-json", refused("", Invalid::Json)),
        ("server-error-field", refused("", Invalid::Field)),
        ("server-error-too-large", refused("", Invalid::TooLarge)),
        (
            "server-error-not-registered",
            refused("offer", Invalid::NotRegistered),
        ),
        ("server-error-full", refused("new", Invalid::Full)),
    ]
}

#[test]
fn every_frame_of_the_server_is_its_golden_file() {
    for (name, frame) in frames() {
        assert_eq!(frame, read(FOLDER, name), "{name}");
    }
}

#[test]
fn every_golden_frame_of_a_client_is_understood() {
    for name in SAID {
        let text = read(FOLDER, name);
        let request = Request::decode(&text).unwrap();
        let understood = match (name, request) {
            ("client-new" | "client-new-flat", Some(Request::New(card))) => card == ann(),
            ("client-bye" | "client-bye-flat", Some(Request::Bye { session_id })) => {
                session_id == SESSION
            }
            ("client-keepalive", Some(Request::Keepalive)) => true,
            // It means nothing: a socket that closes does.
            ("client-leave", None) => true,
            (_, _) => false,
        };
        assert!(understood, "{name}");
    }
}

#[test]
fn every_golden_frame_for_another_peer_is_heard_there() {
    for (said, kind, to, heard) in FORWARDED {
        let text = read(FOLDER, said);
        let Some(Request::Forward(forward)) = Request::decode(&text).unwrap() else {
            panic!("{said}");
        };
        assert_eq!((forward.kind, &*forward.to), (kind, to), "{said}");
        assert_eq!(forward.session_id.as_deref(), Some(SESSION), "{said}");
        let from = if to == "222222" { "111111" } else { "222222" };
        assert_eq!(forward.encode(from), read(FOLDER, heard), "{said}");
    }
}

#[test]
fn the_first_frame_tells_this_dialect_from_calls() {
    for (name, first) in [
        ("client-new", true),
        ("client-new-flat", true),
        ("client-keepalive", true),
        ("client-offer", false),
        ("client-bye", false),
    ] {
        assert_eq!(Request::is_first(&read(FOLDER, name)), first, "{name}");
    }
    assert!(!Request::is_first(&read("call", "client-join-pin")));
}

#[test]
fn there_is_a_test_for_every_golden_file() {
    let forwarded = FORWARDED
        .iter()
        .flat_map(|(said, _, _, heard)| [*said, *heard]);
    let heard = frames().map(|(name, _)| name);
    every_file_is_tested(FOLDER, SAID.into_iter().chain(forwarded).chain(heard));
}

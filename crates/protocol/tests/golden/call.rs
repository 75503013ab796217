//! Calls by PIN and by link. The web tests read the same files.

use protocol::{
    call::{
        CallError, ClientMessage, ErrorMessage, FailureReason, Joined, Mark, Path, PeerJoined,
        Relayed, RelayedKind, Report, Resumable, Resume, RoomName, ServerMessage, SetupBucket,
    },
    ice::{IceConfiguration, IceTransportPolicy},
    pin::{CallId, Pin},
};
use serde_json::value::{RawValue, to_raw_value};

use crate::{configuration, every_file_is_tested, read};

const FOLDER: &str = "call";

const MARK: Mark<'static> = Mark {
    epoch: "5f0c2a9e1b7d4836aa01bb02",
    seq: 7,
};

fn resumable() -> Resumable<'static> {
    let resume = "AV9XdO8AAAAAAAAABwAAAAAAAAAJAQ";
    Resumable {
        resume,
        offerer: true,
        peer_present: false,
        peer_resumes: false,
        resumed: false,
        reports: false,
    }
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn server_frames() -> Vec<(&'static str, String)> {
    let ice = configuration();
    let relay = IceConfiguration {
        ice_transport_policy: Some(IceTransportPolicy::Relay),
        ..ice.clone()
    };
    let there = Resumable {
        offerer: false,
        peer_present: true,
        peer_resumes: true,
        reports: true,
        ..resumable()
    };
    let resume = resumable().resume;
    let relayed = |kind, data: &str, mark| {
        Relayed {
            kind,
            data: &raw(data),
            mark,
        }
        .encode()
        .0
    };
    let description = |kind: &str| format!(r#"{{"type":"{kind}","sdp":"v=0\r\n"}}"#);
    vec![
        (
            "server-join-pin",
            ServerMessage::JoinPin(Joined {
                ice: &ice,
                resumable: Some(resumable()),
            })
            .encode(),
        ),
        (
            "server-join-pin-released",
            ServerMessage::JoinPin(Joined {
                ice: &ice,
                resumable: None,
            })
            .encode(),
        ),
        (
            "server-join-call",
            ServerMessage::JoinCall(Joined {
                ice: &relay,
                resumable: Some(there),
            })
            .encode(),
        ),
        (
            "server-peer-joined",
            ServerMessage::PeerJoined(PeerJoined {
                resume,
                peer_resumes: true,
            })
            .encode(),
        ),
        (
            "server-peer-joined-released",
            ServerMessage::PeerJoinedPlain.encode(),
        ),
        ("server-peer-left", ServerMessage::PeerLeft.encode()),
        ("server-peer-away", ServerMessage::PeerAway.encode()),
        (
            "server-peer-back",
            ServerMessage::PeerBack { peer_resumes: true }.encode(),
        ),
        (
            "server-ice-servers",
            ServerMessage::IceServers {
                ice_servers: &ice.ice_servers,
            }
            .encode(),
        ),
        (
            "server-draining",
            ServerMessage::Draining { after_ms: 1000 }.encode(),
        ),
        ("server-pong", ServerMessage::Pong.encode()),
        (
            "server-offer",
            relayed(RelayedKind::Offer, &description("offer"), Some(MARK)),
        ),
        (
            "server-offer-released",
            relayed(RelayedKind::Offer, &description("offer"), None),
        ),
        ("server-ack", MARK.encode_ack()),
        (
            "server-error",
            ErrorMessage::new(CallError::RoomFull, None).encode(),
        ),
        (
            "server-error-rate-limited",
            ErrorMessage::new(CallError::RateLimited, Some(12_000)).encode(),
        ),
        (
            "server-error-released",
            ErrorMessage::plain(CallError::InvalidPin).encode(),
        ),
    ]
}

fn client_messages() -> Vec<(&'static str, ClientMessage<'static>)> {
    let pin = RoomName::Pin(Pin::parse("012345").unwrap());
    let call = RoomName::Call(CallId::parse("AbCdEfGhIjKlMnOpQr-_09").unwrap());
    let relay = |kind, data: serde_json::Value, mark| {
        let data: &'static RawValue = Box::leak(to_raw_value(&data).unwrap());
        ClientMessage::Relay(Relayed { kind, data, mark })
    };
    let description = |kind| serde_json::json!({"sdp": "v=0\r\n", "type": kind});
    let candidate = serde_json::json!({
        "candidate": "candidate:1 1 udp 2113937151 0.0.0.0 9 typ host", "sdpMLineIndex": 0, "sdpMid": "0",
        "usernameFragment": "abcd",
    });
    vec![
        (
            "client-join-pin",
            ClientMessage::Join {
                room: pin,
                resume: Resume::Fresh,
            },
        ),
        (
            "client-join-pin-released",
            ClientMessage::Join {
                room: pin,
                resume: Resume::Unable,
            },
        ),
        (
            "client-join-pin-again",
            ClientMessage::Join {
                room: pin,
                resume: Resume::Token(resumable().resume),
            },
        ),
        (
            "client-join-call",
            ClientMessage::Join {
                room: call,
                resume: Resume::Fresh,
            },
        ),
        (
            "client-offer",
            relay(RelayedKind::Offer, description("offer"), Some(MARK)),
        ),
        (
            "client-offer-released",
            relay(RelayedKind::Offer, description("offer"), None),
        ),
        (
            "client-answer",
            relay(RelayedKind::Answer, description("answer"), Some(MARK)),
        ),
        (
            "client-ice-candidate",
            relay(RelayedKind::IceCandidate, candidate, Some(MARK)),
        ),
        (
            "client-peer-message",
            relay(
                RelayedKind::PeerMessage,
                serde_json::json!({"kind": "hello"}),
                Some(MARK),
            ),
        ),
        ("client-ack", ClientMessage::Ack(MARK)),
        (
            "client-report",
            ClientMessage::Report(Report::Connected {
                setup: SetupBucket::of_ms(1000).unwrap(),
                path: Path::Relayed,
            }),
        ),
        (
            "client-report-failed",
            ClientMessage::Report(Report::Failed(FailureReason::NoRelay)),
        ),
        ("client-ping", ClientMessage::Ping),
        ("client-leave", ClientMessage::Leave),
    ]
}

#[test]
fn every_frame_of_the_server_is_its_golden_file() {
    for (name, frame) in server_frames() {
        assert_eq!(frame, read(FOLDER, name), "{name}");
    }
}

#[test]
fn every_golden_frame_of_a_client_is_understood() {
    for (name, message) in client_messages() {
        let text = read(FOLDER, name);
        assert_eq!(ClientMessage::decode(&text), Ok(message), "{name}");
    }
}

#[test]
fn there_is_a_test_for_every_golden_file() {
    let said = client_messages().into_iter().map(|(name, _)| name);
    let heard = server_frames().into_iter().map(|(name, _)| name);
    every_file_is_tested(FOLDER, said.chain(heard));
}

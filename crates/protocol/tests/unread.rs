//! What is carried unread survives byte for byte: spaces, escapes, numbers no computer
//! holds, keys that come twice further down.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use proptest::prelude::*;
use protocol::{
    call::{ClientMessage, Relayed},
    object::Object,
    peers::Request as Peers,
    robot::{Request as Robot, Role},
};

/// JSON as nobody would write it, without space around it.
fn odd_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("1e999".to_owned()),
        Just("-0.10".to_owned()),
        Just("123456789012345678901234567890".to_owned()),
        Just(r#""\ud800 \u0041 \/ \r\n""#.to_owned()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let space = prop::sample::select(vec!["", " ", "\n\t", "\r\n  "]);
        (prop::collection::vec(inner, 0..4), space, any::<bool>()).prop_map(
            |(values, space, object)| {
                let comma = format!("{space},{space}");
                if object {
                    let fields = values.iter().map(|value| format!(r#""k"{space}:{value}"#));
                    let fields: Vec<_> = fields.collect();
                    format!("{{{space}{}{space}}}", fields.join(&comma))
                } else {
                    format!("[{space}{}{space}]", values.join(&comma))
                }
            },
        )
    })
}

fn kind() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["offer", "answer", "candidate"])
}

/// What the other peer hears.
fn forwarded(text: &str, from: &str) -> String {
    match Peers::decode(text) {
        Ok(Some(Peers::Forward(forward))) => forward.encode(from),
        other => panic!("{text}: {other:?}"),
    }
}

/// The fields of `data`, as they are written there.
fn fields(frame: &str) -> Vec<(String, String)> {
    let envelope = Object::parse(frame).unwrap();
    let data = Object::parse(envelope.get("data").unwrap().get()).unwrap();
    let field = |(name, value): (&str, &serde_json::value::RawValue)| {
        (name.to_owned(), value.get().to_owned())
    };
    data.iter().map(field).collect()
}

proptest! {
    #[test]
    fn peers_hear_every_byte_and_who_it_is_from(
        kind in kind(),
        description in odd_json(),
        candidate in odd_json(),
        forged in odd_json(),
        own in any::<String>(),
        spelling in prop::sample::select(vec!["from", "fr\\u006fm"]),
        flat in any::<bool>(),
    ) {
        let said = format!(
            r#""{spelling}":{forged},"to":"b", "description" : {description},"candidate":{candidate}"#
        );
        let text = if flat {
            format!(r#"{{{said},"type":"{kind}"}}"#)
        } else {
            format!(r#"{{"data":{{{said}}},"type":"{kind}","from":"ignored"}}"#)
        };
        let heard = forwarded(&text, &own);
        let expected = [
            ("to", r#""b""#.to_owned()),
            ("description", description),
            ("candidate", candidate),
            ("from", serde_json::to_string(&own).unwrap()),
        ];
        let expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value)).into();
        prop_assert_eq!(fields(&heard), expected);
        let envelope = Object::parse(&heard).unwrap();
        prop_assert_eq!(envelope.string("type").unwrap(), kind);
        prop_assert_eq!(envelope.iter().count(), 2);
    }

    #[test]
    fn pages_hear_every_byte(
        kind in prop::sample::select(vec!["offer", "answer", "ice-candidate", "peer-message"]),
        data in odd_json(),
        marked in any::<bool>(),
    ) {
        prop_assume!(data.len() < 16 * 1024);
        let mark = if marked { r#","epoch":"a-1","seq":7"# } else { "" };
        let text = format!(r#"{{"type":"{kind}","data":{data}{mark}}}"#);
        let Ok(ClientMessage::Relay(relayed)) = ClientMessage::decode(&text) else {
            panic!("{text}");
        };
        let Relayed { data: carried, .. } = relayed;
        prop_assert_eq!(carried.get(), &data);
        let (frame, plain) = relayed.encode();
        prop_assert_eq!(&frame, &text);
        prop_assert_eq!(format!("{}}}", &frame[..plain]), format!(r#"{{"type":"{kind}","data":{data}}}"#));
    }

    #[test]
    fn robots_are_not_read_further_than_the_session(sdp in odd_json(), candidate in odd_json()) {
        let session = "9b2f4c1e-7a53-4d08-8e61-0c5d3f2a1b90";
        for (kind, role) in [
            ("webrtc_offer", Role::Device),
            ("webrtc_answer", Role::App),
            ("webrtc_ice", Role::App),
            ("webrtc_ice", Role::Device),
        ] {
            let text = format!(
                r#"{{"sdp":{sdp},"type":"{kind}","candidate":{candidate},"session_id":"{session}"}}"#
            );
            let forward = Robot::Forward { session_id: session.into() };
            prop_assert_eq!(Robot::decode(&text, role), Ok(forward), "{}", text);
        }
    }
}

//! App and robot.

use protocol::robot::{Event, Request, RobotError, Role};

use crate::{configuration, every_file_is_tested, read};

const FOLDER: &str = "robot";
const SESSION: &str = "9b2f4c1e-7a53-4d08-8e61-0c5d3f2a1b90";

fn requests() -> [(&'static str, Role, Request); 7] {
    let forward = || Request::Forward {
        session_id: SESSION.into(),
    };
    let close = || Request::Close {
        session_id: SESSION.into(),
    };
    let session = Request::Session {
        device_id: "rover".into(),
    };
    [
        ("app-request", Role::App, session),
        ("app-answer", Role::App, forward()),
        ("app-ice", Role::App, forward()),
        ("app-close", Role::App, close()),
        ("device-offer", Role::Device, forward()),
        ("device-ice", Role::Device, forward()),
        ("device-close", Role::Device, close()),
    ]
}

fn frames() -> [(&'static str, String); 10] {
    let (session_id, ice) = (SESSION, &configuration());
    let error = |error| Event::Error(&error).encode();
    let no_answer = "the credential issuer does not answer";
    [
        (
            "server-credentials",
            Event::Credentials { session_id, ice }.encode(),
        ),
        (
            "server-request",
            Event::Request { session_id, ice }.encode(),
        ),
        ("server-close", Event::Close { session_id }.encode()),
        (
            "server-error-not-authorized",
            error(RobotError::NotAuthorized),
        ),
        ("server-error-offline", error(RobotError::Offline)),
        ("server-error-turn", error(RobotError::Turn(no_answer))),
        ("server-error-invalid", error(RobotError::Invalid)),
        ("server-error-unknown-type", error(RobotError::UnknownType)),
        ("server-error-too-large", error(RobotError::TooLarge)),
        ("server-error-too-many", error(RobotError::TooMany)),
    ]
}

#[test]
fn every_frame_of_the_server_is_its_golden_file() {
    for (name, frame) in frames() {
        assert_eq!(frame, read(FOLDER, name), "{name}");
    }
}

#[test]
fn every_golden_frame_of_an_end_is_understood() {
    for (name, role, request) in requests() {
        let text = read(FOLDER, name);
        assert_eq!(Request::decode(&text, role), Ok(request), "{name}");
    }
}

#[test]
fn what_belongs_to_the_other_end_is_refused() {
    for (name, role) in [
        ("app-request", Role::Device),
        ("app-answer", Role::Device),
        ("device-offer", Role::App),
        ("server-credentials", Role::App),
    ] {
        let text = read(FOLDER, name);
        let refused = Err(RobotError::UnknownType);
        assert_eq!(Request::decode(&text, role), refused, "{name}");
    }
}

#[test]
fn there_is_a_test_for_every_golden_file() {
    let said = requests().map(|(name, ..)| name);
    let heard = frames().map(|(name, _)| name);
    every_file_is_tested(FOLDER, said.into_iter().chain(heard));
}

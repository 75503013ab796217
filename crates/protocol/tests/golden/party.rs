//! Rooms by call ID: presence, and the answer to a plain `GET`.

use protocol::party::{Connections, Presence};

use crate::{every_file_is_tested, read};

const FOLDER: &str = "party";

fn frames() -> [(&'static str, String); 4] {
    let connections = Connections { connections: 2 };
    let connections = serde_json::to_string(&connections).unwrap();
    [
        ("server-peers", Presence::Peers(&["ann", "bob"]).encode()),
        ("server-peer-joined", Presence::Joined("ann").encode()),
        ("server-peer-disconnected", Presence::Left("ann").encode()),
        ("answer-connections", connections),
    ]
}

#[test]
fn everything_the_server_says_is_its_golden_file() {
    for (name, frame) in frames() {
        assert_eq!(frame, read(FOLDER, name), "{name}");
    }
}

#[test]
fn there_is_a_test_for_every_golden_file() {
    every_file_is_tested(FOLDER, frames().iter().map(|(name, _)| *name));
}

//! The golden files are the wire: every variant encodes to its file, or decodes from it.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod call;
mod party;
mod peers;
mod robot;

use std::{collections::BTreeSet, fs, path::PathBuf};

use protocol::ice::{IceConfiguration, IceServer};

fn folder(name: &str) -> PathBuf {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../golden");
    golden.join(name)
}

/// The frame in a file.
fn read(dialect: &str, name: &str) -> String {
    let file = folder(dialect).join(name).with_extension("json");
    let text = fs::read_to_string(&file).unwrap_or_else(|_| panic!("no golden file {name}"));
    text.trim_end().to_owned()
}

/// No file is left over, none is tested twice.
fn every_file_is_tested<'a>(dialect: &str, tested: impl Iterator<Item = &'a str>) {
    let files = fs::read_dir(folder(dialect)).unwrap();
    let name = |file: fs::DirEntry| file.file_name().into_string().unwrap();
    let files: BTreeSet<String> = files.map(|file| name(file.unwrap())).collect();
    let tested: Vec<String> = tested.map(|name| format!("{name}.json")).collect();
    let once: BTreeSet<String> = tested.iter().cloned().collect();
    assert_eq!(files, once);
    assert_eq!(tested.len(), once.len(), "a file is tested twice");
}

fn configuration() -> IceConfiguration {
    let url = |scheme: &str, transport: &str| format!("{scheme}:relay.example:3478{transport}");
    IceConfiguration {
        ice_servers: vec![
            IceServer {
                urls: vec![url("stun", "")],
                username: None,
                credential: None,
            },
            IceServer {
                urls: vec![url("turn", "?transport=udp"), url("turn", "?transport=tcp")],
                username: Some("1599495371:4f1c0d2a9b3e".into()),
                credential: Some("s7bWN7oXYe8eHB6yP4r8ZVpPs2I=".into()),
            },
        ],
        ice_transport_policy: None,
    }
}

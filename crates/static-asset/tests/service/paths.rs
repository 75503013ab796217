//! Whatever bytes stand where the path should be, nothing outside the folder is served, and
//! the server lives on.

use std::{fs, os::unix::fs::symlink};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::support::{Server, request};

const SECRET: &str = "a secret of somebody else";

#[test]
fn arbitrary_bytes_get_nothing_out_of_the_house() {
    let house = tempfile::tempdir().unwrap();
    let at = |name: &str| house.path().join(name);
    for folder in ["page/src", "page/.git", "private"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    for secret in ["private/a", "page/.git/a", "page/.a", "a"] {
        fs::write(at(secret), SECRET).unwrap();
    }
    fs::write(at("page/b"), "for everybody").unwrap();
    symlink(at("private"), at("page/out")).unwrap();
    symlink("../a", at("page/c")).unwrap();
    let server = Server::of(&at("page"));

    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "/", "..", ".", "a", "b", "c", "out", "src", ".git", "private", "%2e", "%2E%2e",
            "%2f", "%5c", "%252e", "%252f", "%c0%ae", "%00", "%0d%0a", "\\", "?", "#", "*",
        ]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..6),
    ];
    let path = prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
    let config = Config {
        failure_persistence: None,
        ..Config::with_cases(512)
    };
    let tried = TestRunner::new(config).run(&path, |path| {
        for start in ["/", ""] {
            let path = [start.as_bytes(), &path].concat();
            let answer = server.send(&request("GET", &path, "Accept: text/html\r\n"));
            let answer = String::from_utf8_lossy(&answer);
            prop_assert!(!answer.contains(SECRET), "{}", path.escape_ascii());
            prop_assert!(!answer.starts_with("HTTP/1.1 5"), "{answer}");
        }
        Ok(())
    });
    tried.unwrap();
    assert_eq!(server.get("/b", "").text(), "for everybody");
    let control = fs::read_to_string(at("page/../page/out/a")).unwrap();
    assert_eq!(control, SECRET, "the way out is there");
}

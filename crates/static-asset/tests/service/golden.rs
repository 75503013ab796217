//! What is said with each status, to the header. The files of `golden/` are the contract:
//! `BLESS=1 cargo test -p static-asset golden` writes them anew.

use std::{fmt::Write as _, fs, path::Path};

use crate::support::Server;

/// Status and headers. The date changes, and so does the length of compressed forms with
/// each compressor.
fn head(server: &Server, method: &str, path: &str, headers: &str) -> String {
    let answer = server.ask(method, path, headers);
    let compressed = answer.header("content-encoding").is_some();
    let mut head = format!("{method} {path}\n{headers}\n{}\n", answer.status).replace('\r', "");
    for (name, value) in &answer.headers {
        if name != "date" && !(compressed && name == "content-length") {
            writeln!(head, "{name}: {value}").unwrap();
        }
    }
    head
}

#[test]
fn every_status_says_exactly_this() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::write(at("index.html"), "<!doctype html>\n".repeat(64)).unwrap();
    fs::write(at("clip.webm"), "0123456789").unwrap();
    let huge = fs::File::create(at("huge.bin")).unwrap();
    huge.set_len((64 << 20) + 1).unwrap();
    let server = Server::of(root.path());
    let tag = server.get("/", "").header("etag").unwrap().to_owned();
    let known = format!("If-None-Match: {tag}\r\n");
    for (name, method, path, headers) in [
        ("200", "GET", "/clip.webm", ""),
        ("200-head", "HEAD", "/", ""),
        ("200-brotli", "GET", "/", "Accept-Encoding: gzip, br\r\n"),
        ("200-gzip", "GET", "/", "Accept-Encoding: gzip\r\n"),
        ("200-fallback", "GET", "/room/7", "Accept: text/html\r\n"),
        ("206", "GET", "/clip.webm", "Range: bytes=2-4\r\n"),
        ("304", "GET", "/", &known),
        ("404", "GET", "/missing.js", "Accept: text/html\r\n"),
        ("404-api", "POST", "/api/missing", "Content-Length: 0\r\n"),
        ("405", "POST", "/", "Content-Length: 0\r\n"),
        ("416", "GET", "/clip.webm", "Range: bytes=10-\r\n"),
        ("500", "GET", "/huge.bin", ""),
    ] {
        let said = head(&server, method, path, headers);
        assert!(said.lines().any(|line| line == &name[..3]), "{said}");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service/golden");
        let file = file.join(name).with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&file, &said).unwrap();
        }
        let golden = fs::read_to_string(&file).unwrap_or_default();
        assert!(golden == said, "{name}: expected\n{golden}\ngot\n{said}");
    }
}

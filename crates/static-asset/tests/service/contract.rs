//! Conditions, forms, ranges and the way to the page.

use std::{fs, io::Read as _};

use tempfile::TempDir;

use crate::support::{Answer, Server};

const HTML: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";

fn house() -> (TempDir, Server) {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::create_dir(at("docs")).unwrap();
    fs::create_dir(at("ws")).unwrap();
    fs::write(at("index.html"), "the page ".repeat(99)).unwrap();
    fs::write(at("docs/index.html"), "the docs").unwrap();
    fs::write(at("main.js"), "export {};\n".repeat(99)).unwrap();
    fs::write(at("digits.bin"), "0123456789").unwrap();
    fs::write(at("ws/a.js"), "never").unwrap();
    fs::write(at("my%20image.png"), "an image of Flutter").unwrap();
    fs::write(at("empty.txt"), "").unwrap();
    let server = Server::of(root.path());
    (root, server)
}

fn tag(answer: &Answer) -> String {
    answer.header("etag").unwrap().to_owned()
}

#[test]
fn every_form_is_the_same_content_under_a_tag_of_its_own() {
    let (_root, server) = house();
    let as_it_is = server.get("/main.js", "");
    let brotli = server.get("/main.js", "Accept-Encoding: gzip, deflate, br, zstd\r\n");
    let gzip = server.get("/main.js", "Accept-Encoding: gzip, br;q=0\r\n");
    assert_eq!(as_it_is.header("content-encoding"), None);
    assert_eq!(brotli.header("content-encoding"), Some("br"));
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    for answer in [&as_it_is, &brotli, &gzip] {
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
    }
    let mut tags = [&as_it_is, &brotli, &gzip].map(tag).to_vec();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3);

    let mut text = Vec::new();
    brotli::BrotliDecompress(&mut &*brotli.body, &mut text).unwrap();
    assert_eq!(text, as_it_is.body);
    let mut text = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(&*gzip.body);
    decoder.read_to_end(&mut text).unwrap();
    assert_eq!(text, as_it_is.body);

    let refused = server.get("/main.js", "Accept-Encoding: *;q=0\r\n");
    assert_eq!((refused.status, refused.body), (200, as_it_is.body));
}

#[test]
fn what_is_known_is_not_sent_again() {
    let (_root, server) = house();
    let as_it_is = tag(&server.get("/main.js", ""));
    let brotli = "Accept-Encoding: br\r\n";
    let compressed = tag(&server.get("/main.js", brotli));
    let status = |condition: &str, headers: &str| {
        let headers = format!("If-None-Match: {condition}\r\n{headers}");
        server.get("/main.js", &headers).status
    };
    assert_eq!(status(&as_it_is, ""), 304);
    assert_eq!(status(&format!("W/{as_it_is}"), ""), 304);
    assert_eq!(status(&format!("\"a\", {as_it_is}"), ""), 304);
    assert_eq!(status("*", ""), 304);
    assert_eq!(status(&compressed, brotli), 304);
    assert_eq!(
        status(&as_it_is, brotli),
        200,
        "another form is another tag"
    );
    assert_eq!(status("\"a\"", ""), 200);
    assert_eq!(status("nonsense", ""), 200);
    let headers = format!("If-None-Match: {as_it_is}\r\n");
    assert_eq!(server.ask("HEAD", "/main.js", &headers).status, 304);
}

#[test]
fn a_part_is_sent_only_of_the_same_content() {
    let (_root, server) = house();
    let tag = tag(&server.get("/digits.bin", ""));
    let get = |headers: &str| {
        let answer = server.get("/digits.bin", headers);
        (answer.status, answer.text().to_owned())
    };
    let all = (200, "0123456789".to_owned());
    let part = |text: &str| (206, text.to_owned());
    assert_eq!(get("Range: bytes=2-4\r\n"), part("234"));
    assert_eq!(get("Range: bytes=-2\r\n"), part("89"));
    assert_eq!(get("Range: bytes=-99\r\n"), part("0123456789"));
    assert_eq!(get("Range: bytes=0-1,3-4\r\n"), all, "several ranges");
    assert_eq!(get("Range: bytes=4-2\r\n"), all, "nonsense");
    let when = |condition: &str| get(&format!("Range: bytes=0-0\r\nIf-Range: {condition}\r\n"));
    assert_eq!(when(&tag), part("0"));
    for changed in [
        "\"a\"",
        &format!("W/{tag}"),
        "Sat, 29 Oct 1994 19:43:31 GMT",
        "nonsense",
    ] {
        assert_eq!(when(changed), all, "{changed}");
    }
    let of_compressible = "Accept-Encoding: br\r\nRange: bytes=0-5\r\n";
    let answer = server.get("/main.js", of_compressible);
    assert_eq!((answer.status, answer.text()), (206, "export"));
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(server.get("/empty.txt", "Range: bytes=0-\r\n").status, 416);
    let head = server.ask("HEAD", "/digits.bin", "Range: bytes=0-1\r\n");
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some("10"))
    );
}

#[test]
fn a_page_that_routes_by_path_is_found_everywhere() {
    let (_root, server) = house();
    for path in ["/", "/room", "/room/7", "/room/7/", "/v1.2/room", "/?a=b"] {
        let answer = server.get(path, HTML);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text().starts_with("the page"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
    }
    assert_eq!(server.get("/docs/", HTML).text(), "the docs");
    for path in ["/room.js", "/src/gone.js", "/a/b.c", "/../etc/passwd"] {
        assert_eq!(server.get(path, HTML).status, 404, "{path}");
    }
    for headers in ["", "Accept: */*\r\n", "Accept: application/json\r\n"] {
        assert_eq!(server.get("/room", headers).status, 404, "{headers}");
    }
    assert_eq!(server.ask("HEAD", "/room", HTML).status, 200);
}

#[test]
fn paths_of_other_services_are_never_the_page() {
    let (_root, server) = house();
    for path in [
        "/api",
        "/api/",
        "/api/turn",
        "/ws",
        "/ws/",
        "/ws/a.js",
        "/parties/a/b",
        "/party/a",
        "/health",
        "/whip",
        "/whep/a",
        "/webrtc/a",
        "/internal/a",
        "/%61pi/turn",
    ] {
        for method in ["GET", "POST"] {
            let answer = server.ask(method, path, &format!("Content-Length: 0\r\n{HTML}"));
            assert_eq!(answer.status, 404, "{method} {path}");
            assert!(answer.text().contains("\"code\":\"not-found\""), "{path}");
        }
    }
    assert_eq!(
        server.get("/apiary", HTML).status,
        200,
        "only a whole segment"
    );
}

#[test]
fn other_methods_are_told_which_ones_there_are() {
    let (_root, server) = house();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
        let answer = server.ask(method, "/main.js", "Content-Length: 0\r\n");
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    }
}

#[test]
fn a_large_compiled_page_is_served_as_it_is() {
    let (root, server) = house();
    // Like machine code: not all alike, and not random either.
    let mut state = 1_u32;
    let mut content = Vec::new();
    while content.len() < 30 << 20 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        content.extend((state >> 20).to_le_bytes());
    }
    fs::write(root.path().join("main.dart.wasm"), &content).unwrap();
    let answer = server.get("/main.dart.wasm", "");
    assert_eq!(answer.header("content-type"), Some("application/wasm"));
    assert!(answer.body == content);
    let image = server.get("/my%2520image.png", "");
    assert_eq!(image.text(), "an image of Flutter");
}

#[test]
fn a_changed_file_is_served_anew() {
    let (root, server) = house();
    let first = server.get("/main.js", "");
    fs::write(root.path().join("main.js"), "changed").unwrap();
    let headers = format!("If-None-Match: {}\r\n", tag(&first));
    let second = server.get("/main.js", &headers);
    assert_eq!((second.status, second.text()), (200, "changed"));
}

#[test]
fn requests_are_counted_by_class_and_form_only() {
    let (_root, server) = house();
    server.get("/main.js", "Accept-Encoding: br\r\n");
    server.get("/main.js", "If-None-Match: *\r\n");
    server.get("/secret-canary.js", "");
    let metrics = server.metrics();
    for line in [
        "tuturu_static_requests_total{encoding=\"br\",status=\"2xx\"} 1",
        "tuturu_static_requests_total{encoding=\"identity\",status=\"3xx\"} 1",
        "tuturu_static_requests_total{encoding=\"identity\",status=\"4xx\"} 1",
    ] {
        assert!(
            metrics.lines().any(|said| said == line),
            "{line}\n{metrics}"
        );
    }
    assert!(!metrics.contains("canary"));
}

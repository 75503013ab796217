//! The page in the binary, whatever it is today.

use crate::support::{HOST, Server};

#[test]
fn the_page_and_all_it_refers_to_are_served() {
    let server = Server::start(&[]);
    let page = server.get("/", "Accept: text/html\r\n");
    assert_eq!(page.status, 200);
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let policy = page.header("content-security-policy").unwrap();
    let hosts = format!("connect-src 'self' ws://{HOST} wss://{HOST};");
    assert!(policy.contains(&hosts), "{policy}");

    let references = page.text().split("=\"/").skip(1);
    let references = references.map(|rest| rest.split(['"', '#', '?']).next().unwrap());
    let files: Vec<&str> = references.filter(|name| name.contains('.')).collect();
    assert!(files.iter().any(|name| name.ends_with(".js")), "{files:?}");
    for file in files {
        let answer = server.get(&format!("/{file}"), "");
        assert_eq!(answer.status, 200, "{file}");
        // Pages keep their addresses; what they need has a new one with each change.
        let keep = if file.ends_with(".html") {
            "no-cache"
        } else {
            "public, max-age=31536000, immutable"
        };
        assert_eq!(answer.header("cache-control"), Some(keep), "{file}");

        let plain = file.splitn(3, '/').last().unwrap();
        let same = server.get(&format!("/{plain}"), "");
        assert_eq!(same.header("cache-control"), Some("no-cache"), "{plain}");
        assert!(same.body == answer.body, "{plain}");

        let old = format!("/assets/0123456789abcdef/{plain}");
        let gone = server.get(&old, "Accept: text/html\r\n");
        assert_eq!(
            (gone.status, gone.header("cache-control")),
            (404, Some("no-store"))
        );
    }
}

#[test]
fn what_belongs_to_development_is_not_in_the_binary() {
    let server = Server::start(&[]);
    assert_eq!(server.get("/src/protocol.js", "").status, 200);
    for path in [
        "/package.json",
        "/package-lock.json",
        "/tsconfig.json",
        "/test/line.test.js",
    ] {
        assert_eq!(
            server.get(path, "Accept: text/html\r\n").status,
            404,
            "{path}"
        );
    }
    let gone = server.get("/assets/0123456789abcdef/room", "Accept: text/html\r\n");
    assert_eq!(gone.status, 404, "a stale address is never the page");
}

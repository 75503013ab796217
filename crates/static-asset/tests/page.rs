//! The page over real HTTP semantics: encodings, conditions, ranges, headers on every status.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use clap::Parser;
use http_body_util::{BodyExt as _, Empty};
use static_asset::{Assets, StaticArgs, routes, security::CONTENT_SECURITY_POLICY};
use tower_service::Service as _;
use warp::http::{Request, Response};

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    page: StaticArgs,
}

struct Page(Assets);

impl Page {
    fn open(arguments: &[&str]) -> Self {
        let arguments = Arguments::parse_from(["page"].iter().chain(arguments)).page;
        Self(Assets::load(&arguments, &prometheus::Registry::new()).unwrap())
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response<Vec<u8>> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
        let mut service = warp::service(routes(self.0.clone()));
        let (parts, body) = service.call(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        assert_eq!(
            parts.headers["content-security-policy"], CONTENT_SECURITY_POLICY,
            "{path}"
        );
        for name in [
            "permissions-policy",
            "cross-origin-opener-policy",
            "x-content-type-options",
            "referrer-policy",
        ] {
            assert!(
                parts.headers.contains_key(name),
                "{name} on {} {path}",
                parts.status
            );
        }
        Response::from_parts(parts, body)
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response<Vec<u8>> {
        self.ask("GET", path, headers).await
    }
}

fn header<'a>(response: &'a Response<Vec<u8>>, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_form_has_a_tag_of_its_own_and_is_known_again() {
    let page = Page::open(&[]);
    let mut tags = std::collections::HashSet::new();
    for (accepted, form) in [("br, gzip", "br"), ("gzip", "gzip"), ("identity", "")] {
        let first = page
            .get("/style.css", &[("accept-encoding", accepted)])
            .await;
        assert_eq!(
            (first.status().as_u16(), header(&first, "content-encoding")),
            (200, form)
        );
        assert_eq!(header(&first, "vary"), "accept-encoding");
        assert_eq!(header(&first, "cache-control"), "no-cache");
        assert_eq!(
            header(&first, "content-length"),
            first.body().len().to_string()
        );
        let tag = header(&first, "etag").to_owned();
        let again = page
            .get(
                "/style.css",
                &[("accept-encoding", accepted), ("if-none-match", &tag)],
            )
            .await;
        assert_eq!((again.status().as_u16(), again.body().len()), (304, 0));
        assert_eq!(header(&again, "etag"), tag);
        assert!(tags.insert(tag));
    }
}

#[tokio::test]
async fn the_page_names_addresses_that_may_be_kept_for_ever() {
    let page = Page::open(&[]);
    let html = String::from_utf8(page.get("/", &[]).await.into_body()).unwrap();
    let start = html.find("/assets/").unwrap();
    let address = html[start..].split('"').next().unwrap();
    let kept = page.get(address, &[]).await;
    assert_eq!(
        header(&kept, "cache-control"),
        "public, max-age=31536000, immutable"
    );
    let stale = address.replacen(&address[8..24], "0000000000000000", 1);
    assert_eq!(page.get(&stale, &[]).await.status(), 404);
}

#[tokio::test]
async fn ranges_are_parts_of_the_file_as_it_is() {
    let page = Page::open(&[]);
    let whole = page.get("/icon.svg", &[]).await.into_body();
    let part = page
        .get(
            "/icon.svg",
            &[("range", "bytes=5-9"), ("accept-encoding", "br")],
        )
        .await;
    assert_eq!(
        (part.status().as_u16(), part.body().as_slice()),
        (206, &whole[5..10])
    );
    assert_eq!(
        header(&part, "content-range"),
        format!("bytes 5-9/{}", whole.len())
    );
    let last = page.get("/icon.svg", &[("range", "bytes=-3")]).await;
    assert_eq!(last.body().as_slice(), &whole[whole.len() - 3..]);
    let beyond = page.get("/icon.svg", &[("range", "bytes=999999-")]).await;
    assert_eq!(
        (beyond.status().as_u16(), header(&beyond, "content-range")),
        (416, &*format!("bytes */{}", whole.len()))
    );
    for odd in ["bytes=0-1,3-4", "lines=1-2"] {
        assert_eq!(
            page.get("/icon.svg", &[("range", odd)]).await.body(),
            &whole,
            "{odd}"
        );
    }
    let tag = header(&page.get("/icon.svg", &[]).await, "etag").to_owned();
    let same = page
        .get("/icon.svg", &[("range", "bytes=0-0"), ("if-range", &tag)])
        .await;
    assert_eq!(same.status(), 206);
    let changed = page
        .get(
            "/icon.svg",
            &[("range", "bytes=0-0"), ("if-range", "\"other\"")],
        )
        .await;
    assert_eq!(changed.status(), 200);
}

#[tokio::test]
async fn heads_have_no_body_and_other_methods_no_place() {
    let page = Page::open(&[]);
    let get = page.get("/icon.svg", &[]).await;
    let head = page.ask("HEAD", "/icon.svg", &[]).await;
    assert_eq!((head.status().as_u16(), head.body().len()), (200, 0));
    assert_eq!(
        header(&head, "content-length"),
        header(&get, "content-length")
    );
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        let refused = page.ask(method, "/", &[]).await;
        assert_eq!(
            (refused.status().as_u16(), header(&refused, "allow")),
            (405, "GET, HEAD")
        );
    }
}

#[tokio::test]
async fn navigation_finds_the_page_and_nothing_else_does() {
    let page = Page::open(&[]);
    let html = [("accept", "text/html,*/*")];
    assert_eq!(page.get("/some/where", &html).await.status(), 200);
    for (path, headers) in [
        ("/some/where", &[][..]),
        ("/missing.js", &html),
        ("/api/unknown", &html),
        ("/ws/x", &html),
        ("/package.json", &[]),
        ("/test/pin.test.js", &[]),
        ("/../Cargo.toml", &html),
        ("/%2e%2e/Cargo.toml", &html),
    ] {
        assert_eq!(page.get(path, headers).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn any_folder_can_be_served_instead() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("index.html"),
        r#"<script src="/main.js">"#,
    )
    .unwrap();
    std::fs::write(folder.path().join("main.js"), "x".repeat(4000)).unwrap();
    std::fs::write(folder.path().join(".env"), "secret").unwrap();
    let page = Page::open(&["--web-root", folder.path().to_str().unwrap()]);
    assert_eq!(
        page.get("/", &[]).await.body().as_slice(),
        br#"<script src="/main.js">"#,
        "unmodified"
    );
    let script = page.get("/main.js", &[("accept-encoding", "br")]).await;
    assert_eq!(header(&script, "content-encoding"), "br");
    assert_eq!(page.get("/.env", &[]).await.status(), 404);
}

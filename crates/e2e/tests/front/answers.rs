//! What is answered, and where it is led.

use anyhow::{Context as _, Result, ensure};
use e2e::{Answer, Caller, DOMAIN, Front, Part, SECRET, TOKEN, alone, rest, until};
use tokio::io::AsyncWriteExt as _;

/// Everything that a browser has to be told, whatever the status is.
pub(crate) fn armoured(answer: &Answer) -> Result<()> {
    let exact = [
        ("strict-transport-security", "max-age=63072000"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("server", "nginx"),
    ];
    for (name, value) in exact {
        ensure!(answer.all(name) == [value], "{name}: {answer:?}");
    }
    // One of each: of two policies, both are enforced.
    for (name, word) in [
        ("content-security-policy", "default-src 'none'"),
        ("permissions-policy", "camera=("),
    ] {
        let all = answer.all(name);
        let good = all.len() == 1 && all[0].contains(word);
        ensure!(good, "{name}: {answer:?}");
    }
    Ok(())
}

#[test]
fn every_answer_has_the_headers() -> Result<()> {
    alone(async || {
        let mut front = Front::start().await?;
        let ann = Caller::new(1, front.papers.roots()?);
        let page = ann.get("/", "").await?;
        let tag = page.all("etag").first().context("no etag")?.to_string();
        let long = "x".repeat(9000);
        for (status, path, lines) in [
            (200, "/", String::new()),
            (304, "/", format!("If-None-Match: {tag}\r\n")),
            (206, "/", "Range: bytes=0-9\r\n".into()),
            (416, "/", "Range: bytes=99999999-\r\n".into()),
            (404, "/none", String::new()),
            (404, "/internal", String::new()),
            (426, "/ws", String::new()),
            (400, "/%00", String::new()),
            (400, "/", format!("X-Long: {long}\r\n")),
            (414, &format!("/{long}"), String::new()),
            (501, "/", "Transfer-Encoding: gzip\r\n".into()),
            (413, "/", "Content-Length: 1025\r\n".into()),
            (413, "/api/turn", "Content-Length: 65537\r\n".into()),
        ] {
            let answer = ann.get(path, &lines).await?;
            ensure!(answer.status == status, "{status}: {path}: {answer:?}");
            armoured(&answer)?;
        }
        let close = "Connection: close\r\n\r\n";
        for (status, request) in [
            (400, "GARBAGE\r\n\r\n".to_owned()),
            (400, format!("GET / HTTP/1.1\r\n{close}")),
            (
                421,
                format!("GET / HTTP/1.1\r\nHost: other.test\r\n{close}"),
            ),
            (
                421,
                format!("GET http://other.test/ HTTP/1.1\r\nHost: {DOMAIN}\r\n{close}"),
            ),
            (
                405,
                format!("POST / HTTP/1.1\r\nHost: {DOMAIN}\r\nContent-Length: 0\r\n{close}"),
            ),
            (
                405,
                format!("TRACE / HTTP/1.1\r\nHost: {DOMAIN}\r\n{close}"),
            ),
            (505, format!("GET / HTTP/9.9\r\nHost: {DOMAIN}\r\n{close}")),
        ] {
            let answer = ann.say(&request).await?;
            ensure!(answer.status == status, "{request}: {answer:?}");
            armoured(&answer)?;
        }
        front.kill(Part::Page).await?;
        let answer = ann.get("/", "").await?;
        ensure!(answer.status == 502, "{answer:?}");
        armoured(&answer)
    })
}

#[test]
fn port_80_leads_to_https_and_serves_challenges() -> Result<()> {
    alone(async || {
        let front = Front::start().await?;
        std::fs::create_dir_all(front.path("acme/.well-known/acme-challenge"))?;
        std::fs::write(front.path("acme/.well-known/acme-challenge/token"), "proof")?;
        std::fs::write(front.path("acme/secret"), "secret")?;
        let ann = Caller::new(1, front.papers.roots()?);
        let ask = async |path: &str, host: &str| -> Result<Answer> {
            let mut stream = ann.connect(80).await?;
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            Answer::read(&rest(&mut stream).await?).context("no answer")
        };
        // Whatever name was asked for: nobody is led to somebody else's.
        for host in [DOMAIN, "other.test", "203.0.113.7"] {
            let answer = ask("/x?y", host).await?;
            ensure!(answer.status == 301, "{answer:?}");
            ensure!(
                answer.all("location") == ["https://call.test/x?y"],
                "{answer:?}"
            );
            // RFC 6797 section 7.2: not over plain HTTP.
            ensure!(
                answer.all("strict-transport-security").is_empty(),
                "{answer:?}"
            );
        }
        let answer = ask("/.well-known/acme-challenge/token", DOMAIN).await?;
        ensure!(
            (answer.status, answer.body.as_str()) == (200, "proof"),
            "{answer:?}"
        );
        for path in ["none", "../../secret", "%2e%2e/%2e%2e/secret"] {
            let path = format!("/.well-known/acme-challenge/{path}");
            let answer = ask(&path, DOMAIN).await?;
            ensure!(
                !answer.body.contains("secret\n") && answer.body != "secret",
                "{answer:?}"
            );
            ensure!(matches!(answer.status, 301 | 400 | 404), "{answer:?}");
        }
        Ok(())
    })
}

#[test]
fn nothing_inside_is_reached_from_outside() -> Result<()> {
    alone(async || {
        let front = Front::start().await?;
        let ann = Caller::new(1, front.papers.roots()?);
        let token = format!("Authorization: Bearer {TOKEN}\r\n");
        for path in [
            "/metrics",
            "/live",
            "/ready",
            "/ws/metrics",
            "/api/metrics",
            "/api/turn/../../metrics",
            "/internal/ice-servers?client=ann",
            "//internal/ice-servers?client=ann",
            "/%69nternal/ice-servers?client=ann",
            "/internal%2fice-servers",
            "/api/../internal/ice-servers?client=ann",
            "/x/..//internal/ice-servers?client=ann",
            "/internal/../api/turn?service=turn&username=ann",
            "/internal/ice-servers/../../api/turn?client=ann",
            "/internal/ice-servers?client=ann&/../../api/turn",
            "/internal/ice-servers#/../../api/turn",
            "/INTERNAL/ice-servers",
        ] {
            let answer = ann.get(path, &token).await?;
            let inside = ["# HELP", "tuturu_", "urls", "credential"];
            let told = inside.iter().any(|word| answer.body.contains(word));
            ensure!(
                matches!(answer.status, 400 | 404) && !told,
                "{path}: {answer:?}"
            );
        }
        // The way that is refused from outside is there, and takes the token.
        let (service, page) = (front.service(Part::Issuer), front.service(Part::Page));
        let (issuer, page) = (service.context("issuer")?, page.context("page")?);
        let request = format!(
            "GET /internal/ice-servers?client=ann HTTP/1.1\r\nHost: x\r\n{token}Connection: close\r\n\r\n"
        );
        let mut stream = tokio::net::TcpStream::connect(&issuer.address).await?;
        stream.write_all(request.as_bytes()).await?;
        let answer = rest(&mut stream).await?;
        ensure!(
            answer.starts_with("HTTP/1.1 200") && answer.contains("urls"),
            "{answer}"
        );
        ensure!(e2e::get(&page.admin, "/metrics").await?.contains("# HELP"));
        ensure!(
            ann.connect(8079).await.is_err(),
            "the health check is nginx's own"
        );
        Ok(())
    })
}

#[test]
fn what_is_down_is_told_and_comes_back() -> Result<()> {
    alone(async || {
        let mut front = Front::start().await?;
        let ann = Caller::new(1, front.papers.roots()?);
        for (part, path, well) in [
            (Part::Page, "/", 200),
            (Part::Issuer, "/api/turn?service=turn&username=ann", 200),
            (Part::Signaling, "/health", 200),
            (Part::Signaling, "/ws", 426),
        ] {
            ensure!(ann.get(path, "").await?.status == well);
            front.kill(part).await?;
            let answer = ann.get(path, "").await?;
            ensure!(answer.status == 502, "{part:?}: {answer:?}");
            armoured(&answer)?;
            for inside in ["127.0.0.1", "808", "nginx/", "connect()"] {
                ensure!(!answer.body.contains(inside), "{answer:?}");
            }
            front.begin(part, SECRET).await?;
            let back =
                async || matches!(ann.get(path, "").await, Ok(answer) if answer.status == well);
            until("it is back", back).await?;
        }
        // The relay, told by the end of its connections.
        front.kill(Part::Relay).await?;
        ensure!(super::names::stun(&ann).await.is_err());
        ensure!(ann.get("/", "").await?.status == 200);
        front.begin(Part::Relay, SECRET).await?;
        until("STUN is back", async || {
            super::names::stun(&ann).await.is_ok()
        })
        .await
    })
}

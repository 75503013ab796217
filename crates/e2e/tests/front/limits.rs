//! Greedy and slow callers lose their own connections, and nobody else's.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::{Answer, Caller, DOMAIN, Front, alone, rest, until};
use futures_util::{SinkExt as _, StreamExt as _, future::try_join_all};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{interval, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use super::answers::armoured;

/// Less than any of nginx's own defaults, and far more than what is set.
const CLOSED: Duration = Duration::from_secs(25);

#[test]
fn who_asks_too_often_is_refused_and_others_are_not() -> Result<()> {
    alone(async || {
        let front = Front::start().await?;
        let (ann, bob) = (
            Caller::new(1, front.papers.roots()?),
            Caller::new(2, front.papers.roots()?),
        );
        let one = format!("GET /none HTTP/1.1\r\nHost: {DOMAIN}\r\n");
        let requests = format!("{one}\r\n").repeat(599) + &one + "Connection: close\r\n\r\n";
        let mut stream = ann.secure(DOMAIN, "http/1.1").await?;
        let (mut read, mut write) = tokio::io::split(&mut stream);
        let mut text = String::new();
        let (written, read) = tokio::join!(
            write.write_all(requests.as_bytes()),
            timeout(CLOSED, read.read_to_string(&mut text))
        );
        written.and(read?)?;
        let answers: Vec<Answer> = text
            .split("HTTP/1.1 ")
            .skip(1)
            .filter_map(|answer| Answer::read(&format!("HTTP/1.1 {answer}")))
            .collect();
        let of = |status| answers.iter().filter(move |answer| answer.status == status);
        let (taken, refused) = (of(404).count(), of(429).count());
        ensure!(
            taken > 200 && refused > 0 && taken + refused == 600,
            "{taken} {refused}"
        );
        of(429).try_for_each(armoured)?;
        ensure!(bob.get("/", "").await?.status == 200);
        let again = async || matches!(ann.get("/", "").await, Ok(answer) if answer.status == 200);
        until("Ann may ask again", again).await
    })
}

#[test]
fn who_holds_too_many_connections_gets_no_more() -> Result<()> {
    alone(async || {
        let front = Front::start().await?;
        let (ann, bob) = (
            Caller::new(1, front.papers.roots()?),
            Caller::new(2, front.papers.roots()?),
        );
        let mut held = Vec::new();
        for _ in 0..128 {
            let mut stream = ann.secure(DOMAIN, "http/1.1").await?;
            let request = format!("GET /internal HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            stream.read_u8().await?;
            held.push(stream);
        }
        ensure!(ann.get("/", "").await.is_err(), "one too many");
        ensure!(bob.get("/", "").await?.status == 200);
        held.pop();
        until("there is room again", async || {
            ann.get("/", "").await.is_ok()
        })
        .await?;

        // On port 80 they are counted before anything is said.
        let mut held = Vec::new();
        for _ in 0..64 {
            held.push(ann.connect(80).await?);
        }
        // Before the silent ones are closed for their silence.
        let mut more = ann.connect(80).await?;
        let request = b"GET / HTTP/1.0\r\n\r\n";
        let _ = more.write_all(request).await;
        ensure!(rest(&mut more).await?.is_empty(), "one too many");
        let mut bobs = bob.connect(80).await?;
        bobs.write_all(request).await?;
        ensure!(rest(&mut bobs).await?.starts_with("HTTP/1.1 301"));
        drop(held);
        Ok(())
    })
}

/// Says it byte by byte until the other side has enough.
async fn drip(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), text: &str) -> Result<()> {
    // The attack itself is slow; nothing is waited for.
    let mut beat = interval(Duration::from_millis(100));
    let mut letters = text.bytes().cycle();
    let dripping = async {
        let mut answer = [0; 512];
        loop {
            tokio::select! {
                heard = stream.read(&mut answer) => if matches!(heard, Ok(0) | Err(_)) { return },
                _ = beat.tick() => {
                    let letter = letters.next().unwrap_or(b'x');
                    if stream.write_all(&[letter]).await.is_err() || stream.flush().await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    timeout(CLOSED, dripping)
        .await
        .context("a slow one is not closed")
}

async fn silent(stream: &mut (impl AsyncRead + Unpin)) -> Result<()> {
    let silence = async { while stream.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {} };
    timeout(CLOSED, silence)
        .await
        .context("a silent one is not closed")
}

/// One of each kind of slowness.
async fn slow(carl: &Caller) -> Result<()> {
    let head = format!("GET / HTTP/1.1\r\nHost: {DOMAIN}\r\nX-Slow: ");
    let body = format!("POST /api/turn HTTP/1.1\r\nHost: {DOMAIN}\r\nContent-Length: 100\r\n\r\n");
    let kinds = tokio::try_join!(
        async { silent(&mut carl.connect(443).await?).await.context("443") },
        async {
            drip(&mut carl.connect(443).await?, "\x16\x03\x01\x40\x00\x01")
                .await
                .context("preread")
        },
        async {
            let mut stream = carl.connect(443).await?;
            stream.write_all(&Caller::hello(DOMAIN)?).await?;
            silent(&mut stream).await.context("handshake")
        },
        async {
            let mut stream = carl.connect(443).await?;
            stream.write_all(&Caller::hello(e2e::TURN_DOMAIN)?).await?;
            silent(&mut stream)
                .await
                .context("handshake with the relay's name")
        },
        async {
            silent(&mut carl.secure(DOMAIN, "http/1.1").await?)
                .await
                .context("no request")
        },
        async {
            silent(&mut carl.secure(DOMAIN, "h2").await?)
                .await
                .context("no preface")
        },
        async {
            drip(&mut carl.secure(DOMAIN, "http/1.1").await?, &head)
                .await
                .context("head")
        },
        async {
            let mut stream = carl.secure(DOMAIN, "http/1.1").await?;
            stream.write_all(body.as_bytes()).await?;
            silent(&mut stream).await.context("body")
        },
        async { silent(&mut carl.connect(80).await?).await.context("80") },
        async {
            drip(&mut carl.connect(80).await?, &head)
                .await
                .context("head on 80")
        },
    );
    kinds.map(|_| ())
}

#[test]
fn slow_ones_are_closed_and_others_go_on() -> Result<()> {
    alone(async || {
        let front = Front::start().await?;
        let (ann, carl) = (
            Caller::new(1, front.papers.roots()?),
            Caller::new(3, front.papers.roots()?),
        );
        let mut socket = ann.socket("/ws", &[]).await?;
        let attack = try_join_all((0..10).map(|_| slow(&carl)));
        let others = async {
            for _ in 0..50 {
                ensure!(ann.get("/", "").await?.status == 200);
            }
            Ok(())
        };
        tokio::try_join!(attack, others)?;
        socket.send(Message::text(r#"{"type":"ping"}"#)).await?;
        let answer = timeout(CLOSED, socket.next())
            .await?
            .context("it is closed")??;
        ensure!(answer.is_text(), "{answer:?}");
        Ok(())
    })
}

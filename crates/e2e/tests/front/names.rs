//! Who is meant on port 443, and what is spoken there.

use anyhow::{Result, ensure};
use e2e::{Caller, DOMAIN, Front, TURN_DOMAIN, alone};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
};

/// A binding request (RFC 5389) to the relay, over TLS on 443.
pub(crate) async fn stun(caller: &Caller) -> Result<()> {
    let mut stream = caller.secure(TURN_DOMAIN, "").await?;
    let request = b"\x00\x01\x00\x00\x21\x12\xa4\x42twelve bytes";
    stream.write_all(request).await?;
    let mut answer = [0; 20];
    stream.read_exact(&mut answer).await?;
    ensure!(answer[..2] == [1, 1] && answer[4..] == request[4..]);
    Ok(())
}

async fn openssl(name: &str, arguments: &str) -> Result<(bool, String)> {
    let script = format!(
        "openssl s_client -connect 203.0.113.7:443 -servername {name} {arguments} </dev/null 2>&1"
    );
    let done = Command::new("sh").args(["-c", &script]).output().await?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    Ok((done.status.success(), said))
}

#[test]
fn names_lead_to_the_page_or_the_relay() -> Result<()> {
    alone(async || {
        let front = Front::start().await?;
        let ann = Caller::new(1, front.papers.roots()?);
        stun(&ann).await?;
        for protocol in ["h2", "http/1.1"] {
            let stream = ann.secure(DOMAIN, protocol).await?;
            let chosen = stream.get_ref().1.alpn_protocol();
            ensure!(
                chosen == Some(protocol.as_bytes()),
                "{protocol}: {chosen:?}"
            );
        }
        // Nobody is there for a name that is not ours: no certificate is shown for it.
        let refused = ann.secure("other.test", "h2").await;
        let refused = refused.err().map(|error| format!("{error:#}"));
        let refused = refused.unwrap_or_default();
        ensure!(refused.contains("UnrecognisedName"), "{refused}");

        std::fs::write(front.path("authority.pem"), front.papers.authority())?;
        let fetched = Command::new("curl")
            .args(["-sS", "--http2", "--cacert"])
            .arg(front.path("authority.pem"))
            .args(["-o", "/dev/null", "-w", "%{http_version} %{response_code}"])
            .args([&format!("https://{DOMAIN}/"), "-H", "Host: call.test"])
            .output()
            .await?;
        ensure!(fetched.stdout == b"2 200", "{fetched:?}");
        Ok(())
    })
}

#[test]
fn only_modern_tls_is_spoken() -> Result<()> {
    alone(async || {
        let front = Front::start().await?;
        for name in [DOMAIN, TURN_DOMAIN] {
            for version in ["-tls1_2", "-tls1_3"] {
                let (well, said) = openssl(name, version).await?;
                ensure!(well, "{name} {version}: {said}");
            }
            for version in ["-tls1", "-tls1_1"] {
                let all = format!("{version} -cipher ALL:@SECLEVEL=0");
                let (well, said) = openssl(name, &all).await?;
                // The server's own word: this client was ready to speak it.
                let word = said.contains("alert protocol version");
                ensure!(!well && word, "{name} {version}: {said}");
            }
        }
        let accepted =
            "for suite in $(openssl ciphers -tls1_2 'ALL:COMPLEMENTOFALL' | tr : ' '); do
            openssl s_client -connect 203.0.113.7:443 -servername call.test -tls1_2 \
                -cipher $suite:@SECLEVEL=0 </dev/null >/dev/null 2>&1 && echo $suite; done; true";
        let accepted = Command::new("sh").args(["-c", accepted]).output().await?;
        let accepted = String::from_utf8(accepted.stdout)?;
        let mut accepted: Vec<_> = accepted.lines().collect();
        accepted.sort_unstable();
        // Those of Mozilla's intermediate recommendation for a certificate on a curve.
        let intermediate = [
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            "ECDHE-ECDSA-CHACHA20-POLY1305",
        ];
        ensure!(accepted == intermediate, "{accepted:?}");
        drop(front);
        Ok(())
    })
}

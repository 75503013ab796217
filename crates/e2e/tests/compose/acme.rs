//! Certificates by ACME: Pebble, the test server of Let's Encrypt, in the place of theirs.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use e2e::Browser;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::deployment::{Deployment, PATIENCE, output};

/// An authority that asks for proof on port 80, and a DNS in which every name is here.
pub(crate) struct Authority {
    _names: Child,
    _pebble: Child,
}

impl Authority {
    pub(crate) async fn start(here: &Deployment) -> Result<Self> {
        let place = |port| format!("{}:{port}", here.address);
        let file = |name: &str| here.work.join(name).display().to_string();
        let config = json!({ "pebble": {
            "listenAddress": place(14000),
            "managementListenAddress": place(15000),
            "certificate": file("acme.pem"),
            "privateKey": file("acme.key"),
            "httpPort": 80,
            "tlsPort": 443,
        } });
        let config_file = file("pebble.json");
        std::fs::write(&config_file, config.to_string())?;
        let names = process(Command::new("pebble-challtestsrv").args([
            "-defaultIPv4",
            &here.address.to_string(),
            "-defaultIPv6=",
            "-dns01=127.0.0.1:8053",
            "-http01=",
            "-https01=",
            "-tlsalpn01=",
            "-management=127.0.0.1:8055",
        ]))?;
        let mut pebble = process(
            Command::new("pebble")
                .args(["-config", &config_file, "-dnsserver", "127.0.0.1:8053"])
                .env("PEBBLE_VA_NOSLEEP", "1"),
        )?;
        let mut lines = BufReader::new(pebble.stdout.take().context("no output")?).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await? {
                if line.contains("ACME directory available") {
                    return Ok(());
                }
            }
            anyhow::bail!("pebble ended: is another one running?")
        };
        timeout(PATIENCE, listening).await??;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let own = Self {
            _names: names,
            _pebble: pebble,
        };
        own.trust(here).await?;
        Ok(own)
    }

    /// The browsers of this test trust what it issues, and nobody else does.
    async fn trust(&self, here: &Deployment) -> Result<()> {
        let (root, own) = (
            here.work.join("pebble.pem"),
            here.work.join("authority.pem"),
        );
        let url = format!("https://{}:15000/roots/0", here.address);
        let mut curl = Command::new("curl");
        curl.args(["-fsS", "--retry-connrefused", "--retry", "20", "--cacert"])
            .arg(own);
        output(curl.arg("-o").arg(&root).arg(url)).await?;
        let store = format!("sql:{}", here.work.join("home/.pki/nssdb").display());
        let mut certutil = Command::new("certutil");
        certutil.args(["-d", &store, "-A", "-t", "C,,", "-n", "pebble", "-i"]);
        output(certutil.arg(&root)).await.map(drop)
    }
}

fn process(command: &mut Command) -> Result<Child> {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::null());
    let child = command.kill_on_drop(true).spawn();
    child.context("pebble is missing: apt-get install pebble")
}

/// From the self-signed certificate of the first start to one that both names are on.
pub(crate) async fn issued(here: &Deployment) -> Result<()> {
    here.certificates(|shown| shown.contains("tuturu self-signed"))
        .await?;
    let beginnings = here.beginnings().await?;
    here.up(&["certbot"]).await?;
    here.certificates(|shown| shown.contains("Pebble Intermediate"))
        .await?;
    ensure!(
        here.beginnings().await? == beginnings,
        "something was started again"
    );
    Ok(())
}

/// What must stay as it is: the connection and its path, that nobody restarted ICE, and the
/// socket.
async fn ways(person: &Browser) -> Result<Value> {
    person
        .run_async(
            "const connection = window.connections.at(-1);
            const stats = [...(await connection.getStats()).values()];
            const transport = stats.find((one) => one.type === 'transport');
            const pair = stats.find((one) => one.id === transport.selectedCandidatePairId);
            return [window.connections.length, transport.id, pair.id, transport.selectedCandidatePairChanges,
                connection.currentLocalDescription.sdp.match(/a=ice-ufrag:(.*)/)[1], connection.connectionState,
                window.sockets.length, window.sockets.at(-1).readyState];",
        )
        .await
}

/// A call through port 443 does not notice that the certificate is renewed; who comes new
/// sees the new one.
pub(crate) async fn renewed(here: &Deployment, ann: &Browser, bob: &Browser) -> Result<()> {
    let (of_ann, of_bob) = (ways(ann).await?, ways(bob).await?);
    ensure!(of_ann[5] == "connected" && of_ann[7] == 1, "{of_ann}");
    let beginnings = here.beginnings().await?;
    let before = here
        .certificates(|shown| shown.contains("Pebble Intermediate"))
        .await?;
    here.compose(&["exec", "-T", "certbot", "tuturu-certbot", "renew"])
        .await?;
    let after = here.certificates(|shown| shown.contains("Pebble Intermediate") && shown != before);
    after.await?;
    for person in [ann, bob] {
        person.sees().await?;
    }
    ensure!(
        ways(ann).await? == of_ann,
        "{} was {of_ann}",
        ways(ann).await?
    );
    ensure!(
        ways(bob).await? == of_bob,
        "{} was {of_bob}",
        ways(bob).await?
    );
    ensure!(
        here.beginnings().await? == beginnings,
        "something was started again"
    );
    Ok(())
}

/// A certificate of one's own, and the next one in its place.
pub(crate) async fn of_ones_own(here: &mut Deployment) -> Result<()> {
    let own = here.work.join("certs").display().to_string();
    here.changed.push(("TLS_MODE", "files".to_owned()));
    here.changed.push(("CERTS_DIR", own.clone()));
    here.up(&["static-asset", "nginx"]).await?;
    let ours = |shown: &str| shown.contains("tuturu test authority");
    let first = here.certificates(ours).await?;
    let beginnings = here.beginnings().await?;
    for file in ["privkey.pem", "fullchain.pem"] {
        std::fs::rename(here.work.join("next").join(file), format!("{own}/{file}"))?;
    }
    here.certificates(|shown| ours(shown) && shown != first)
        .await?;
    ensure!(
        here.beginnings().await? == beginnings,
        "something was started again"
    );
    Ok(())
}

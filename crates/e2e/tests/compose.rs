//! The deployment as a self-hoster runs it: containers, nginx, coturn, TLS on one port.
//! `make test-compose` prepares an engine and images; see `deploy/test-compose`.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use e2e::{Browser, Driver, Options};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::Command,
};

const PAGE: &str = "https://call.test/";
const NAMES: &[&str] = &["call.test", "turn.call.test"];
const SERVICES: [&str; 5] = [
    "signaling",
    "credential-issuer",
    "static-asset",
    "nginx",
    "coturn",
];

/// How long containers may take to be healthy on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What `deploy/test-compose` prepared.
struct Deployment {
    address: IpAddr,
    /// Certificates of a private authority, and a home that trusts it.
    work: PathBuf,
    project: String,
}

impl Deployment {
    fn prepared() -> Result<Self> {
        let variable = |name| std::env::var(name).context("run by `make test-compose`");
        Ok(Self {
            address: variable("TEST_ADDRESS")?.parse()?,
            work: variable("TEST_WORK")?.into(),
            project: variable("COMPOSE_PROJECT_NAME")?,
        })
    }

    async fn compose(&self, arguments: &[&str]) -> Result<String> {
        let environment = self.work.join("env");
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let mut command = Command::new("docker-compose");
        command.current_dir(root).arg("--env-file").arg(environment);
        output(command.args(arguments)).await
    }

    async fn container(&self, service: &str) -> Result<String> {
        let id = self.compose(&["ps", "-q", service]).await?;
        let id = id.trim();
        ensure!(!id.is_empty(), "no container of {service}");
        Ok(id.to_owned())
    }

    async fn inspect(&self, service: &str, what: &str) -> Result<String> {
        let id = self.container(service).await?;
        let format = format!("{{{{{what}}}}}");
        let told = docker(&["inspect", "--format", &format, &id]).await?;
        Ok(told.trim().to_owned())
    }

    async fn healthy(&self, service: &str) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let health = self.inspect(service, ".State.Health.Status").await?;
            if health == "healthy" {
                return Ok(());
            }
            if Instant::now() > end {
                let id = self.container(service).await?;
                bail!("{service} is {health}: {}", docker(&["logs", &id]).await?);
            }
            pause().await;
        }
    }

    /// Kills what runs in a container as the kernel would; nobody asked Docker to stop it.
    async fn kill(&self, service: &str) -> Result<()> {
        let before = self.inspect(service, ".State.StartedAt").await?;
        let pid = self.inspect(service, ".State.Pid").await?;
        output(Command::new("kill").args(["-KILL", &pid])).await?;
        let end = Instant::now() + PATIENCE;
        while self.inspect(service, ".State.StartedAt").await? == before {
            ensure!(Instant::now() < end, "{service} does not come back");
            pause().await;
        }
        self.healthy(service).await
    }

    /// What the server shows for a name on 443.
    async fn issuer(&self) -> Result<String> {
        let script = format!(
            "openssl s_client -connect {}:443 -servername turn.call.test </dev/null 2>/dev/null | openssl x509 -noout -issuer",
            self.address
        );
        output(Command::new("sh").args(["-c", &script])).await
    }

    /// What port 80 answers.
    async fn plain(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect((self.address, 80)).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: call.test\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    /// As any ACME client would: two files into the volume, and nothing else.
    async fn install_certificate(&self) -> Result<()> {
        let certs = format!("{}_certs:/certs", self.project);
        let from = format!("{}:/from:ro", self.work.join("certs").display());
        let run = [
            "run",
            "--rm",
            "--network=none",
            "-v",
            &certs,
            "-v",
            &from,
            "--entrypoint=install-certificate",
            "tuturu/certbot:test",
            "/from",
        ];
        docker(&run).await.map(|_| ())
    }

    async fn browser(&self, driver: &Driver, relay_by: Option<&'static str>) -> Result<Browser> {
        let options = Options {
            hosts: Some((NAMES, self.address)),
            relay_by,
            ..Options::default()
        };
        Browser::open(driver, options).await
    }

    /// Everything with this project's label.
    async fn leftovers(&self) -> Result<String> {
        let label = format!("label=com.docker.compose.project={}", self.project);
        let mut found = String::new();
        for kind in ["container", "network", "volume"] {
            let mut list = vec![kind, "ls", "--quiet", "--filter", &label];
            if kind == "container" {
                list.push("--all");
            }
            found += &docker(&list).await?;
        }
        Ok(found)
    }
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

async fn docker(arguments: &[&str]) -> Result<String> {
    output(Command::new("docker").args(arguments)).await
}

async fn output(command: &mut Command) -> Result<String> {
    let done = command.stdin(Stdio::null()).output().await;
    let done = done.with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let why = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{command:?}: {said}{why}");
    Ok(said)
}

/// Ann draws a PIN, Bob types it, both are connected and see each other.
async fn call(ann: &Browser, bob: &Browser) -> Result<String> {
    ann.go(PAGE).await?;
    bob.go(PAGE).await?;
    ann.act("new-call").await?;
    ann.act("join").await?;
    ann.screen("waiting").await?;
    let pin = ann.text("#waiting .big").await?;
    bob.type_pin(&pin).await?;
    bob.act("join").await?;
    for person in [ann, bob] {
        person
            .until("document.documentElement.dataset.media === 'connected'")
            .await?;
    }
    ann.sees().await?;
    bob.sees().await?;
    Ok(pin)
}

/// Status and headers of answers of every kind, as the page's own browser reads them.
async fn headers_are_on_every_answer(ann: &Browser, paths: &[(&str, u16)]) -> Result<()> {
    for (path, status) in paths {
        let script = format!(
            "const answer = await fetch('{path}', {{ cache: 'no-store' }}); \
             return [answer.status, ...['strict-transport-security', 'content-security-policy', \
                 'x-content-type-options', 'x-frame-options', 'referrer-policy', 'permissions-policy', \
                 'cross-origin-opener-policy', 'cross-origin-resource-policy', 'server'] \
                 .map((name) => answer.headers.get(name) ?? '')];"
        );
        let told = ann.run_async(&script).await?;
        let told: Vec<_> = told.as_array().into_iter().flatten().collect();
        ensure!(told[0] == *status, "{path}: {told:?}");
        let [
            _,
            hsts,
            csp,
            nosniff,
            frame,
            referrer,
            permissions,
            coop,
            corp,
            server,
        ] = told[..]
        else {
            bail!("{path}: {told:?}")
        };
        let exact = hsts == "max-age=63072000"
            && nosniff == "nosniff"
            && frame == "DENY"
            && referrer == "no-referrer"
            && coop == "same-origin"
            && corp == "same-origin"
            && server == "nginx";
        let policy = csp.as_str().unwrap_or_default();
        // One policy: two of the same header would be joined by a comma.
        let one = policy.starts_with("default-src 'none'") && !policy.contains(", ");
        ensure!(exact && one && permissions != "", "{path}: {told:?}");
    }
    Ok(())
}

/// Addresses that are somebody's; signaling's own way to the issuer is nobody's.
fn addresses_in(log: &str) -> BTreeSet<&str> {
    let lines = log
        .lines()
        .filter(|line| !line.contains(r#""target":"hyper_util::client::"#));
    let words =
        lines.flat_map(|line| line.split(|letter: char| !letter.is_ascii_digit() && letter != '.'));
    let address =
        |word: &&str| word.split('.').count() == 4 && word.parse::<std::net::Ipv4Addr>().is_ok();
    words
        .filter(address)
        .filter(|word| !matches!(*word, "0.0.0.0" | "127.0.0.1"))
        .collect()
}

#[test]
fn addresses_are_found() {
    let own = r#"{"message":"connecting to 10.0.0.3:8082","target":"hyper_util::client::legacy"}"#;
    let log = format!("0.0.0.0:80 1.2.3\n{own}\nremote 192.0.2.7:5000, nginx/1.22.1");
    assert_eq!(addresses_in(&log), BTreeSet::from(["192.0.2.7"]));
}

#[tokio::test]
#[ignore = "needs a Docker engine: make test-compose"]
async fn the_deployment_of_a_self_hoster() -> Result<()> {
    let here = Deployment::prepared()?;
    here.compose(&["up", "-d", "--no-build"]).await?;
    for service in SERVICES {
        here.healthy(service).await?;
    }
    ensure!(here.issuer().await?.contains("tuturu self-signed"));
    ensure!(
        here.plain("/x?y").await?.contains("301 Moved")
            && here
                .plain("/x?y")
                .await?
                .contains("Location: https://call.test/x?y")
    );
    ensure!(
        here.plain("/.well-known/acme-challenge/none")
            .await?
            .contains("404 Not Found")
    );

    // A certificate that both names are on, of an authority that the browsers trust.
    here.install_certificate().await?;
    let end = Instant::now() + Duration::from_secs(20);
    while !here.issuer().await?.contains("tuturu test authority") {
        ensure!(Instant::now() < end, "the new certificate is not loaded");
        pause().await;
    }

    let driver = Driver::at_home(&here.work.join("home")).await?;
    let (ann, bob) = (
        here.browser(&driver, None).await?,
        here.browser(&driver, None).await?,
    );
    let mut pins = vec![call(&ann, &bob).await?];
    ensure!(!ann.path().await?.contains(&"relay".to_owned()));
    let answers = [
        ("/", 200),
        ("/none", 404),
        ("/ws", 426),
        ("/health", 200),
        ("/api/turn?service=turn&username=ann", 200),
        ("/api/v1/webrtc/ice-servers", 200),
        ("/internal/ice-servers", 404),
        ("/metrics", 404),
        ("/live", 404),
        ("/%2e%2e/%00", 400),
    ];
    headers_are_on_every_answer(&ann, &answers).await?;

    // The call goes on whatever is killed, and what was killed comes back.
    for service in SERVICES {
        here.kill(service).await?;
        ann.sees().await?;
        bob.sees().await?;
    }
    // An error page of nginx's own.
    here.compose(&["stop", "static-asset"]).await?;
    headers_are_on_every_answer(&ann, &[("/none", 502)]).await?;
    here.compose(&["start", "static-asset"]).await?;
    here.healthy("static-asset").await?;
    ann.close().await?;
    bob.close().await?;

    // Nothing but port 443: TURN over TLS, told from https by its name.
    let (ann, bob) = (
        here.browser(&driver, Some("turns:")).await?,
        here.browser(&driver, Some("turns:")).await?,
    );
    pins.push(call(&ann, &bob).await?);
    for person in [&ann, &bob] {
        ensure!(person.path().await? == ["relay", "relay"]);
        let way = person
            .run_async(
                "const stats = [...(await window.connections.at(-1).getStats()).values()]; \
                 return stats.filter((one) => one.type === 'local-candidate').map((one) => one.relayProtocol + ' ' + one.url);",
            )
            .await?;
        let ways = way.as_array().context("candidates")?;
        let expected = "tls turns:turn.call.test:443?transport=tcp";
        ensure!(
            !ways.is_empty() && ways.iter().all(|way| way == expected),
            "{way}"
        );
    }
    ann.close().await?;
    bob.close().await?;

    let log = here.compose(&["logs", "--no-color"]).await?;
    for pin in &pins {
        ensure!(!log.contains(pin.as_str()), "a PIN in the log");
    }
    for canary in ["candidate:", "a=ice", "typ host", "username=ann", "turns:"] {
        ensure!(!log.contains(canary), "{canary} in the log");
    }
    let addresses = addresses_in(&log);
    ensure!(addresses.is_empty(), "in the log: {addresses:?}");
    // The negative control: what is not there was looked for where something is.
    ensure!(log.contains(r#""class":"call""#), "the log is kept: {log}");
    for service in SERVICES {
        ensure!(log.contains(&format!("{service}_1")), "{service} logs");
    }

    here.compose(&["down", "--volumes", "--timeout", "20"])
        .await?;
    let leftovers = here.leftovers().await?;
    ensure!(leftovers.is_empty(), "left: {leftovers}");
    Ok(())
}

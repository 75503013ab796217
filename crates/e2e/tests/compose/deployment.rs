//! The deployment that `deploy/test-compose` prepared, as its operator handles it.

use std::{
    net::{IpAddr, Ipv4Addr},
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

pub(crate) const NAMES: &[&str] = &["call.test", "turn.call.test"];
pub(crate) const SERVICES: [&str; 7] = [
    "signaling",
    "credential-issuer",
    "static-asset",
    "echo",
    "nginx",
    "coturn",
    "prometheus",
];

/// How long containers may take to be healthy on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// What `deploy/test-compose` prepared.
pub(crate) struct Deployment {
    pub(crate) address: IpAddr,
    /// Certificates of a private authority, and a home that trusts it.
    pub(crate) work: PathBuf,
    pub(crate) project: String,
    pub(crate) prometheus: String,
    /// The operator's changes to `.env` since.
    pub(crate) changed: Vec<(&'static str, String)>,
}

impl Deployment {
    pub(crate) fn prepared() -> Result<Self> {
        let variable = |name| std::env::var(name).context("run by `make test-compose`");
        Ok(Self {
            address: variable("TEST_ADDRESS")?.parse()?,
            work: variable("TEST_WORK")?.into(),
            project: variable("COMPOSE_PROJECT_NAME")?,
            prometheus: format!("127.0.0.1:{}", variable("TEST_PROMETHEUS_PORT")?),
            changed: Vec::new(),
        })
    }

    pub(crate) async fn compose(&self, arguments: &[&str]) -> Result<String> {
        let environment = self.work.join("env");
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let mut command = Command::new("docker-compose");
        command.current_dir(root).arg("--env-file").arg(environment);
        command.envs(self.changed.iter().map(|(name, value)| (name, value)));
        output(command.args(arguments)).await
    }

    pub(crate) async fn up(&self, services: &[&str]) -> Result<()> {
        let arguments = [&["up", "-d", "--no-build"], services].concat();
        self.compose(&arguments).await?;
        for service in services {
            self.healthy(service).await?;
        }
        Ok(())
    }

    pub(crate) async fn container(&self, service: &str) -> Result<String> {
        let id = self.compose(&["ps", "-q", service]).await?;
        let id = id.trim();
        ensure!(!id.is_empty(), "no container of {service}");
        Ok(id.to_owned())
    }

    pub(crate) async fn inspect(&self, service: &str, what: &str) -> Result<String> {
        let id = self.container(service).await?;
        let told = docker(&["inspect", "--format", &format!("{{{{{what}}}}}"), &id]).await?;
        Ok(told.trim().to_owned())
    }

    /// Waits until it is; what has no health check is when it runs.
    pub(crate) async fn healthy(&self, service: &str) -> Result<()> {
        let health = "if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end";
        let end = Instant::now() + PATIENCE;
        loop {
            let health = self.inspect(service, health).await?;
            if health == "healthy" || health == "running" {
                return Ok(());
            }
            if Instant::now() > end {
                let id = self.container(service).await?;
                bail!("{service} is {health}: {}", docker(&["logs", &id]).await?);
            }
        }
    }

    /// When each service began to run.
    pub(crate) async fn beginnings(&self) -> Result<Vec<String>> {
        let mut beginnings = Vec::new();
        for service in SERVICES {
            beginnings.push(self.inspect(service, ".State.StartedAt").await?);
        }
        Ok(beginnings)
    }

    /// Kills what runs in a container as the kernel would; nobody asked Docker to stop it.
    pub(crate) async fn kill(&self, service: &str) -> Result<()> {
        let before = self.inspect(service, ".State.StartedAt").await?;
        let pid = self.inspect(service, ".State.Pid").await?;
        output(Command::new("kill").args(["-KILL", &pid])).await?;
        let end = Instant::now() + PATIENCE;
        while self.inspect(service, ".State.StartedAt").await? == before {
            ensure!(Instant::now() < end, "{service} does not come back");
        }
        self.healthy(service).await
    }

    /// Issuer and serial number of what the server shows for a name on 443.
    pub(crate) async fn certificate(&self, name: &str) -> Result<String> {
        let script = format!(
            "openssl s_client -connect {}:443 -servername {name} </dev/null 2>/dev/null | openssl x509 -noout -issuer -serial",
            self.address
        );
        output(Command::new("sh").args(["-c", &script])).await
    }

    /// The certificates of both names, once they are as wanted.
    pub(crate) async fn certificates(&self, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            // It may be between two configurations.
            let page = self.certificate(NAMES[0]).await.unwrap_or_default();
            let relay = self.certificate(NAMES[1]).await.unwrap_or_default();
            if page == relay && wanted(&page) {
                return Ok(page);
            }
            ensure!(
                Instant::now() < end,
                "never the certificate wanted: {page} {relay}"
            );
        }
    }

    /// The body of an answer over https; the certificate is not what is looked at.
    pub(crate) async fn https(&self, path: &str) -> Result<String> {
        let place = format!("{}:443:{}", NAMES[0], self.address);
        let url = format!("https://{}{path}", NAMES[0]);
        let curl = [
            "-fsS",
            "--insecure",
            "--max-time",
            "30",
            "--resolve",
            &place,
            &url,
        ];
        output(Command::new("curl").args(curl)).await
    }

    /// What port 80 answers.
    pub(crate) async fn plain(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect((self.address, 80)).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: call.test\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    /// The host's address on a network of the containers.
    pub(crate) async fn gateway(&self, network: &str) -> Result<Ipv4Addr> {
        let network = format!("{}_{network}", self.project);
        let format = "{{range .IPAM.Config}}{{.Gateway}}{{end}}";
        let told = docker(&["network", "inspect", "--format", format, &network]).await?;
        Ok(told.trim().parse()?)
    }

    pub(crate) async fn browser(
        &self,
        driver: &Driver,
        relay_by: Option<&'static str>,
    ) -> Result<Browser> {
        let options = Options {
            hosts: Some((NAMES, self.address)),
            relay_by,
            ..Options::default()
        };
        Browser::open(driver, options).await
    }
}

/// Every container, network and volume of the engine.
pub(crate) async fn everything() -> Result<String> {
    let lists: [&[&str]; 3] = [
        &["container", "ls", "--all", "--quiet"],
        &["network", "ls", "--quiet"],
        &["volume", "ls", "--quiet"],
    ];
    let mut found = String::new();
    for list in lists {
        found += &docker(list).await?;
    }
    Ok(found)
}

pub(crate) async fn docker(arguments: &[&str]) -> Result<String> {
    output(Command::new("docker").args(arguments)).await
}

/// What a command that has to succeed says.
pub(crate) async fn output(command: &mut Command) -> Result<String> {
    let done = command.stdin(Stdio::null()).output().await;
    let done = done.with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let why = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{command:?}: {said}{why}");
    Ok(said)
}

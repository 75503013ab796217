//! The whole front as it is deployed: nginx and coturn by their own entry points and
//! templates, the three services behind them. Runs in a [network of its own](crate::alone).

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

use crate::{
    Caller, Service,
    apart::is_root,
    ask::until,
    network::{DOMAIN, SERVER, TURN_DOMAIN},
    papers::{Certificate, Papers},
    workers::replaced,
};

/// Whom the images run as.
const USER: u32 = 65532;
/// What signaling and the credential issuer share.
pub const TOKEN: &str = "the internal token of the front";
/// What the relay and the credential issuer share.
pub const SECRET: &str = "0f3a9b8c7d6e5f4a3b2c1d0e";

/// Everything, until it is dropped.
pub struct Front {
    folder: TempDir,
    /// Who vouches for the front.
    pub papers: Papers,
    nginx: Option<Child>,
    coturn: Option<Child>,
    signaling: Option<Service>,
    issuer: Option<Service>,
    page: Option<Service>,
    echo: Option<Service>,
}

/// What can be stopped and started.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// The service behind `/ws`.
    Signaling,
    /// The service behind `/api/turn`.
    Issuer,
    /// The service behind `/`.
    Page,
    /// The service behind `/api/v1/webrtc/offer`.
    Echo,
    /// coturn.
    Relay,
}

impl Front {
    /// Starts all of it, with a certificate for both names.
    ///
    /// # Errors
    /// When something does not come up; shows its log.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for image in ["nginx", "coturn"] {
            let copied = Command::new("cp")
                .arg("-r")
                .args([&root.join(image), folder.path()])
                .status();
            ensure!(copied.await?.success(), "cannot copy {image}");
        }
        hand_over(folder.path())?;
        for name in ["certs", "acme", "nginx/run", "coturn/run"] {
            let made = folder.path().join(name);
            fs::create_dir(&made)?;
            hand_over(&made)?;
        }
        let mut front = Self {
            folder,
            papers: Papers::new()?,
            nginx: None,
            coturn: None,
            signaling: None,
            issuer: None,
            page: None,
            echo: None,
        };
        let certificate = front.papers.sign(&[DOMAIN, TURN_DOMAIN], 4000)?;
        front.put(&certificate)?;
        for part in [
            Part::Relay,
            Part::Issuer,
            Part::Signaling,
            Part::Page,
            Part::Echo,
        ] {
            front.begin(part, SECRET).await?;
        }
        front.nginx = Some(front.run("nginx", &front.nginx_environment())?);
        // An open port says nothing: nginx opens all of them to check its configuration.
        let carl = Caller::new(4, front.papers.roots()?);
        let up = until("nginx serves", async || carl.get("/", "").await.is_ok()).await;
        up.with_context(|| front.log("nginx"))?;
        Ok(front)
    }

    /// A file of this front.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What nginx or coturn logged.
    #[must_use]
    pub fn log(&self, name: &str) -> String {
        let bytes = fs::read(self.path(&format!("{name}.log"))).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Puts a certificate in place, and waits until nginx shows no other.
    ///
    /// # Errors
    /// When its files cannot be written, or nginx does not load it.
    pub async fn install(&self, certificate: &Certificate) -> Result<()> {
        replaced(async || self.put(certificate)).await
    }

    /// As any ACME client would: two files, the key first, each put in its place whole.
    fn put(&self, certificate: &Certificate) -> Result<()> {
        let files = [
            ("privkey.pem", &certificate.key),
            ("fullchain.pem", &certificate.chain),
        ];
        for (name, text) in files {
            let new = self.path(&format!("certs/{name}.new"));
            fs::write(&new, text)?;
            hand_over(&new)?;
            fs::rename(&new, self.path("certs").join(name))?;
        }
        Ok(())
    }

    /// Changes a rendered template, and waits until nginx goes by it.
    ///
    /// # Errors
    /// When the text is not there, or nginx refuses the new one.
    pub async fn edit(&self, template: &str, old: &str, new: &str) -> Result<()> {
        let run = self.path("nginx/run");
        let file = run.join(template);
        let text = fs::read_to_string(&file)?;
        ensure!(text.contains(old), "{template} has no {old}");
        fs::write(&file, text.replace(old, new))?;
        let mut reload = self.program("nginx");
        let config = run.join("nginx.conf");
        reload.arg("-c").arg(config).args(["-s", "reload"]);
        let reload = async || {
            ensure!(reload.status().await?.success(), "nginx does not reload");
            Ok(())
        };
        replaced(reload).await
    }

    /// The service that is that part.
    #[must_use]
    pub fn service(&self, part: Part) -> Option<&Service> {
        match part {
            Part::Signaling => self.signaling.as_ref(),
            Part::Issuer => self.issuer.as_ref(),
            Part::Page => self.page.as_ref(),
            Part::Echo => self.echo.as_ref(),
            Part::Relay => None,
        }
    }

    /// Kills a part as a crash would.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill(&mut self, part: Part) -> Result<()> {
        let mut child = match part {
            Part::Signaling => self.signaling.take().map(|service| service.child),
            Part::Issuer => self.issuer.take().map(|service| service.child),
            Part::Page => self.page.take().map(|service| service.child),
            Part::Echo => self.echo.take().map(|service| service.child),
            Part::Relay => self.coturn.take(),
        }
        .context("it does not run")?;
        Ok(child.kill().await?)
    }

    /// Starts a part that does not run, where it was before.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn begin(&mut self, part: Part, secret: &str) -> Result<()> {
        let uris = format!(
            "turn:{TURN_DOMAIN}:3478?transport=udp,turn:{TURN_DOMAIN}:3478?transport=tcp,\
             turns:{TURN_DOMAIN}:443?transport=tcp"
        );
        let proxy = ["--trusted-proxies", "127.0.0.1"];
        let token = ["--internal-token", TOKEN];
        match part {
            Part::Signaling => {
                let own = ["--issuer-url", "http://127.0.0.1:8082/"];
                let arguments = [&proxy[..], &token, &own].concat();
                let started = Service::start_at("signaling", "127.0.0.1:8081", &arguments);
                self.signaling = Some(started.await?);
            }
            Part::Issuer => {
                let own = ["--turn-secret", secret, "--turn-uris", &uris];
                let arguments = [&proxy[..], &token, &own].concat();
                let started = Service::start_at("credential-issuer", "127.0.0.1:8082", &arguments);
                self.issuer = Some(started.await?);
            }
            Part::Page => {
                let started = Service::start_at("static-asset", "127.0.0.1:8083", &proxy);
                self.page = Some(started.await?);
            }
            Part::Echo => {
                let address = SERVER.to_string();
                let media = format!("{address}:3480");
                let own = ["--echo-media-listen", &media, "--public-ip", &address];
                let arguments = [&proxy[..], &own].concat();
                let started = Service::start_at("echo", "127.0.0.1:8084", &arguments);
                self.echo = Some(started.await?);
            }
            Part::Relay => {
                let environment = [
                    ("TEMPLATE", self.path("coturn/turnserver.conf")),
                    ("RUN_DIR", self.path("coturn/run")),
                    ("DOMAIN", DOMAIN.into()),
                    ("PUBLIC_IP", SERVER.to_string().into()),
                    ("TURN_SECRET", secret.into()),
                ];
                self.coturn = Some(self.run("coturn", &environment)?);
                let open = async || TcpStream::connect((SERVER, 3478)).await.is_ok();
                let up = until("coturn listens", open).await;
                up.with_context(|| self.log("coturn"))?;
            }
        }
        Ok(())
    }

    /// As in docker-compose.yml, but that nobody maps the ports.
    fn nginx_environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("TEMPLATES", self.path("nginx/templates")),
            ("RUN_DIR", self.path("nginx/run")),
            ("CERTS_DIR", self.path("certs")),
            ("WEBROOT", self.path("acme")),
            ("DOMAIN", DOMAIN.into()),
            ("TURN_DOMAIN", TURN_DOMAIN.into()),
            ("TURN_UPSTREAM", format!("{SERVER}:3478").into()),
            ("TLS_MODE", "files".into()),
            ("HTTP_PORT", "80".into()),
            ("HTTPS_PORT", "443".into()),
            ("SIGNALING_UPSTREAM", "127.0.0.1:8081".into()),
            ("ISSUER_UPSTREAM", "127.0.0.1:8082".into()),
            ("STATIC_UPSTREAM", "127.0.0.1:8083".into()),
            ("ECHO_UPSTREAM", "127.0.0.1:8084".into()),
        ]
    }

    /// Runs the entry point of an image.
    fn run(&self, image: &str, environment: &[(&str, PathBuf)]) -> Result<Child> {
        let path = self.path(&format!("{image}.log"));
        let log: File = OpenOptions::new().create(true).append(true).open(&path)?;
        hand_over(&path)?;
        let entrypoint = self.path(&format!("{image}/entrypoint"));
        let mut command = self.program(&entrypoint.to_string_lossy());
        command
            .arg("serve")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        command.spawn().with_context(|| format!("no {image}"))
    }

    /// A program as the user of the images, when there is a choice.
    fn program(&self, name: &str) -> Command {
        let mut command = if is_root() {
            let user = USER.to_string();
            let mut command = Command::new("setpriv");
            command.args(["--reuid", &user, "--regid", &user, "--clear-groups", name]);
            command
        } else {
            Command::new(name)
        };
        // Debian keeps servers out of the path of users that are not root.
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
        command.current_dir(self.folder.path());
        command
    }
}

/// It belongs to the user of the images.
fn hand_over(path: &Path) -> Result<()> {
    if is_root() {
        chown(path, Some(USER), Some(USER))?;
    }
    Ok(())
}

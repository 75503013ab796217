//! The server as it is deployed: nginx and coturn by their own entry points and templates, the
//! three services behind them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::apart::is_root;

use super::space::{Space, sh};
use crate::binary;

/// The page's name.
pub const DOMAIN: &str = "call.test";
/// The relay's name.
pub const TURN_DOMAIN: &str = "turn.call.test";
/// Its public address: one that coturn relays to, which it does to none of those for documents.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(20, 0, 0, 10);
pub(super) const ADDRESS_V6: &str = "2001:db8::10";

/// Whom the images run as.
const USER: u32 = 65532;

/// What can be killed and started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// coturn.
    Relay,
    /// Who gives credentials for it.
    Issuer,
    /// Who lets callers find each other.
    Signaling,
    /// Who serves the page.
    Page,
    /// nginx.
    Front,
}

impl Part {
    const ALL: [Self; 5] = [
        Self::Relay,
        Self::Issuer,
        Self::Signaling,
        Self::Page,
        Self::Front,
    ];

    fn port(self) -> u16 {
        match self {
            Self::Relay => 3478,
            Self::Issuer => 8082,
            Self::Signaling => 8081,
            Self::Page => 8083,
            Self::Front => 443,
        }
    }
}

/// Everything that a self-hoster runs.
pub struct Server {
    space: Space,
    folder: TempDir,
    running: BTreeMap<Part, Child>,
}

impl Server {
    /// Starts all but what is left out.
    ///
    /// # Errors
    /// When something does not come up.
    pub(super) async fn start(space: Space, without: &[Part]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        // Two certificates, because an authority is no server.
        let papers = format!(
            "cp -r {root}/nginx {root}/coturn {work}; cd {work}; mkdir certs acme nginx/run coturn/run
             new='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
             openssl req -x509 $new -days 2 -subj '/CN=authority of the lab' -addext basicConstraints=critical,CA:TRUE \
               -addext keyUsage=critical,keyCertSign -keyout authority.key -out authority.pem
             openssl req $new -subj /CN={DOMAIN} -keyout certs/privkey.pem -out request
             echo 'subjectAltName=DNS:{DOMAIN},DNS:{TURN_DOMAIN}' >names
             openssl x509 -req -in request -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 \
               -extfile names -out certs/fullchain.pem",
            root = root.display(),
            work = folder.path().display(),
        );
        sh(&papers)?;
        if is_root() {
            sh(&format!(
                "chown -R {USER}:{USER} {}",
                folder.path().display()
            ))?;
        }
        let running = BTreeMap::new();
        let mut server = Self {
            space,
            folder,
            running,
        };
        for part in Part::ALL {
            if !without.contains(&part) {
                server.begin(part).await?;
            }
        }
        Ok(server)
    }

    /// Who vouches for it.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Starts a part that does not run.
    ///
    /// # Errors
    /// When it does not come up; shows its log.
    pub async fn begin(&mut self, part: Part) -> Result<()> {
        let log = self.folder.path().join(format!("{part:?}.log"));
        let out = File::options().append(true).create(true).open(&log)?;
        if is_root() {
            std::os::unix::fs::chown(&log, Some(USER), Some(USER))?;
        }
        let mut command = self.command(part)?;
        command.stdin(Stdio::null()).process_group(0);
        command.stdout(out.try_clone()?).stderr(out);
        let child = command.spawn().context("`ip` is missing: iproute2")?;
        self.running.insert(part, child);
        let at = match part {
            Part::Relay | Part::Front => ADDRESS,
            Part::Issuer | Part::Signaling | Part::Page => Ipv4Addr::LOCALHOST,
        };
        let up = self
            .space
            .listens(SocketAddr::from((at, part.port())))
            .await;
        up.with_context(|| format!("{part:?} does not come up: {}", self.log(part)))
    }

    /// Kills it as a crash would, with all of its processes.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self, part: Part) -> Result<()> {
        let mut child = self.running.remove(&part).context("it does not run")?;
        let group = format!("-{}", child.id());
        let killed = Command::new("kill").args(["-KILL", "--", &group]).status();
        ensure!(killed?.success(), "{part:?} had ended");
        child.wait()?;
        Ok(())
    }

    /// Lets nginx read its configuration again, as for a new certificate.
    ///
    /// # Errors
    /// When it does not.
    pub fn reload(&self) -> Result<()> {
        let config = self.folder.path().join("nginx/run/nginx.conf");
        let mut reload = self.as_user("nginx");
        reload.arg("-c").arg(config).args(["-s", "reload"]);
        ensure!(reload.status()?.success(), "nginx does not reload");
        Ok(())
    }

    /// What a part has logged.
    #[must_use]
    pub fn log(&self, part: Part) -> String {
        fs::read_to_string(self.folder.path().join(format!("{part:?}.log"))).unwrap_or_default()
    }

    fn as_user(&self, program: &str) -> Command {
        if !is_root() {
            return self.space.command(program);
        }
        let mut command = self.space.command("setpriv");
        let user = format!("--reuid={USER}");
        let group = format!("--regid={USER}");
        command.args(["--clear-groups", &user, &group, program]);
        command
    }

    /// What docker-compose.yml would run.
    fn command(&self, part: Part) -> Result<Command> {
        let path = |name: &str| self.folder.path().join(name);
        let service = |name: &str| -> Result<Command> {
            let mut command = self.space.command(&binary(name)?.to_string_lossy());
            command
                .args(["--listen", &format!("127.0.0.1:{}", part.port())])
                .args([
                    "--admin-listen",
                    "127.0.0.1:0",
                    "--trusted-proxies",
                    "127.0.0.1",
                ]);
            Ok(command)
        };
        let secret = "the secret of the network lab";
        Ok(match part {
            Part::Relay => {
                let mut command = self.as_user(&path("coturn/entrypoint").to_string_lossy());
                command
                    .env("TEMPLATE", path("coturn/turnserver.conf"))
                    .env("RUN_DIR", path("coturn/run"))
                    .env("DOMAIN", DOMAIN)
                    .env("PUBLIC_IP", ADDRESS.to_string())
                    .env("TURN_SECRET", "0f3a9b8c7d6e5f4a3b2c1d0e");
                command
            }
            Part::Issuer => {
                let uris = format!(
                    "turn:{TURN_DOMAIN}:3478?transport=udp,turn:{TURN_DOMAIN}:3478?transport=tcp,\
                     turns:{TURN_DOMAIN}:443?transport=tcp"
                );
                let mut command = service("credential-issuer")?;
                command
                    .args([
                        "--turn-secret",
                        "0f3a9b8c7d6e5f4a3b2c1d0e",
                        "--turn-uris",
                        &uris,
                    ])
                    .args(["--stun-uris", &format!("stun:{TURN_DOMAIN}:3478")])
                    .args(["--internal-token", secret]);
                command
            }
            Part::Signaling => {
                let mut command = service("signaling")?;
                command
                    .args(["--issuer-url", "http://127.0.0.1:8082/"])
                    .args(["--internal-token", secret, "--resume-secret", secret])
                    .args(["--fallback-stun-uris", &format!("stun:{TURN_DOMAIN}:3478")]);
                command
            }
            Part::Page => service("static-asset")?,
            Part::Front => {
                let mut command = self.as_user(&path("nginx/entrypoint").to_string_lossy());
                command
                    .env("TEMPLATES", path("nginx/templates"))
                    .env("RUN_DIR", path("nginx/run"))
                    .env("CERTS_DIR", path("certs"))
                    .env("WEBROOT", path("acme"))
                    .env("TLS_MODE", "files")
                    .env("DOMAIN", DOMAIN)
                    .env("TURN_DOMAIN", TURN_DOMAIN)
                    .env("TURN_UPSTREAM", format!("{ADDRESS}:3478"))
                    .env("SIGNALING_UPSTREAM", "127.0.0.1:8081")
                    .env("ISSUER_UPSTREAM", "127.0.0.1:8082")
                    .env("STATIC_UPSTREAM", "127.0.0.1:8083")
                    .env("HTTP_PORT", "80")
                    // Outside of Docker nginx sees who calls over IPv6 as well.
                    .env("HTTPS_PORT", "[::]:443 ipv6only=off");
                command
            }
        })
    }
}

/// A test that fails leaves nothing running.
impl Drop for Server {
    fn drop(&mut self) {
        for part in Part::ALL {
            // Some may be killed already.
            let _ = self.kill(part);
        }
    }
}

//! A proxy on the way that does not know WebSockets, as companies and hotels have them.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::Instant,
};

const START: std::time::Duration = std::time::Duration::from_secs(20);

/// nginx as it is without a word about upgrades: it buffers, and talks HTTP/1.0 upstream.
pub struct Proxy {
    _child: Child,
    _folder: TempDir,
    /// `http://localhost:<port>`.
    pub page: String,
}

impl Proxy {
    /// Starts it before `http://localhost:<port>`.
    ///
    /// # Errors
    /// When nginx is missing or does not start.
    pub async fn start(upstream: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let run = folder.path().display();
        let upstream = upstream.replace("localhost", "127.0.0.1");
        let configuration = format!(
            "pid {run}/pid; daemon off; master_process off; error_log stderr emerg; events {{}}
            http {{
                access_log off;
                client_body_temp_path {run}/body; proxy_temp_path {run}/proxy;
                fastcgi_temp_path {run}/f; scgi_temp_path {run}/s; uwsgi_temp_path {run}/u;
                server {{
                    listen 127.0.0.1:{port};
                    location / {{ proxy_pass {upstream}; proxy_set_header Host $http_host; }}
                }}
            }}"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration)?;
        // Debian keeps nginx out of the path of users that are not root.
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let mut child = Command::new("nginx")
            .env("PATH", path)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("nginx is missing: apt-get install nginx-light")?;
        let end = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            ensure!(child.try_wait()?.is_none(), "nginx ended");
            ensure!(Instant::now() < end, "nginx does not listen");
        }
        Ok(Self {
            _child: child,
            _folder: folder,
            page: format!("http://localhost:{port}"),
        })
    }
}

//! The admin listener: `/live`, `/ready` and `/metrics`, on a port that no proxy routes.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clap::Args;
use http::StatusCode;
use prometheus::{Encoder as _, IntGaugeVec, Opts, Registry, TextEncoder};
use tokio::{net::TcpListener, time::timeout};
use warp::{Filter as _, Reply, reply::Response};

use crate::{
    client::ProxyArgs,
    http::{HttpArgs, Server, error::recover, serve},
    process::Process,
    shutdown::Shutdown,
};

/// A check that takes longer has failed.
const CHECK: Duration = Duration::from_secs(1);

/// Where the admin listener is.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Admin")]
pub struct AdminArgs {
    /// Address of /live, /ready and /metrics. Not for the public.
    #[arg(
        long,
        env = "TUTURU_ADMIN_LISTEN",
        default_value = "127.0.0.1:9090",
        value_name = "ADDRESS"
    )]
    pub admin_listen: SocketAddr,
}

type Check = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// What the admin listener tells.
#[derive(Clone)]
pub struct Admin {
    registry: Registry,
    checks: Vec<(&'static str, Check)>,
    ready: Readiness,
}

/// Whether the service takes new work. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// From now on.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    /// Whether it is.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Admin {
    /// Nothing to check yet, not ready.
    ///
    /// # Errors
    /// When the registry refuses its own first metric, which it does not.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let options = Opts::new("tuturu_build_info", "Always 1; the version is a label.");
        let build = IntGaugeVec::new(options, &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(build))?;
        if let Some(process) = Process::new()? {
            registry.register(Box::new(process))?;
        }
        Ok(Self {
            registry,
            checks: Vec::new(),
            ready: Readiness::default(),
        })
    }

    /// Where metrics are registered.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// `/live` fails, naming the check, while it answers false or not within a second.
    pub fn live_when<F, T>(&mut self, name: &'static str, check: F)
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = bool> + Send + 'static,
    {
        self.checks
            .push((name, Arc::new(move || Box::pin(check()))));
    }

    /// The switch behind `/ready`.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.ready.clone()
    }

    /// Serves for as long as it is polled: a requested shutdown makes the service not ready,
    /// and its last requests and calls can still be watched.
    pub async fn serve(self, listener: TcpListener, shutdown: Shutdown) {
        let admin = Arc::new(self);
        let live = {
            let admin = Arc::clone(&admin);
            warp::path!("live").then(move || Arc::clone(&admin).live())
        };
        let ready = {
            let admin = Arc::clone(&admin);
            warp::path!("ready").map(move || {
                let ready = admin.ready.is_ready() && !shutdown.is_requested();
                answer(ready, if ready { "ready" } else { "not ready" })
            })
        };
        let metrics = warp::path!("metrics").map(move || admin.metrics());
        let routes = live.or(ready).unify().or(metrics).unify();
        let routes = warp::get().and(routes).recover(recover).unify();
        let limits = HttpArgs {
            header_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            max_connections: 64,
            max_connections_per_source: 64,
            proxy: ProxyArgs::default(),
        };
        let (_never_pulled, shutdown) = Shutdown::manual();
        let server = Server {
            listener,
            tls: None,
            limits,
            shutdown,
        };
        serve(server, warp::service(routes)).await;
    }

    async fn live(self: Arc<Self>) -> Response {
        for (name, check) in &self.checks {
            if !matches!(timeout(CHECK, check()).await, Ok(true)) {
                return answer(false, name);
            }
        }
        answer(true, "live")
    }

    fn metrics(&self) -> Response {
        let mut text = Vec::new();
        let encoder = TextEncoder::new();
        match encoder.encode(&self.registry.gather(), &mut text) {
            Ok(()) => warp::reply::with_header(text, "content-type", encoder.format_type())
                .into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

fn answer(good: bool, text: &str) -> Response {
    let status = if good {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    warp::reply::with_status(format!("{text}\n"), status).into_response()
}

//! The signaling service on its own.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Parser;
use service::{
    admin::{Admin, AdminArgs},
    config::{self, Secret, secret_or_file},
    health::{self, HealthArgs},
    http::{HttpArgs, Server, error::recover, serve},
    lifecycle::{self, bind},
    log::LogArgs,
    shutdown::Shutdown,
};
use signaling::{IssuerLink, Signaling, SignalingArgs};
use warp::Filter as _;

/// Signaling for video calls: two browsers meet here, over WebSockets.
#[derive(Debug, Parser)]
#[command(version)]
struct Config {
    /// Address to serve `/ws` and `/health` on.
    #[arg(
        long,
        env = "TUTURU_SIGNALING_LISTEN",
        default_value = "0.0.0.0:8081",
        value_name = "ADDRESS"
    )]
    listen: SocketAddr,

    /// Base URL of the credential issuer.
    #[arg(
        long,
        env = "TUTURU_ISSUER_URL",
        default_value = "http://127.0.0.1:8082/",
        value_name = "URL"
    )]
    issuer_url: reqwest::Url,

    /// Token that the credential issuer asks of this service.
    #[arg(
        long,
        env = "TUTURU_INTERNAL_TOKEN",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    internal_token: Option<Secret>,

    /// File that holds the internal token.
    #[arg(long, env = "TUTURU_INTERNAL_TOKEN_FILE", value_name = "FILE")]
    internal_token_file: Option<PathBuf>,

    #[command(flatten)]
    signaling: SignalingArgs,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    admin: AdminArgs,
    #[command(flatten)]
    health: HealthArgs,
    #[command(flatten)]
    log: LogArgs,
}

fn main() -> ExitCode {
    let config: Config = config::parse();
    if config.health.health {
        return lifecycle::run(&config.log, || health::ask(config.admin.admin_listen));
    }
    lifecycle::run(&config.log, || run(&config))
}

async fn run(config: &Config) -> anyhow::Result<()> {
    let (value, file) = (
        config.internal_token.as_ref(),
        config.internal_token_file.as_deref(),
    );
    let token = secret_or_file(value, file, "TUTURU_INTERNAL_TOKEN")?;
    let token = token.map(|token| token.expose().to_owned());
    let issuer = IssuerLink::Http {
        base: config.issuer_url.clone(),
        token,
    };

    let shutdown = Shutdown::on_signals()?;
    let mut admin = Admin::new()?;
    let signaling = Signaling::start(
        &config.signaling,
        issuer,
        admin.registry(),
        shutdown.clone(),
    )?;
    let hub = signaling.clone();
    admin.live_when("hub", move || {
        let hub = hub.clone();
        async move { hub.is_live().await }
    });

    let listener = bind(config.listen, "--listen").await?;
    let admin_listener = bind(config.admin.admin_listen, "--admin-listen").await?;
    let (address, probes) = (listener.local_addr()?, admin_listener.local_addr()?);
    tracing::info!(%address, admin = %probes, "serving");
    admin.readiness().set(true);
    tokio::spawn(admin.serve(admin_listener, shutdown.clone()));
    let server = Server {
        listener,
        tls: None,
        limits: config.http.clone(),
        shutdown,
    };
    serve(server, warp::service(signaling.routes().recover(recover))).await;
    signaling.drain().await;
    Ok(())
}

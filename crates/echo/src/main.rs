//! The echo on its own.

use std::{
    net::{IpAddr, SocketAddr},
    process::ExitCode,
};

use clap::Parser;
use echo::{Echo, EchoArgs, IssuerArgs, health_route, routes};
use service::{
    admin::{Admin, AdminArgs},
    config::{self, ConfigError},
    health::{self, HealthArgs},
    http::{HttpArgs, Server, error::recover, serve},
    lifecycle::{self, bind},
    log::LogArgs,
    shutdown::Shutdown,
};
use warp::Filter as _;

/// Sends back what it sees and hears over WebRTC.
#[derive(Debug, Parser)]
#[command(version)]
struct Config {
    /// Address to serve offers on.
    #[arg(
        long,
        env = "TUTURU_ECHO_LISTEN",
        default_value = "127.0.0.1:8084",
        value_name = "ADDRESS"
    )]
    listen: SocketAddr,

    /// Address under which clients reach the echo's media; needed.
    #[arg(long, env = "TUTURU_PUBLIC_IP", value_name = "IP")]
    public_ip: Option<IpAddr>,

    #[command(flatten)]
    echo: EchoArgs,
    #[command(flatten)]
    issuer: IssuerArgs,
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
    let public_ip = config.public_ip.ok_or_else(|| {
        ConfigError::new("TUTURU_PUBLIC_IP is missing: the address under which clients reach it")
    })?;
    let ice = config.issuer.source()?;
    let shutdown = Shutdown::on_signals()?;
    let admin = Admin::new()?;
    let listener = bind(config.listen, "--listen").await?;
    let admin_listener = bind(config.admin.admin_listen, "--admin-listen").await?;
    let echo = Echo::start(&config.echo, public_ip, ice, admin.registry()).await?;

    let (address, probes) = (listener.local_addr()?, admin_listener.local_addr()?);
    tracing::info!(%address, admin = %probes, media = echo.media_address().port(), "serving");
    admin.readiness().set(true);
    tokio::spawn(admin.serve(admin_listener, shutdown.clone()));
    let server = Server {
        listener,
        tls: None,
        limits: config.http.clone(),
        shutdown: shutdown.clone(),
    };
    let routes = routes(&echo).or(health_route()).unify().recover(recover);
    let farewell = async {
        shutdown.requested().await;
        echo.close().await;
    };
    tokio::join!(serve(server, warp::service(routes)), farewell);
    Ok(())
}

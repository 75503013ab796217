//! The static asset service on its own.

use std::{net::SocketAddr, process::ExitCode};

use clap::Parser;
use service::{
    admin::{Admin, AdminArgs},
    certificate::CertificateArgs,
    config,
    health::{self, HealthArgs},
    http::{HttpArgs, Server, serve},
    lifecycle::{self, bind},
    log::LogArgs,
    shutdown::Shutdown,
};
use static_asset::{Assets, StaticArgs, routes};

/// Serves the web page.
#[derive(Debug, Parser)]
#[command(version)]
struct Config {
    /// Address to serve on.
    #[arg(
        long,
        env = "TUTURU_STATIC_LISTEN",
        default_value = "0.0.0.0:8083",
        value_name = "ADDRESS"
    )]
    listen: SocketAddr,

    #[command(flatten)]
    page: StaticArgs,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    admin: AdminArgs,
    #[command(flatten)]
    certificate: CertificateArgs,
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
    let shutdown = Shutdown::on_signals()?;
    let admin = Admin::new()?;
    config.certificate.watch(admin.registry())?;
    let assets = Assets::load(&config.page, admin.registry())?;
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
    serve(server, warp::service(routes(assets))).await;
    Ok(())
}

//! The credential issuer on its own.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Parser;
use credential_issuer::{
    Access, IssuerArgs, ProviderMetrics, app_routes, internal_routes, public_routes,
};
use service::{
    admin::{Admin, AdminArgs},
    config::{self, ConfigError, Secret, secret_or_file},
    health::{self, HealthArgs},
    http::{HttpArgs, Server, error::recover, serve},
    jwt::JwtArgs,
    lifecycle::{self, bind},
    log::LogArgs,
    shutdown::Shutdown,
};
use warp::Filter as _;

/// Issues short-lived TURN credentials of our own relay, or of a provider.
#[derive(Debug, Parser)]
#[command(version)]
struct Config {
    /// Address to serve `/api/turn`, `/api/v1/webrtc/ice-servers` and
    /// `/internal/ice-servers` on.
    #[arg(
        long,
        env = "TUTURU_ISSUER_LISTEN",
        default_value = "127.0.0.1:8082",
        value_name = "ADDRESS"
    )]
    listen: SocketAddr,

    /// Token that the other services show on `/internal/…`; needed unless the address is a
    /// loopback one.
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
    issuer: IssuerArgs,
    #[command(flatten)]
    jwt: JwtArgs,
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
    let providers = config.issuer.providers()?;
    let (value, file) = (
        config.internal_token.as_ref(),
        config.internal_token_file.as_deref(),
    );
    let token = secret_or_file(value, file, "TUTURU_INTERNAL_TOKEN")?;
    if token.is_none() && !config.listen.ip().is_loopback() {
        let what = "TUTURU_INTERNAL_TOKEN is missing: this address is reachable from elsewhere";
        return Err(ConfigError::new(what).into());
    }

    let shutdown = Shutdown::on_signals()?;
    let admin = Admin::new()?;
    let access = Access::new(config.issuer.credential_rate, token, admin.registry())?;
    let metrics = ProviderMetrics::new(admin.registry())?;
    let issuer = config.issuer.issuer(providers, vec![], vec![], metrics)?;
    let issuer = Arc::new(issuer);
    let internal = internal_routes(Arc::clone(&issuer), access.clone());
    let apps = app_routes(Arc::clone(&issuer), access.clone(), config.jwt.verifier()?);
    let routes = public_routes(issuer, access)
        .or(apps)
        .unify()
        .or(internal)
        .unify()
        .recover(recover);

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
    serve(server, warp::service(routes)).await;
    Ok(())
}

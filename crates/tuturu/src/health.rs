//! `tuturu health`: asks a service by the address of its admin listener.

use std::net::SocketAddr;

use clap::Args;
use service::health::ask;

/// Which service to ask.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// Admin address of the service.
    #[arg(default_value = "127.0.0.1:9090", value_name = "ADDRESS")]
    address: SocketAddr,
}

pub(crate) async fn run(args: HealthArgs) -> anyhow::Result<()> {
    ask(args.address).await
}

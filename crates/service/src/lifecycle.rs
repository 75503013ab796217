//! What every `main` does the same way: log, bind, run, and end with the right code.

use std::{future::Future, net::SocketAddr, process::ExitCode};

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::{
    config::{ConfigError, EXIT_CONFIG},
    log::{self, LogArgs},
};

/// Starts logging and the runtime, and runs the service to its end. A [`ConfigError`]
/// anywhere in the chain is exit code 78, any other error 1.
pub fn run<F>(log: &LogArgs, service: impl FnOnce() -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    run_to(log, || async {
        service().await.map(|()| ExitCode::SUCCESS)
    })
}

/// As [`run`], for what has an exit code of its own to tell.
pub fn run_to<F>(log: &LogArgs, service: impl FnOnce() -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<ExitCode>>,
{
    let outcome = log::init(log).map_err(anyhow::Error::from).and_then(|()| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        runtime
            .context("cannot start the runtime")?
            .block_on(service())
    });
    match outcome {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the one clear line before the process ends"
)]
fn fail(error: &anyhow::Error) -> ExitCode {
    if let Some(error) = error.downcast_ref::<ConfigError>() {
        eprintln!("configuration error: {error}");
        return ExitCode::from(EXIT_CONFIG);
    }
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

/// Binds a TCP listener.
///
/// # Errors
/// Says which address, and which flag chooses another one.
pub async fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("cannot listen on {address}; choose another address with {flag}"))
}

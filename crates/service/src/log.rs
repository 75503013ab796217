//! Logs: human or JSON lines on stderr.
//!
//! SECURITY: no PIN, SDP, candidate, address, token or credential is ever logged. What
//! libraries say through the `log` crate goes nowhere, because some of it is addresses.

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::config::ConfigError;

/// SECURITY: at trace warp says the segments of paths, and a room's name is one; the WebRTC
/// library says addresses and ICE passwords.
const SILENT: [&str; 5] = ["warp::filters", "str0m", "is", "dimpl", "sctp_proto"];

/// How to log.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Logging")]
pub struct LogArgs {
    /// Form of the log lines.
    #[arg(
        long,
        global = true,
        env = "TUTURU_LOG_FORMAT",
        value_enum,
        default_value = "human"
    )]
    pub log_format: LogFormat,

    /// Level, or levels by module: `debug`, `info,signaling=debug`.
    #[arg(
        long,
        global = true,
        env = "TUTURU_LOG_LEVEL",
        default_value = "info",
        value_name = "LEVEL"
    )]
    pub log_level: String,
}

/// Form of the log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Starts logging. Called once, by `main`.
///
/// # Errors
/// [`ConfigError`] when the level cannot be read.
pub fn init(args: &LogArgs) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(&args.log_level).map_err(|_| {
        ConfigError::new("TUTURU_LOG_LEVEL is not a level: try `info` or `info,signaling=debug`")
    })?;
    let filter = SILENT.iter().fold(filter, |filter, target| {
        filter.add_directive(format!("{target}=off").parse().expect("a directive"))
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second call, in tests, keeps the first logger.
    let _ = match args.log_format {
        LogFormat::Human => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

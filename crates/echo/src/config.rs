//! Where media comes and goes, and what it may cost.

use std::{net::SocketAddr, time::Duration};

use clap::Args;
use service::{
    config::{bytes, duration},
    rate::Rate,
};

/// The echo.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Echo")]
pub struct EchoArgs {
    /// Address of the echo's media, UDP and TCP: one port for all sessions.
    #[arg(
        long,
        env = "TUTURU_ECHO_MEDIA_LISTEN",
        default_value = "0.0.0.0:3480",
        value_name = "ADDRESS"
    )]
    pub echo_media_listen: SocketAddr,

    /// Origins whose pages may use the echo beside the page's own; `*` allows all.
    #[arg(
        long,
        env = "TUTURU_ECHO_ORIGINS",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    pub echo_origins: Vec<String>,

    /// Sessions of the echo at most, above it 503.
    #[arg(
        long,
        env = "TUTURU_ECHO_MAX_SESSIONS",
        default_value_t = 100,
        value_name = "N"
    )]
    pub echo_max_sessions: usize,

    /// Sessions of the echo from one source, above it 429.
    #[arg(
        long,
        env = "TUTURU_ECHO_MAX_SESSIONS_PER_SOURCE",
        default_value_t = 8,
        value_name = "N"
    )]
    pub echo_max_sessions_per_source: usize,

    /// Sessions a minute that one source may ask for.
    #[arg(
        long,
        env = "TUTURU_ECHO_OFFER_RATE",
        default_value_t = 60,
        value_name = "N"
    )]
    pub echo_offer_rate: u32,

    /// Viewers of one stream published over WHIP.
    #[arg(
        long,
        env = "TUTURU_ECHO_MAX_VIEWERS",
        default_value_t = 20,
        value_name = "N"
    )]
    pub echo_max_viewers: usize,

    /// Bytes a second that a session may send to the echo; more is dropped.
    #[arg(long, env = "TUTURU_ECHO_MAX_RATE", default_value = "640KiB", value_parser = bytes, value_name = "SIZE")]
    pub echo_max_rate: usize,

    /// A session that was silent for so long is closed.
    #[arg(long, env = "TUTURU_ECHO_SILENCE", default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub echo_silence: Duration,
}

impl EchoArgs {
    /// A second's worth may come at once: a key frame is a burst.
    pub(crate) fn rate(&self) -> Rate {
        let bytes = u32::try_from(self.echo_max_rate).unwrap_or(u32::MAX);
        Rate::new(bytes, Duration::from_secs(1), bytes)
    }
}

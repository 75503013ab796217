//! What a socket may cost, what a guess costs, and where ICE servers come from.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use rooms::throttle::ThrottleLimits;
use service::{
    config::{Secret, bytes, duration},
    jwt::JwtArgs,
};

use crate::outbox::OutboxLimits;

/// Budgets of the signaling service; every one has the default of docs/security.md.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Signaling")]
pub struct SignalingArgs {
    /// Origins whose pages may connect beside the page's own; `*` allows all.
    #[arg(
        long,
        env = "TUTURU_ALLOWED_ORIGINS",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    pub allowed_origins: Vec<String>,

    /// Sockets at most, above it 503.
    #[arg(
        long,
        env = "TUTURU_MAX_SOCKETS",
        default_value_t = 10_000,
        value_name = "N"
    )]
    pub max_sockets: usize,

    /// Sockets from one source (an IPv4 address or an IPv6 /64), above it 429.
    #[arg(
        long,
        env = "TUTURU_MAX_SOCKETS_PER_SOURCE",
        default_value_t = 20,
        value_name = "N"
    )]
    pub max_sockets_per_source: usize,

    /// Largest message; larger ones are refused, ones of twice the size end the socket.
    #[arg(long, env = "TUTURU_MAX_MESSAGE", default_value = "64KiB", value_parser = bytes, value_name = "SIZE")]
    pub max_message: usize,

    /// Read buffer of a socket: most of what an idle one costs.
    #[arg(long, env = "TUTURU_READ_BUFFER", default_value = "1KiB", value_parser = bytes, value_name = "SIZE")]
    pub read_buffer: usize,

    /// Messages that may wait for a slow reader before its socket is closed.
    #[arg(
        long,
        env = "TUTURU_OUTBOX_MESSAGES",
        default_value_t = 64,
        value_name = "N"
    )]
    pub outbox_messages: usize,

    /// Bytes that may wait for a slow reader before its socket is closed.
    #[arg(long, env = "TUTURU_OUTBOX_BYTES", default_value = "256KiB", value_parser = bytes, value_name = "SIZE")]
    pub outbox_bytes: usize,

    /// Messages a second that a socket may send.
    #[arg(
        long,
        env = "TUTURU_MESSAGE_RATE",
        default_value_t = 50,
        value_name = "N"
    )]
    pub message_rate: u32,

    /// Messages that a socket may send at once.
    #[arg(
        long,
        env = "TUTURU_MESSAGE_BURST",
        default_value_t = 100,
        value_name = "N"
    )]
    pub message_burst: u32,

    /// How long a socket may stay without joining.
    #[arg(long, env = "TUTURU_JOIN_TIMEOUT", default_value = "120s", value_parser = duration, value_name = "TIME")]
    pub join_timeout: Duration,

    /// How often a silent socket is pinged.
    #[arg(long, env = "TUTURU_PING_INTERVAL", default_value = "20s", value_parser = duration, value_name = "TIME")]
    pub ping_interval: Duration,

    /// A socket that was silent for so long is gone.
    #[arg(long, env = "TUTURU_PING_TIMEOUT", default_value = "45s", value_parser = duration, value_name = "TIME")]
    pub ping_timeout: Duration,

    /// How long the seat of a lost caller is held.
    #[arg(long, env = "TUTURU_SEAT_GRACE", default_value = "60s", value_parser = duration, value_name = "TIME")]
    pub seat_grace: Duration,

    /// How long a stop waits for pages that cannot resume.
    #[arg(long, env = "TUTURU_DRAIN_GRACE", default_value = "10s", value_parser = duration, value_name = "TIME")]
    pub drain_grace: Duration,

    /// Failed joins (PINs that find nobody) a minute and source.
    #[arg(long, env = "TUTURU_GUESS_RATE", default_value_t = 5, value_name = "N")]
    pub guess_rate: u32,

    /// Failed joins that a source may make at once.
    #[arg(
        long,
        env = "TUTURU_GUESS_BURST",
        default_value_t = 10,
        value_name = "N"
    )]
    pub guess_burst: u32,

    /// Failed joins within half an hour that block a source.
    #[arg(
        long,
        env = "TUTURU_GUESS_BLOCK_AFTER",
        default_value_t = 10,
        value_name = "N"
    )]
    pub guess_block_after: usize,

    /// How long a block lasts.
    #[arg(long, env = "TUTURU_GUESS_BLOCK", default_value = "30m", value_parser = duration, value_name = "TIME")]
    pub guess_block: Duration,

    /// Failed joins a second of everybody together that cost no extra delay.
    #[arg(
        long,
        env = "TUTURU_GUESS_RATE_GLOBAL",
        default_value_t = 50,
        value_name = "N"
    )]
    pub guess_rate_global: u32,

    /// Rooms in which one source may wait alone.
    #[arg(
        long,
        env = "TUTURU_WAITING_ROOMS",
        default_value_t = 2,
        value_name = "N"
    )]
    pub waiting_rooms: usize,

    /// Whether pages tell how their calls came about, in closed sets; `off` asks for nothing
    /// and counts nothing. See docs/privacy.md.
    #[arg(long, env = "TUTURU_CALL_REPORTS", value_enum, default_value = "on")]
    pub call_reports: CallReports,

    /// Secret that signs resume tokens (16 bytes or more). Without one, calls cannot be
    /// resumed after a restart of this process.
    #[arg(
        long,
        env = "TUTURU_RESUME_SECRET",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub resume_secret: Option<Secret>,

    /// File that holds the resume secret.
    #[arg(long, env = "TUTURU_RESUME_SECRET_FILE", value_name = "FILE")]
    pub resume_secret_file: Option<PathBuf>,

    /// The resume secret before the last rotation: still accepted.
    #[arg(
        long,
        env = "TUTURU_RESUME_SECRET_PREVIOUS",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub resume_secret_previous: Option<Secret>,

    /// How long a resume token is good for.
    #[arg(long, env = "TUTURU_RESUME_LIFETIME", default_value = "24h", value_parser = duration, value_name = "TIME")]
    pub resume_lifetime: Duration,

    /// What the clients of the neighbouring systems may.
    #[command(flatten)]
    pub dialects: DialectArgs,

    /// STUN servers handed out when the credential issuer cannot be reached.
    #[arg(
        long,
        env = "TUTURU_FALLBACK_STUN_URIS",
        value_delimiter = ',',
        value_name = "URI"
    )]
    pub fallback_stun_uris: Vec<String>,
}

/// What the clients of the neighbouring systems may.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Other vocabularies")]
pub struct DialectArgs {
    /// Origins whose pages may register as peers by id, beside the page's own; `*` allows all.
    #[arg(
        long,
        env = "TUTURU_PEERS_ORIGINS",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    pub peers_origins: Vec<String>,

    /// Peers that may be registered by id.
    #[arg(
        long,
        env = "TUTURU_MAX_PEERS",
        default_value_t = 1000,
        value_name = "N"
    )]
    pub max_peers: usize,

    /// File with robots, their owners and keys; `tuturu robots` writes it. Read again on
    /// SIGHUP.
    #[arg(long, env = "TUTURU_ROBOTS_FILE", value_name = "FILE")]
    pub robots_file: Option<PathBuf>,

    /// Origins whose pages may speak to robots, beside the page's own; `*` allows all.
    #[arg(
        long,
        env = "TUTURU_ROBOT_ORIGINS",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    pub robot_origins: Vec<String>,

    /// Accept signatures of robots that name no time: whoever hears one can use it for ever.
    #[arg(long, env = "TUTURU_ROBOT_UNDATED_SIGNATURES", default_value_t = false)]
    pub robot_undated_signatures: bool,

    /// How tokens of apps are checked.
    #[command(flatten)]
    pub jwt: JwtArgs,

    /// Origins whose pages may enter rooms by call ID, beside the page's own; `*` allows all.
    #[arg(
        long,
        env = "TUTURU_PARTY_ORIGINS",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    pub party_origins: Vec<String>,

    /// Parties there are, comma separated; without any, every name is one.
    #[arg(
        long,
        env = "TUTURU_PARTIES",
        value_delimiter = ',',
        value_name = "NAME"
    )]
    pub parties: Vec<String>,

    /// Connections in one room by call ID.
    #[arg(
        long,
        env = "TUTURU_PARTY_CAPACITY",
        default_value_t = 32,
        value_name = "N"
    )]
    pub party_capacity: usize,
}

/// Whether pages tell how their calls came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CallReports {
    /// They are asked to.
    On,
    /// They are not, and what they tell is not counted.
    Off,
}

impl SignalingArgs {
    pub(crate) fn throttle(&self) -> ThrottleLimits {
        ThrottleLimits {
            burst: self.guess_burst,
            per_minute: self.guess_rate,
            block_after: self.guess_block_after,
            block_for: self.guess_block,
            global_per_second: self.guess_rate_global,
            waiting_rooms: self.waiting_rooms,
            sources: NonZeroUsize::new(10_000).expect("ten thousand is not zero"),
            ..ThrottleLimits::default()
        }
    }

    pub(crate) fn outbox(&self) -> OutboxLimits {
        OutboxLimits {
            frames: self.outbox_messages,
            bytes: self.outbox_bytes,
        }
    }
}

//! Signaling: the WebSockets where callers, robots and rooms find each other.
//!
//! One task, the hub, owns the rooms; every socket is a task of its own with a bounded
//! outbox. Five vocabularies share them: an ear reads what a client says, a speaker puts
//! the rooms' effects into its words. [`Signaling::start`] gives routes
//! that the service's own binary serves, and that `tuturu serve` composes with others.

mod config;
mod dialect;
mod ear;
mod fallback;
mod hub;
mod ice;
mod metrics;
mod origin;
mod outbox;
pub mod robots;
mod routes;
mod socket;
mod token;
mod upgrade;

use std::{sync::Arc, time::Duration};

use prometheus::Registry;
use rooms::Limits;
use service::{
    config::{ConfigError, Secret, secret_or_file},
    crowd::Crowd,
    jwt::Verifier,
    rate::Rate,
    shutdown::Shutdown,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot},
};

pub use config::{CallReports, SignalingArgs};
pub use ice::{InProcess, Issued, IssuerLink};

use crate::{
    fallback::Conversations, hub::Command, ice::IceServers, metrics::Metrics, origin::Origins,
    outbox::OutboxLimits, robots::Robots, token::Tokens,
};

/// The running service. Cheap to clone.
#[derive(Clone)]
pub struct Signaling {
    shared: Arc<Shared>,
    drain_grace: Duration,
}

/// What every socket needs.
struct Shared {
    hub: mpsc::Sender<Command>,
    tokens: Arc<Tokens>,
    ice: IceServers,
    metrics: Metrics,
    limits: SocketLimits,
    origins: Origins,
    /// Who may speak as an app; nobody without one.
    apps: Option<Verifier>,
    robots: Robots,
    parties: Vec<String>,
    crowd: Crowd,
    conversations: Conversations,
    shutdown: Shutdown,
    /// Makes the names under which sources are known to the relay.
    pseudonym_key: Vec<u8>,
}

struct SocketLimits {
    outbox: OutboxLimits,
    max_message: usize,
    read_buffer: usize,
    message_rate: Rate,
    join_timeout: Duration,
    ping_interval: Duration,
    ping_timeout: Duration,
    seat_grace: Duration,
    party_capacity: usize,
}

impl Signaling {
    /// Starts the hub. The shutdown makes upgrades answer 503; see [`drain`](Self::drain).
    ///
    /// # Errors
    /// [`ConfigError`] for a bad secret; other errors when metrics or the HTTP client
    /// cannot be set up.
    pub fn start(
        args: &SignalingArgs,
        issuer: IssuerLink,
        registry: &Registry,
        shutdown: Shutdown,
    ) -> anyhow::Result<Self> {
        let metrics = Metrics::register(registry)?;
        let secrets = secrets(args)?;
        let pseudonym_key = secrets[0].clone();
        let tokens = Arc::new(Tokens::new(secrets, args.resume_lifetime.as_secs()));
        let limits = Limits {
            throttle: args.throttle(),
        };
        let robots = Robots::open(&args.dialects)?;
        let hub = hub::spawn(
            limits,
            // Everybody gets all cards in one frame, which must fit into half an outbox.
            (args.dialects.max_peers, args.outbox_bytes / 2),
            args.call_reports == CallReports::On,
            robots.clone(),
            Arc::clone(&tokens),
            metrics.clone(),
        );
        tokio::spawn(reload_on_hangup(
            signal(SignalKind::hangup())?,
            robots.clone(),
            hub.clone(),
        ));
        let ice = IceServers::new(issuer, args.fallback_stun_uris.clone(), metrics.clone())?;
        let shared = Shared {
            hub,
            tokens,
            ice,
            metrics,
            limits: SocketLimits {
                outbox: args.outbox(),
                max_message: args.max_message,
                read_buffer: args.read_buffer,
                message_rate: Rate::new(
                    args.message_rate,
                    Duration::from_secs(1),
                    args.message_burst,
                ),
                join_timeout: args.join_timeout,
                ping_interval: args.ping_interval,
                ping_timeout: args.ping_timeout,
                seat_grace: args.seat_grace,
                party_capacity: args.dialects.party_capacity,
            },
            origins: Origins::of(args),
            apps: args.dialects.jwt.verifier()?,
            robots,
            parties: args.dialects.parties.clone(),
            crowd: Crowd::new(args.max_sockets, args.max_sockets_per_source),
            conversations: Conversations::default(),
            shutdown,
            pseudonym_key,
        };
        Ok(Self {
            shared: Arc::new(shared),
            drain_grace: args.drain_grace,
        })
    }

    /// Whether the hub still obeys.
    pub async fn is_live(&self) -> bool {
        let (answer, answered) = oneshot::channel();
        let asked = self.shared.hub.send(Command::Probe(answer)).await;
        asked.is_ok() && answered.await.is_ok()
    }

    /// Sends everybody away: pages that can resume at once, released pages when their
    /// calls are over or the grace time is. Returns when all sockets are gone.
    pub async fn drain(&self) {
        let crowd = &self.shared.crowd;
        tracing::info!(sockets = crowd.total(), "sending everybody away");
        let steps = [
            (
                Command::Drain {
                    after: Duration::from_secs(1),
                },
                self.drain_grace,
            ),
            (Command::CloseAll, Duration::from_secs(3)),
        ];
        for (command, patience) in steps {
            if self.shared.hub.send(command).await.is_err() {
                return;
            }
            if tokio::time::timeout(patience, crowd.gone()).await.is_ok() {
                return;
            }
        }
    }
}

/// Reads the robots again on each SIGHUP; who is no robot any more loses its connection.
async fn reload_on_hangup(mut hangup: Signal, robots: Robots, hub: mpsc::Sender<Command>) {
    while hangup.recv().await.is_some() {
        let revoked = robots.reload();
        let changed = Command::RobotsChanged { revoked };
        if hub.send(changed).await.is_err() {
            return;
        }
    }
}

/// The current secret, then the previous one; a random one when none is given.
fn secrets(args: &SignalingArgs) -> Result<Vec<Vec<u8>>, ConfigError> {
    let (value, file) = (
        args.resume_secret.as_ref(),
        args.resume_secret_file.as_deref(),
    );
    let bytes = |secret: &Secret| secret.expose().as_bytes().to_vec();
    let current = match secret_or_file(value, file, "TUTURU_RESUME_SECRET")? {
        Some(secret) => bytes(&secret),
        None => {
            let mut random = vec![0; 32];
            getrandom::fill(&mut random).expect("the system has a source of randomness");
            random
        }
    };
    Ok([
        Some(current),
        args.resume_secret_previous.as_ref().map(bytes),
    ]
    .into_iter()
    .flatten()
    .collect())
}

//! All sessions: who may open one, and how one is found again.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use prometheus::Registry;
use protocol::ice::IceServer;
use service::{
    client::Address,
    crowd::{Crowd, Crowded},
    origin::OriginList,
    rate::{Rate, Rates},
};
use tokio::{sync::mpsc, time::timeout};
use uuid::Uuid;

use crate::{
    accept::{self, Refused, Role, Setup},
    config::EchoArgs,
    ice::IceSource,
    metrics::{Dialect, Metrics},
    parameters::Parameters,
    run::{Part, Run},
    session::Ended,
    streams::{NoView, Streams},
    switch::{Command, Inbox, Switch},
    wire::Wire,
};

/// Datagrams that may wait for a session.
const INBOX: usize = 512;
/// How long sessions have to say farewell when the server stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// The echo. Cheap to clone.
#[derive(Clone)]
pub struct Echo(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    setup: Setup,
    wire: Arc<Wire>,
    switch: Arc<Switch>,
    crowd: Crowd,
    rates: Mutex<Rates>,
    streams: Streams,
    open: Mutex<HashMap<Uuid, Known>>,
    ice: Option<IceSource>,
    /// Of pseudonyms.
    key: [u8; 32],
    pub(crate) origins: OriginList,
    pub(crate) max_sessions: usize,
    pub(crate) max_sessions_per_source: usize,
    pub(crate) metrics: Metrics,
}

/// How a session is found.
struct Known {
    dialect: Dialect,
    /// The name that its client gave it, or that it publishes under.
    name: String,
    inbox: Inbox,
}

/// Somebody wants a session.
pub(crate) struct Wish<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) address: Address,
    pub(crate) offer: &'a str,
    pub(crate) parameters: Parameters,
    pub(crate) name: &'a str,
}

/// And why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotOpened {
    /// Again after so many seconds.
    TooOften(u64),
    Crowded(Crowded),
    Refused(Refused),
    /// The name is in use.
    Taken,
    NoView(NoView),
}

impl Echo {
    /// Binds the media port and is ready for offers. Clients are told this address, and
    /// those of WHIP and WHEP the ICE servers.
    ///
    /// # Errors
    /// When the port cannot be bound, or metrics are registered already.
    pub async fn start(
        args: &EchoArgs,
        public: IpAddr,
        ice: Option<IceSource>,
        registry: &Registry,
    ) -> anyhow::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).context("no randomness")?;
        let switch = Arc::<Switch>::default();
        let wire = Wire::start(args, public, Arc::clone(&switch)).await?;
        let setup = Setup {
            rtc: accept::rtc_config().context("cannot make a DTLS certificate")?,
            candidates: wire.candidates()?,
            rate: args.rate(),
            max_rate: args.echo_max_rate,
            silence: args.echo_silence,
        };
        let minute = Duration::from_secs(60);
        let rate = Rate::new(args.echo_offer_rate, minute, args.echo_offer_rate);
        Ok(Self(Arc::new(Shared {
            setup,
            wire,
            switch,
            crowd: Crowd::new(args.echo_max_sessions, args.echo_max_sessions_per_source),
            rates: Mutex::new(Rates::new(rate)),
            streams: Streams::new(args.echo_max_viewers),
            open: Mutex::default(),
            ice,
            key,
            origins: OriginList::new(&args.echo_origins),
            max_sessions: args.echo_max_sessions,
            max_sessions_per_source: args.echo_max_sessions_per_source,
            metrics: Metrics::register(registry)?,
        })))
    }

    /// Where its media comes and goes.
    #[must_use]
    pub fn media_address(&self) -> std::net::SocketAddr {
        self.0.wire.public()
    }

    /// Ends all sessions together, and waits until their clients were told.
    pub async fn close(&self) {
        for known in self.0.open().values() {
            // One that is too busy to hear ends with the process.
            let _ = known.inbox.try_send(Command::Close(Ended::Stopped));
        }
        let _ = timeout(FAREWELL, self.0.crowd.gone()).await;
    }
}

impl Shared {
    /// Opens a session: its id, and the answer.
    pub(crate) fn open_session(
        self: &Arc<Self>,
        wish: Wish<'_>,
    ) -> Result<(Uuid, String), NotOpened> {
        let now = Instant::now();
        let source = wish.address.source();
        let taken = self.rates().take(source, now);
        taken.map_err(|wait| NotOpened::TooOften(wait.as_secs() + 1))?;
        let place = self.crowd.take(source).map_err(NotOpened::Crowded)?;
        let (sender, inbox) = mpsc::channel(INBOX);
        let (role, part) = match wish.dialect {
            Dialect::Offer => (Role::Echo, Part::Echo),
            Dialect::FastRtc => {
                if self.named(Dialect::FastRtc, wish.name).is_some() {
                    return Err(NotOpened::Taken);
                }
                (Role::Echo, Part::Echo)
            }
            Dialect::Whip => {
                let publication = self.streams.publish(wish.name, sender.clone());
                let publication = publication.ok_or(NotOpened::Taken)?;
                (Role::Publisher, Part::Publisher(publication))
            }
            Dialect::Whep => {
                let view = self.streams.view(wish.name).map_err(NotOpened::NoView)?;
                (Role::Viewer, Part::Viewer(view))
            }
        };
        let accepted = accept::accept(&self.setup, role, wish.offer, wish.parameters, now);
        let (mut session, answer) = accepted.map_err(NotOpened::Refused)?;
        let id = Uuid::new_v4();
        let name = session.ice_name();
        self.switch.name(name.clone(), sender.clone());
        let run = Run {
            session,
            part,
            dialect: wish.dialect,
            name,
            inbox,
            own: sender.downgrade(),
            wire: Arc::clone(&self.wire),
            switch: Arc::clone(&self.switch),
            metrics: self.metrics.clone(),
            opened: now,
        };
        let known = Known {
            dialect: wish.dialect,
            name: wish.name.to_owned(),
            inbox: sender,
        };
        self.open().insert(id, known);
        self.metrics.opened(wish.dialect);
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let _place = place;
            run.run().await;
            shared.open().remove(&id);
        });
        Ok((id, answer))
    }

    /// ICE servers for whoever is at that address; none when there is nobody to ask.
    pub(crate) async fn ice_servers(&self, address: Address) -> Vec<IceServer> {
        match &self.ice {
            Some(ask) => ask(address.source().pseudonym(&self.key)).await,
            None => vec![],
        }
    }

    /// Whether that session is open.
    pub(crate) fn is_open(&self, dialect: Dialect, name: &str, id: Uuid) -> bool {
        self.open()
            .get(&id)
            .is_some_and(|known| known.dialect == dialect && known.name == name)
    }

    /// The session that its client calls so.
    pub(crate) fn named(&self, dialect: Dialect, name: &str) -> Option<Uuid> {
        let open = self.open();
        let found = open
            .iter()
            .find(|(_, known)| known.dialect == dialect && known.name == name);
        found.map(|(id, _)| *id)
    }

    /// Ends a session, if it is open.
    pub(crate) fn close_session(&self, dialect: Dialect, name: &str, id: Uuid) -> bool {
        if !self.is_open(dialect, name, id) {
            return false;
        }
        let known = self.open().remove(&id);
        if let Some(known) = known {
            let inbox = known.inbox;
            tokio::spawn(async move { inbox.send(Command::Close(Ended::Deleted)).await });
        }
        true
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Uuid, Known>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rates(&self) -> MutexGuard<'_, Rates> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

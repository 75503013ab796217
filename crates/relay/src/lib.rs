//! An embedded TURN relay (RFC 5766) over UDP and TCP, for development and single-process
//! use; coturn is the relay of a deployment.
//!
//! The protocol is the `turn` crate's. What it lacks is here, around it: credentials that
//! expire, denied peers, quotas, a TCP listener, and bounds on what strangers can make it
//! remember. Every listener, and every TCP connection, is a `turn` server of its own: they
//! share the books (`book`), and a closed connection takes its allocations with it.

mod auth;
mod book;
mod config;
mod gate;
mod metrics;
mod peers;
mod port;
mod tcp;
mod udp;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use prometheus::Registry;
use tokio::net::{TcpListener, UdpSocket};
use turn::server::{
    Server,
    config::{ConnConfig, ServerConfig},
};
use webrtc_util::Conn;

pub use config::{PortRange, RelayArgs};

use crate::{
    auth::Credentials,
    book::{Account, Book},
    gate::Gate,
    metrics::Metrics,
    peers::Peers,
    port::Ports,
};

/// A running relay.
pub struct Relay {
    address: SocketAddr,
    udp: Server,
    tcp: tokio::task::JoinHandle<()>,
}

/// What a `turn` server is made of, again for each TCP connection.
struct Blueprint {
    realm: String,
    /// The current one, then the previous one.
    secrets: Arc<[String]>,
    book: Arc<Book>,
    ports: Ports,
}

/// Binds UDP and TCP on the same port and starts to relay. `secrets`: the current one and,
/// while a rotation lasts, the previous one. `public_ip` is what clients are told.
///
/// # Errors
/// When the address is taken or the metrics are registered already.
pub async fn start(
    args: &RelayArgs,
    secrets: Vec<String>,
    public_ip: IpAddr,
    registry: &Registry,
) -> anyhow::Result<Relay> {
    let wanted = args.turn_listen;
    let why =
        || format!("cannot listen on {wanted} for TURN; choose another address with --turn-listen");
    let tcp = TcpListener::bind(wanted).await.with_context(why)?;
    let address = tcp.local_addr().with_context(why)?;
    let udp = UdpSocket::bind(address).await.with_context(why)?;

    let metrics = Metrics::register(registry)?;
    let book = Arc::new(Book::new(
        args.max_allocations,
        args.max_allocations_per_source,
        metrics,
    ));
    let peers = Peers {
        own: vec![public_ip, wanted.ip()],
        ports: args.relay_ports,
        private: args.allow_private_peers,
    };
    let ports = Ports {
        range: args.relay_ports,
        bind: wanted.ip(),
        public: public_ip,
        peers: Arc::new(peers),
        rate: args.rate(),
    };
    let (realm, secrets) = (args.realm.clone(), Arc::from(secrets));
    let blueprint = Arc::new(Blueprint {
        realm,
        secrets,
        book,
        ports,
    });

    let account = blueprint.book.account();
    let gate = blueprint.gate(&account);
    let listener = Arc::new(udp::Listener::new(udp, gate));
    let server = blueprint
        .server(listener, account)
        .await
        .context("cannot start the relay")?;
    let accepting = tokio::spawn(tcp::accept(tcp, blueprint, args.tcp_limits()));
    Ok(Relay {
        address,
        udp: server,
        tcp: accepting,
    })
}

impl Relay {
    /// Where it listens, on UDP and TCP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all allocations.
    pub async fn close(self) {
        self.tcp.abort();
        // A relay that is closed already is as good.
        let _ = self.udp.close().await;
    }
}

impl Blueprint {
    fn gate(&self, account: &Arc<Account>) -> Gate {
        let (secrets, peers) = (Arc::clone(&self.secrets), Arc::clone(&self.ports.peers));
        Gate::new(secrets, Arc::clone(account), peers)
    }

    async fn server(
        &self,
        conn: Arc<dyn Conn + Send + Sync>,
        account: Arc<Account>,
    ) -> Result<Server, turn::Error> {
        let ports = self.ports.clone();
        let generator = port::Generator {
            ports,
            account: Arc::clone(&account),
        };
        Server::new(ServerConfig {
            conn_configs: vec![ConnConfig {
                conn,
                relay_addr_generator: Box::new(generator),
            }],
            realm: self.realm.clone(),
            auth_handler: Arc::new(Credentials {
                secrets: Arc::clone(&self.secrets),
                account,
            }),
            channel_bind_timeout: Duration::from_secs(600),
            alloc_close_notify: None,
        })
        .await
    }
}

//! The relayed transport address: a UDP socket out of the port range that sends to nobody
//! it may not.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use async_trait::async_trait;
use service::rate::Rate;
use tokio::net::UdpSocket;
use turn::relay::RelayAddressGenerator;
use webrtc_util::Conn;

use crate::{
    book::{Account, Entry},
    config::PortRange,
    metrics::Refusal,
    peers::Peers,
};

#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) range: PortRange,
    pub(crate) bind: IpAddr,
    pub(crate) public: IpAddr,
    pub(crate) peers: Arc<Peers>,
    /// In bytes, of each allocation.
    pub(crate) rate: Rate,
}

pub(crate) struct Generator {
    pub(crate) ports: Ports,
    pub(crate) account: Arc<Account>,
}

#[async_trait]
impl RelayAddressGenerator for Generator {
    fn validate(&self) -> Result<(), turn::Error> {
        Ok(())
    }

    async fn allocate_conn(
        &self,
        _use_ipv4: bool,
        requested_port: u16,
    ) -> Result<(Arc<dyn Conn + Send + Sync>, SocketAddr), turn::Error> {
        let entry = self
            .account
            .open()
            .ok_or(turn::Error::ErrMaxRetriesExceeded)?;
        let socket = self.ports.bind(requested_port).await?;
        let port = socket
            .local_addr()
            .map_err(webrtc_util::Error::from)?
            .port();
        let (peers, account) = (Arc::clone(&self.ports.peers), Arc::clone(&self.account));
        let relayed = RelayedSocket {
            socket,
            peers,
            account,
            rate: self.ports.rate,
            paid_until: Mutex::new(Instant::now()),
            _entry: entry,
        };
        Ok((Arc::new(relayed), SocketAddr::new(self.ports.public, port)))
    }
}

impl Ports {
    /// A random port of the range that is free, or the one asked for (EVEN-PORT).
    async fn bind(&self, requested: u16) -> Result<UdpSocket, turn::Error> {
        if requested != 0 {
            let bound = UdpSocket::bind((self.bind, requested)).await;
            return Ok(bound.map_err(webrtc_util::Error::from)?);
        }
        let count = u32::from(self.range.last - self.range.first) + 1;
        let mut random = [0; 4];
        getrandom::fill(&mut random).expect("the system has a source of randomness");
        let start = u32::from_ne_bytes(random) % count;
        for step in 0..count {
            let offset = u16::try_from((start + step) % count).expect("within the range");
            if let Ok(socket) = UdpSocket::bind((self.bind, self.range.first + offset)).await {
                return Ok(socket);
            }
        }
        Err(turn::Error::ErrMaxRetriesExceeded)
    }
}

/// Datagrams to denied peers vanish, and so do theirs. A permission for one is refused
/// before (`gate`); this is what holds when it is not.
struct RelayedSocket {
    socket: UdpSocket,
    peers: Arc<Peers>,
    account: Arc<Account>,
    rate: Rate,
    paid_until: Mutex<Instant>,
    _entry: Entry,
}

impl RelayedSocket {
    /// Whether a datagram may pass within the rate; counts it either way.
    fn pays(&self, datagram: usize) -> bool {
        let bytes = u32::try_from(datagram).unwrap_or(u32::MAX);
        let mut paid_until = self
            .paid_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let paid = self
            .rate
            .take_many(bytes, &mut paid_until, Instant::now())
            .is_ok();
        if paid {
            self.account.metrics().relayed(datagram);
        } else {
            self.account.refuse(Refusal::Bandwidth);
        }
        paid
    }
}

#[async_trait]
impl Conn for RelayedSocket {
    async fn connect(&self, _peer: SocketAddr) -> Result<(), webrtc_util::Error> {
        Err(unsupported())
    }

    async fn recv(&self, _buffer: &mut [u8]) -> Result<usize, webrtc_util::Error> {
        Err(unsupported())
    }

    async fn recv_from(
        &self,
        buffer: &mut [u8],
    ) -> Result<(usize, SocketAddr), webrtc_util::Error> {
        loop {
            let (length, peer) = self.socket.recv_from(buffer).await?;
            if self.peers.allow(peer) && self.pays(length) {
                return Ok((length, peer));
            }
        }
    }

    async fn send(&self, _datagram: &[u8]) -> Result<usize, webrtc_util::Error> {
        Err(unsupported())
    }

    async fn send_to(
        &self,
        datagram: &[u8],
        peer: SocketAddr,
    ) -> Result<usize, webrtc_util::Error> {
        if !self.peers.allow(peer) {
            self.account.refuse(Refusal::Peer);
            return Ok(datagram.len());
        }
        if !self.pays(datagram.len()) {
            return Ok(datagram.len());
        }
        // A peer that cannot be reached is a lost packet, not the end of the allocation.
        Ok(self
            .socket
            .send_to(datagram, peer)
            .await
            .unwrap_or(datagram.len()))
    }

    fn local_addr(&self) -> Result<SocketAddr, webrtc_util::Error> {
        Ok(self.socket.local_addr()?)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn close(&self) -> Result<(), webrtc_util::Error> {
        Ok(())
    }

    fn as_any(&self) -> &(dyn std::any::Any + Send + Sync) {
        self
    }
}

pub(crate) fn unsupported() -> webrtc_util::Error {
    io::Error::from(io::ErrorKind::Unsupported).into()
}

//! The one port of all sessions: a UDP socket, and TCP connections with frames in them.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use service::crowd::Crowd;
use str0m::{
    Candidate,
    net::{Protocol, TcpType, Transmit},
};
use tokio::net::{TcpListener, UdpSocket};

use crate::{
    config::EchoArgs,
    switch::Switch,
    tcp::{self, Frames},
};

/// Longer datagrams are none of WebRTC's.
const MAX_DATAGRAM: usize = 2048;
/// Port 0 asks for one that is free for UDP and TCP; the second may be taken.
const ATTEMPTS: usize = 16;

/// Sends; what comes goes to the [`Switch`].
pub(crate) struct Wire {
    udp: UdpSocket,
    tcp: Mutex<HashMap<SocketAddr, Frames>>,
    /// Where clients reach it.
    public: SocketAddr,
}

impl Wire {
    /// Binds the port and listens for as long as the process lives.
    pub(crate) async fn start(
        args: &EchoArgs,
        public: IpAddr,
        switch: Arc<Switch>,
    ) -> anyhow::Result<Arc<Self>> {
        let (udp, listener) = bind(args.echo_media_listen).await.with_context(|| {
            format!(
                "cannot listen on {}; choose another address with --echo-media-listen",
                args.echo_media_listen
            )
        })?;
        let public = SocketAddr::new(public, udp.local_addr()?.port());
        let wire = Arc::new(Self {
            udp,
            tcp: Mutex::default(),
            public,
        });
        tokio::spawn(receive(Arc::clone(&wire), Arc::clone(&switch)));
        let crowd = Crowd::new(
            args.echo_max_sessions * 2,
            args.echo_max_sessions_per_source * 2,
        );
        tokio::spawn(tcp::listen(listener, Arc::clone(&wire), switch, crowd));
        Ok(wire)
    }

    /// Where clients reach it.
    pub(crate) fn public(&self) -> SocketAddr {
        self.public
    }

    /// The same, for answers.
    pub(crate) fn candidates(&self) -> anyhow::Result<Vec<Candidate>> {
        let udp = Candidate::host(self.public, Protocol::Udp)?;
        let tcp = Candidate::builder().tcp().host(self.public);
        Ok(vec![udp, tcp.tcptype(TcpType::Passive).build()?])
    }

    /// Sends; what the network does not take is lost, as on any network.
    pub(crate) async fn send(&self, transmit: &Transmit) {
        if transmit.proto == Protocol::Udp {
            let _ = self
                .udp
                .send_to(&transmit.contents, transmit.destination)
                .await;
        } else if let Some(frames) = self.frames().get(&transmit.destination) {
            frames.send(&transmit.contents);
        }
    }

    pub(crate) fn connected(&self, peer: SocketAddr, frames: Frames) {
        self.frames().insert(peer, frames);
    }

    pub(crate) fn disconnected(&self, peer: SocketAddr) {
        self.frames().remove(&peer);
    }

    fn frames(&self) -> std::sync::MutexGuard<'_, HashMap<SocketAddr, Frames>> {
        self.tcp.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn bind(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let udp = UdpSocket::bind(address).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(_) if address.port() == 0 && attempt < ATTEMPTS => {}
            Err(error) => return Err(error),
        }
    }
}

async fn receive(wire: Arc<Wire>, switch: Arc<Switch>) {
    let mut buffer = [0; MAX_DATAGRAM];
    loop {
        match wire.udp.recv_from(&mut buffer).await {
            Ok((length, source)) => {
                let datagram = Bytes::copy_from_slice(&buffer[..length]);
                switch.pass(Protocol::Udp, canonical(source), datagram);
            }
            Err(error) => {
                tracing::error!(kind = ?error.kind(), "cannot receive media for now");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// IPv4 in IPv6 clothes is IPv4.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

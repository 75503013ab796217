//! ICE over TCP (RFC 6544): clients connect, and each packet goes in a frame with its
//! length before it (RFC 4571).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use service::{client::Address, crowd::Crowd};
use str0m::net::Protocol;
use tokio::{
    io::{self, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::timeout,
};

use crate::{
    switch::Switch,
    wire::{Wire, canonical},
};

/// Frames that wait for a slow reader; further ones are lost.
const WAITING: usize = 256;
/// A connection must speak within this time, and clients check every few seconds.
const IDLE: Duration = Duration::from_secs(30);
/// A client that takes no data for so long is gone.
const WRITE: Duration = Duration::from_secs(10);

/// What a connection is to send.
pub(crate) struct Frames(mpsc::Sender<Vec<u8>>);

impl Frames {
    /// Sends unless too much waits already.
    pub(crate) fn send(&self, packet: &[u8]) {
        let Ok(length) = u16::try_from(packet.len()) else {
            return;
        };
        let _ = self.0.try_send([&length.to_be_bytes(), packet].concat());
    }
}

pub(crate) async fn listen(
    listener: TcpListener,
    wire: Arc<Wire>,
    switch: Arc<Switch>,
    crowd: Crowd,
) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::error!(kind = ?error.kind(), "cannot accept media over TCP for now");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = crowd.take(Address::new(peer.ip()).source()) else {
            continue;
        };
        let (wire, switch) = (Arc::clone(&wire), Arc::clone(&switch));
        tokio::spawn(async move {
            let _place = place;
            let peer = canonical(peer);
            // How a connection ends is the client's affair.
            let _ = converse(stream, peer, &wire, &switch).await;
            wire.disconnected(peer);
        });
    }
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    wire: &Wire,
    switch: &Switch,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    let (sender, waiting) = mpsc::channel(WAITING);
    wire.connected(peer, Frames(sender));
    tokio::select! {
        read = read(reader, peer, switch) => read,
        written = write(writer, waiting) => written,
    }
}

async fn read(reader: OwnedReadHalf, peer: SocketAddr, switch: &Switch) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(4096, reader);
    loop {
        let frame = timeout(IDLE, async {
            let length = reader.read_u16().await?;
            let mut frame = vec![0; usize::from(length)];
            reader.read_exact(&mut frame).await?;
            io::Result::Ok(frame)
        });
        switch.pass(Protocol::Tcp, peer, Bytes::from(frame.await??));
    }
}

async fn write(mut writer: OwnedWriteHalf, mut waiting: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(frame) = waiting.recv().await {
        timeout(WRITE, writer.write_all(&frame)).await??;
    }
    Ok(())
}

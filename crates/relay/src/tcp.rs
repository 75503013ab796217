//! TURN over TCP: each message says its own length, and channel data is padded to four
//! bytes (RFC 5766 sections 2.1 and 11.5).
//!
//! Every connection has a `turn` server of its own, so that its allocations end with it.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use service::{client::Address, crowd::Crowd};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Mutex, Notify},
    time::timeout,
};
use webrtc_util::Conn;

use crate::{
    Blueprint,
    config::TcpLimits,
    gate::{Gate, Verdict},
    metrics::Refusal,
    port::unsupported,
};

/// Longest message: what a `turn` server reads at once.
const MESSAGE_BYTES: usize = 1500;
/// A client that takes no data for this time is gone.
const WRITE: Duration = Duration::from_secs(10);

pub(crate) async fn accept(listener: TcpListener, blueprint: Arc<Blueprint>, limits: TcpLimits) {
    let crowd = Crowd::new(limits.connections, limits.of_source);
    loop {
        let Ok((stream, client)) = listener.accept().await else {
            // Out of descriptors: the listener outlives it.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(place) = crowd.take(Address::new(client.ip()).source()) else {
            blueprint.book.metrics.refuse(Refusal::Connection);
            continue;
        };
        let blueprint = Arc::clone(&blueprint);
        tokio::spawn(async move {
            let _place = place;
            serve(stream, client, &blueprint, limits).await;
        });
    }
}

async fn serve(stream: TcpStream, client: SocketAddr, blueprint: &Blueprint, limits: TcpLimits) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // Media waits for nobody.
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    let account = blueprint.book.account();
    let gate = blueprint.gate(&account);
    let ended = Arc::new(Notify::new());
    let connection = Connection {
        read: Mutex::new((read, limits.first)),
        write: Mutex::new(write),
        gate: std::sync::Mutex::new(gate),
        idle: limits.idle,
        ended: Arc::clone(&ended),
        local,
        client,
    };
    if let Ok(server) = blueprint.server(Arc::new(connection), account).await {
        ended.notified().await;
        // The read loop has ended already, and its allocations with it.
        let _ = server.close().await;
    }
}

struct Connection {
    /// And how long the next message may take.
    read: Mutex<(OwnedReadHalf, Duration)>,
    write: Mutex<OwnedWriteHalf>,
    gate: std::sync::Mutex<Gate>,
    idle: Duration,
    ended: Arc<Notify>,
    local: SocketAddr,
    client: SocketAddr,
}

impl Connection {
    async fn message(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = self.read.lock().await;
        let (stream, patience) = &mut *read;
        let length = timeout(*patience, next_message(stream, buffer)).await??;
        *patience = self.idle;
        Ok(length)
    }
}

/// The next message; without the padding of channel data.
async fn next_message(stream: &mut OwnedReadHalf, buffer: &mut [u8]) -> io::Result<usize> {
    let head = buffer.get_mut(..4).ok_or(io::ErrorKind::InvalidInput)?;
    stream.read_exact(head).await?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    // RFC 5766 section 11: the first two bits tell channel data from STUN messages.
    let (length, padded) = match head[0] >> 6 {
        0 => (length + 20, length + 20),
        1 => (length + 4, (length + 4).next_multiple_of(4)),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    if padded > MESSAGE_BYTES.min(buffer.len()) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    stream.read_exact(&mut buffer[4..padded]).await?;
    Ok(length)
}

#[async_trait]
impl Conn for Connection {
    async fn connect(&self, _client: SocketAddr) -> Result<(), webrtc_util::Error> {
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
            let length = match self.message(buffer).await {
                Ok(length) => length,
                Err(error) => {
                    self.ended.notify_one();
                    return Err(error.into());
                }
            };
            let verdict = {
                let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
                gate.judge(&buffer[..length], self.client)
            };
            match verdict {
                Verdict::Pass => return Ok((length, self.client)),
                Verdict::Drop => {}
                Verdict::Answer(answer) => drop(self.send_to(&answer, self.client).await?),
            }
        }
    }

    async fn send(&self, _message: &[u8]) -> Result<usize, webrtc_util::Error> {
        Err(unsupported())
    }

    async fn send_to(
        &self,
        message: &[u8],
        _client: SocketAddr,
    ) -> Result<usize, webrtc_util::Error> {
        let padding = message.len().next_multiple_of(4) - message.len();
        let mut padded = message.to_vec();
        padded.resize(message.len() + padding, 0);
        let mut write = self.write.lock().await;
        let written = timeout(WRITE, write.write_all(&padded)).await;
        if let Err(error) = written.map_err(io::Error::from).flatten() {
            // Half a message is the end of the stream.
            self.ended.notify_one();
            return Err(error.into());
        }
        Ok(message.len())
    }

    fn local_addr(&self) -> Result<SocketAddr, webrtc_util::Error> {
        Ok(self.local)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        Some(self.client)
    }

    async fn close(&self) -> Result<(), webrtc_util::Error> {
        self.ended.notify_one();
        Ok(())
    }

    fn as_any(&self) -> &(dyn std::any::Any + Send + Sync) {
        self
    }
}

//! TURN over UDP: one socket for all clients.

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use tokio::net::UdpSocket;
use webrtc_util::Conn;

use crate::{
    gate::{Gate, Verdict},
    port::unsupported,
};

pub(crate) struct Listener {
    socket: UdpSocket,
    gate: Mutex<Gate>,
}

impl Listener {
    pub(crate) fn new(socket: UdpSocket, gate: Gate) -> Self {
        Self {
            socket,
            gate: Mutex::new(gate),
        }
    }
}

#[async_trait]
impl Conn for Listener {
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
            // An error here would end the server; a datagram that failed is a lost one.
            let Ok((length, client)) = self.socket.recv_from(buffer).await else {
                continue;
            };
            let verdict = {
                let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
                gate.judge(&buffer[..length], client)
            };
            match verdict {
                Verdict::Pass => return Ok((length, client)),
                Verdict::Drop => {}
                // A lost answer is asked for again.
                Verdict::Answer(answer) => drop(self.socket.send_to(&answer, client).await),
            }
        }
    }

    async fn send(&self, _datagram: &[u8]) -> Result<usize, webrtc_util::Error> {
        Err(unsupported())
    }

    async fn send_to(
        &self,
        datagram: &[u8],
        client: SocketAddr,
    ) -> Result<usize, webrtc_util::Error> {
        Ok(self.socket.send_to(datagram, client).await?)
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

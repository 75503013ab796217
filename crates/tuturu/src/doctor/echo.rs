//! The echo: whether its port lets a caller through, over UDP and over TCP. A real client
//! connects, as far as encryption, and says goodbye.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use str0m::{
    Candidate, Event, Input, Output, Rtc,
    change::{SdpAnswer, SdpPendingOffer},
    net::{Protocol, Receive},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

/// Longest packet, and longest frame.
const PACKET: usize = 2048;

/// An offer that waits for its answer.
pub(super) struct Offer {
    pub(super) sdp: String,
    rtc: Rtc,
    pending: SdpPendingOffer,
}

impl Offer {
    /// Of a data channel alone: there is no camera here.
    pub(super) fn new() -> Option<Self> {
        let mut rtc = Rtc::new(Instant::now());
        let mut change = rtc.sdp_api();
        change.add_channel("parameters".into());
        let (offer, pending) = change.apply()?;
        let sdp = offer.to_sdp_string();
        Some(Self { sdp, rtc, pending })
    }

    /// Connects to where the answer says, over that protocol.
    pub(super) async fn connect(
        mut self,
        answer: &str,
        protocol: Protocol,
        patience: Duration,
    ) -> Result<String, String> {
        let address = address(answer, protocol).ok_or("the answer names no address for it")?;
        let wrong = |_| "the answer cannot be read".to_owned();
        let lines = answer.split_inclusive('\n');
        let wanted = format!(" {protocol} ");
        let only: String = lines
            .filter(|line| !line.starts_with("a=candidate:") || line.contains(&wanted))
            .collect();
        let answer = SdpAnswer::from_sdp_string(&only).map_err(wrong)?;
        let wire = timeout(patience, Wire::open(protocol, address)).await;
        let mut wire = wire
            .map_err(|_| "no connection in time".to_owned())?
            .map_err(|error| format!("no connection: {error}"))?;
        let local = Candidate::host(wire.local, protocol).map_err(|error| error.to_string())?;
        self.rtc.add_local_candidate(local);
        let accepted = self.rtc.sdp_api().accept_answer(self.pending, answer);
        accepted.map_err(|error| error.to_string())?;
        let begun = Instant::now();
        let connected = timeout(patience, connected(&mut self.rtc, &mut wire, address)).await;
        connected.map_err(|_| format!("nothing answers at port {}", address.port()))??;
        Ok(format!(
            "connected at port {} in {} ms",
            address.port(),
            begun.elapsed().as_millis()
        ))
    }
}

/// The first address of that protocol among the candidates.
fn address(answer: &str, protocol: Protocol) -> Option<SocketAddr> {
    let candidates = answer
        .lines()
        .filter(|line| line.starts_with("a=candidate:"));
    let mut fields = candidates.map(|line| line.split(' ').collect::<Vec<_>>());
    let protocol = protocol.to_string();
    let found = fields.find(|fields| fields.get(2) == Some(&protocol.as_str()))?;
    Some(SocketAddr::new(
        found.get(4)?.parse().ok()?,
        found.get(5)?.parse().ok()?,
    ))
}

async fn connected(rtc: &mut Rtc, wire: &mut Wire, to: SocketAddr) -> Result<(), String> {
    loop {
        let due = loop {
            match rtc.poll_output().map_err(|error| error.to_string())? {
                Output::Timeout(at) => break at,
                Output::Transmit(transmit) => {
                    let sent = wire.send(&transmit.contents).await;
                    sent.map_err(|error| error.to_string())?;
                }
                Output::Event(Event::Connected) => {
                    let _ = rtc.close();
                    while let Ok(Output::Transmit(transmit)) = rtc.poll_output() {
                        // It hears of it, or finds out by the silence.
                        let _ = wire.send(&transmit.contents).await;
                    }
                    return Ok(());
                }
                Output::Event(_) => {}
            }
        };
        let mut buffer = [0; PACKET];
        let (protocol, local) = (wire.protocol, wire.local);
        tokio::select! {
            received = wire.receive(&mut buffer) => {
                let length = received.map_err(|error| error.to_string())?;
                if let Ok(received) = Receive::new(protocol, to, local, &buffer[..length]) {
                    let taken = rtc.handle_input(Input::Receive(Instant::now(), received));
                    taken.map_err(|error| error.to_string())?;
                }
            }
            () = tokio::time::sleep_until(due.into()) => {
                let taken = rtc.handle_input(Input::Timeout(Instant::now()));
                taken.map_err(|error| error.to_string())?;
            }
        }
    }
}

/// A socket to the echo.
struct Wire {
    protocol: Protocol,
    local: SocketAddr,
    socket: Socket,
}

enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Wire {
    async fn open(protocol: Protocol, to: SocketAddr) -> std::io::Result<Self> {
        let (socket, local) = if protocol == Protocol::Udp {
            let udp = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
            udp.connect(to).await?;
            let local = udp.local_addr()?;
            (Socket::Udp(udp), local)
        } else {
            let tcp = TcpStream::connect(to).await?;
            let local = tcp.local_addr()?;
            (Socket::Tcp(tcp), local)
        };
        Ok(Self {
            protocol,
            local,
            socket,
        })
    }

    async fn send(&mut self, packet: &[u8]) -> std::io::Result<()> {
        match &mut self.socket {
            Socket::Udp(udp) => udp.send(packet).await.map(drop),
            // RFC 4571: each packet with its length before it.
            Socket::Tcp(tcp) => {
                let length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
                tcp.write_all(&[&length.to_be_bytes(), packet].concat())
                    .await
            }
        }
    }

    async fn receive(&mut self, buffer: &mut [u8; PACKET]) -> std::io::Result<usize> {
        match &mut self.socket {
            Socket::Udp(udp) => udp.recv(buffer).await,
            Socket::Tcp(tcp) => {
                // This may be given up for the clock at any await: a frame is taken only when
                // all of it is there.
                let mut head = [0; 2 + PACKET];
                loop {
                    let there = tcp.peek(&mut head).await?;
                    let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
                    if there == 0 || length > PACKET {
                        return Err(std::io::ErrorKind::UnexpectedEof.into());
                    }
                    if there >= 2 + length {
                        tcp.read_exact(&mut head[..2 + length]).await?;
                        buffer[..length].copy_from_slice(&head[2..2 + length]);
                        return Ok(length);
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
    }
}

//! A client: the same library on the other side, with a socket, a clock and counters.

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::Value;
use str0m::{
    Candidate, Event, Input, Output, Rtc, RtcConfig,
    change::{SdpAnswer, SdpOffer, SdpPendingOffer},
    channel::ChannelId,
    media::{Direction, KeyframeRequestKind, MediaKind, Mid, Pt},
    net::{Protocol, Receive, Transmit},
    rtp::RtpWrite,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream, UdpSocket,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::{sleep_until, timeout},
};

use crate::desk::{Desk, PATIENCE};

/// Ticks between two pictures, of 90,000 a second.
pub(crate) const PICTURE: u32 = 3000;

enum Socket {
    Udp(UdpSocket),
    Tcp(OwnedReadHalf, OwnedWriteHalf),
}

/// What it got.
#[derive(Default)]
pub(crate) struct Got {
    pub(crate) connected: bool,
    /// Video, by what is in it: time, marker, and how often it came.
    pub(crate) pictures: HashMap<Vec<u8>, (u32, bool, usize)>,
    pub(crate) sounds: usize,
    pub(crate) messages: Vec<Value>,
    pub(crate) key_frames_asked: usize,
    /// Encrypted media packets on the wire.
    pub(crate) datagrams: usize,
    pub(crate) ended: bool,
}

pub(crate) struct Peer {
    rtc: Rtc,
    socket: Socket,
    local: SocketAddr,
    pub(crate) video: Mid,
    audio: Mid,
    channel: Option<ChannelId>,
    sent: u32,
    pub(crate) got: Got,
    /// Loses each packet of media for which this is true; counted from zero.
    pub(crate) loses: fn(usize) -> bool,
}

/// An offer that waits for its answer.
pub(crate) struct Offered {
    pub(crate) peer: Peer,
    pub(crate) sdp: String,
    pending: SdpPendingOffer,
}

impl Peer {
    pub(crate) async fn offer(direction: Direction) -> Offered {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let local = udp.local_addr().unwrap();
        Self::offer_over(Socket::Udp(udp), local, direction, Protocol::Udp)
    }

    pub(crate) async fn offer_over_tcp(to: SocketAddr) -> Offered {
        let stream = TcpStream::connect(to).await.unwrap();
        let local = stream.local_addr().unwrap();
        let (reader, writer) = stream.into_split();
        let socket = Socket::Tcp(reader, writer);
        Self::offer_over(socket, local, Direction::SendRecv, Protocol::Tcp)
    }

    fn offer_over(
        socket: Socket,
        local: SocketAddr,
        direction: Direction,
        protocol: Protocol,
    ) -> Offered {
        let config = RtcConfig::new().set_rtp_mode(true);
        let mut rtc = config.build(Instant::now());
        rtc.add_local_candidate(Candidate::host(local, protocol).unwrap());
        let mut change = rtc.sdp_api();
        let audio = change.add_media(MediaKind::Audio, direction, None, None, None);
        let video = change.add_media(MediaKind::Video, direction, None, None, None);
        let channel = Some(change.add_channel("parameters".into()));
        let (offer, pending) = change.apply().unwrap();
        let peer = Self {
            rtc,
            socket,
            local,
            video,
            audio,
            channel,
            sent: 0,
            got: Got::default(),
            loses: |_| false,
        };
        Offered {
            peer,
            sdp: offer.to_sdp_string(),
            pending,
        }
    }

    /// Connects to the echo, which sends back.
    pub(crate) async fn connect(desk: &Desk) -> Self {
        let offered = Self::offer(Direction::SendRecv).await;
        let answer = desk.offer(&offered.sdp).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut peer = offered.answered(answer.json()["sdp"].as_str().unwrap());
        peer.until("connected", |got| got.connected && !got.messages.is_empty())
            .await;
        peer
    }

    /// So many pictures, of two packets each, and as many sounds; a hundred pictures a second.
    pub(crate) async fn send(&mut self, pictures: u32) {
        for _ in 0..pictures {
            let next = Instant::now() + Duration::from_millis(10);
            self.sent += 1;
            for part in 0..2 {
                self.write(self.video, 2 * self.sent + part, PICTURE, part == 1);
            }
            self.write(self.audio, self.sent, 960, false);
            self.rtc
                .handle_input(Input::Timeout(Instant::now()))
                .unwrap();
            self.drive(next).await;
        }
    }

    fn write(&mut self, mid: Mid, number: u32, ticks: u32, marker: bool) {
        let media = self.rtc.media(mid).unwrap();
        let pt: Pt = media.remote_pts()[0];
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, None) else {
            return;
        };
        let payload = picture(number);
        let time = self.sent.wrapping_mul(ticks);
        let write = RtpWrite::new(pt, u64::from(number).into(), time, Instant::now(), payload);
        stream.write_rtp(write.marker(marker).nackable(true));
    }

    pub(crate) fn say(&mut self, text: &str) {
        let id = self.channel.unwrap();
        let mut channel = self.rtc.channel(id).unwrap();
        assert!(channel.write(false, text.as_bytes()).unwrap());
    }

    /// Sets parameters and gives what is in force then.
    pub(crate) async fn set(&mut self, parameters: &Value) -> Value {
        let before = self.got.messages.len();
        self.say(&parameters.to_string());
        self.until("an answer", |got| got.messages.len() > before)
            .await;
        self.got.messages.last().unwrap().clone()
    }

    pub(crate) fn ask_for_key_frame(&mut self) {
        let mut api = self.rtc.direct_api();
        let stream = api.stream_rx_by_mid(self.video, None).unwrap();
        stream.request_keyframe(KeyframeRequestKind::Pli);
    }

    /// Goes on until that is so.
    pub(crate) async fn until(&mut self, what: &str, so: impl Fn(&Got) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !so(&self.got) {
            assert!(Instant::now() < end, "never: {what}");
            self.drive(Instant::now() + Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn close(&mut self) {
        self.rtc.close().unwrap();
    }

    /// Receives and sends until then.
    pub(crate) async fn drive(&mut self, end: Instant) {
        loop {
            let due = self.poll().await.min(end);
            if self.got.ended || (due >= end && Instant::now() >= end) {
                return;
            }
            let mut buffer = [0; 2048];
            tokio::select! {
                biased;
                received = receive(&mut self.socket, &mut buffer) => {
                    let (length, source) = received;
                    self.take(source, &buffer[..length]);
                }
                () = sleep_until(due.into()) => {
                    self.rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
                }
            }
        }
    }

    fn take(&mut self, source: SocketAddr, datagram: &[u8]) {
        if matches!(datagram[0], 128..=191) {
            self.got.datagrams += 1;
            if (self.loses)(self.got.datagrams - 1) {
                return;
            }
        }
        let protocol = match self.socket {
            Socket::Udp(_) => Protocol::Udp,
            Socket::Tcp(..) => Protocol::Tcp,
        };
        let received = Receive::new(protocol, source, self.local, datagram).unwrap();
        let input = Input::Receive(Instant::now(), received);
        if self.rtc.handle_input(input).is_err() {
            self.got.ended = true;
        }
    }

    async fn poll(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.got.ended |= !self.rtc.is_alive();
                    return at;
                }
                Ok(Output::Transmit(transmit)) => self.transmit(&transmit).await,
                Ok(Output::Event(event)) => self.hear(event),
                Err(_) => {
                    self.got.ended = true;
                    return Instant::now();
                }
            }
        }
    }

    async fn transmit(&mut self, transmit: &Transmit) {
        let sent = match &mut self.socket {
            Socket::Udp(udp) => udp
                .send_to(&transmit.contents, transmit.destination)
                .await
                .map(drop),
            Socket::Tcp(_, writer) => {
                let length = u16::try_from(transmit.contents.len()).unwrap();
                let frame = [&length.to_be_bytes(), &transmit.contents[..]].concat();
                writer.write_all(&frame).await
            }
        };
        // Whether anybody listens still shows in what comes.
        let _ = sent;
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are not counted")]
    fn hear(&mut self, event: Event) {
        match event {
            Event::Connected => self.got.connected = true,
            Event::RtpPacket(packet) => {
                if packet.payload.len() < 100 {
                    return;
                }
                let mut api = self.rtc.direct_api();
                let mid = api
                    .stream_rx(&packet.header.ssrc)
                    .map(|stream| stream.mid());
                if mid == Some(self.audio) {
                    self.got.sounds += 1;
                } else {
                    let (time, marker) = (packet.header.timestamp, packet.header.marker);
                    let count = self.got.pictures.entry(packet.payload.to_vec());
                    count.or_insert((time, marker, 0)).2 += 1;
                }
            }
            Event::ChannelOpen(id, _) => self.channel = Some(id),
            Event::ChannelData(data) => {
                self.got
                    .messages
                    .push(serde_json::from_slice(&data.data).unwrap());
            }
            Event::KeyframeRequest(_) => self.got.key_frames_asked += 1,
            Event::Closed => self.got.ended = true,
            _ => {}
        }
    }
}

impl Offered {
    pub(crate) fn answered(self, sdp: &str) -> Peer {
        let Self {
            mut peer, pending, ..
        } = self;
        // Of two candidates only the one that this socket can reach is of use.
        let other = match peer.socket {
            Socket::Udp(_) => " tcp ",
            Socket::Tcp(..) => " udp ",
        };
        let lines = sdp.split_inclusive('\n');
        let sdp: String = lines.filter(|line| !line.contains(other)).collect();
        let answer = SdpAnswer::from_sdp_string(&sdp).unwrap();
        peer.rtc.sdp_api().accept_answer(pending, answer).unwrap();
        peer
    }
}

/// A packet's content: long enough to be none of the padding, and no other's.
pub(crate) fn picture(number: u32) -> Vec<u8> {
    let mut payload = vec![0x10];
    payload.extend(number.to_be_bytes());
    payload.extend((0..600).map(|n| (n * number % 251) as u8));
    payload
}

async fn receive(socket: &mut Socket, buffer: &mut [u8]) -> (usize, SocketAddr) {
    match socket {
        Socket::Udp(udp) => udp.recv_from(buffer).await.unwrap(),
        Socket::Tcp(reader, _) => {
            let peer = reader.peer_addr().unwrap();
            let length = usize::from(reader.read_u16().await.unwrap());
            reader.read_exact(&mut buffer[..length]).await.unwrap();
            (length, peer)
        }
    }
}

/// An offer of a page, for what is sent without being connected.
pub(crate) async fn some_offer() -> String {
    timeout(PATIENCE, Peer::offer(Direction::SendRecv))
        .await
        .unwrap()
        .sdp
}

/// Whether str0m itself can read that: what is refused is refused for another reason.
pub(crate) fn is_offer(sdp: &str) -> bool {
    SdpOffer::from_sdp_string(sdp).is_ok()
}

//! A client of the echo: sends packets of a picture and counts those that come back.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use str0m::{
    Candidate, Event, Input, Output, Rtc, RtcConfig,
    change::SdpAnswer,
    media::{Direction, MediaKind, Mid},
    net::{Protocol, Receive},
    rtp::RtpWrite,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    time::sleep_until,
};

pub(crate) const PACKET_BYTES: usize = 1000;

pub(crate) struct Caller {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    video: Mid,
    connected: bool,
    back: usize,
}

impl Caller {
    pub(crate) async fn connect(server: &str) -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let local = socket.local_addr()?;
        let mut rtc = RtcConfig::new().set_rtp_mode(true).build(Instant::now());
        rtc.add_local_candidate(Candidate::host(local, Protocol::Udp)?);
        let mut change = rtc.sdp_api();
        let video = change.add_media(MediaKind::Video, Direction::SendRecv, None, None, None);
        let (offer, pending) = change.apply().context("an offer")?;
        let answer = post(
            server,
            &json!({ "sdp": offer.to_sdp_string(), "type": "offer" }),
        )
        .await?;
        let sdp = answer["sdp"].as_str().context("an answer")?;
        let udp: String = sdp
            .split_inclusive('\n')
            .filter(|line| !line.contains(" tcp "))
            .collect();
        let answer = SdpAnswer::from_sdp_string(&udp)?;
        rtc.sdp_api().accept_answer(pending, answer)?;
        let mut caller = Self {
            rtc,
            socket,
            local,
            video,
            connected: false,
            back: 0,
        };
        let end = Instant::now() + Duration::from_secs(20);
        while !caller.connected {
            ensure!(Instant::now() < end, "never connected");
            caller
                .drive(Instant::now() + Duration::from_millis(20))
                .await?;
        }
        Ok(caller)
    }

    /// So many packets, one in each interval; how many came back.
    pub(crate) async fn send(mut self, packets: usize, interval: Duration) -> Result<usize> {
        let mut next = Instant::now();
        for number in 0..packets as u64 {
            let pt = self.rtc.media(self.video).context("video")?.remote_pts()[0];
            let payload = vec![0x10; PACKET_BYTES];
            let mut api = self.rtc.direct_api();
            let stream = api.stream_tx_by_mid(self.video, None).context("a stream")?;
            let time = u32::try_from(number * 1500)?;
            let now = Instant::now();
            let write = RtpWrite::new(pt, (number + 1).into(), time, now, payload);
            stream.write_rtp(write.marker(true).nackable(true));
            self.rtc.handle_input(Input::Timeout(now))?;
            next += interval;
            self.drive(next).await?;
        }
        self.drive(Instant::now() + Duration::from_millis(500))
            .await?;
        Ok(self.back)
    }

    async fn drive(&mut self, end: Instant) -> Result<()> {
        loop {
            let due = self.poll().await?.min(end);
            if Instant::now() >= end {
                return Ok(());
            }
            let mut buffer = [0; 2048];
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => {
                    let (length, source) = received?;
                    let received = Receive::new(Protocol::Udp, source, self.local, &buffer[..length])?;
                    self.rtc.handle_input(Input::Receive(Instant::now(), received))?;
                }
                () = sleep_until(due.into()) => self.rtc.handle_input(Input::Timeout(Instant::now()))?,
            }
        }
    }

    async fn poll(&mut self) -> Result<Instant> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => return Ok(at),
                Output::Transmit(transmit) => {
                    self.socket
                        .send_to(&transmit.contents, transmit.destination)
                        .await?;
                }
                Output::Event(Event::Connected) => self.connected = true,
                // Padding, which probes the link, is shorter.
                Output::Event(Event::RtpPacket(packet)) => {
                    self.back += usize::from(packet.payload.len() == PACKET_BYTES);
                }
                Output::Event(_) => {}
            }
        }
    }
}

async fn post(server: &str, body: &Value) -> Result<Value> {
    let body = body.to_string();
    let mut stream = TcpStream::connect(server).await?;
    let request = format!(
        "POST /api/v1/webrtc/offer HTTP/1.0\r\nHost: {server}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    serde_json::from_str(body).with_context(|| format!("no answer: {answer}"))
}

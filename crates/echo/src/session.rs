//! One client's session: what comes goes in, what is to be done comes out. It knows no
//! socket and no clock.

mod ended;
mod media;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use service::rate::Rate;
use str0m::{
    Event, Input, Output as RtcOutput, Rtc, RtcError,
    bwe::{Bitrate, BweKind},
    channel::ChannelId,
    media::Mid,
    net::{Protocol, Receive, Transmit},
    stats::PeerStats,
};

pub(crate) use ended::Ended;

use crate::{
    accept::{Line, Role, Setup},
    channel,
    packet::Packet,
    parameters::Parameters,
    pipeline::{self, Pipeline},
    rewrite::Rewrite,
};

/// Addresses of one client: its networks, and what roaming adds.
const MAX_ADDRESSES: usize = 16;
/// How long the farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// What is to be done.
pub(crate) enum Output {
    /// Send this.
    Transmit(Transmit),
    /// What comes from there is this session's from now on.
    Address(Protocol, SocketAddr),
    /// Media can flow.
    Connected,
    /// Show this to the viewers.
    Media(Arc<Packet>),
    /// The publisher is to send a key frame.
    KeyFrame,
    /// How the link is.
    Stats(Box<PeerStats>),
    /// Nothing more comes.
    Ended(Ended),
}

pub(crate) struct Session {
    rtc: Rtc,
    lines: Vec<Line>,
    role: Role,
    pub(crate) parameters: Parameters,
    pub(crate) pipeline: Box<dyn Pipeline>,
    pub(crate) channel: Option<ChannelId>,
    pub(crate) text_channel: Option<ChannelId>,
    pub(crate) messages_paid_until: Instant,
    streams: HashMap<Mid, Rewrite>,
    addresses: HashSet<(Protocol, SocketAddr)>,
    rate: Rate,
    paid_until: Instant,
    max_bitrate: Bitrate,
    key_frame_asked: Option<Instant>,
    silence: Duration,
    heard: Instant,
    closing: Option<(Ended, Instant)>,
    rtc_timeout: Instant,
    outputs: VecDeque<Output>,
}

impl Session {
    pub(crate) fn new(
        rtc: Rtc,
        lines: Vec<Line>,
        role: Role,
        setup: &Setup,
        parameters: Parameters,
        now: Instant,
    ) -> Self {
        Self {
            rtc,
            lines,
            role,
            pipeline: pipeline::of(&parameters),
            parameters,
            channel: None,
            text_channel: None,
            messages_paid_until: now,
            streams: HashMap::new(),
            addresses: HashSet::new(),
            rate: setup.rate,
            paid_until: now,
            max_bitrate: Bitrate::from(setup.max_rate as u64 * 8),
            key_frame_asked: None,
            silence: setup.silence,
            heard: now,
            closing: None,
            rtc_timeout: now,
            outputs: VecDeque::new(),
        }
    }

    /// What checks of the client name us by (RFC 8445 section 7.2.2).
    pub(crate) fn ice_name(&mut self) -> String {
        self.rtc.direct_api().local_ice_credentials().ufrag
    }

    /// Takes what came from that address.
    pub(crate) fn handle_datagram(
        &mut self,
        protocol: Protocol,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
        now: Instant,
    ) {
        let Ok(received) = Receive::new(protocol, source, destination, datagram) else {
            return;
        };
        let known = self.addresses.contains(&(protocol, source));
        let is_check = datagram.first().is_some_and(|first| *first < 4);
        let input = Input::Receive(now, received);
        // SECURITY: only a check with this session's password makes an address one of ours.
        if (is_check || !known) && !self.rtc.accepts(&input) {
            return;
        }
        if !known {
            if !is_check || self.addresses.len() >= MAX_ADDRESSES {
                return;
            }
            self.addresses.insert((protocol, source));
            self.outputs.push_back(Output::Address(protocol, source));
        }
        let bytes = u32::try_from(datagram.len()).unwrap_or(u32::MAX);
        if self
            .rate
            .take_many(bytes, &mut self.paid_until, now)
            .is_err()
        {
            return;
        }
        self.heard = now;
        let handled = self.rtc.handle_input(input);
        self.settle(handled, now);
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.closing.is_none() && now >= self.heard + self.silence {
            return self.close(Ended::Silent, now);
        }
        let handled = self.rtc.handle_input(Input::Timeout(now));
        self.settle(handled, now);
    }

    /// Says farewell; [`Output::Ended`] follows.
    pub(crate) fn close(&mut self, ended: Ended, now: Instant) {
        if self.closing.is_some() {
            return;
        }
        channel::farewell(self, ended);
        self.settle(Ok(()), now);
        if self.closing.is_none() {
            self.closing = Some((ended, now + FAREWELL));
            let closed = self.rtc.close();
            self.settle(closed, now);
        }
    }

    /// The next thing to do.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub(crate) fn poll_timeout(&self) -> Instant {
        let last = match self.closing {
            Some((_, deadline)) => deadline,
            None => self.heard + self.silence,
        };
        let due = self
            .pipeline
            .poll_timeout()
            .map_or(last, |due| due.min(last));
        due.min(self.rtc_timeout)
    }

    pub(crate) fn rtc(&mut self) -> &mut Rtc {
        &mut self.rtc
    }

    /// Carries on until there is nothing left to do at this time. str0m wants its outputs
    /// drained before anything is written to it, so events are collected first.
    fn settle(&mut self, handled: Result<(), RtcError>, now: Instant) {
        let mut result = handled;
        loop {
            let mut events = Vec::new();
            if result.is_ok() {
                result = self.drain(&mut events);
            }
            if result.is_err() || !self.rtc.is_alive() {
                return self.end(result.is_err());
            }
            let mut acted = !events.is_empty();
            for event in events {
                self.handle_event(event, now);
            }
            while let Some(packet) = self.pipeline.poll(now) {
                self.send_back(&packet, now);
                acted = true;
            }
            if !acted {
                break;
            }
            result = self.rtc.handle_input(Input::Timeout(now));
        }
        if self.closing.is_some_and(|(_, deadline)| now >= deadline) {
            self.end(false);
        }
    }

    fn drain(&mut self, events: &mut Vec<Event>) -> Result<(), RtcError> {
        loop {
            match self.rtc.poll_output()? {
                RtcOutput::Timeout(at) => {
                    self.rtc_timeout = at;
                    return Ok(());
                }
                RtcOutput::Transmit(transmit) => {
                    // RFC 7983: what begins with 128 to 191 is RTP or RTCP.
                    let media = matches!(transmit.contents.first(), Some(128..=191));
                    if !media || self.pipeline.delivers() {
                        self.outputs.push_back(Output::Transmit(transmit));
                    }
                }
                RtcOutput::Event(event) => events.push(event),
            }
        }
    }

    fn end(&mut self, failed: bool) {
        let told = matches!(self.outputs.back(), Some(Output::Ended(_)));
        let ended = match self.closing {
            Some((ended, _)) => ended,
            None if failed => Ended::Failed,
            None => Ended::Closed,
        };
        if !told {
            self.outputs.push_back(Output::Ended(ended));
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library tells of more than is used here"
    )]
    fn handle_event(&mut self, event: Event, now: Instant) {
        match event {
            Event::Connected => self.outputs.push_back(Output::Connected),
            Event::RtpPacket(packet) => self.handle_packet(packet),
            Event::KeyframeRequest(_) if self.role == Role::Viewer => {
                self.outputs.push_back(Output::KeyFrame);
            }
            Event::KeyframeRequest(_) => self.ask_for_key_frame(now),
            Event::EgressBitrateEstimate(
                BweKind::Twcc { estimate, .. } | BweKind::Remb { estimate, .. },
            ) => self.limit(estimate),
            Event::ChannelOpen(id, label) => channel::opened(self, id, &label),
            Event::ChannelData(data) => channel::heard(self, &data, now),
            Event::ChannelClose(id) => channel::closed(self, id),
            Event::PeerStats(stats) => self.outputs.push_back(Output::Stats(Box::new(stats))),
            _ => {}
        }
    }
}

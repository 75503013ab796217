//! Packets on their way through a session, and what their senders are asked for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use str0m::{
    bwe::Bitrate,
    media::{KeyframeRequestKind, MediaKind, Mid},
    rtp::{RtpPacket, RtpWrite},
};

use super::{Output, Session};
use crate::{accept::Role, packet::Packet};

/// A sender is asked for a key frame no more often.
const KEY_FRAMES: Duration = Duration::from_millis(500);
impl Session {
    /// Takes media of the publisher that is looked at.
    pub(crate) fn handle_media(&mut self, packet: &Packet, now: Instant) {
        let line = self
            .lines
            .iter()
            .find(|line| line.kind == packet.kind && line.sends);
        if let Some(mid) = line.map(|line| line.mid) {
            self.send(mid, packet, now);
            self.settle(Ok(()), now);
        }
    }

    /// Asks the client for a key frame of each picture.
    pub(crate) fn handle_key_frame_request(&mut self, now: Instant) {
        self.ask_for_key_frame(now);
        self.settle(Ok(()), now);
    }

    pub(super) fn handle_packet(&mut self, packet: RtpPacket) {
        let pt = packet.header.payload_type;
        let params = self.rtc.codec_config().params();
        let Some(codec) = params.iter().find(|params| params.pt() == pt).copied() else {
            return;
        };
        let mut api = self.rtc.direct_api();
        let Some(mid) = api
            .stream_rx(&packet.header.ssrc)
            .map(|stream| stream.mid())
        else {
            return;
        };
        let Some(line) = self.lines.iter().find(|line| line.mid == mid) else {
            return;
        };
        let packet = Packet::new(packet, line.kind, mid, codec);
        match self.role {
            Role::Echo => self.pipeline.take(packet),
            Role::Publisher => self.outputs.push_back(Output::Media(Arc::new(packet))),
            Role::Viewer => {}
        }
    }

    /// Sends a packet to who sent it: by the same line, or by one of the same kind that only
    /// receives there.
    pub(crate) fn send_back(&mut self, packet: &Packet, now: Instant) {
        let own = self
            .lines
            .iter()
            .find(|line| line.mid == packet.mid && line.sends);
        let line = own.or_else(|| {
            self.lines
                .iter()
                .find(|line| line.kind == packet.kind && line.sends && !line.receives)
        });
        if let Some(mid) = line.map(|line| line.mid) {
            self.send(mid, packet, now);
        }
    }

    fn send(&mut self, mid: Mid, packet: &Packet, now: Instant) {
        let config = self.rtc.codec_config();
        let Some(pt) = config.match_params(packet.codec).map(|codec| codec.pt()) else {
            return;
        };
        let Some((sequence, time)) = self.streams.entry(mid).or_default().next(packet) else {
            return;
        };
        let mut api = self.rtc.direct_api();
        if let Some(stream) = api.stream_tx_by_mid(mid, None) {
            let payload = packet.payload.clone();
            let write = RtpWrite::new(pt, sequence.into(), time, now, payload)
                .marker(packet.marker)
                .ext_vals(packet.extensions.clone())
                .nackable(true);
            stream.write_rtp(write);
        }
    }

    pub(super) fn ask_for_key_frame(&mut self, now: Instant) {
        if self
            .key_frame_asked
            .is_some_and(|asked| now < asked + KEY_FRAMES)
        {
            return;
        }
        self.key_frame_asked = Some(now);
        for mid in self.pictures() {
            if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid, None) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
        }
    }

    /// What the way back carries is all that the client need send.
    pub(super) fn limit(&mut self, estimate: Bitrate) {
        if self.role != Role::Echo {
            return;
        }
        let bitrate = estimate.min(self.max_bitrate);
        for mid in self.pictures() {
            if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid, None) {
                stream.request_remb(bitrate);
            }
        }
    }

    fn pictures(&self) -> Vec<Mid> {
        let pictures = self
            .lines
            .iter()
            .filter(|line| line.kind == MediaKind::Video && line.receives);
        pictures.map(|line| line.mid).collect()
    }
}

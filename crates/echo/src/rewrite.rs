//! Places and times of packets, continued across streams: who sees them has one stream,
//! however often the sender begins a new one.

use str0m::rtp::Ssrc;

use crate::packet::Packet;

/// Between the last picture of one stream and the first of the next, in ticks: about as
/// much as between two pictures.
const TICKS: u32 = 3000;

/// The state of one outgoing stream.
#[derive(Debug, Default)]
pub(crate) struct Rewrite {
    begun: Option<Begun>,
    last: Option<(u64, u32)>,
}

/// The stream that comes now: its first packet, and where that is in what goes.
#[derive(Clone, Copy, Debug)]
struct Begun {
    ssrc: Ssrc,
    sequence: u64,
    time: u32,
    out: (u64, u32),
}

impl Rewrite {
    /// Place and time of that packet in the outgoing stream; none for one from before its
    /// stream began here.
    pub(crate) fn next(&mut self, packet: &Packet) -> Option<(u64, u32)> {
        let begun = match self.begun {
            Some(begun) if begun.ssrc == packet.ssrc => begun,
            _ => *self.begun.insert(Begun {
                ssrc: packet.ssrc,
                sequence: packet.sequence,
                time: packet.time,
                // SRTP counts roll-overs from zero, so the outgoing stream begins low
                // wherever the incoming one is (RFC 3711 section 3.3.1).
                out: self.last.map_or((1, packet.time), |(sequence, time)| {
                    (sequence + 1, time.wrapping_add(TICKS))
                }),
            }),
        };
        let sequence = begun.out.0 + packet.sequence.checked_sub(begun.sequence)?;
        let time = begun
            .out
            .1
            .wrapping_add(packet.time.wrapping_sub(begun.time));
        if self.last.is_none_or(|(last, _)| last < sequence) {
            self.last = Some((sequence, time));
        }
        Some((sequence, time))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use str0m::media::MediaKind;

    use super::*;

    fn packet(ssrc: u32, sequence: u64, time: u32) -> Packet {
        let config = str0m::RtcConfig::new().codec_config().clone();
        Packet {
            kind: MediaKind::Video,
            mid: "0".into(),
            ssrc: ssrc.into(),
            codec: config.params()[0],
            sequence,
            time,
            marker: false,
            extensions: str0m::rtp::ExtensionValues::default(),
            payload: [].into(),
            arrived: Instant::now(),
        }
    }

    #[test]
    fn a_stream_begins_low_and_keeps_its_gaps_and_its_order() {
        let mut rewrite = Rewrite::default();
        assert_eq!(rewrite.next(&packet(7, 70_000, 500)), Some((1, 500)));
        assert_eq!(rewrite.next(&packet(7, 70_003, 900)), Some((4, 900)));
        assert_eq!(rewrite.next(&packet(7, 70_001, 500)), Some((2, 500)));
        assert_eq!(
            rewrite.next(&packet(7, 69_999, 100)),
            None,
            "before its beginning"
        );
    }

    #[test]
    fn another_stream_goes_on_where_the_last_one_ended() {
        let mut rewrite = Rewrite::default();
        rewrite.next(&packet(7, 10, u32::MAX));
        rewrite.next(&packet(7, 12, 99));
        let (sequence, time) = rewrite.next(&packet(8, 5, 77)).unwrap();
        assert_eq!((sequence, time), (4, 99 + TICKS));
        assert_eq!(rewrite.next(&packet(8, 6, 3077)), Some((5, 99 + 2 * TICKS)));
    }
}

//! What travels from who sends to who sees: RTP packets, out of their encryption and into
//! the next one, with their payload as it came.

use std::{sync::Arc, time::Instant};

use str0m::{
    format::PayloadParams,
    media::{MediaKind, Mid},
    rtp::{ExtensionValues, RtpPacket, Ssrc},
};

/// A packet of media. Packets of one stream with the same `time` are one frame, and a video
/// frame ends with `marker`.
#[derive(Clone)]
pub struct Packet {
    /// Audio or video.
    pub kind: MediaKind,
    /// The line of the sender's offer that it came by.
    pub mid: Mid,
    /// Which of the sender's streams.
    pub ssrc: Ssrc,
    /// The codec, and its number in the sender's session.
    pub codec: PayloadParams,
    /// Its place in the stream, without roll-over.
    pub sequence: u64,
    /// RTP time, in the clock of the codec.
    pub time: u32,
    /// The last packet of a video frame; the first after silence of audio.
    pub marker: bool,
    /// Rotation of the picture and loudness, which players need.
    pub extensions: ExtensionValues,
    /// What the encoder made.
    pub payload: Arc<[u8]>,
    /// When it came.
    pub arrived: Instant,
}

impl Packet {
    pub(crate) fn new(packet: RtpPacket, kind: MediaKind, mid: Mid, codec: PayloadParams) -> Self {
        let RtpPacket {
            seq_no,
            header,
            payload,
            timestamp,
            ..
        } = packet;
        // The other extensions are about the way here, not about the media.
        let extensions = ExtensionValues {
            audio_level: header.ext_vals.audio_level,
            voice_activity: header.ext_vals.voice_activity,
            video_orientation: header.ext_vals.video_orientation,
            ..ExtensionValues::default()
        };
        Self {
            kind,
            mid,
            ssrc: header.ssrc,
            codec,
            sequence: *seq_no,
            time: header.timestamp,
            marker: header.marker,
            extensions,
            payload,
            arrived: timestamp,
        }
    }
}

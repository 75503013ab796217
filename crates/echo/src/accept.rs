//! From an offer to a session and its answer.

use std::time::{Duration, Instant};

use service::rate::Rate;
use str0m::{
    Candidate, Rtc, RtcConfig,
    bwe::Bitrate,
    change::SdpOffer,
    config::DtlsCert,
    media::{Direction, MediaKind, Mid},
};

use crate::{parameters::Parameters, sdp, session::Session};

/// Where the estimate of a client's link begins: enough for a picture of 640 × 480 at once.
const FIRST_ESTIMATE: Bitrate = Bitrate::mbps(2);
/// Largest message of a data channel, in bytes.
const MAX_MESSAGE: u32 = 16 * 1024;
/// How often a session tells how its link is.
const STATS: Duration = Duration::from_secs(5);

/// What a session does with media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Sends back what it hears.
    Echo,
    /// Hears what others see.
    Publisher,
    /// Sees what a publisher sends.
    Viewer,
}

/// Why an offer gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("This is no SDP offer.")]
    NotSdp,
    #[error("The offer is not complete: it lacks ICE or DTLS parameters, or contradicts itself.")]
    Incomplete,
    #[error("The offer has neither media nor a data channel.")]
    NoMedia,
    #[error("The offer has no codec that is known here.")]
    NoCodec,
    #[error("The offer sends nothing.")]
    SendsNothing,
    #[error("The offer receives nothing.")]
    ReceivesNothing,
}

/// What all sessions of a server share.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) rtc: RtcConfig,
    /// Where clients reach this server.
    pub(crate) candidates: Vec<Candidate>,
    /// Of the bytes of a session.
    pub(crate) rate: Rate,
    pub(crate) max_rate: usize,
    pub(crate) silence: Duration,
}

/// A media line of the offer, seen from here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) mid: Mid,
    pub(crate) kind: MediaKind,
    pub(crate) receives: bool,
    pub(crate) sends: bool,
}

/// One certificate for all sessions: making one costs more than the rest of a session.
pub(crate) fn rtc_config() -> Option<RtcConfig> {
    let crypto = str0m::crypto::from_feature_flags();
    let certificate: DtlsCert = crypto.dtls_provider.generate_certificate()?;
    let config = RtcConfig::new()
        .set_crypto_provider(std::sync::Arc::new(crypto))
        .set_dtls_cert(certificate)
        .set_rtp_mode(true)
        .enable_bwe(Some(FIRST_ESTIMATE))
        .set_sctp_max_message_size(MAX_MESSAGE)
        .set_stats_interval(Some(STATS));
    Some(config)
}

/// Answers the offer.
///
/// # Errors
/// [`Refused`] says what is wrong with it.
pub(crate) fn accept(
    setup: &Setup,
    role: Role,
    offer: &str,
    parameters: Parameters,
    now: Instant,
) -> Result<(Session, String), Refused> {
    let offer = sdp::without_candidates(offer).ok_or(Refused::NotSdp)?;
    let offer = SdpOffer::from_sdp_string(&offer).map_err(|_| Refused::NotSdp)?;
    let mut rtc = setup.rtc.clone().build(now);
    for candidate in &setup.candidates {
        rtc.add_local_candidate(candidate.clone());
    }
    let answer = rtc.sdp_api().accept_offer(offer);
    let answer = answer.map_err(|_| Refused::Incomplete)?.to_sdp_string();
    let lines = lines(&rtc, &answer);
    let channel = answer.contains("m=application ");
    if lines.is_empty() && !channel {
        return Err(if answer.contains("\nm=") {
            Refused::NoCodec
        } else {
            Refused::NoMedia
        });
    }
    match role {
        Role::Echo => {}
        Role::Publisher if !lines.iter().any(|line| line.receives) => {
            return Err(Refused::SendsNothing);
        }
        Role::Viewer if !lines.iter().any(|line| line.sends) => {
            return Err(Refused::ReceivesNothing);
        }
        Role::Publisher | Role::Viewer => {}
    }
    let most = Bitrate::from(setup.max_rate as u64 * 8);
    rtc.bwe().set_bitrate(Bitrate::ZERO, most);
    let session = Session::new(rtc, lines, role, setup, parameters, now);
    Ok((session, sdp::with_own_names(&answer)))
}

/// The media lines that have a codec, in the order of the answer.
fn lines(rtc: &Rtc, answer: &str) -> Vec<Line> {
    let mids = answer
        .lines()
        .filter_map(|line| line.strip_prefix("a=mid:"));
    let media = mids.filter_map(|mid| rtc.media(Mid::from(mid)));
    let usable = media.filter(|media| !media.disabled() && !media.remote_pts().is_empty());
    usable
        .map(|media| {
            let (receives, sends) = match media.direction() {
                Direction::SendRecv => (true, true),
                Direction::RecvOnly => (true, false),
                Direction::SendOnly => (false, true),
                Direction::Inactive => (false, false),
            };
            Line {
                mid: media.mid(),
                kind: media.kind(),
                receives,
                sends,
            }
        })
        .collect()
}

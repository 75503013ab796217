//! Two changes to what str0m reads and writes.

use std::fmt::Write as _;

/// Longest offer that is looked at, in bytes. A page's is about 8 KiB.
pub(crate) const MAX_OFFER: usize = 64 * 1024;
/// Lines of an offer that are looked at; a page's has about 250.
const MAX_LINES: usize = 2000;
/// Media lines that are answered.
const MAX_MEDIA: usize = 16;

/// The offer without what is not wanted.
///
/// SECURITY: candidates are the client's own words, and a check would be sent to each.
/// Left out, only addresses that sent a check with this session's password are ever sent
/// anything; a client whose candidates we need could not reach us to begin with.
/// One encoding of a picture comes back, so simulcast is not answered.
pub(crate) fn without_candidates(offer: &str) -> Option<String> {
    let mut kept = String::with_capacity(offer.len());
    let mut media = 0;
    for (number, line) in offer.lines().enumerate() {
        media += usize::from(line.starts_with("m="));
        if number >= MAX_LINES || media > MAX_MEDIA {
            return None;
        }
        let unwanted = [
            "a=candidate:",
            "a=end-of-candidates",
            "a=simulcast:",
            "a=rid:",
        ];
        if !unwanted.iter().any(|start| line.starts_with(start)) && !line.is_empty() {
            kept.push_str(line.trim_end());
            kept.push_str("\r\n");
        }
    }
    Some(kept)
}

/// The answer with names of our own for stream and tracks: str0m gives back the offer's, and
/// pages get no stream for `-`.
pub(crate) fn with_own_names(answer: &str) -> String {
    let mut named = String::with_capacity(answer.len());
    let mut track = 0;
    for line in answer.lines() {
        track += usize::from(line.starts_with("m="));
        let name = format!("echo echo-{track}");
        // Writing to a string does not fail.
        let _ = if line.starts_with("a=msid-semantic:") {
            write!(named, "a=msid-semantic: WMS echo\r\n")
        } else if line.starts_with("a=msid:") {
            write!(named, "a=msid:{name}\r\n")
        } else if let Some((ssrc, _)) = line.split_once(" msid:") {
            write!(named, "{ssrc} msid:{name}\r\n")
        } else {
            write!(named, "{line}\r\n")
        };
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_and_simulcast_are_left_out() {
        let offer = "v=0\r\nm=video 9 X 96\r\na=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n\
                     a=mid:0\r\na=simulcast:send a;b\r\na=rid:a send\r\na=end-of-candidates\r\n";
        let kept = without_candidates(offer).unwrap();
        assert_eq!(kept, "v=0\r\nm=video 9 X 96\r\na=mid:0\r\n");
    }

    #[test]
    fn an_offer_of_too_many_lines_is_none() {
        assert!(without_candidates(&"a=x\n".repeat(MAX_LINES)).is_some());
        assert!(without_candidates(&"a=x\n".repeat(MAX_LINES + 1)).is_none());
        assert!(without_candidates(&"m=video 9 X 96\n".repeat(MAX_MEDIA + 1)).is_none());
    }

    #[test]
    fn every_track_has_its_name_and_all_are_of_one_stream() {
        let answer = "a=msid-semantic: WMS a b\r\nm=audio\r\na=msid:- t\r\nm=video\r\n\
                      a=msid:b u\r\na=ssrc:7 cname:x\r\na=ssrc:7 msid:b u\r\n";
        let named = "a=msid-semantic: WMS echo\r\nm=audio\r\na=msid:echo echo-1\r\nm=video\r\n\
                     a=msid:echo echo-2\r\na=ssrc:7 cname:x\r\na=ssrc:7 msid:echo echo-2\r\n";
        assert_eq!(with_own_names(answer), named);
    }
}

//! Resume tokens: a seat that its owner can claim again, from this process or another one.
//!
//! A token is `version | expiry | seat | other seat | first`, authenticated with
//! HMAC-SHA256 over itself and the room's key (truncated to 16 bytes, RFC 2104 section 5).
//! The key of the room is not in it, so that a token tells nobody a PIN.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use rooms::{Claim, RoomKey, SeatId};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

const VERSION: u8 = 1;
const PAYLOAD: usize = 22;
const TAG: usize = 16;

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) seat: SeatId,
    pub(crate) other: Option<SeatId>,
    pub(crate) first: bool,
}

/// Makes and checks tokens. Tokens of the previous secret are still accepted.
pub(crate) struct Tokens {
    secrets: Vec<Vec<u8>>,
    /// How long a token is good for, in seconds.
    lifetime: u64,
}

impl Tokens {
    /// The first secret signs; all of them are accepted.
    pub(crate) fn new(secrets: Vec<Vec<u8>>, lifetime: u64) -> Self {
        assert!(!secrets.is_empty(), "a secret signs tokens");
        Self { secrets, lifetime }
    }

    /// `now` in unix seconds.
    pub(crate) fn mint(&self, room: &RoomKey, grant: Grant, now: u64) -> String {
        let expiry = u32::try_from(now + self.lifetime).unwrap_or(u32::MAX);
        let mut token = Vec::with_capacity(PAYLOAD + TAG);
        token.push(VERSION);
        token.extend(expiry.to_be_bytes());
        token.extend(grant.seat.0.to_be_bytes());
        token.extend(grant.other.map_or(0, |seat| seat.0).to_be_bytes());
        token.push(u8::from(grant.first));
        token.extend(tag(&self.secrets[0], &token, room));
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The claim a token stands for in that room; `None` for anything that is not ours,
    /// is for another room, or has expired.
    pub(crate) fn verify(&self, room: &RoomKey, token: &str, now: u64) -> Option<Claim> {
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (payload, given) = token.split_at_checked(PAYLOAD)?;
        let genuine = |secret: &Vec<u8>| bool::from(tag(secret, payload, room).ct_eq(given));
        if !self.secrets.iter().any(genuine) {
            return None;
        }
        let (version, rest) = payload.split_first()?;
        let (expiry, rest) = rest.split_first_chunk()?;
        let (seat, rest) = rest.split_first_chunk()?;
        let (other, rest) = rest.split_first_chunk()?;
        if *version != VERSION || u64::from(u32::from_be_bytes(*expiry)) < now {
            return None;
        }
        let other = u64::from_be_bytes(*other);
        let others = if other == 0 {
            vec![]
        } else {
            vec![SeatId(other)]
        };
        let seat = SeatId(u64::from_be_bytes(*seat));
        Some(Claim::Again {
            seat,
            others,
            first: rest == [1],
        })
    }
}

fn tag(secret: &[u8], payload: &[u8], room: &RoomKey) -> [u8; TAG] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(b"tuturu resume");
    mac.update(payload);
    mac.update(room.as_str().as_bytes());
    let mut tag = [0; TAG];
    tag.copy_from_slice(&mac.finalize().into_bytes()[..TAG]);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;
    const GRANT: Grant = Grant {
        seat: SeatId(7),
        other: Some(SeatId(9)),
        first: true,
    };

    fn tokens(secrets: &[&str]) -> Tokens {
        Tokens::new(
            secrets.iter().map(|s| s.as_bytes().to_vec()).collect(),
            3600,
        )
    }

    #[test]
    fn a_token_brings_its_seat_back_until_it_expires() {
        let (tokens, room) = (tokens(&["a"]), RoomKey::new("pin:012345"));
        let token = tokens.mint(&room, GRANT, NOW);
        let claim = Claim::Again {
            seat: SeatId(7),
            others: vec![SeatId(9)],
            first: true,
        };
        assert_eq!(tokens.verify(&room, &token, NOW + 3600), Some(claim));
        assert_eq!(tokens.verify(&room, &token, NOW + 3601), None);
        assert!(token.len() < 64);
    }

    #[test]
    fn a_token_is_good_for_one_room_and_one_secret() {
        let room = RoomKey::new("pin:012345");
        let token = tokens(&["a"]).mint(&room, GRANT, NOW);
        assert!(
            tokens(&["b", "a"]).verify(&room, &token, NOW).is_some(),
            "rotation"
        );
        assert_eq!(tokens(&["b"]).verify(&room, &token, NOW), None);
        assert_eq!(
            tokens(&["a"]).verify(&RoomKey::new("pin:012346"), &token, NOW),
            None
        );
    }

    #[test]
    fn any_other_text_is_no_token() {
        let (tokens, room) = (tokens(&["a"]), RoomKey::new("pin:012345"));
        let token = tokens.mint(&room, GRANT, NOW);
        for place in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(bytes).unwrap();
            assert_eq!(tokens.verify(&room, &forged, NOW), None, "{place}");
        }
        for text in [
            "",
            "A",
            "AAAA",
            "not base64!",
            &token[..20],
            &format!("{token}AA"),
        ] {
            assert_eq!(tokens.verify(&room, text, NOW), None);
        }
    }
}

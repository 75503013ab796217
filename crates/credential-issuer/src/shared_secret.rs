//! Credentials that a TURN server can check without being told of them: the user name says
//! when it expires, the password proves that the issuer made it
//! (draft-uberti-behave-turn-rest-00 section 2.2).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// A user name and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `<expiry in unix seconds>:<client>`.
    pub username: String,
    /// base64(HMAC-SHA1(secret, username)), with padding.
    pub password: String,
}

/// Credentials of `client` until `expiry` (unix seconds). What stands after the colon is
/// what coturn's `user-quota` counts for.
#[must_use]
pub fn credentials(secret: &[u8], client: &str, expiry: u64) -> Credentials {
    let username = format!("{expiry}:{client}");
    let password = password(secret, &username);
    Credentials { username, password }
}

/// The password of a user name.
#[must_use]
pub fn password(secret: &[u8], username: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(username.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// When a user name expires, in unix seconds; `None` when it is not of this form.
#[must_use]
pub fn expiry(username: &str) -> Option<u64> {
    username.split(':').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_vector() {
        assert_eq!(
            password(b"foobar", "1599491771"),
            "Tpz/nKkyvX/vMSLKvL4sbtBt8Vs="
        );
    }

    #[test]
    fn a_user_name_says_when_it_expires_and_who_it_is() {
        let made = credentials(b"foobar", "ann", 1_599_491_771);
        assert_eq!(made.username, "1599491771:ann");
        assert_eq!(expiry(&made.username), Some(1_599_491_771));
        assert_eq!(expiry("ann"), None);
    }
}

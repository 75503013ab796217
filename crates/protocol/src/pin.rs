//! Names of rooms that people and links carry: PINs and call IDs.

use std::fmt;

/// Six ASCII digits, leading zeros kept. Debug prints dots.
///
/// ```
/// use protocol::pin::Pin;
/// assert!(Pin::parse("012345").is_ok());
/// assert!(Pin::parse("١٢٣٤٥٦").is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin([u8; 6]);

/// The text is not a PIN: six ASCII digits, as a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("A PIN is six digits.")]
pub struct InvalidPin;

impl Pin {
    /// Reads exactly six ASCII digits.
    ///
    /// # Errors
    /// [`InvalidPin`] for any other text, digits of other scripts included.
    pub fn parse(text: &str) -> Result<Self, InvalidPin> {
        let digits: [u8; 6] = text.as_bytes().try_into().map_err(|_| InvalidPin)?;
        if digits.iter().all(u8::is_ascii_digit) {
            Ok(Self(digits))
        } else {
            Err(InvalidPin)
        }
    }

    /// The six digits.
    #[must_use]
    pub fn digits(&self) -> &[u8; 6] {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Pin(••••••)")
    }
}

/// An unguessable room name: 22 base64url characters, 16 random bytes. Debug prints dots.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId([u8; 22]);

/// The text is not a call ID: 22 characters of base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("A call link ends in 22 letters, digits, dashes or underscores.")]
pub struct InvalidCallId;

impl CallId {
    /// Reads exactly 22 characters of the base64url alphabet (RFC 4648 section 5).
    ///
    /// # Errors
    /// [`InvalidCallId`] for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidCallId> {
        let bytes: [u8; 22] = text.as_bytes().try_into().map_err(|_| InvalidCallId)?;
        let alphabet = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if bytes.iter().all(alphabet) {
            Ok(Self(bytes))
        } else {
            Err(InvalidCallId)
        }
    }

    /// The 22 characters.
    #[must_use]
    pub fn characters(&self) -> &[u8; 22] {
        &self.0
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("CallId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_ascii_digits_and_nothing_else_are_a_pin() {
        for good in ["000000", "012345", "999999"] {
            assert!(Pin::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "12345",
            "1234567",
            "12345a",
            " 12345",
            "12 345",
            "1234५",
            "١٢٣٤٥٦",
            "１２",
        ] {
            assert_eq!(Pin::parse(bad), Err(InvalidPin), "{bad}");
        }
        assert!(!format!("{:?}", Pin::parse("012345")).contains('1'));
    }

    #[test]
    fn call_ids_are_22_base64url_characters() {
        assert!(CallId::parse("AbCdEfGhIjKlMnOpQr-_09").is_ok());
        for bad in [
            "",
            "short",
            "AbCdEfGhIjKlMnOpQr+/09",
            "AbCdEfGhIjKlMnOpQr-_091",
        ] {
            assert_eq!(CallId::parse(bad), Err(InvalidCallId), "{bad}");
        }
    }
}

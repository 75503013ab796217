//! From the path of a request to the name of a file, or to nothing.

/// Longest path that is looked up, in bytes.
const PATH_BYTES: usize = 1024;

/// The decoded, clean, relative name: segments joined by `/`, empty for the root. `None`
/// for anything that could mean another place than it seems to.
pub(crate) fn clean(path: &str) -> Option<String> {
    if path.len() > PATH_BYTES {
        return None;
    }
    let decoded = decode(path.strip_prefix('/')?)?;
    if decoded.is_empty() {
        return Some(decoded);
    }
    let fine = |segment: &str| {
        // Hidden files, the folder itself and its parent all begin with a dot.
        !segment.is_empty()
            && !segment.starts_with('.')
            && !segment.contains(['\\', ':', '%'])
            && !segment.chars().any(char::is_control)
    };
    decoded.split('/').all(fine).then_some(decoded)
}

/// Percent-decoding (RFC 3986 section 2.1), once, to valid UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            u8::try_from(high * 16 + low).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_names_pass() {
        assert_eq!(clean("/").as_deref(), Some(""));
        assert_eq!(clean("/src/main.js").as_deref(), Some("src/main.js"));
        assert_eq!(clean("/a%20b.txt").as_deref(), Some("a b.txt"));
    }

    #[test]
    fn tricks_do_not() {
        for trick in [
            "",
            "src",
            "//etc/passwd",
            "/../etc/passwd",
            "/src/../../etc/passwd",
            "/..",
            "/.git/config",
            "/%2e%2e/etc/passwd",
            "/%252e%252e/x",
            "/src%2f..%2f..%2fetc",
            "/a\\b",
            "/a%5cb",
            "/a%00b",
            "/%c0%ae%c0%ae/x",
            "/a//b",
            "/a/",
            "/c:/x",
            "/%",
            "/%zz",
            "/%e",
            "/a%0ab",
        ] {
            assert_eq!(clean(trick), None, "{trick}");
        }
        assert_eq!(clean(&format!("/{}", "a".repeat(2000))), None);
    }

    proptest! {
        #[test]
        fn whatever_is_asked_stays_inside(path in "(/|\\.|%2e|%2f|%5c|\\\\|%|[a-z]|\\PC){0,40}") {
            if let Some(name) = clean(&path) {
                let walked = std::path::Path::new("/root").join(&name);
                prop_assert!(walked.starts_with("/root"));
                let normal = |part| matches!(part, std::path::Component::Normal(_));
                prop_assert!(std::path::Path::new(&name).components().all(normal));
            }
        }
    }
}

//! From the path of a request to the name of a file, or to nothing.

/// Longest path that is looked up, in bytes.
const PATH_BYTES: usize = 1024;

/// The decoded, clean, relative name: segments joined by `/`, empty for the root. A slash at
/// the end means the page of that folder. `None` for anything that could mean another place
/// than it seems to.
pub(crate) fn clean(path: &str) -> Option<String> {
    if path.len() > PATH_BYTES {
        return None;
    }
    let name = decode_all(path.strip_prefix('/')?)?;
    // SECURITY: a `%` in a file's name is fine (Flutter makes such names), but not one that
    // becomes a trick where somebody decodes again.
    let percent = name.contains('%') && decode(&name).is_some();
    (!percent || decode_all(&name).is_some()).then_some(name)
}

/// Split first, so that no slash comes out of an escape.
fn decode_all(path: &str) -> Option<String> {
    let (folder, end) = match path.strip_suffix('/') {
        Some(folder) => (folder, "/"),
        None => (path, ""),
    };
    if path.is_empty() {
        return Some(String::new());
    }
    let segment = |segment| decode(segment).filter(|segment| is_fine(segment));
    let segments: Option<Vec<String>> = folder.split('/').map(segment).collect();
    Some(segments?.join("/") + end)
}

fn is_fine(segment: &str) -> bool {
    // Hidden files, the folder itself and its parent all begin with a dot.
    !segment.is_empty()
        && !segment.starts_with('.')
        && !segment.contains(['/', '\\', ':'])
        && !segment.chars().any(char::is_control)
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
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_names_pass() {
        assert_eq!(clean("/").as_deref(), Some(""));
        assert_eq!(clean("/src/main.js").as_deref(), Some("src/main.js"));
        assert_eq!(clean("/a%20b.txt").as_deref(), Some("a b.txt"));
        assert_eq!(clean("/a%2520b.txt").as_deref(), Some("a%20b.txt"));
        assert_eq!(clean("/100%25.txt").as_deref(), Some("100%.txt"));
        assert_eq!(clean("/caf%C3%A9/").as_deref(), Some("café/"));
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
            "/%252E%252E%252Fx",
            "/src%2f..%2f..%2fetc",
            "/a\\b",
            "/a%5cb",
            "/a%00b",
            "/%c0%ae%c0%ae/x",
            "/a//b",
            "/a//",
            "//",
            "/.",
            "/./a",
            "/a/.",
            "/a%2f",
            "/src%2fmain.js",
            "/a%252f..%252fb",
            "/a%255cb",
            "/a%2500b",
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

    /// Paths that mostly pass, so that the tricks among them would be seen.
    fn paths() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => prop::sample::select(vec!["a", "b", "%41", "é", "%c3%a9"]),
            1 => prop::sample::select(vec![
                "", ".", "..", "%2e", "%2E", "%252e", "%25252e", "%2f", "%252f", "%5c", "%255c",
                "%00", "%2500", "%25", "%", "%c0%ae", "\\", ":", "%0a",
            ]),
        ];
        let segment = prop::collection::vec(piece, 1..3).prop_map(|pieces| pieces.concat());
        prop::collection::vec(segment, 0..5).prop_map(|segments| segments.join("/"))
    }

    proptest! {
        #[test]
        fn whatever_is_asked_stays_inside(path in prop_oneof![paths(), "\\PC{0,20}"]) {
            let Some(name) = clean(&format!("/{path}")) else {
                return Ok(());
            };
            let normal = |part| matches!(part, Component::Normal(_));
            prop_assert!(Path::new(&name).components().all(normal));
            for once_more in [name.clone(), decode(&name).unwrap_or_default()] {
                prop_assert!(!once_more.contains(['\0', '\\']));
                prop_assert!(!once_more.split('/').any(|segment| segment.starts_with('.')));
            }
        }

        #[test]
        fn plain_paths_are_their_own_names(path in "[a-z]{1,8}(/[a-z]{1,8}(\\.[a-z]{1,4})?){0,6}") {
            prop_assert_eq!(clean(&format!("/{path}")), Some(path));
        }
    }
}

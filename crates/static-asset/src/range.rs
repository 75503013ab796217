//! Which part of a file a client asks for (RFC 9110 section 14).

use std::ops::Range;

/// What a `Range` header comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything: no range, several, or one that cannot be read.
    Whole,
    /// These bytes; never empty.
    Of(Range<usize>),
    /// Bytes that the file does not have.
    Beyond,
}

/// Reads the header's value for a file of that length.
pub(crate) fn part(value: &str, length: usize) -> Part {
    let Some(("bytes", spec)) = value.split_once('=') else {
        return Part::Whole;
    };
    let Some((first, last)) = spec.trim().split_once('-') else {
        return Part::Whole;
    };
    let range = match (position(first), position(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.is_empty() => first..length,
        (None, Some(count)) if first.is_empty() => length.saturating_sub(count)..length,
        _ => return Part::Whole,
    };
    if range.is_empty() {
        Part::Beyond
    } else {
        Part::Of(range)
    }
}

/// Digits only; more than fit are as good as the most that fit.
fn position(digits: &str) -> Option<usize> {
    let fine = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    fine.then(|| digits.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_range_is_a_part() {
        for (value, expected) in [
            ("bytes=0-0", Part::Of(0..1)),
            ("bytes=0-9", Part::Of(0..10)),
            ("bytes=3-99999999999999999999999", Part::Of(3..10)),
            ("bytes=9-", Part::Of(9..10)),
            ("bytes=-3", Part::Of(7..10)),
            ("bytes=-11", Part::Of(0..10)),
            ("bytes=10-", Part::Beyond),
            ("bytes=10-20", Part::Beyond),
            ("bytes=-0", Part::Beyond),
            ("bytes=5-2", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(part(value, 10), expected, "{value}");
        }
        assert_eq!(part("bytes=0-", 0), Part::Beyond, "an empty file");
    }

    proptest! {
        #[test]
        fn a_part_is_inside_the_file(value in "bytes=[0-9,+-]{0,12}|\\PC{0,20}", length in 0_usize..2000) {
            if let Part::Of(range) = part(&value, length) {
                prop_assert!(range.start < range.end && range.end <= length);
            }
        }
    }
}

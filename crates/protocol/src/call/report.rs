//! How a call came about for one side: closed sets and one bucket of time, nothing else.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::CallError;

/// Longest `report`, in bytes.
pub const REPORT_BYTES: usize = 200;

/// Upper bounds of the set-up times that a report can name, in milliseconds.
pub const SETUP_BUCKETS_MS: [u32; 8] = [250, 500, 1000, 2000, 4000, 8000, 15_000, 30_000];

/// The outcome of a call, as one side saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Media flowed.
    Connected {
        /// From the second join on.
        setup: SetupBucket,
        /// The way it took.
        path: Path,
    },
    /// Media never flowed.
    Failed(FailureReason),
}

/// One of [`SETUP_BUCKETS_MS`]; `None` is longer than the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetupBucket(Option<u32>);

impl SetupBucket {
    /// The bucket with that upper bound.
    #[must_use]
    pub fn of_ms(bound: u32) -> Option<Self> {
        SETUP_BUCKETS_MS
            .contains(&bound)
            .then_some(Self(Some(bound)))
    }

    /// The upper bound in milliseconds, if there is one.
    #[must_use]
    pub fn upper_bound_ms(self) -> Option<u32> {
        self.0
    }
}

/// The way that media takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// From browser to browser.
    Direct,
    /// Through a relay at one end or both.
    Relayed,
    /// The call was over before the page knew.
    None,
}

impl Path {
    /// Every one of them.
    pub const ALL: [Self; 3] = [Self::Direct, Self::Relayed, Self::None];

    /// As on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Relayed => "relayed",
            Self::None => "none",
        }
    }
}

/// Why media never flowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureReason {
    /// One of the two left soon after both were there.
    Abandoned,
    /// The other page never answered.
    NoAnswer,
    /// A relay was given, and it gave no address.
    NoRelay,
    /// No pair of addresses worked.
    Ice,
    /// A pair of addresses worked, the handshake of the encryption did not.
    Dtls,
}

impl FailureReason {
    /// Every one of them.
    pub const ALL: [Self; 5] = [
        Self::Abandoned,
        Self::NoAnswer,
        Self::NoRelay,
        Self::Ice,
        Self::Dtls,
    ];

    /// As on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Abandoned => "abandoned",
            Self::NoAnswer => "no-answer",
            Self::NoRelay => "no-relay",
            Self::Ice => "ice",
            Self::Dtls => "dtls",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    outcome: Outcome,
    reason: Reason,
    #[serde(deserialize_with = "bucket")]
    setup_bucket: SetupBucket,
    path: Path,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Connected,
    Failed,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Reason {
    None,
    Abandoned,
    NoAnswer,
    NoRelay,
    Ice,
    Dtls,
}

impl Reason {
    fn of_failure(self) -> Option<FailureReason> {
        match self {
            Self::None => None,
            Self::Abandoned => Some(FailureReason::Abandoned),
            Self::NoAnswer => Some(FailureReason::NoAnswer),
            Self::NoRelay => Some(FailureReason::NoRelay),
            Self::Ice => Some(FailureReason::Ice),
            Self::Dtls => Some(FailureReason::Dtls),
        }
    }
}

/// `null`, or one of the bounds; must be there.
fn bucket<'de, D: Deserializer<'de>>(source: D) -> Result<SetupBucket, D::Error> {
    match Option::<u32>::deserialize(source)? {
        None => Ok(SetupBucket(None)),
        Some(bound) => {
            SetupBucket::of_ms(bound).ok_or_else(|| serde::de::Error::custom("not a bucket"))
        }
    }
}

impl Report {
    pub(super) fn decode(data: &RawValue) -> Result<Self, CallError> {
        // serde also reads a struct from an array.
        if !data.get().starts_with('{') {
            return Err(CallError::InvalidReport);
        }
        let fields: Fields =
            serde_json::from_str(data.get()).map_err(|_| CallError::InvalidReport)?;
        let Fields {
            outcome,
            reason,
            setup_bucket,
            path,
        } = fields;
        match (outcome, reason.of_failure()) {
            (Outcome::Connected, None) => Ok(Self::Connected {
                setup: setup_bucket,
                path,
            }),
            (Outcome::Failed, Some(reason)) if setup_bucket.0.is_none() && path == Path::None => {
                Ok(Self::Failed(reason))
            }
            (Outcome::Connected, Some(_)) | (Outcome::Failed, _) => Err(CallError::InvalidReport),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::ClientMessage;

    fn decode(data: &str) -> Result<ClientMessage<'static>, CallError> {
        let text = format!(r#"{{"type":"report","data":{data}}}"#);
        ClientMessage::decode(Box::leak(text.into_boxed_str()))
    }

    fn fields(outcome: &str, reason: &str, bucket: &str, path: &str) -> String {
        format!(
            r#"{{"outcome":"{outcome}","reason":"{reason}","setup_bucket":{bucket},"path":"{path}"}}"#
        )
    }

    #[test]
    fn every_outcome_that_makes_sense_is_understood() {
        let buckets = SETUP_BUCKETS_MS.map(Some).into_iter().chain([None]);
        for (bucket, path) in buckets.flat_map(|bucket| Path::ALL.map(|path| (bucket, path))) {
            let text = bucket.map_or("null".to_owned(), |bucket| bucket.to_string());
            let report = Report::Connected {
                setup: SetupBucket(bucket),
                path,
            };
            let text = fields("connected", "none", &text, path.name());
            assert_eq!(decode(&text), Ok(ClientMessage::Report(report)), "{text}");
        }
        for reason in FailureReason::ALL {
            let text = fields("failed", reason.name(), "null", "none");
            let report = ClientMessage::Report(Report::Failed(reason));
            assert_eq!(decode(&text), Ok(report), "{text}");
        }
    }

    #[test]
    fn what_is_unknown_or_contradicts_itself_is_refused() {
        let whole = fields("connected", "none", "500", "direct");
        assert!(decode(&whole).is_ok());
        let without = |part: &str| whole.replace(part, "");
        let wrong = [
            "null".to_owned(),
            "7".into(),
            "{}".into(),
            r#"["connected","none",500,"direct"]"#.into(),
            fields("perhaps", "none", "500", "direct"),
            fields("connected", "Ice", "500", "direct"),
            fields("connected", "none", "501", "direct"),
            fields("connected", "none", "-1", "direct"),
            fields("connected", "none", "500.0", "direct"),
            fields("connected", "none", "\"500\"", "direct"),
            fields("connected", "none", "500", "198.51.100.7"),
            fields("connected", "ice", "500", "direct"),
            fields("failed", "none", "null", "none"),
            fields("failed", "ice", "500", "none"),
            fields("failed", "ice", "null", "relayed"),
            without(r#""outcome":"connected","#),
            without(r#""reason":"none","#),
            without(r#""setup_bucket":500,"#),
            without(r#","path":"direct""#),
            whole.replace('{', r#"{"name":"ann","#),
            whole.replace('{', r#"{"path":"direct","#),
        ];
        for data in wrong {
            assert_eq!(decode(&data), Err(CallError::InvalidReport), "{data}");
        }
        let missing = ClientMessage::decode(r#"{"type":"report"}"#);
        assert_eq!(missing, Err(CallError::InvalidReport));
    }

    #[test]
    fn a_report_is_short() {
        let data = fields("connected", "none", "30000", "relayed");
        let frame = format!(r#"{{"type":"report","data":{data}}}"#);
        let fitting = format!("{frame}{}", " ".repeat(REPORT_BYTES - frame.len()));
        assert!(ClientMessage::decode(&fitting).is_ok());
        let longer = ClientMessage::decode(Box::leak(format!("{fitting} ").into_boxed_str()));
        assert_eq!(longer, Err(CallError::TooLarge));
    }
}

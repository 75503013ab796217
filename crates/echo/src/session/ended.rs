//! How sessions end.

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The client closed it.
    Closed,
    /// Nothing came for too long.
    Silent,
    /// The client broke the protocol.
    Failed,
    /// The client asked for it over HTTP.
    Deleted,
    /// The stream it looked at is over.
    StreamOver,
    /// The server stops.
    Stopped,
}

impl Ended {
    pub(crate) const ALL: [Self; 6] = [
        Self::Closed,
        Self::Silent,
        Self::Failed,
        Self::Deleted,
        Self::StreamOver,
        Self::Stopped,
    ];

    /// For metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Silent => "silent",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
            Self::StreamOver => "stream-over",
            Self::Stopped => "stopped",
        }
    }
}

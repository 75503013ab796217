//! Which pages may connect, by what they speak.

use service::origin::OriginList;

use crate::config::SignalingArgs;

/// One list for each kind of client.
#[derive(Debug)]
pub(crate) struct Origins {
    pub(crate) calls: OriginList,
    pub(crate) peers: OriginList,
    pub(crate) robots: OriginList,
    pub(crate) parties: OriginList,
}

impl Origins {
    pub(crate) fn of(args: &SignalingArgs) -> Self {
        let dialects = &args.dialects;
        Self {
            calls: OriginList::new(&args.allowed_origins),
            peers: OriginList::new(&dialects.peers_origins),
            robots: OriginList::new(&dialects.robot_origins),
            parties: OriginList::new(&dialects.party_origins),
        }
    }
}

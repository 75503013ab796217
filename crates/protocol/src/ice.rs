//! ICE servers as browsers take them (W3C WebRTC, `RTCIceServer`).
//!
//! Absent keys are left out, never `null`: a null credential on a TURN entry breaks the
//! whole `RTCPeerConnection`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One STUN or TURN server and, for TURN, the credential to use there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` URIs (RFC 7064, RFC 7065) of the same server.
    pub urls: Vec<String>,
    /// TURN user name; for a shared secret `<expiry unix seconds>:<client>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// TURN password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

impl fmt::Debug for IceServer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("IceServer")
            .field("urls", &self.urls.len())
            .field("credential", &self.credential.as_ref().map(|_| "…"))
            .finish()
    }
}

/// Which candidates a browser may use (W3C WebRTC, `RTCIceTransportPolicy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IceTransportPolicy {
    /// Every candidate: direct paths are preferred.
    #[default]
    All,
    /// Only relayed candidates: callers never learn each other's address.
    Relay,
}

/// The part of an `RTCConfiguration` that a server decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceConfiguration {
    /// Servers in order of preference.
    pub ice_servers: Vec<IceServer>,
    /// Left out when everything is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ice_transport_policy: Option<IceTransportPolicy>,
}

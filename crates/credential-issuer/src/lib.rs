//! The credential issuer: ICE servers with short-lived TURN credentials, out of a secret
//! shared with our own relay (draft-uberti-behave-turn-rest-00), from a provider's service,
//! or from a list.
//!
//! Pure parts with a thin shell: requests and answers of providers, the breaker and the
//! shared secret know no socket and no clock; `kept` and `outbound` wait; [`Issuer`] walks
//! the chain, and the routes put it on the wire.

mod access;
mod answer;
mod app_route;
mod breaker;
mod chain;
mod cloudflare;
mod config;
mod coturn;
mod hugging_face;
mod issuer;
mod kept;
mod metrics;
mod outbound;
mod provider;
mod providers;
mod request;
mod routes;
pub mod shared_secret;
mod static_list;
mod twilio;

pub use access::Access;
pub use app_route::app_routes;
pub use chain::Providers;
pub use config::{IssuerArgs, TurnSecrets};
pub use issuer::{Grant, IceList, IceServers, Issuer, Unserved};
pub use metrics::ProviderMetrics;
pub use provider::ProviderName;
pub use providers::ProviderArgs;
pub use request::{BaseUrl, Token};
pub use routes::{internal_routes, public_routes};

//! Who may use the relay: user names `<expiry>:<client>` with a password out of the shared
//! secret. The time is checked here; the password by the message integrity that it keys
//! (RFC 5389 section 10.2).

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use credential_issuer::shared_secret::{expiry, password};
use service::client::Address;
use turn::auth::{AuthHandler, generate_auth_key};

use crate::{book::Account, metrics::Refusal};

pub(crate) struct Credentials {
    /// The current secret, then the previous one.
    pub(crate) secrets: Arc<[String]>,
    pub(crate) account: Arc<Account>,
}

impl AuthHandler for Credentials {
    fn auth_handle(
        &self,
        username: &str,
        realm: &str,
        client: SocketAddr,
    ) -> Result<Vec<u8>, turn::Error> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        if expiry(username).is_none_or(|expiry| expiry < now) {
            self.account.refuse(Refusal::Expired);
            return Err(turn::Error::ErrNoSuchUser);
        }
        // The server handles one message at a time: an allocation that follows is theirs.
        self.account.speaks_for(Address::new(client.ip()).source());
        Ok(key(&self.secrets[self.account.secret()], username, realm))
    }
}

/// The key of the message integrity (RFC 5389 section 15.4).
pub(crate) fn key(secret: &str, username: &str, realm: &str) -> Vec<u8> {
    generate_auth_key(username, realm, &password(secret.as_bytes(), username))
}

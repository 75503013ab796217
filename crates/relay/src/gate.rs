//! What comes in, before the `turn` server sees it.
//!
//! SECURITY: the server remembers a nonce for an hour for every request that lacks a
//! password, so strangers get few of those. And it checks passwords against one key, so
//! which secret made a message is found out here.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use service::{
    client::{Address, Source},
    rate::{Rate, Rates},
};
use stun::{
    attributes::{ATTR_MESSAGE_INTEGRITY, ATTR_REALM, ATTR_USERNAME},
    integrity::MessageIntegrity,
    message::{CLASS_REQUEST, METHOD_BINDING, Message, is_message},
    textattrs::TextAttribute,
};

use crate::{auth::key, book::Account, metrics::Refusal};

/// Requests without a password: of one source a second, and at once.
const PER_SECOND: u32 = 5;
const BURST: u32 = 20;
/// And of all sources: what an hour of nonces may cost is about 20 MB.
const ALL_PER_SECOND: u32 = 50;
const ALL_BURST: u32 = 500;

pub(crate) struct Gate {
    secrets: Arc<[String]>,
    account: Arc<Account>,
    rates: Rates,
    all: Rate,
    all_paid_until: Instant,
}

impl Gate {
    pub(crate) fn new(secrets: Arc<[String]>, account: Arc<Account>) -> Self {
        let second = Duration::from_secs(1);
        Self {
            secrets,
            account,
            rates: Rates::new(Rate::new(PER_SECOND, second, BURST)),
            all: Rate::new(ALL_PER_SECOND, second, ALL_BURST),
            all_paid_until: Instant::now(),
        }
    }

    /// May this datagram pass?
    pub(crate) fn admits(&mut self, datagram: &[u8], from: SocketAddr) -> bool {
        if !is_message(datagram) {
            return true;
        }
        let mut message = Message {
            raw: datagram.to_vec(),
            ..Message::default()
        };
        if message.decode().is_err() {
            return false;
        }
        if message.typ.class != CLASS_REQUEST || message.typ.method == METHOD_BINDING {
            return true;
        }
        if message.contains(ATTR_MESSAGE_INTEGRITY) {
            self.account.set_secret(self.secret_of(&mut message));
            return true;
        }
        let admitted = self.pays(Address::new(from.ip()).source(), Instant::now());
        if !admitted {
            self.account.refuse(Refusal::Rate);
        }
        admitted
    }

    /// The secret that made the message; the current one when none did.
    fn secret_of(&self, message: &mut Message) -> usize {
        if self.secrets.len() == 1 {
            return 0;
        }
        let text = |message: &Message, name| TextAttribute::get_from_as(message, name).ok();
        let (Some(user), Some(realm)) = (text(message, ATTR_USERNAME), text(message, ATTR_REALM))
        else {
            return 0;
        };
        let made = |secret: &String| {
            let key = key(secret, &user.text, &realm.text);
            MessageIntegrity(key).check(message).is_ok()
        };
        self.secrets.iter().position(made).unwrap_or(0)
    }

    /// Who has used up its own share takes nothing of everybody's.
    fn pays(&mut self, source: Source, now: Instant) -> bool {
        let own = self.rates.take(source, now);
        own.and_then(|()| self.all.take(&mut self.all_paid_until, now))
            .is_ok()
    }
}

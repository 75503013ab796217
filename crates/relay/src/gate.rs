//! What comes in, before the `turn` server sees it.
//!
//! The server grants every permission that is asked for; what is denied is refused here.
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
    attributes::{
        ATTR_MESSAGE_INTEGRITY, ATTR_REALM, ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, Attributes,
    },
    error_code::CODE_FORBIDDEN,
    integrity::MessageIntegrity,
    message::{
        CLASS_ERROR_RESPONSE, CLASS_REQUEST, METHOD_BINDING, METHOD_CHANNEL_BIND,
        METHOD_CREATE_PERMISSION, Message, MessageType, Setter as _, is_message,
    },
    textattrs::TextAttribute,
    xoraddr::XorMappedAddress,
};

use crate::{auth::key, book::Account, metrics::Refusal, peers::Peers};

/// Requests without a password: of one source a second, and at once.
const PER_SECOND: u32 = 5;
const BURST: u32 = 20;
/// And of all sources: what an hour of nonces may cost is about 20 MB.
const ALL_PER_SECOND: u32 = 50;
const ALL_BURST: u32 = 500;

/// What becomes of a datagram.
pub(crate) enum Verdict {
    Pass,
    Drop,
    /// This is the answer; the server does not hear of it.
    Answer(Vec<u8>),
}

pub(crate) struct Gate {
    secrets: Arc<[String]>,
    account: Arc<Account>,
    peers: Arc<Peers>,
    rates: Rates,
    all: Rate,
    all_paid_until: Instant,
}

impl Gate {
    pub(crate) fn new(secrets: Arc<[String]>, account: Arc<Account>, peers: Arc<Peers>) -> Self {
        let second = Duration::from_secs(1);
        Self {
            secrets,
            account,
            peers,
            rates: Rates::new(Rate::new(PER_SECOND, second, BURST)),
            all: Rate::new(ALL_PER_SECOND, second, ALL_BURST),
            all_paid_until: Instant::now(),
        }
    }

    /// May this datagram pass?
    pub(crate) fn judge(&mut self, datagram: &[u8], from: SocketAddr) -> Verdict {
        if !is_message(datagram) {
            return Verdict::Pass;
        }
        let mut message = Message {
            raw: datagram.to_vec(),
            ..Message::default()
        };
        if message.decode().is_err() {
            return Verdict::Drop;
        }
        if message.typ.class != CLASS_REQUEST || message.typ.method == METHOD_BINDING {
            return Verdict::Pass;
        }
        if message.contains(ATTR_MESSAGE_INTEGRITY) {
            let secret = self.secret_of(&mut message);
            self.account.set_secret(secret);
            return match self.forbidden(&mut message, secret) {
                Some(answer) => {
                    self.account.refuse(Refusal::Peer);
                    Verdict::Answer(answer)
                }
                None => Verdict::Pass,
            };
        }
        if self.pays(Address::new(from.ip()).source(), Instant::now()) {
            return Verdict::Pass;
        }
        self.account.refuse(Refusal::Rate);
        Verdict::Drop
    }

    /// 403 for who may use the relay, but not towards one of these peers (RFC 8656 sections
    /// 10.2 and 12.2: all of them or none).
    fn forbidden(&self, message: &mut Message, secret: usize) -> Option<Vec<u8>> {
        let method = message.typ.method;
        if method != METHOD_CREATE_PERMISSION && method != METHOD_CHANNEL_BIND
            || message_peers(message).all(|peer| self.peers.permits(peer))
        {
            return None;
        }
        let text = |name| TextAttribute::get_from_as(message, name).ok();
        let (user, realm) = (text(ATTR_USERNAME)?, text(ATTR_REALM)?);
        let integrity = MessageIntegrity(key(&self.secrets[secret], &user.text, &realm.text));
        // Who has no password is told so by the server.
        integrity.check(message).ok()?;
        let mut answer = Message::new();
        answer.transaction_id = message.transaction_id;
        answer.set_type(MessageType::new(method, CLASS_ERROR_RESPONSE));
        answer.write_header();
        CODE_FORBIDDEN.add_to(&mut answer).ok()?;
        integrity.add_to(&mut answer).ok()?;
        Some(answer.raw)
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

/// The peers that a request names; what cannot be read is left to the server.
fn message_peers(message: &Message) -> impl Iterator<Item = SocketAddr> {
    let attributes = message.attributes.0.iter();
    let peers = attributes.filter(|attribute| attribute.typ == ATTR_XOR_PEER_ADDRESS);
    peers.filter_map(|attribute| {
        let one = Message {
            transaction_id: message.transaction_id,
            attributes: Attributes(vec![attribute.clone()]),
            ..Message::default()
        };
        let mut peer = XorMappedAddress::default();
        peer.get_from_as(&one, ATTR_XOR_PEER_ADDRESS).ok()?;
        Some(SocketAddr::new(peer.ip, peer.port))
    })
}

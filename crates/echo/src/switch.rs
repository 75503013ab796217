//! Which session a datagram is for: the one whose name a check carries, else the one that
//! has shown to be at that address.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use str0m::{ice::StunMessage, net::Protocol};
use tokio::sync::mpsc;

use crate::session::Ended;

/// Where a session takes what is for it. A full one loses datagrams, as a network does.
pub(crate) type Inbox = mpsc::Sender<Command>;

/// For a session.
#[derive(Debug)]
pub(crate) enum Command {
    /// This came from there.
    Datagram(Protocol, SocketAddr, Bytes),
    /// Somebody who looks needs a whole picture.
    KeyFrame,
    /// It is over.
    Close(Ended),
}

#[derive(Debug, Default)]
pub(crate) struct Switch(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    by_name: HashMap<String, Inbox>,
    by_address: HashMap<(Protocol, SocketAddr), Inbox>,
}

impl Switch {
    pub(crate) fn name(&self, name: String, inbox: Inbox) {
        self.lock().by_name.insert(name, inbox);
    }

    /// The newest session at an address has it: the older one is gone.
    pub(crate) fn address(&self, protocol: Protocol, address: SocketAddr, inbox: Inbox) {
        self.lock().by_address.insert((protocol, address), inbox);
    }

    pub(crate) fn forget(
        &self,
        name: &str,
        addresses: &[(Protocol, SocketAddr)],
        inbox: &mpsc::WeakSender<Command>,
    ) {
        let own = inbox.upgrade();
        let mut tables = self.lock();
        tables.by_name.remove(name);
        for address in addresses {
            let is_own = tables
                .by_address
                .get(address)
                .is_some_and(|there| own.as_ref().is_none_or(|own| own.same_channel(there)));
            if is_own {
                tables.by_address.remove(address);
            }
        }
    }

    /// Passes a datagram on; what is for nobody is dropped.
    pub(crate) fn pass(&self, protocol: Protocol, source: SocketAddr, datagram: Bytes) {
        let inbox = {
            let tables = self.lock();
            let named = check_name(&datagram).map(|name| tables.by_name.get(name));
            match named {
                Some(named) => named.cloned(),
                None => tables.by_address.get(&(protocol, source)).cloned(),
            }
        };
        if let Some(inbox) = inbox {
            let _ = inbox.try_send(Command::Datagram(protocol, source, datagram));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Our part of the user name of a check (RFC 8445 section 7.2.2).
fn check_name(datagram: &Bytes) -> Option<&str> {
    if datagram.first()? > &3 {
        return None;
    }
    let username = StunMessage::parse(datagram).ok()?.username()?;
    Some(username.split_once(':')?.0)
}

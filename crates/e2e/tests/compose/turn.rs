//! A TURN client (RFC 8656) that asks also for what a relay must refuse.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Result, bail, ensure};
use stun::{
    attributes::{
        ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_NONCE, ATTR_REALM, ATTR_REQUESTED_ADDRESS_FAMILY,
        ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS,
        AttrType,
    },
    error_code::ErrorCodeAttribute,
    integrity::MessageIntegrity,
    message::{
        CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, Getter as _, METHOD_ALLOCATE,
        METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_SEND, Message,
        MessageClass, MessageType, Method, Setter as _,
    },
    xoraddr::XorMappedAddress,
};
use tokio::{
    net::UdpSocket,
    time::{Instant, timeout_at},
};

const PATIENCE: Duration = Duration::from_secs(30);
/// RFC 8489 section 6.2.1.
const RETRANSMISSION: Duration = Duration::from_millis(500);
/// The protocol number of UDP, and three reserved bytes.
const UDP: [u8; 4] = [17, 0, 0, 0];
/// RFC 8656 section 18.8, and three reserved bytes.
const IPV6: [u8; 4] = [2, 0, 0, 0];

/// Success, or the code that the relay refuses with.
pub(crate) type Verdict = std::result::Result<(), u16>;

/// What `/api/turn` tells.
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// A relayed address over UDP.
pub(crate) struct Allocation {
    socket: UdpSocket,
    credentials: Credentials,
    challenge: Option<(Vec<u8>, Vec<u8>)>,
    /// Where peers reach it.
    pub(crate) relayed: SocketAddr,
}

impl Allocation {
    /// Asks for one.
    pub(crate) async fn open(relay: SocketAddr, credentials: Credentials) -> Result<Self> {
        let asked = Self::ask_for(relay, credentials, &[(ATTR_REQUESTED_TRANSPORT, &UDP)]);
        match asked.await? {
            Ok(allocation) => Ok(allocation),
            Err(code) => bail!("no allocation: {code}"),
        }
    }

    /// Asks for one that reaches IPv6.
    pub(crate) async fn open_v6(relay: SocketAddr, credentials: Credentials) -> Result<Verdict> {
        let wanted: [(AttrType, &[u8]); 2] = [
            (ATTR_REQUESTED_TRANSPORT, &UDP),
            (ATTR_REQUESTED_ADDRESS_FAMILY, &IPV6),
        ];
        let asked = Self::ask_for(relay, credentials, &wanted).await?;
        Ok(asked.map(drop))
    }

    async fn ask_for(
        relay: SocketAddr,
        credentials: Credentials,
        wanted: &[(AttrType, &[u8])],
    ) -> Result<std::result::Result<Self, u16>> {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        socket.connect(relay).await?;
        let mut own = Self {
            socket,
            credentials,
            challenge: None,
            relayed: relay,
        };
        match own.ask(METHOD_ALLOCATE, None, wanted).await? {
            Ok(answer) => own.relayed = address(&answer, ATTR_XOR_RELAYED_ADDRESS)?,
            Err(code) => return Ok(Err(code)),
        }
        Ok(Ok(own))
    }

    /// CreatePermission.
    pub(crate) async fn permit(&mut self, peer: SocketAddr) -> Result<Verdict> {
        let answer = self.ask(METHOD_CREATE_PERMISSION, Some(peer), &[]);
        Ok(answer.await?.map(drop))
    }

    /// ChannelBind.
    pub(crate) async fn bind(&mut self, channel: u16, peer: SocketAddr) -> Result<Verdict> {
        let [high, low] = channel.to_be_bytes();
        let number = [high, low, 0, 0];
        let wanted: [(AttrType, &[u8]); 1] = [(ATTR_CHANNEL_NUMBER, &number)];
        Ok(self
            .ask(METHOD_CHANNEL_BIND, Some(peer), &wanted)
            .await?
            .map(drop))
    }

    /// A Send indication, permitted or not.
    pub(crate) async fn send(&self, peer: SocketAddr, data: &[u8]) -> Result<()> {
        let mut indication = message(METHOD_SEND, CLASS_INDICATION)?;
        add_peer(&mut indication, peer)?;
        indication.add(ATTR_DATA, data);
        self.socket.send(&indication.raw).await?;
        Ok(())
    }

    /// ChannelData, bound or not.
    pub(crate) async fn send_on(&self, channel: u16, data: &[u8]) -> Result<()> {
        let length = u16::try_from(data.len())?;
        let head = [channel.to_be_bytes(), length.to_be_bytes()].concat();
        self.socket.send(&[&head, data].concat()).await?;
        Ok(())
    }

    /// What the next peer sent, in an indication or on a channel.
    pub(crate) async fn data(&self) -> Result<Vec<u8>> {
        let end = Instant::now() + PATIENCE;
        loop {
            let raw = timeout_at(end, self.receive()).await??;
            if let [0x40..=0x4f, _, high, low, data @ ..] = raw.as_slice() {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                ensure!(data.len() >= length, "a channel that ends early");
                return Ok(data[..length].to_vec());
            }
            let message = decoded(raw)?;
            if message.typ == MessageType::new(METHOD_DATA, CLASS_INDICATION) {
                return Ok(message.get(ATTR_DATA)?);
            }
        }
    }

    async fn receive(&self) -> Result<Vec<u8>> {
        let mut buffer = vec![0; 2048];
        let length = self.socket.recv(&mut buffer).await?;
        buffer.truncate(length);
        Ok(buffer)
    }

    /// A request with credentials as the relay wants them (RFC 8489 section 9.2).
    async fn ask(
        &mut self,
        method: Method,
        peer: Option<SocketAddr>,
        attributes: &[(AttrType, &[u8])],
    ) -> Result<std::result::Result<Message, u16>> {
        loop {
            let mut request = message(method, CLASS_REQUEST)?;
            for (name, value) in attributes {
                request.add(*name, value);
            }
            if let Some(peer) = peer {
                add_peer(&mut request, peer)?;
            }
            if let Some((realm, nonce)) = &self.challenge {
                let Credentials { username, password } = &self.credentials;
                request.add(ATTR_USERNAME, username.as_bytes());
                request.add(ATTR_REALM, realm);
                request.add(ATTR_NONCE, nonce);
                let realm = String::from_utf8_lossy(realm).into_owned();
                let (username, password) = (username.clone(), password.clone());
                MessageIntegrity::new_long_term_integrity(username, realm, password)
                    .add_to(&mut request)?;
            }
            let answer = self.exchange(&request).await?;
            if answer.typ.class == CLASS_SUCCESS_RESPONSE {
                return Ok(Ok(answer));
            }
            let mut error = ErrorCodeAttribute::default();
            error.get_from(&answer)?;
            let code = error.code.0;
            let challenged = code == 401 && self.challenge.is_none() || code == 438;
            if !challenged {
                return Ok(Err(code));
            }
            self.challenge = Some((answer.get(ATTR_REALM)?, answer.get(ATTR_NONCE)?));
        }
    }

    async fn exchange(&self, request: &Message) -> Result<Message> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            self.socket.send(&request.raw).await?;
            let again = Instant::now() + RETRANSMISSION;
            while let Ok(raw) = timeout_at(again, self.receive()).await {
                let answer = decoded(raw?)?;
                if answer.transaction_id == request.transaction_id {
                    return Ok(answer);
                }
            }
        }
        bail!("the relay does not answer")
    }
}

fn decoded(raw: Vec<u8>) -> Result<Message> {
    let mut message = Message::new();
    message.raw = raw;
    message.decode()?;
    Ok(message)
}

fn message(method: Method, class: MessageClass) -> Result<Message> {
    let mut message = Message::new();
    message.new_transaction_id()?;
    message.set_type(MessageType::new(method, class));
    message.write_header();
    Ok(message)
}

fn add_peer(message: &mut Message, peer: SocketAddr) -> Result<()> {
    let (ip, port) = (peer.ip(), peer.port());
    Ok(XorMappedAddress { ip, port }.add_to_as(message, ATTR_XOR_PEER_ADDRESS)?)
}

fn address(answer: &Message, name: AttrType) -> Result<SocketAddr> {
    let mut address = XorMappedAddress::default();
    address.get_from_as(answer, name)?;
    Ok(SocketAddr::new(address.ip, address.port))
}

//! The little of a TURN client (RFC 8656) that a real relayed packet takes.

use std::{collections::VecDeque, fmt, io, net::SocketAddr, time::Duration};

use stun::{
    attributes::{
        ATTR_DATA, ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM, ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME,
        ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS, AttrType,
    },
    error_code::ErrorCodeAttribute,
    integrity::MessageIntegrity,
    message::{
        CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, Getter as _, METHOD_ALLOCATE,
        METHOD_BINDING, METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_REFRESH, METHOD_SEND,
        Message, MessageClass, MessageType, Method, Setter as _,
    },
    xoraddr::XorMappedAddress,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::UdpSocket,
    time::{Instant, timeout_at},
};

/// RFC 8489 section 6.2.1.
const RETRANSMISSION: Duration = Duration::from_millis(500);
/// The protocol number of UDP, and three reserved bytes.
const UDP: [u8; 4] = [17, 0, 0, 0];

/// Why something did not work.
#[derive(Debug)]
pub(super) enum Failure {
    Silence,
    /// The server answered with that code.
    Refused(u16),
    Broken(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => out.write_str("no answer in time"),
            Self::Refused(401) => out.write_str("the credentials are refused (401)"),
            Self::Refused(code) => write!(out, "refused with code {code}"),
            Self::Broken(why) => out.write_str(why),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<stun::Error> for Failure {
    fn from(error: stun::Error) -> Self {
        Self::Broken(format!("no STUN: {error}"))
    }
}

pub(in crate::doctor) trait Duplex:
    AsyncRead + AsyncWrite + Send + Unpin
{
}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// What messages travel on.
pub(in crate::doctor) enum Wire {
    Udp(UdpSocket),
    Stream(Box<dyn Duplex>),
}

impl Wire {
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send(bytes).await.map(drop),
            Self::Stream(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    async fn receive(&mut self) -> Result<Message, Failure> {
        let mut message = Message::new();
        match self {
            Self::Udp(socket) => {
                let mut buffer = vec![0; 2048];
                let length = socket.recv(&mut buffer).await?;
                buffer.truncate(length);
                message.raw = buffer;
            }
            Self::Stream(stream) => {
                // No channel is bound, so all that comes is STUN with its length in front.
                let mut head = [0; 20];
                stream.read_exact(&mut head).await?;
                let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
                message.raw = head.to_vec();
                message.raw.resize(20 + length, 0);
                stream.read_exact(&mut message.raw[20..]).await?;
            }
        }
        message.decode()?;
        Ok(message)
    }
}

pub(in crate::doctor) struct Client {
    wire: Wire,
    username: String,
    password: String,
    /// Realm and nonce, once the server named them.
    challenge: Option<(Vec<u8>, Vec<u8>)>,
    patience: Duration,
    waiting: VecDeque<Message>,
}

impl Client {
    pub(in crate::doctor) fn new(
        wire: Wire,
        username: &str,
        password: &str,
        patience: Duration,
    ) -> Self {
        Self {
            wire,
            username: username.to_owned(),
            password: password.to_owned(),
            challenge: None,
            patience,
            waiting: VecDeque::new(),
        }
    }

    /// What the server sees as our address.
    pub(super) async fn binding(&mut self) -> Result<SocketAddr, Failure> {
        let answer = self
            .exchange(&message(METHOD_BINDING, CLASS_REQUEST)?)
            .await?;
        address(&answer, ATTR_XORMAPPED_ADDRESS)
    }

    /// The relayed address.
    pub(super) async fn allocate(&mut self) -> Result<SocketAddr, Failure> {
        let answer = self
            .ask(METHOD_ALLOCATE, None, &[(ATTR_REQUESTED_TRANSPORT, &UDP)])
            .await?;
        address(&answer, ATTR_XOR_RELAYED_ADDRESS)
    }

    pub(super) async fn permit(&mut self, peer: SocketAddr) -> Result<(), Failure> {
        self.ask(METHOD_CREATE_PERMISSION, Some(peer), &[])
            .await
            .map(drop)
    }

    /// Gives the relayed address back, so that no quota is used up.
    pub(super) async fn release(&mut self) {
        // If it is lost the allocation ends by itself.
        let _ = self
            .ask(METHOD_REFRESH, None, &[(ATTR_LIFETIME, &[0; 4])])
            .await;
    }

    pub(super) async fn send(&mut self, peer: SocketAddr, data: &[u8]) -> Result<(), Failure> {
        let mut indication = message(METHOD_SEND, CLASS_INDICATION)?;
        add_peer(&mut indication, peer)?;
        indication.add(ATTR_DATA, data);
        Ok(self.wire.send(&indication.raw).await?)
    }

    /// What a peer sent, until then; `None` when nothing came.
    pub(super) async fn data(&mut self, until: Instant) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            let message = match self.waiting.pop_front() {
                Some(message) => message,
                None => match timeout_at(until, self.wire.receive()).await {
                    Ok(message) => message?,
                    Err(_) => return Ok(None),
                },
            };
            if message.typ == MessageType::new(METHOD_DATA, CLASS_INDICATION) {
                return Ok(Some(message.get(ATTR_DATA)?));
            }
        }
    }

    /// A request with credentials as the server wants them (RFC 8489 section 9.2).
    async fn ask(
        &mut self,
        method: Method,
        peer: Option<SocketAddr>,
        attributes: &[(AttrType, &[u8])],
    ) -> Result<Message, Failure> {
        let mut stale = 0;
        loop {
            let mut request = message(method, CLASS_REQUEST)?;
            if let Some(peer) = peer {
                add_peer(&mut request, peer)?;
            }
            for (name, value) in attributes {
                request.add(*name, value);
            }
            if let Some((realm, nonce)) = &self.challenge {
                request.add(ATTR_USERNAME, self.username.as_bytes());
                request.add(ATTR_REALM, realm);
                request.add(ATTR_NONCE, nonce);
                let realm = String::from_utf8_lossy(realm).into_owned();
                MessageIntegrity::new_long_term_integrity(
                    self.username.clone(),
                    realm,
                    self.password.clone(),
                )
                .add_to(&mut request)?;
            }
            let answer = self.exchange(&request).await?;
            if answer.typ.class == CLASS_SUCCESS_RESPONSE {
                return Ok(answer);
            }
            let mut error = ErrorCodeAttribute::default();
            error.get_from(&answer)?;
            let code = error.code.0;
            let first = code == 401 && self.challenge.is_none();
            if !first && (code != 438 || stale == 2) {
                return Err(Failure::Refused(code));
            }
            stale += 1;
            self.challenge = Some((answer.get(ATTR_REALM)?, answer.get(ATTR_NONCE)?));
        }
    }

    async fn exchange(&mut self, request: &Message) -> Result<Message, Failure> {
        let end = Instant::now() + self.patience;
        let mut pause = match self.wire {
            Wire::Udp(_) => RETRANSMISSION,
            Wire::Stream(_) => self.patience,
        };
        while Instant::now() < end {
            self.wire.send(&request.raw).await?;
            let until = end.min(Instant::now() + pause);
            while let Ok(answer) = timeout_at(until, self.wire.receive()).await {
                let answer = answer?;
                if answer.transaction_id == request.transaction_id {
                    return Ok(answer);
                }
                self.waiting.push_back(answer);
            }
            pause *= 2;
        }
        Err(Failure::Silence)
    }
}

/// A message of its own transaction.
pub(super) fn message(method: Method, class: MessageClass) -> Result<Message, Failure> {
    let mut message = Message::new();
    message.new_transaction_id()?;
    message.set_type(MessageType::new(method, class));
    message.write_header();
    Ok(message)
}

fn add_peer(message: &mut Message, peer: SocketAddr) -> Result<(), Failure> {
    let (ip, port) = (peer.ip(), peer.port());
    Ok(XorMappedAddress { ip, port }.add_to_as(message, ATTR_XOR_PEER_ADDRESS)?)
}

fn address(answer: &Message, name: AttrType) -> Result<SocketAddr, Failure> {
    let mut address = XorMappedAddress::default();
    address.get_from_as(answer, name)?;
    Ok(SocketAddr::new(address.ip, address.port))
}

//! Two pages that send messages of a kibibyte to each other.

use anyhow::{Context as _, Result};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tuturu,
    Reference,
}

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// Two sockets that hear each other.
pub(crate) async fn pair(kind: Kind, address: &str) -> Result<(Socket, Socket)> {
    let (mut one, mut other) = (connect(address).await?, connect(address).await?);
    if kind == Kind::Tuturu {
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        let call: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let join = format!(
            r#"{{"type":"join-call","call":"{}","resume":null}}"#,
            &call[..22]
        );
        for socket in [&mut one, &mut other] {
            socket.send(Message::text(&join)).await?;
            socket.next().await.context("a reply")??;
        }
        one.next().await.context("peer-joined")??;
    }
    Ok((one, other))
}

async fn connect(address: &str) -> Result<Socket> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(2048)
        .write_buffer_size(0);
    let (socket, _) =
        client_async_with_config(format!("ws://{address}/ws"), stream, Some(config)).await?;
    Ok(socket)
}

/// So many messages from one to the other, with so many under way at a time.
pub(crate) async fn relay(
    (one, other): &mut (Socket, Socket),
    count: usize,
    window: usize,
) -> Result<()> {
    let padding = "x".repeat(960);
    for start in (0..count).step_by(window) {
        for seq in start..start + window {
            let text = format!(
                r#"{{"type":"ice-candidate","data":{{"candidate":"{padding}"}},"epoch":"bench","seq":{}}}"#,
                seq + 1
            );
            one.feed(Message::text(text)).await?;
        }
        one.flush().await?;
        for _ in 0..window {
            other.next().await.context("a message")??;
        }
    }
    Ok(())
}

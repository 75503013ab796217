//! The bare relay: sockets are paired as they come, frames are forwarded, nothing is parsed.

use anyhow::Result;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

pub(crate) async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("page http://{}/", listener.local_addr()?);
    let config = WebSocketConfig::default()
        .read_buffer_size(1024)
        .write_buffer_size(0);
    loop {
        let (first, second) = (
            accept(&listener, config).await?,
            accept(&listener, config).await?,
        );
        let (to_first, from_second) = mpsc::channel(64);
        let (to_second, from_first) = mpsc::channel(64);
        tokio::spawn(forward(first, from_second, to_second));
        tokio::spawn(forward(second, from_first, to_first));
    }
}

async fn accept(
    listener: &TcpListener,
    config: WebSocketConfig,
) -> Result<WebSocketStream<TcpStream>> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(accept_async_with_config(stream, Some(config)).await?)
}

async fn forward(
    mut socket: WebSocketStream<TcpStream>,
    mut inbox: mpsc::Receiver<Message>,
    partner: mpsc::Sender<Message>,
) {
    loop {
        tokio::select! {
            frame = socket.next() => {
                let Some(Ok(frame)) = frame else { return };
                if partner.send(frame).await.is_err() {
                    return;
                }
            }
            frame = inbox.recv() => {
                let Some(frame) = frame else { return };
                let mut fed = socket.feed(frame).await;
                // What is queued leaves with one flush, as it does in tuturu.
                while let Ok(frame) = inbox.try_recv() {
                    fed = fed.and(socket.feed(frame).await);
                }
                if fed.is_err() || socket.flush().await.is_err() {
                    return;
                }
            }
        }
    }
}

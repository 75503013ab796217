//! Two sockets meet in a private call and one hears the other, as two pages do.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderValue, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

pub(super) type Socket<S> = WebSocketStream<S>;

/// Asks for the upgrade at `/ws`, as a page of that host would.
pub(super) async fn upgrade<S>(
    stream: S,
    host: &str,
    patience: Duration,
) -> Result<Socket<S>, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = format!("wss://{host}/ws").into_client_request();
    let mut request = request.map_err(|error| error.to_string())?;
    let origin =
        HeaderValue::try_from(format!("https://{host}")).map_err(|error| error.to_string())?;
    request.headers_mut().insert(header::ORIGIN, origin);
    match timeout(patience, client_async(request, stream)).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(Error::Http(answer))) => Err(format!(
            "status {} instead of an upgrade",
            answer.status().as_u16()
        )),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

/// Both join the same call by link; what one says is heard by the other.
pub(super) async fn round_trip<S>(
    mut one: Socket<S>,
    mut other: Socket<S>,
    patience: Duration,
) -> Result<String, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (call, word) = (random(), random());
    let conversation = async {
        let join = json!({ "type": "join-call", "call": call, "resume": null });
        say(&mut one, &join).await?;
        hear(&mut one, "join-call").await?;
        say(&mut other, &join).await?;
        hear(&mut other, "join-call").await?;
        hear(&mut one, "peer-joined").await?;
        let began = Instant::now();
        let data = json!({ "kind": "hello", "word": word });
        let message = json!({ "type": "peer-message", "data": data, "epoch": call, "seq": 1 });
        say(&mut other, &message).await?;
        let heard = hear(&mut one, "peer-message").await?;
        if heard.get("data") != Some(&data) {
            return Err("the message arrived changed".to_owned());
        }
        Ok(format!(
            "two sockets met, a message took {} ms",
            began.elapsed().as_millis()
        ))
    };
    let outcome = timeout(patience, conversation).await;
    for socket in [&mut one, &mut other] {
        // The seats are free again either way, this only sooner.
        let _ = say(socket, &json!({ "type": "leave" })).await;
    }
    outcome.unwrap_or_else(|_| Err("no message in time".to_owned()))
}

async fn say<S>(socket: &mut Socket<S>, message: &Value) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let sent = socket.send(Message::text(message.to_string())).await;
    sent.map_err(|error| error.to_string())
}

/// The next message of that type; an error of the server ends the wait.
async fn hear<S>(socket: &mut Socket<S>, wanted: &str) -> Result<Value, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = socket.next().await {
        let text = match message.map_err(|error| error.to_string())? {
            Message::Text(text) => text,
            Message::Close(_) => break,
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                continue;
            }
        };
        let value: Value =
            serde_json::from_str(&text).map_err(|_| "a message is no JSON".to_owned())?;
        match value.get("type").and_then(Value::as_str) {
            Some(kind) if kind == wanted => return Ok(value),
            Some("error") => {
                return Err(format!(
                    "the server said {}",
                    value.get("code").unwrap_or(&Value::Null)
                ));
            }
            _ => {}
        }
    }
    Err(format!("the socket was closed before {wanted}"))
}

/// 22 characters that nobody guesses.
fn random() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has a source of randomness");
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_nobody_else_is_in() {
        let one = random();
        assert_eq!(one.len(), 22);
        assert_ne!(one, random());
    }
}

//! The data channel `parameters`: JSON objects of values, answered by what is in force. And
//! `text`, on which FastRTC's clients only have to hear why a session ends.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Map, Value};
use service::rate::Rate;
use str0m::channel::{ChannelData, ChannelId};

use crate::{
    parameters::{Outcome, Parameters},
    pipeline,
    session::{Ended, Session},
};

/// Others are the client's own affair.
const PARAMETERS: &str = "parameters";
const TEXT: &str = "text";

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Message<'a> {
    ParametersUpdated {
        #[serde(flatten)]
        parameters: &'a Parameters,
        #[serde(flatten)]
        outcome: &'a Outcome,
        #[serde(skip_serializing_if = "Option::is_none")]
        answer: Option<String>,
    },
    StreamStopped {
        error_message: &'a str,
    },
    /// The same in FastRTC's words.
    EndStream {
        data: &'a str,
    },
    Error {
        code: &'a str,
        error: &'a str,
    },
}

/// Tells what is in force when the channel opens.
pub(crate) fn opened(session: &mut Session, id: ChannelId, label: &str) {
    if label == PARAMETERS && session.channel.is_none() {
        session.channel = Some(id);
        tell_parameters(session, &Outcome::default());
    } else if label == TEXT && session.text_channel.is_none() {
        session.text_channel = Some(id);
    }
}

/// Forgets a channel that its client closed.
pub(crate) fn closed(session: &mut Session, id: ChannelId) {
    for channel in [&mut session.channel, &mut session.text_channel] {
        channel.take_if(|open| *open == id);
    }
}

/// Takes a message.
pub(crate) fn heard(session: &mut Session, data: &ChannelData, now: Instant) {
    // A slider sends many; more than this is none.
    let rate = Rate::new(50, Duration::from_secs(1), 100);
    if session.channel != Some(data.id) || rate.take(&mut session.messages_paid_until, now).is_err()
    {
        return;
    }
    match serde_json::from_slice::<Map<String, Value>>(&data.data) {
        Ok(update) => {
            let outcome = change(session, &update, now);
            tell_parameters(session, &outcome);
        }
        Err(_) => tell(
            session,
            session.channel,
            &Message::Error {
                code: "invalid-message",
                error: "This is no JSON object.",
            },
        ),
    }
}

/// Says why it ends, to who can hear it.
pub(crate) fn farewell(session: &mut Session, ended: Ended) {
    let data = match ended {
        Ended::Stopped => "The server restarts. Try again in a moment.",
        Ended::StreamOver => "The stream is over.",
        Ended::Silent => "Nothing came for too long.",
        Ended::Closed | Ended::Failed | Ended::Deleted => return,
    };
    let stopped = Message::StreamStopped {
        error_message: data,
    };
    tell(session, session.channel, &stopped);
    tell(session, session.text_channel, &Message::EndStream { data });
}

fn change(session: &mut Session, update: &Map<String, Value>, now: Instant) -> Outcome {
    let before = session.parameters.pipeline;
    let outcome = session.parameters.update(update);
    if session.parameters.pipeline == before {
        session.pipeline.adjust(&session.parameters);
    } else {
        while let Some(packet) = session.pipeline.flush() {
            session.send_back(&packet, now);
        }
        session.pipeline = pipeline::of(&session.parameters);
    }
    outcome
}

fn tell_parameters(session: &mut Session, outcome: &Outcome) {
    let parameters = session.parameters.clone();
    let answer = outcome
        .prompted
        .then(|| session.pipeline.answer(&parameters));
    let message = Message::ParametersUpdated {
        parameters: &parameters,
        outcome,
        answer,
    };
    tell(session, session.channel, &message);
}

fn tell(session: &mut Session, id: Option<ChannelId>, message: &Message<'_>) {
    let text = serde_json::to_string(message).expect("our own messages are JSON");
    if let Some(mut channel) = id.and_then(|id| session.rtc().channel(id)) {
        // A client that does not read its answers goes without.
        let _ = channel.write(false, text.as_bytes());
    }
}

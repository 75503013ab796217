//! A session's task: its inbox, its clock, and what it wants done.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use str0m::net::Protocol;
use tokio::{
    sync::{broadcast::error::RecvError, mpsc},
    time::sleep_until,
};

use crate::{
    metrics::{Dialect, Metrics},
    packet::Packet,
    session::{Ended, Output, Session},
    streams::{Publication, View},
    switch::{Command, Switch},
    wire::Wire,
};

/// What a session is part of.
pub(crate) enum Part {
    Echo,
    Publisher(Publication),
    Viewer(View),
}

pub(crate) struct Run {
    pub(crate) session: Session,
    pub(crate) part: Part,
    pub(crate) dialect: Dialect,
    pub(crate) name: String,
    pub(crate) inbox: mpsc::Receiver<Command>,
    pub(crate) own: mpsc::WeakSender<Command>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) switch: Arc<Switch>,
    pub(crate) metrics: Metrics,
    pub(crate) opened: Instant,
}

impl Run {
    /// Until it ends.
    pub(crate) async fn run(mut self) {
        let mut addresses = Vec::new();
        let ended = loop {
            if let Some(ended) = self.carry_out(&mut addresses).await {
                break ended;
            }
            let timeout = self.session.poll_timeout();
            tokio::select! {
                command = self.inbox.recv() => self.obey(command),
                packet = next(&mut self.part) => {
                    let now = Instant::now();
                    match packet {
                        Some(packet) => self.session.handle_media(&packet, now),
                        None => self.session.close(Ended::StreamOver, now),
                    }
                }
                () = sleep_until(timeout.into()) => self.session.handle_timeout(Instant::now()),
            }
        };
        self.switch.forget(&self.name, &addresses, &self.own);
        self.metrics.ended(self.dialect, ended);
    }

    fn obey(&mut self, command: Option<Command>) {
        let now = Instant::now();
        match command {
            Some(Command::Datagram(protocol, source, datagram)) => {
                self.metrics.received(datagram.len());
                let here = self.wire.public();
                self.session
                    .handle_datagram(protocol, source, here, &datagram, now);
            }
            Some(Command::KeyFrame) => self.session.handle_key_frame_request(now),
            Some(Command::Close(ended)) => self.session.close(ended, now),
            // Nobody knows it any more.
            None => self.session.close(Ended::Stopped, now),
        }
    }

    async fn carry_out(&mut self, addresses: &mut Vec<(Protocol, SocketAddr)>) -> Option<Ended> {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    self.metrics.sent(transmit.contents.len());
                    self.wire.send(&transmit).await;
                }
                Output::Address(protocol, address) => {
                    addresses.push((protocol, address));
                    if let Some(own) = self.own.upgrade() {
                        self.switch.address(protocol, address, own);
                    }
                }
                Output::Connected => {
                    self.metrics.connected(self.opened.elapsed());
                    self.ask_for_key_frame();
                }
                Output::Media(packet) => {
                    if let Part::Publisher(publication) = &self.part {
                        publication.show(packet);
                    }
                }
                Output::KeyFrame => self.ask_for_key_frame(),
                Output::Stats(stats) => self.metrics.link(&stats),
                Output::Ended(ended) => return Some(ended),
            }
        }
        None
    }

    fn ask_for_key_frame(&self) {
        if let Part::Viewer(view) = &self.part {
            view.ask_for_key_frame();
        }
    }
}

/// The next packet of the stream that is looked at; none when it is over.
async fn next(part: &mut Part) -> Option<Arc<Packet>> {
    let Part::Viewer(view) = part else {
        return std::future::pending().await;
    };
    loop {
        match view.packets.recv().await {
            Ok(packet) => return Some(packet),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

//! Apps and robots: who is connected, and which session is whose.

use std::sync::Arc;

use protocol::{
    ice::IceConfiguration,
    robot::{Event, RobotError, Role},
};
use rooms::{Claim, PeerId, RoomKey, SeatId};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Hub, enter, random};
use crate::dialect::{
    Heard, Speaker,
    robot::{End, device_key, session_key, session_of},
};

/// Sessions that one end may be in at once.
const SESSIONS: usize = 16;

/// What an app or a robot wants.
pub(crate) enum RobotWish {
    /// An app is here, for that subject.
    App { subject: String },
    /// A robot is here; an older socket of it is replaced.
    Device { device_id: String },
    /// Is that robot here?
    IsOnline {
        device_id: String,
        answer: oneshot::Sender<bool>,
    },
    /// An app and a robot begin a session.
    Meet {
        device_id: String,
        ice: Arc<IceConfiguration>,
    },
    /// A session is over.
    Close { session_id: String },
}

impl Hub {
    pub(super) fn robot(&mut self, peer: PeerId, wish: RobotWish) {
        match wish {
            RobotWish::App { subject } => {
                self.speaks_as(peer, Speaker::Robot(End::new(Role::App, subject)));
            }
            RobotWish::Device { device_id } => {
                let room = device_key(&device_id);
                if let Some(old) = self.occupant(&room) {
                    self.evict(old);
                }
                // It may have been revoked between its signature and now.
                let known = self.robots.knows(&device_id);
                let speaker = Speaker::Robot(End::new(Role::Device, device_id));
                if self.speaks_as(peer, speaker) {
                    self.take_seat(peer, room, 1);
                }
                if !known {
                    self.revoke(peer);
                }
            }
            RobotWish::IsOnline { device_id, answer } => {
                // Who asked may have given up waiting.
                let _ = answer.send(self.occupant(&device_key(&device_id)).is_some());
            }
            RobotWish::Meet { device_id, ice } => {
                if let Err(error) = self.meet(peer, &device_id, &ice) {
                    self.deliver_to(peer, Heard::text(Event::Error(&error).encode()));
                }
            }
            RobotWish::Close { session_id } => self.close_session(peer, &session_id),
        }
    }

    /// The app hears of the session first, then the robot.
    fn meet(
        &mut self,
        app: PeerId,
        device_id: &str,
        ice: &Arc<IceConfiguration>,
    ) -> Result<(), RobotError> {
        let device = self.occupant(&device_key(device_id));
        let device = device.ok_or(RobotError::Offline)?;
        if self.sessions(app) >= SESSIONS || self.sessions(device) >= SESSIONS {
            return Err(RobotError::TooMany);
        }
        let room = session_key(&Uuid::new_v4().to_string());
        for peer in [app, device] {
            if let Some(Speaker::Robot(end)) = self.peers.get_mut(&peer).map(|p| &mut p.speaker) {
                end.ice = Arc::clone(ice);
            }
            self.take_seat(peer, room.clone(), 2);
        }
        Ok(())
    }

    fn close_session(&mut self, peer: PeerId, session_id: &str) {
        let room = session_key(session_id);
        let ends = self.rooms.occupants(&room);
        if !ends.iter().any(|end| end.peer == Some(peer)) {
            return;
        }
        for end in ends.into_iter().filter_map(|end| end.peer) {
            self.deliver_to(end, Heard::text(Event::Close { session_id }.encode()));
            let room = room.clone();
            self.quietly(rooms::Event::Leave { peer: end, room });
        }
    }

    /// Who is no robot any more is disconnected, and nobody watches what is not theirs.
    pub(super) fn robots_changed(&mut self, revoked: &[String]) {
        for device_id in revoked {
            if let Some(device) = self.occupant(&device_key(device_id)) {
                self.revoke(device);
            }
        }
        let apps: Vec<PeerId> = self.peers.keys().copied().collect();
        for app in apps {
            for room in self.rooms.rooms_of(app).to_vec() {
                let foreign = self.foreign(app, &room);
                if let Some(session_id) = session_of(&room).filter(|_| foreign) {
                    self.close_session(app, session_id);
                }
            }
        }
    }

    /// Whether an app is in that session with a robot that is not its own.
    fn foreign(&self, app: PeerId, room: &RoomKey) -> bool {
        let end = |peer: PeerId| match &self.peers.get(&peer)?.speaker {
            Speaker::Robot(end) => Some(end),
            Speaker::Nobody | Speaker::Call(_) | Speaker::Peer(_) | Speaker::Party(_) => None,
        };
        let Some(app) = end(app).filter(|end| end.role == Role::App) else {
            return false;
        };
        let ends = self.rooms.occupants(room).into_iter();
        let mut ends = ends.filter_map(|other| end(other.peer?));
        let device = ends.find(|end| end.role == Role::Device);
        device.is_some_and(|device| !self.robots.owns(&app.name, &device.name))
    }

    fn revoke(&mut self, device: PeerId) {
        self.deliver_to(device, Heard::close(1008, "revoked"));
        self.gone(device);
    }

    fn sessions(&self, peer: PeerId) -> usize {
        let rooms = self.rooms.rooms_of(peer).iter();
        rooms.filter(|room| session_of(room).is_some()).count()
    }

    fn occupant(&self, room: &RoomKey) -> Option<PeerId> {
        self.rooms.occupants(room).first()?.peer
    }

    fn take_seat(&mut self, peer: PeerId, room: RoomKey, capacity: usize) {
        let claim = Claim::New(SeatId(random()));
        self.happened(rooms::Event::Enter(enter(peer, room, claim, capacity)));
    }
}

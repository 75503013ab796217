//! A long and lossy line. The kernel's own (`netem`) is not everywhere, so the two ends are
//! tunnels (VXLAN) whose packets pass through a task here, which keeps or loses them.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use anyhow::Result;
use tokio::time::{Instant, sleep_until};

use super::space::Space;

/// Where VXLAN listens (RFC 7348).
const PORT: u16 = 4789;
/// What may be on its way in one direction: two seconds of a fast call.
const ON_ITS_WAY: usize = 4096;

/// What a line does to what is sent over it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line {
    /// How long a packet takes, each way.
    pub delay: Duration,
    /// How many of a hundred packets are lost.
    pub loss: u8,
    /// Kilobits a second, each way.
    pub cap: Option<u32>,
}

impl Line {
    /// 5 % are lost, and each way takes 80 ms.
    pub const LOSSY: Self = Self {
        delay: Duration::from_millis(80),
        loss: 5,
        cap: None,
    };

    /// Room for speech and hardly for a picture.
    pub const NARROW: Self = Self {
        cap: Some(150),
        ..Self::LOSSY
    };

    pub(super) fn is_plain(&self) -> bool {
        self.delay.is_zero() && self.loss == 0
    }
}

/// Carries packets between the two ends, from the machine in the middle.
pub(super) async fn carry(middle: &Space, ends: [IpAddr; 2], line: Line) -> Result<()> {
    let socket = middle
        .within(|| {
            let socket = UdpSocket::bind(("0.0.0.0", PORT))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        })
        .await?;
    let socket = tokio::net::UdpSocket::from_std(socket)?;
    tokio::spawn(async move {
        let mut on_its_way = VecDeque::new();
        let mut chance = Chance(0x9e37_79b9);
        let mut packet = vec![0; 65_536];
        loop {
            let due = on_its_way.front().map(|(due, _, _)| *due);
            tokio::select! {
                Ok((length, from)) = socket.recv_from(&mut packet) => {
                    let to = if from.ip() == ends[0] { ends[1] } else { ends[0] };
                    if chance.of_a_hundred() < line.loss || on_its_way.len() >= ON_ITS_WAY {
                        continue;
                    }
                    let bytes = packet[..length].to_vec();
                    on_its_way.push_back((Instant::now() + line.delay, to, bytes));
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    if let Some((_, to, bytes)) = on_its_way.pop_front() {
                        // A line that is down loses what is sent.
                        let _ = socket.send_to(&bytes, SocketAddr::from((to, PORT))).await;
                    }
                }
            }
        }
    });
    Ok(())
}

/// Marsaglia's xorshift: the same losses each time.
struct Chance(u32);

impl Chance {
    fn of_a_hundred(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        u8::try_from(self.0 % 100).unwrap_or_default()
    }
}

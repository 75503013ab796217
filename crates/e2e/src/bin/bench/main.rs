//! What signaling costs, beside a bare relay in the same run: server CPU for each relayed
//! message, and memory for each idle socket; and what the echo costs, beside coturn. Ratios count; absolute times are of one machine.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod caller;
mod echo;
mod load;
mod process;
mod reference;

use anyhow::Result;

use crate::{load::Kind, process::Process};

const IDLE_SOCKETS: usize = 5000;
const MESSAGES: usize = 40_000;
const WINDOWS: [usize; 2] = [1, 8];

#[tokio::main]
async fn main() -> Result<()> {
    let part = std::env::args().nth(1);
    if part.as_deref() == Some("reference") {
        return reference::serve().await;
    }
    println!(
        "{:<28} {:>10} {:>10} {:>7} {:>8}",
        "", "tuturu", "reference", "ratio", "budget"
    );
    if part.as_deref() == Some("echo") {
        return echo::run().await;
    }
    for window in WINDOWS {
        let mut cost = [0.0; 2];
        // The two take turns, so that both see the same machine.
        for _ in 0..3 {
            for (kind, cost) in [Kind::Tuturu, Kind::Reference].into_iter().zip(&mut cost) {
                let process = Process::start(kind).await?;
                let mut pair = load::pair(kind, &process.address).await?;
                load::relay(&mut pair, MESSAGES / 10, window).await?;
                let before = process.cpu_seconds()?;
                load::relay(&mut pair, MESSAGES, window).await?;
                *cost += (process.cpu_seconds()? - before) / MESSAGES as f64 * 1e6 / 3.0;
            }
        }
        row(&format!("CPU µs/message, window {window}"), cost, "≤ 1.50×");
    }
    let mut memory = [0.0; 2];
    for (kind, memory) in [Kind::Tuturu, Kind::Reference].into_iter().zip(&mut memory) {
        let process = Process::start(kind).await?;
        let before = process.resident_kib()?;
        let mut sockets = Vec::with_capacity(IDLE_SOCKETS);
        for _ in 0..IDLE_SOCKETS / 2 {
            let (one, other) = load::pair(kind, &process.address).await?;
            sockets.extend([one, other]);
        }
        *memory = (process.resident_kib()? - before) / IDLE_SOCKETS as f64;
    }
    row(
        &format!("KiB/idle socket at {IDLE_SOCKETS}"),
        memory,
        "≤ 8 KiB",
    );
    echo::run().await
}

fn row(what: &str, [ours, reference]: [f64; 2], budget: &str) {
    println!(
        "{what:<28} {ours:>10.2} {reference:>10.2} {:>6.2}× {budget:>8}",
        ours / reference
    );
}

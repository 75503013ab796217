//! How long a call takes to come about, beside the least that can be written, in the network
//! lab. Ratios count; times are of one machine. The arguments are how often each pair calls,
//! and a part of the names of the pairs that do.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::lab::{Lab, Person, Policy, Talk, program, stub};

/// The page may take so much longer than the stub.
const BUDGET: f64 = 1.15;

fn main() -> Result<()> {
    program(async || {
        let rounds = std::env::args()
            .nth(1)
            .map_or(Ok(7), |rounds| rounds.parse());
        let rounds: usize = rounds.context("a number of rounds")?;
        let only = std::env::args().nth(2).unwrap_or_default();
        let lab = Lab::new().await?;
        let (ann, bob) = tokio::try_join!(Person::new(&lab, "ann"), Person::new(&lab, "bob"))?;
        println!(
            "{:<24} {:>8} {:>8} {:>7}",
            "median, ms", "tuturu", "stub", "ratio"
        );
        let mut calls = 0;
        for (first, one) in Policy::ALL.iter().enumerate() {
            for other in &Policy::ALL[first..] {
                let pair = format!("{one} × {other}");
                if !pair.contains(&only) {
                    continue;
                }
                let (mut own, mut least) = (Vec::new(), Vec::new());
                for (person, policy) in [(&ann, one), (&bob, other)] {
                    person.forgets().await?;
                    person.goes_behind(&lab.router(*policy).await?)?;
                }
                // They take turns, so that both see the same machine.
                for _ in 0..rounds {
                    calls += 1;
                    least.push(stub(&ann, &bob, &calls.to_string()).await?);
                    let talk = Talk::dial(&ann, &bob, &format!("{:06}", 314_159 + calls)).await?;
                    own.push(talk.first_frame().await?);
                    talk.moves().await?;
                }
                let (own, least) = (median(own), median(least));
                let ratio = own.as_secs_f64() / least.as_secs_f64();
                let over = if ratio > BUDGET { " over budget" } else { "" };
                println!(
                    "{pair:<24} {:>8} {:>8} {ratio:>6.2}×{over}",
                    own.as_millis(),
                    least.as_millis()
                );
            }
        }
        Ok(())
    })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

//! `tuturu robots`: the file that says which robots there are and whose they are.

use std::{io::Write as _, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use signaling::robots::RobotsFile;

/// Which file, and what to do with it.
#[derive(Debug, Args)]
pub(crate) struct RobotsArgs {
    /// The file with the robots.
    #[arg(
        long,
        global = true,
        env = "TUTURU_ROBOTS_FILE",
        default_value = "robots.json",
        value_name = "FILE"
    )]
    file: PathBuf,

    #[command(subcommand)]
    command: RobotsCommand,
}

#[derive(Debug, Subcommand)]
enum RobotsCommand {
    /// Add a robot and print its key, this once; or give a robot further owners.
    Add {
        /// Its name on the wire: letters, digits and . _ - characters.
        id: String,
        /// Who may see it: the subject (`sub`) of their tokens. May be given again.
        #[arg(long = "owner", value_name = "SUBJECT")]
        owners: Vec<String>,
    },
    /// List the robots and their owners; keys are not shown.
    List,
    /// Remove a robot, or with --owner only that owner.
    Revoke {
        /// Which robot.
        id: String,
        /// Whom to take it from. May be given again.
        #[arg(long = "owner", value_name = "SUBJECT")]
        owners: Vec<String>,
    },
}

/// What to tell the services.
const RELOAD: &str =
    "A running server reads the file again on SIGHUP: pkill -HUP -x tuturu (or signaling)";

pub(crate) fn run(args: &RobotsArgs) -> anyhow::Result<()> {
    let path = &args.file;
    let read = || -> anyhow::Result<RobotsFile> {
        if path.exists() {
            Ok(RobotsFile::read(path)?)
        } else {
            Ok(RobotsFile::default())
        }
    };
    let mut file = read()?;
    let mut out = std::io::stdout().lock();
    match &args.command {
        RobotsCommand::List => {
            if file.robots.is_empty() {
                writeln!(
                    out,
                    "No robots yet. Add one: tuturu robots add <id> --owner <subject>"
                )?;
            }
            for robot in &file.robots {
                writeln!(out, "{}\t{}", robot.id, robot.owners.join(", "))?;
            }
            return Ok(());
        }
        RobotsCommand::Add { id, owners } => {
            let key = file.add(id, owners)?;
            if key.is_none() && owners.is_empty() {
                bail!("{id} is there already: name an --owner to add, or revoke it first");
            }
            write(&file, path)?;
            match key {
                Some(key) => writeln!(
                    out,
                    "Key of {id}, shown only now. Put it on the robot:\n\n  {key}\n"
                )?,
                None => writeln!(out, "{id} has further owners; its key is the same.")?,
            }
        }
        RobotsCommand::Revoke { id, owners } => {
            if !file.revoke(id, owners) {
                bail!("there is no such robot or owner in {}", path.display());
            }
            write(&file, path)?;
            writeln!(out, "Revoked.")?;
        }
    }
    writeln!(out, "{RELOAD}")?;
    Ok(())
}

fn write(file: &RobotsFile, path: &std::path::Path) -> anyhow::Result<()> {
    file.write(path)
        .with_context(|| format!("cannot write {}", path.display()))
}

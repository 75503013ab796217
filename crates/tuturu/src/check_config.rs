//! `tuturu check-config`: every mistake at once, one line each, before anything is started.

mod deployment;
mod serve;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use service::config::EXIT_CONFIG;

use crate::{
    env_file::{self, EnvFile},
    settings::SECRETS,
};

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// A `.env` of a deployment, or a file of TUTURU_… variables; without it, this process's
    /// own variables are checked as `tuturu serve` would read them.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    tuturu check-config --file .env                     before docker compose up\n  \
    tuturu check-config --file /etc/tuturu/tuturu.env   before systemctl restart\n  \
    tuturu check-config                                 the environment of tuturu serve\n\n\
    One line for each mistake: variable (origin): what is wrong, and what to do.\n\
    Exit codes: 0 nothing is wrong, 78 something is, 2 wrong usage.";

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The variable; empty for the file as a whole.
    pub(crate) key: String,
    pub(crate) why: String,
}

impl Mistake {
    pub(crate) fn new(key: &str, why: impl Into<String>) -> Self {
        Self {
            key: key.to_owned(),
            why: why.into(),
        }
    }
}

pub(crate) fn run(args: &CheckArgs) -> ExitCode {
    let (mut lines, checked) = match &args.file {
        Some(path) => (of_file(path), path.display().to_string()),
        None => (of_environment(), "the environment".to_owned()),
    };
    let code = if lines.is_empty() { 0 } else { EXIT_CONFIG };
    lines.push(match lines.len() {
        0 => format!("Nothing is wrong with {checked}."),
        1 => format!("One mistake in {checked}."),
        count => format!("{count} mistakes in {checked}."),
    });
    // A closed pipe is no reason to complain: the exit code is the answer.
    let _ = writeln!(std::io::stdout(), "{}", lines.join("\n"));
    ExitCode::from(code)
}

fn of_environment() -> Vec<String> {
    let values: Vec<(String, String)> = std::env::vars_os()
        .map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        })
        .collect();
    let mistakes = serve::mistakes(&values);
    mistakes
        .iter()
        .map(|Mistake { key, why }| format!("{}: {why}", origin(key, "environment")))
        .collect()
}

fn of_file(path: &Path) -> Vec<String> {
    let shown = path.display().to_string();
    let file = match EnvFile::read(path) {
        Ok(file) => file,
        Err(error) => {
            return vec![format!(
                "{shown}: cannot be read ({error}): make one with `tuturu init`"
            )];
        }
    };
    let mut lines = Vec::new();
    if env_file::is_open_to_others(path) {
        lines.push(format!(
            "{shown}: others can read or write it, and it holds secrets: chmod 600 {shown}"
        ));
    }
    let faults = file.faults.iter();
    lines.extend(faults.map(|(line, why)| format!("{shown}:{line}: {why}")));
    // A file for `tuturu serve` alone has nothing else.
    let prefixed = |name: &str| name.starts_with("TUTURU_");
    let deployed =
        file.get("DOMAIN").is_some() || !file.entries.iter().any(|entry| prefixed(&entry.name));
    let twice = |name: &str| deployed && SECRETS.contains(&name);
    let values: Vec<(String, String)> = file
        .entries
        .iter()
        .filter(|entry| !twice(&entry.name))
        .map(|entry| (entry.name.clone(), entry.value.clone()))
        .collect();
    let mut mistakes = serve::mistakes(&values);
    if deployed {
        mistakes.extend(deployment::mistakes(&file));
    }
    lines.extend(mistakes.iter().map(|Mistake { key, why }| {
        let place = match file.get(key) {
            Some(entry) => format!("{shown}:{}", entry.line),
            None => shown.clone(),
        };
        format!("{}: {why}", origin(key, &place))
    }));
    lines
}

fn origin(key: &str, place: &str) -> String {
    if key.is_empty() {
        place.to_owned()
    } else {
        format!("{key} ({place})")
    }
}

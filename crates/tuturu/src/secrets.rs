//! Secrets made at the start when none are given; kept in the state folder when there is
//! one, so that a restart knows them.

use std::{
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use anyhow::Context as _;
use service::config::Secret;

/// The secret of that name: kept, or new.
///
/// # Errors
/// When the folder cannot be written, or what is kept there is no secret.
pub(crate) fn kept_or_new(state: Option<&Path>, name: &str) -> anyhow::Result<Secret> {
    let Some(folder) = state else {
        return Ok(new());
    };
    let file = folder.join(name);
    if file.exists() {
        return Ok(Secret::read(&file, name)?);
    }
    let secret = new();
    keep(&file, secret.expose())?;
    Ok(secret)
}

/// Writes a file that only the owner can read, in a folder that only the owner can enter.
pub(crate) fn keep(file: &Path, text: &str) -> anyhow::Result<()> {
    let why = || format!("cannot write {}", file.display());
    if let Some(folder) = file.parent() {
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder);
        made.with_context(why)?;
    }
    let options = || {
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)
    };
    let mut open = options().with_context(why)?;
    open.write_all(text.as_bytes()).with_context(why)
}

/// 256 random bits, in hexadecimal.
pub(crate) fn new() -> Secret {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system has a source of randomness");
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.parse().expect("64 random digits are a good secret")
}

//! nginx's worker processes, in a [network of a test's own](crate::alone): no others run there.

use std::{collections::BTreeSet, fs};

use anyhow::Result;

use crate::until;

const TITLE: &str = "nginx: worker process";

fn titled(fits: impl Fn(&str) -> bool) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for process in fs::read_dir("/proc")? {
        let process = process?;
        // It may have ended meanwhile.
        let line = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        if fits(line.trim_end_matches(['\0', ' '])) {
            found.insert(process.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(found)
}

/// How many take nothing new and end with their last connection.
///
/// # Errors
/// When processes cannot be listed.
pub fn leaving() -> Result<usize> {
    let leaves = |line: &str| line.starts_with(TITLE) && line != TITLE;
    Ok(titled(leaves)?.len())
}

/// Makes a change that nginx reloads for, and waits until only workers that know it accept.
pub(crate) async fn replaced(change: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
    let accept = |line: &str| line == TITLE;
    let before = titled(accept)?;
    change().await?;
    let so = async || titled(accept).is_ok_and(|now| !now.is_empty() && now.is_disjoint(&before));
    until("nginx has reloaded", so).await
}

//! What is tested is what is in the tree.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use anyhow::{Context as _, ensure};

/// Where the binary of that name is; all of them are built once for each run of the tests.
///
/// # Errors
/// When they cannot be built.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    static BUILT: OnceLock<bool> = OnceLock::new();
    let built = *BUILT.get_or_init(|| {
        let build = ["build", "--quiet", "--workspace", "--bins"];
        let status = Command::new(env!("CARGO")).args(build).status();
        status.is_ok_and(|status| status.success())
    });
    ensure!(built, "cannot build the workspace");
    let own = std::env::current_exe()?;
    let folder = own
        .parent()
        .and_then(Path::parent)
        .context("a folder of binaries")?;
    Ok(folder.join(name))
}

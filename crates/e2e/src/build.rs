//! What is tested is what is in the tree.

use std::{path::PathBuf, process::Command, sync::OnceLock};

use anyhow::{Context as _, ensure};

/// Where the binary of that name is; all of them are built once for each run of the tests.
///
/// # Errors
/// When they cannot be built.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    static BUILT: OnceLock<bool> = OnceLock::new();
    let built = *BUILT.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--workspace", "--bins"]);
        // What cargo tells this test about its own package would have others built again.
        for (name, _) in std::env::vars_os() {
            let own = name.to_string_lossy();
            if own.starts_with("CARGO_PKG_") || own.starts_with("CARGO_MANIFEST_") {
                build.env_remove(name);
            }
        }
        let status = build.status();
        status.is_ok_and(|status| status.success())
    });
    ensure!(built, "cannot build the workspace");
    let own = std::env::current_exe()?;
    let folder = own.parent().context("a folder")?;
    // Tests are one below the binaries.
    let below = folder.ends_with("deps");
    let folder = if below { folder.parent() } else { Some(folder) };
    let folder = folder.context("a folder of binaries")?;
    Ok(folder.join(name))
}

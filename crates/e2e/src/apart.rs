//! A machine within the machine: the test program is started again where it may make networks,
//! and where every process and network that it makes ends with it, however it ends.

use std::{
    any::type_name,
    os::unix::fs::MetadataExt as _,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use crate::binary;

/// Says that this is the program that was started again.
const APART: &str = "E2E_APART";

/// Whether this process is root, here at least.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// The test that a story is written in.
pub(crate) fn test_of<F>() -> Result<&'static str> {
    let (_, name) = type_name::<F>().split_once("::").context("a crate")?;
    name.split("::{{closure}}").next().context("a test")
}

/// Runs the body of that test there, or a whole program when it is none.
///
/// # Errors
/// When the kernel does not allow it, and what the story ends with.
pub(crate) fn apart<F: AsyncFnOnce() -> Result<()>>(
    hosts: &str,
    test: Option<&str>,
    story: F,
) -> Result<()> {
    if std::env::var_os(APART).is_some() {
        return inside(hosts, story);
    }
    // Asked before: what is built next may be this very program.
    let own = std::env::current_exe()?;
    // Built before: there is no way to a registry from there.
    binary("signaling")?;
    // It goes with this program, and its child with it.
    let mut unshare = Command::new("setpriv");
    unshare.args(["--pdeathsig", "KILL", "unshare"]);
    if !is_root() {
        unshare.args(["--user", "--map-current-user", "--keep-caps"]);
    }
    // Debian keeps servers and networks out of the path of users that are not root.
    let path = std::env::var("PATH").unwrap_or_default();
    unshare
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .args(["--net", "--mount", "--pid", "--fork"])
        .args(["--kill-child", "--mount-proc"])
        .arg(own)
        .env(APART, "");
    let missing = "unshare is missing: apt-get install util-linux";
    let Some(name) = test else {
        let ran = unshare.args(std::env::args_os().skip(1)).status();
        ensure!(ran.context(missing)?.success(), "it failed in its lab");
        return Ok(());
    };
    let ran = unshare
        .args(["--exact", name, "--nocapture", "--include-ignored"])
        .stderr(Stdio::inherit())
        .output()
        .context(missing)?;
    let said = String::from_utf8_lossy(&ran.stdout);
    // One that was not found is no failure to the program.
    ensure!(
        ran.status.success() && said.contains("1 passed"),
        "{name}, in networks of its own (root, or user namespaces for everybody): {said}"
    );
    Ok(())
}

fn inside<F: AsyncFnOnce() -> Result<()>>(hosts: &str, story: F) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("hosts");
    std::fs::write(&file, hosts)?;
    // Where `ip` keeps its names is empty here, and gone afterwards.
    let prepare = "ip link set lo up; mount -t tmpfs lab /run; mkdir /run/netns
        mount --bind \"$0\" /etc/hosts";
    let mut prepared = Command::new("sh");
    prepared.args(["-euc", prepare]).arg(&file);
    ensure!(
        prepared.status()?.success(),
        "the networks cannot be prepared"
    );
    tokio::runtime::Runtime::new()?.block_on(story())
}

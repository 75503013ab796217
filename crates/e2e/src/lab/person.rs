//! Somebody with a browser, behind a router.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::{Lab, Router, Space, space::sh};
use crate::{Browser, Driver, Options};

/// Which browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Chromium,
    Firefox,
}

/// A machine with a browser on it.
pub struct Person {
    /// The machine.
    pub space: Space,
    /// The browser.
    pub browser: Browser,
    driver: Driver,
    _home: TempDir,
}

impl Person {
    /// Somebody with Chromium.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn new(lab: &Lab, name: &str) -> Result<Self> {
        Self::with(lab, name, Kind::Chromium).await
    }

    /// Somebody with Firefox.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn with_firefox(lab: &Lab, name: &str) -> Result<Self> {
        Self::with(lab, name, Kind::Firefox).await
    }

    async fn with(lab: &Lab, name: &str, kind: Kind) -> Result<Self> {
        let space = Space::new(name)?;
        let home = tempfile::tempdir()?;
        let authority = lab.server.authority();
        let (driver, browser) = match kind {
            Kind::Chromium => {
                trust(&authority, &home.path().join(".pki/nssdb"))?;
                let driver = Driver::in_space(&space, "chromedriver", home.path()).await?;
                let browser = Browser::open(&driver, Options::default()).await?;
                (driver, browser)
            }
            Kind::Firefox => {
                let profile = home.path().join("profile");
                trust(&authority, &profile)?;
                let driver = Driver::in_space(&space, "geckodriver", home.path()).await?;
                let browser = Browser::open_firefox(&driver, &profile).await?;
                (driver, browser)
            }
        };
        Ok(Self {
            space,
            browser,
            driver,
            _home: home,
        })
    }

    /// Goes behind that router, away from any other: the address is a new one.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn goes_behind(&self, router: &Router) -> Result<()> {
        let (own, at, host) = (self.space.name(), router.space.name(), router.welcome());
        let mut script = format!(
            "ip -n {own} link del eth0 2>/dev/null || true
             ip -n {at} link add guest{host} type veth peer name eth0 netns {own}
             ip -n {at} link set guest{host} master lan up; ip -n {own} link set eth0 up\n"
        );
        let n = router.number;
        if router.stack.v4() {
            let (address, gateway) = (router.v4(host), router.v4(1));
            script += &format!(
                "ip -n {own} addr add {address}/24 dev eth0; ip -n {own} route add default via {gateway}\n"
            );
        }
        if router.stack.v6() {
            script += &format!(
                "ip -n {own} addr add 2001:db8:{n}:1::{host}/64 dev eth0
                 ip -n {own} route add default via 2001:db8:{n}:1::1\n"
            );
        }
        sh(&script)
    }

    /// Leaves the page, and will not be in the same call when it comes back.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn forgets(&self) -> Result<()> {
        // A page that is not ours has no storage.
        let forget = "try { sessionStorage.clear(); } catch {}";
        self.browser.run(forget).await?;
        self.browser.go("about:blank").await
    }

    /// Pulls the plug. The machine knows.
    ///
    /// # Errors
    /// When there is none.
    pub fn unplug(&self) -> Result<()> {
        self.space.run("ip link set eth0 down")
    }

    /// Puts the plug in again: same place, same address.
    ///
    /// # Errors
    /// When there is none.
    pub fn plug_in(&self, router: &Router) -> Result<()> {
        let gateway = router.v4(1);
        self.space.run(&format!(
            "ip link set eth0 up; ip route add default via {gateway}"
        ))
    }

    /// The machine falls asleep (`STOP`), or wakes up (`CONT`).
    ///
    /// # Errors
    /// When it has no browser any more.
    pub fn signal(&self, signal: &str) -> Result<()> {
        let group = format!("-{}", self.driver.group().context("no browser")?);
        let signal = format!("-{signal}");
        let sent = Command::new("kill").args([&signal, "--", &group]).status();
        ensure!(sent?.success(), "nobody to send {signal} to");
        Ok(())
    }
}

/// A store of certificates that trusts that authority, for browsers.
fn trust(authority: &Path, store: &Path) -> Result<()> {
    fs::create_dir_all(store)?;
    let (store, authority) = (store.display(), authority.display());
    sh(&format!(
        "certutil -d sql:{store} -N --empty-password; certutil -d sql:{store} -A -t C,, -n authority -i {authority}"
    ))
    .context("certutil: apt-get install libnss3-tools")
}

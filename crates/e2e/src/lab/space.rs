//! One network namespace: a machine as far as its network goes.

use std::{
    fs::File,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd as _,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::sync::oneshot;

const PATIENCE: Duration = Duration::from_secs(60);

/// A machine of the lab. It lasts as long as the lab does.
#[derive(Clone, Debug)]
pub struct Space {
    name: String,
}

impl Space {
    /// Makes it, with nothing but its loopback interface.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(name: &str) -> Result<Self> {
        sh(&format!(
            "ip netns add {name}; ip -n {name} link set lo up
             ip netns exec {name} sh -c 'cd /proc/sys/net; echo 0 >ipv4/ip_unprivileged_port_start
                for where in all default; do echo 0 >ipv6/conf/$where/accept_dad
                    echo 1 >ipv6/conf/$where/keep_addr_on_down; done'"
        ))?;
        Ok(Self { name: name.into() })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a shell script there.
    ///
    /// # Errors
    /// When a command of it fails.
    pub fn run(&self, script: &str) -> Result<()> {
        let done = self.command("sh").args(["-euc", script]).output()?;
        let why = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "{}: {script}: {why}", self.name);
        Ok(())
    }

    /// A program that is to run there.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// What a short deed comes to that is done there: a socket stays where it was made.
    ///
    /// # Errors
    /// When it fails.
    pub async fn within<T: Send + 'static>(
        &self,
        deed: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (tell, told) = oneshot::channel();
        let place = format!("/run/netns/{}", self.name);
        // A thread of its own: it never comes back.
        thread::spawn(move || {
            let moved = File::open(place).and_then(|place| {
                let kind = Some(LinkNameSpaceType::Network);
                Ok(move_into_link_name_space(place.as_fd(), kind)?)
            });
            // Nobody waits any more: there is nobody to tell.
            let _ = tell.send(moved.and_then(|()| deed()));
        });
        Ok(told.await??)
    }

    /// Connects from there.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn connect(&self, to: SocketAddr) -> Result<tokio::net::TcpStream> {
        let connect = move || TcpStream::connect_timeout(&to, Duration::from_secs(5));
        let stream = self.within(connect).await?;
        stream.set_nonblocking(true)?;
        Ok(tokio::net::TcpStream::from_std(stream)?)
    }

    /// Waits until somebody listens there.
    ///
    /// # Errors
    /// When nobody does in time.
    pub async fn listens(&self, at: SocketAddr) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.connect(at).await {
            ensure!(Instant::now() < deadline, "nobody at {at}: {error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// A door to a port there: what connects to that port here is connected. It is the same
    /// port, because geckodriver wants to be called by its own.
    ///
    /// # Errors
    /// When the port is taken here.
    pub fn door(&self, port: u16) -> Result<SocketAddr> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let space = self.clone();
        tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let space = space.clone();
                tokio::spawn(async move {
                    let there = space.connect(SocketAddr::from(([127, 0, 0, 1], port)));
                    if let Ok(mut there) = there.await {
                        // Whoever is on either side sees how it ends.
                        let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                    }
                });
            }
        });
        Ok(address)
    }
}

/// Runs a shell script where the lab is made.
pub(super) fn sh(script: &str) -> Result<()> {
    let mut shell = Command::new("sh");
    let done = shell.args(["-euc", script]).stdin(Stdio::null()).output();
    let done = done.context("no shell")?;
    let why = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{script}: {why}");
    Ok(())
}

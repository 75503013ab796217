//! Who is around a relay: people on the Internet, and machines behind it, who tell what they
//! heard.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tokio::{net::UdpSocket, process::Command, time::timeout};

use crate::deployment::{Deployment, docker, output};

/// Anybody on the Internet: an address of AS112, which only ever answers for private names.
pub(crate) const PUBLIC: Ipv4Addr = Ipv4Addr::new(192, 175, 48, 77);

/// Networks behind a relay that callers must not reach. Each is an address of this machine
/// during the test, so that somebody is there.
pub(crate) const BEHIND: [Ipv4Addr; 7] = [
    Ipv4Addr::new(10, 77, 0, 1),
    Ipv4Addr::new(100, 64, 77, 1),
    Ipv4Addr::new(172, 31, 77, 1),
    Ipv4Addr::new(192, 168, 177, 1),
    Ipv4Addr::new(198, 18, 77, 1),
    // The metadata service of clouds, and a neighbour on the same wire.
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 77, 1),
];

/// The same in IPv6: unique local, and addresses that carry 10.77.0.1 (6to4, NAT64).
pub(crate) const BEHIND_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0x2002, 0x0a4d, 0x0001, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0x0a4d, 0x0001),
];

/// Addresses that this machine has as long as this lives.
pub(crate) struct Neighbours(Vec<String>);

impl Neighbours {
    pub(crate) async fn arrive() -> Result<Self> {
        let mut own = Self(Vec::new());
        let four = BEHIND
            .iter()
            .chain([&PUBLIC])
            .map(|address| format!("{address}/32"));
        for address in four.chain(BEHIND_V6.iter().map(|address| format!("{address}/128"))) {
            output(Command::new("ip").args(["address", "add", &address, "dev", "lo"])).await?;
            own.0.push(address);
        }
        Ok(own)
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        for address in &self.0 {
            // An address that is gone already is what is wanted.
            let leave = ["address", "delete", address, "dev", "lo"];
            let _ = std::process::Command::new("ip").args(leave).status();
        }
    }
}

/// Somebody at an address, who says what arrived.
pub(crate) struct Listener(pub(crate) UdpSocket);

impl Listener {
    pub(crate) async fn at(address: impl Into<IpAddr>) -> Result<Self> {
        let address = SocketAddr::new(address.into(), 0);
        let socket = UdpSocket::bind(address).await;
        socket
            .map(Self)
            .with_context(|| format!("nobody can be at {address}"))
    }

    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.0.local_addr()?)
    }

    pub(crate) async fn next(&self) -> Result<(Vec<u8>, SocketAddr)> {
        let mut buffer = vec![0; 2048];
        let arrival = self.0.recv_from(&mut buffer);
        let (length, from) = timeout(Duration::from_secs(30), arrival)
            .await
            .context("nothing")??;
        buffer.truncate(length);
        Ok((buffer, from))
    }

    /// The first thing that arrived is what was sent directly, from where the relay is.
    pub(crate) async fn heard_nothing_before(&self, relay: IpAddr) -> Result<()> {
        let address = self.address()?;
        let source = if address.is_ipv4() {
            relay
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let direct = UdpSocket::bind(SocketAddr::new(source, 0)).await?;
        direct.send_to(b"direct", address).await?;
        let (heard, _) = self.next().await?;
        ensure!(
            heard == b"direct",
            "{address} heard {}",
            String::from_utf8_lossy(&heard)
        );
        Ok(())
    }
}

/// A container beside the services, on that network, that tells its log what arrives.
pub(crate) struct Neighbour {
    id: String,
    pub(crate) address: SocketAddr,
}

const LISTEN: &str = r#"use IO::Socket::INET; $| = 1;
my $socket = IO::Socket::INET->new(Proto => "udp", LocalPort => 3480) or die;
print "listening\n"; while (defined $socket->recv(my $data, 2048)) { print "$data\n"; }"#;

impl Neighbour {
    pub(crate) async fn arrive(here: &Deployment, network: &str) -> Result<Self> {
        let network = format!("{}_{network}", here.project);
        let on = format!("--network={network}");
        let run = [
            "run",
            "--detach",
            &on,
            "--entrypoint=perl",
            "tuturu/coturn:test",
            "-e",
            LISTEN,
        ];
        let id = docker(&run).await?.trim().to_owned();
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address = docker(&["inspect", "--format", format, &id]).await?;
        let address = SocketAddr::new(address.trim().parse()?, 3480);
        let own = Self { id, address };
        own.says("listening").await?;
        Ok(own)
    }

    /// Its log, once that is in it.
    async fn says(&self, what: &str) -> Result<String> {
        let asking = async {
            loop {
                let log = docker(&["logs", &self.id]).await?;
                if log.contains(what) {
                    return Ok(log);
                }
            }
        };
        timeout(Duration::from_secs(30), asking)
            .await
            .with_context(|| format!("never {what}"))?
    }

    pub(crate) async fn heard_nothing_before(&self, relay: IpAddr) -> Result<()> {
        let direct = UdpSocket::bind(SocketAddr::new(relay, 0)).await?;
        direct.send_to(b"direct", self.address).await?;
        let log = self.says("direct").await?;
        ensure!(log == "listening\ndirect\n", "a container heard {log}");
        Ok(())
    }
}

/// Before the networks that it is on, whatever became of the test.
impl Drop for Neighbour {
    fn drop(&mut self) {
        let mut docker = std::process::Command::new("docker");
        // Its own output is the container's name.
        let _ = docker.args(["rm", "--force", &self.id]).output();
    }
}

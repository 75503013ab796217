//! The relay as coturn's own client sees it. Everything stays on loopback.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use credential_issuer::shared_secret::credentials;
use prometheus::Registry;
use relay::{Relay, RelayArgs};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream, UdpSocket},
    process::Command,
    time::timeout,
};

const CURRENT: &str = "the current secret of the tests";
const PREVIOUS: &str = "the previous secret of the tests";

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    relay: RelayArgs,
}

struct House {
    relay: Relay,
    registry: Registry,
}

impl House {
    async fn open(arguments: &[&str]) -> Self {
        // TCP and UDP on one port that is free for both.
        let probe = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = probe.local_addr().unwrap().to_string();
        drop(probe);
        let base = ["relay", "--turn-listen", &listen];
        let arguments = Arguments::parse_from(base.iter().chain(arguments)).relay;
        let registry = Registry::new();
        let secrets = vec![CURRENT.to_owned(), PREVIOUS.to_owned()];
        let relay = relay::start(&arguments, secrets, [127, 0, 0, 1].into(), &registry)
            .await
            .unwrap();
        Self { relay, registry }
    }

    fn count(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        family.map_or(0.0, |family| {
            let metrics = family.get_metric().iter();
            metrics
                .map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
                .sum()
        })
    }

    /// coturn's client: what it says, or that it did not come to an end.
    async fn client(&self, secret: &str, life: i64, arguments: &[&str]) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let made = credentials(secret.as_bytes(), "tester", now.saturating_add_signed(life));
        let address = self.relay.address();
        let output = Command::new("turnutils_uclient")
            .args(arguments)
            .args([
                "-p",
                &address.port().to_string(),
                "-u",
                &made.username,
                "-w",
                &made.password,
            ])
            .arg(address.ip().to_string())
            .kill_on_drop(true)
            .output();
        match timeout(Duration::from_secs(30), output).await {
            Ok(output) => {
                let output = output.expect("turnutils_uclient is missing: apt-get install coturn");
                String::from_utf8_lossy(&output.stdout).into_owned()
                    + &String::from_utf8_lossy(&output.stderr)
            }
            Err(_) => "no end".to_owned(),
        }
    }
}

/// Sends back what it gets, and counts it.
async fn peer() -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            count.fetch_add(1, Ordering::Relaxed);
            let _ = socket.send_to(&buffer[..length], from).await;
        }
    });
    (address, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_over_udp_and_tcp_with_either_secret() {
    let house = House::open(&["--relay-allow-private-peers"]).await;
    let (peer, _) = peer().await;
    let port = peer.port().to_string();
    for (secret, transport) in [
        (CURRENT, &[][..]),
        (CURRENT, &["-t"]),
        (PREVIOUS, &[]),
        (PREVIOUS, &["-t"]),
    ] {
        let mut arguments = vec![
            "-c",
            "-n",
            "20",
            "-m",
            "2",
            "-l",
            "200",
            "-e",
            "127.0.0.1",
            "-r",
            &port,
        ];
        arguments.extend(transport);
        let said = house.client(secret, 600, &arguments).await;
        assert!(said.contains("tot_recv_msgs=40"), "{transport:?}: {said}");
    }
    assert!(house.count("tuturu_relay_relayed_packets_total") >= 320.0);
    house.relay.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_and_expired_credentials_get_nothing() {
    let house = House::open(&["--relay-allow-private-peers"]).await;
    let (peer, heard) = peer().await;
    let port = peer.port().to_string();
    let arguments = ["-c", "-n", "1", "-m", "1", "-e", "127.0.0.1", "-r", &port];
    for (secret, life) in [("somebody else's secret", 600), (CURRENT, -600)] {
        let said = house.client(secret, life, &arguments).await;
        assert!(!said.contains("tot_recv_msgs=1"), "{said}");
    }
    assert_eq!(heard.load(Ordering::Relaxed), 0);
    assert!(house.count("tuturu_relay_refused_total") >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn private_peers_hear_nothing_and_relayed_ones_meet() {
    let house = House::open(&[]).await;
    let (peer, heard) = peer().await;
    let port = peer.port().to_string();
    let said = house
        .client(
            CURRENT,
            600,
            &["-c", "-n", "3", "-m", "1", "-e", "127.0.0.1", "-r", &port],
        )
        .await;
    assert_eq!(heard.load(Ordering::Relaxed), 0, "{said}");
    assert!(
        house.count("tuturu_relay_refused_total") >= 1.0,
        "they were sent, and refused"
    );
    // Client to client: both ends are allocations of this relay.
    let said = house
        .client(
            CURRENT,
            600,
            &["-y", "-c", "-n", "10", "-m", "2", "-l", "100"],
        )
        .await;
    assert!(
        said.contains("tot_recv_msgs=40") || said.contains("tot_recv_msgs=20"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_hold_and_closed_connections_give_back() {
    let house = House::open(&[
        "--relay-allow-private-peers",
        "--max-allocations-per-source",
        "2",
    ])
    .await;
    let (peer, _) = peer().await;
    let port = peer.port().to_string();
    let many = [
        "-c",
        "-t",
        "-n",
        "1",
        "-m",
        "4",
        "-e",
        "127.0.0.1",
        "-r",
        &port,
    ];
    let said = house.client(CURRENT, 600, &many).await;
    assert!(!said.contains("tot_recv_msgs=4"), "{said}");
    assert!(house.count("tuturu_relay_refused_total") >= 1.0);
    // The client is gone, and its TCP connections with it: so are the allocations.
    let freed = async {
        while house.count("tuturu_relay_allocations") > 0.0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), freed)
        .await
        .expect("allocations end with their connection");
    let one = [
        "-c",
        "-t",
        "-n",
        "5",
        "-m",
        "1",
        "-e",
        "127.0.0.1",
        "-r",
        &port,
    ];
    let said = house.client(CURRENT, 600, &one).await;
    assert!(said.contains("tot_recv_msgs=5"), "{said}");
}

#[tokio::test]
async fn garbage_costs_its_connection_and_floods_are_not_answered() {
    use tokio::io::AsyncWriteExt as _;
    let house = House::open(&[]).await;
    let address = house.relay.address();
    for garbage in [
        &[0xff; 64][..],
        &[0x00, 0x03, 0xff, 0xff],
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        let mut answer = Vec::new();
        let end = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
        assert!(end.is_ok() && answer.is_empty());
    }
    // Allocate requests without a password: each answer would cost memory for an hour.
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for number in 0..200_u8 {
        let mut request = vec![0, 3, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        request.extend([number; 12]);
        socket.send_to(&request, address).await.unwrap();
    }
    let refused = async {
        while house.count("tuturu_relay_refused_total") < 150.0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), refused)
        .await
        .expect("most are dropped");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_beyond_the_rate_of_an_allocation_is_dropped() {
    let house = House::open(&["--relay-allow-private-peers", "--relay-max-rate", "1000"]).await;
    let (peer, heard) = peer().await;
    let port = peer.port().to_string();
    let arguments = [
        "-c",
        "-n",
        "40",
        "-m",
        "1",
        "-l",
        "200",
        "-e",
        "127.0.0.1",
        "-r",
        &port,
    ];
    house.client(CURRENT, 600, &arguments).await;
    let (heard, refused) = (
        heard.load(Ordering::Relaxed),
        house.count("tuturu_relay_refused_total"),
    );
    assert!(heard > 0 && heard < 40, "{heard}");
    assert!(refused > 0.0);
    house.relay.close().await;
}

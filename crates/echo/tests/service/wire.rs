//! What comes from the network without being asked for, and consent.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use str0m::{
    Candidate, IceCreds,
    ice::{IceAgent, StunMessage, StunPacket},
    net::Protocol,
};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use crate::{
    desk::{Desk, PATIENCE},
    peer::{Peer, some_offer},
};

fn attribute(sdp: &str, name: &str) -> String {
    let start = format!("a={name}:");
    let line = sdp.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap().to_owned()
}

/// A client that checks with the right password and answers no check itself: an address
/// that somebody else is behind.
#[tokio::test]
async fn who_does_not_answer_checks_gets_checks_and_no_more() {
    let desk = Desk::open(&[]).await;
    let offer = some_offer().await;
    let answer = desk.offer(&offer).await.json();
    let answer = answer["sdp"].as_str().unwrap();
    let credentials = |sdp| IceCreds {
        ufrag: attribute(sdp, "ice-ufrag"),
        pass: attribute(sdp, "ice-pwd"),
    };
    let crypto = str0m::crypto::from_feature_flags();
    let mut agent = IceAgent::with_hmac(credentials(&offer), crypto.sha1_hmac_provider);
    agent.set_remote_credentials(credentials(answer));
    agent.set_controlling(true);
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (local, remote): (SocketAddr, _) = (udp.local_addr().unwrap(), desk.echo.media_address());
    agent.add_local_candidate(Candidate::host(local, Protocol::Udp).unwrap());
    agent.add_remote_candidate(Candidate::host(remote, Protocol::Udp).unwrap());

    let end = Instant::now() + PATIENCE;
    let (mut checks, mut answers) = (0, 0);
    // Unanswered checks are sent again; by then the client is nominated long since.
    while checks < 6 || answers < 2 {
        assert!(Instant::now() < end, "{checks} checks, {answers} answers");
        agent.handle_timeout(Instant::now());
        while let Some(transmit) = agent.poll_transmit() {
            let sent = StunMessage::parse(&transmit.contents).unwrap();
            if sent.is_binding_request() {
                udp.send_to(&transmit.contents, remote).await.unwrap();
            }
        }
        let mut buffer = [0; 2048];
        let received = timeout(Duration::from_millis(20), udp.recv_from(&mut buffer)).await;
        let Ok(Ok((length, source))) = received else {
            continue;
        };
        let first = buffer[0];
        assert!(
            first < 4,
            "something that is no check: it begins with {first}"
        );
        let message = StunMessage::parse(&buffer[..length]).unwrap();
        if message.is_binding_request() {
            checks += 1;
        } else {
            answers += 1;
            let packet = StunPacket {
                proto: Protocol::Udp,
                source,
                destination: local,
                message,
            };
            agent.handle_packet(Instant::now(), packet);
        }
    }
}

#[tokio::test]
async fn what_nobody_asked_for_is_not_answered() {
    let desk = Desk::open(&[]).await;
    let mut peer = Peer::connect(&desk).await;
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = desk.echo.media_address();
    let name = attribute(&some_offer().await, "ice-ufrag");
    for datagram in [
        &b""[..],
        b"x",
        &[0; 20],
        &[20; 1500],
        &[128; 1500],
        &[255; 60_000],
        name.as_bytes(),
    ] {
        udp.send_to(datagram, to).await.unwrap();
    }
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(&[255; 100_000]).await.unwrap();
    // The one that may is still served, and has heard everything before the others could.
    peer.send(20).await;
    peer.until("everything", |got| got.pictures.len() == 40)
        .await;
    assert!(udp.try_recv(&mut [0; 16]).is_err());
}

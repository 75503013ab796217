//! The relay of a deployment, at the addresses that browsers are told.

use std::net::{IpAddr, SocketAddr};

use tokio::{
    net::{UdpSocket, lookup_host},
    time::timeout,
};

use super::{
    Patient, certificate,
    http::Credentials,
    report::Report,
    tls::Seen,
    turn::{self, Client, Transport, TurnUri, Wire},
};

/// The three ways, what they are called, and what to do when one fails.
const WAYS: [(Transport, &str, &str); 3] = [
    (
        Transport::Udp,
        "TURN over UDP",
        "open 3478/udp and the UDP ports of the relay in the firewall",
    ),
    (
        Transport::Tcp,
        "TURN over TCP",
        "open 3478/tcp and the UDP ports of the relay in the firewall",
    ),
    (
        Transport::Tls,
        "TURN over TLS",
        "let port 443 pass the name of the relay to coturn: see nginx's stream block",
    ),
];

const WRONG_SECRET: &str =
    "give the relay and the credential issuer the same TUTURU_TURN_SECRET, and check both clocks";
const OWN_ADDRESS: &str = "do not deny the server's own public address in coturn";

impl Patient {
    pub(super) async fn relay(&self, report: &mut Report, credentials: Option<Credentials>) {
        let port = self.args.turn_port.unwrap_or(3478);
        self.ports(report, port).await;
        let Some(credentials) = credentials else {
            for (_, check, _) in WAYS {
                report.bad(
                    check,
                    "not tried: there are no credentials",
                    "first make /api/turn answer",
                );
            }
            return;
        };
        let uris: Vec<TurnUri> = credentials
            .uris
            .iter()
            .filter_map(|uri| uri.parse().ok())
            .collect();
        let mut working = None;
        for (transport, check, advice) in WAYS {
            let Some(uri) = uris.iter().find(|uri| uri.transport == transport) else {
                let advice = format!(
                    "add one to TUTURU_TURN_URIS, like {}",
                    example(transport, &self.turn_host)
                );
                report.bad(check, "the server offers no such address", &advice);
                continue;
            };
            let uri = self.overridden(uri);
            let outcome = self.carried(report, &uri, &credentials).await;
            let advice = match &outcome {
                Err(why) if why.contains("401") => WRONG_SECRET,
                Err(why) if why.contains("own address") => OWN_ADDRESS,
                _ => advice,
            };
            if report.outcome(check, outcome, advice) && working.is_none() {
                working = Some(uri);
            }
        }
        let check = "deny list";
        let Some(uri) = working else {
            report.bad(
                check,
                "not tried: no transport carries a packet",
                "first make one of the above work",
            );
            return;
        };
        let outcome = match self.client(&uri, &credentials).await {
            Ok((mut client, _)) => turn::denied(&mut client, uri.port).await,
            Err(why) => Err(why),
        };
        report.outcome(check, outcome, "deny private, loopback and link-local addresses as deploy's coturn does: callers reach your network");
    }

    /// What is given on the command line stands for what the server says.
    fn overridden(&self, uri: &TurnUri) -> TurnUri {
        let plain = uri.transport != Transport::Tls;
        TurnUri {
            host: self
                .args
                .turn_host
                .clone()
                .unwrap_or_else(|| uri.host.clone()),
            port: self.args.turn_port.filter(|_| plain).unwrap_or(uri.port),
            transport: uri.transport,
        }
    }

    async fn ports(&self, report: &mut Report, port: u16) {
        let tcp = self
            .tcp(&self.turn_host, port)
            .await
            .map(|_| "open".to_owned());
        report.outcome(
            &format!("port {port}/tcp"),
            tcp,
            "open it in the firewall, and see that the relay runs",
        );
        let udp = match self.udp(&self.turn_host, port).await {
            Ok((wire, server)) => {
                turn::binding(Client::new(wire, "", "", self.args.timeout), server).await
            }
            Err(why) => Err(why),
        };
        report.outcome(
            &format!("port {port}/udp"),
            udp,
            "open it in the firewall, and see that the relay runs and is reached directly",
        );
    }

    async fn carried(
        &self,
        report: &mut Report,
        uri: &TurnUri,
        credentials: &Credentials,
    ) -> Result<String, String> {
        let (mut one, seen) = self.client(uri, credentials).await?;
        if let Some(seen) = seen {
            certificate(report, "relay certificate", &uri.host, &seen);
        }
        let (mut other, _) = self.client(uri, credentials).await?;
        turn::relayed(&mut one, &mut other, self.args.timeout).await
    }

    async fn client(
        &self,
        uri: &TurnUri,
        credentials: &Credentials,
    ) -> Result<(Client, Option<Seen>), String> {
        let (wire, seen) = match uri.transport {
            Transport::Udp => (self.udp(&uri.host, uri.port).await?.0, None),
            Transport::Tcp => (
                Wire::Stream(Box::new(self.tcp(&uri.host, uri.port).await?)),
                None,
            ),
            Transport::Tls => {
                let (stream, seen) = self.tls(&uri.host, uri.port).await?;
                (Wire::Stream(Box::new(stream)), Some(seen))
            }
        };
        let client = Client::new(
            wire,
            &credentials.username,
            &credentials.password,
            self.args.timeout,
        );
        Ok((client, seen))
    }

    async fn udp(&self, host: &str, port: u16) -> Result<(Wire, IpAddr), String> {
        let found = timeout(self.args.timeout, lookup_host((host, port))).await;
        let found = found.map_err(|_| "no DNS in time".to_owned())?;
        let mut found: Vec<SocketAddr> = found
            .map_err(|_| format!("{host} has no address"))?
            .collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        let server = *found
            .first()
            .ok_or_else(|| format!("{host} has no address"))?;
        let own = if server.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let socket = UdpSocket::bind(own)
            .await
            .map_err(|error| error.to_string())?;
        socket
            .connect(server)
            .await
            .map_err(|error| error.to_string())?;
        Ok((Wire::Udp(socket), server.ip()))
    }
}

fn example(transport: Transport, host: &str) -> String {
    match transport {
        Transport::Udp => format!("turn:{host}:3478?transport=udp"),
        Transport::Tcp => format!("turn:{host}:3478?transport=tcp"),
        Transport::Tls => format!("turns:{host}:443?transport=tcp"),
    }
}

//! `tuturu doctor`: looks at a server as its callers do, and says what is wrong and what to do.
//!
//! Nothing here is believed: names are looked up, connections are made, a call is joined, a
//! packet goes through the relay, and the echo answers over the port of its media.

mod dns;
mod echo;
mod http;
mod relay;
mod report;
mod signaling;
mod tls;
mod turn;

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use ::http::{Request, header::CONTENT_TYPE};
use clap::Args;
use rustls::RootCertStore;
use service::config::duration;
use str0m::net::Protocol;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::client::TlsStream;

use crate::{env_file::EnvFile, settings};
use report::Report;

/// Whom to look at.
#[derive(Clone, Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Name of the page [default: DOMAIN of the file].
    #[arg(value_name = "DOMAIN")]
    domain: Option<String>,

    /// File of the deployment, for its names and its address.
    #[arg(long, default_value = ".env", value_name = "FILE")]
    file: PathBuf,

    /// Name of the relay [default: turn.DOMAIN]; given, it stands for what the server says.
    #[arg(long, value_name = "NAME")]
    turn_host: Option<String>,

    /// Port of http.
    #[arg(long, default_value_t = 80, value_name = "PORT")]
    http_port: u16,

    /// Port of https.
    #[arg(long, default_value_t = 443, value_name = "PORT")]
    https_port: u16,

    /// Port of STUN and TURN [default: 3478]; given, it stands for what the server says.
    #[arg(long, value_name = "PORT")]
    turn_port: Option<u16>,

    /// PEM file with further certificates to trust: the server's own, if it is self-signed.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// The address to which the names should lead [default: PUBLIC_IP of the file].
    #[arg(long, value_parser = settings::public_ip, value_name = "IP")]
    public_ip: Option<Ipv4Addr>,

    /// How long each step may take.
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "TIME")]
    timeout: Duration,

    /// Say it in JSON: an array of {check, ok, detail, advice}.
    #[arg(long)]
    json: bool,
}

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    tuturu doctor                              on the server, next to its .env\n  \
    tuturu doctor call.example.org             from a laptop, as callers see it\n  \
    tuturu doctor call.example.org --ca fullchain.pem     with a self-signed certificate\n  \
    tuturu doctor localhost --http-port 8080 --https-port 8443 --turn-host localhost\n\n\
    A firewall may let the server itself pass: look from elsewhere as well.\n\
    Exit codes: 0 all is well, 1 something is not, 2 wrong usage.";

/// The server, as far as it is known before it is asked.
struct Patient {
    domain: String,
    turn_host: String,
    expected: Option<Ipv4Addr>,
    roots: Arc<RootCertStore>,
    args: DoctorArgs,
}

pub(crate) async fn run(args: DoctorArgs) -> anyhow::Result<ExitCode> {
    let patient = Patient::new(args)?;
    let mut report = Report::new(patient.args.json);
    patient.examine(&mut report).await;
    Ok(if report.end() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Patient {
    fn new(args: DoctorArgs) -> anyhow::Result<Self> {
        let file = EnvFile::read(&args.file).unwrap_or_default();
        let own = file.value("DOMAIN");
        let domain = args.domain.as_deref().or(own).ok_or_else(|| {
            anyhow::anyhow!(
                "whom? Name the domain, or a --file that does: tuturu doctor call.example.org"
            )
        })?;
        let address = domain.parse::<IpAddr>().is_ok() || domain == "localhost";
        let domain = if address {
            domain.to_owned()
        } else {
            settings::domain(domain).map_err(anyhow::Error::msg)?
        };
        // The file may be about another server.
        let of_file = |name| file.value(name).filter(|_| own == Some(domain.as_str()));
        let turn_host = args
            .turn_host
            .clone()
            .or_else(|| of_file("TURN_DOMAIN").map(str::to_owned));
        let turn_host = turn_host.unwrap_or_else(|| {
            if address {
                domain.clone()
            } else {
                format!("turn.{domain}")
            }
        });
        let expected = args
            .public_ip
            .or_else(|| of_file("PUBLIC_IP")?.parse().ok());
        let roots = tls::roots(args.ca.as_deref())?;
        Ok(Self {
            domain,
            turn_host,
            expected,
            roots,
            args,
        })
    }

    async fn examine(&self, report: &mut Report) {
        let patience = self.args.timeout;
        dns::check(report, &self.domain, self.expected, patience).await;
        if self.turn_host != self.domain {
            dns::check(report, &self.turn_host, self.expected, patience).await;
        }
        self.http_port(report).await;
        let credentials = match self.https().await {
            Ok((_, seen)) => {
                report.good(
                    &format!("port {}", self.args.https_port),
                    "open, and speaks TLS",
                );
                certificate(report, "certificate", &self.domain, &seen);
                self.page(report).await;
                self.call(report).await;
                self.echo(report).await;
                self.credentials(report).await
            }
            Err(why) => {
                let advice =
                    "open it in the firewall, and see that nginx runs and has a certificate";
                report.bad(&format!("port {}", self.args.https_port), why, advice);
                None
            }
        };
        self.relay(report, credentials).await;
    }

    async fn http_port(&self, report: &mut Report) {
        let port = self.args.http_port;
        let answer = match self.tcp(&self.domain, port).await {
            Ok(stream) => {
                http::get(stream, &self.authority(port, 80), "/", self.args.timeout).await
            }
            Err(why) => Err(why),
        };
        let outcome = answer.map(|answer| match answer.status.as_u16() {
            301 | 302 | 307 | 308 => "redirects to https".to_owned(),
            status => format!("answers with status {status}"),
        });
        let advice = "open it in the firewall: certificates are renewed over it, and callers who type the name arrive there";
        report.outcome(&format!("port {port}"), outcome, advice);
    }

    async fn page(&self, report: &mut Report) {
        let (page, nothing) = (self.get("/").await, self.get("/nothing-is-here").await);
        match (page, nothing) {
            (Ok(page), Ok(nothing)) => {
                http::headers(report, &page, &nothing);
                http::clock(report, &page.headers);
            }
            (Err(why), _) | (_, Err(why)) => {
                report.bad("page", why, "see the log of nginx and of static-asset")
            }
        }
    }

    async fn call(&self, report: &mut Report) {
        let (one, other) = (self.socket().await, self.socket().await);
        let (one, other) = match (one, other) {
            (Ok(one), Ok(other)) => (one, other),
            (Err(why), _) | (_, Err(why)) => {
                report.bad(
                    "WebSocket at /ws",
                    why,
                    "let nginx pass Upgrade to signaling, and see that signaling runs",
                );
                return;
            }
        };
        report.good("WebSocket at /ws", "upgraded");
        let outcome = signaling::round_trip(one, other, self.args.timeout).await;
        report.outcome("signaling", outcome, "see the log of signaling");
    }

    async fn echo(&self, report: &mut Report) {
        for (check, protocol) in [
            ("echo over UDP", Protocol::Udp),
            ("echo over TCP", Protocol::Tcp),
        ] {
            let outcome = self.echo_over(protocol).await;
            let advice = "open its port in the firewall (ECHO_PORT), and see the log of echo";
            report.outcome(check, outcome, advice);
        }
    }

    async fn echo_over(&self, protocol: Protocol) -> Result<String, String> {
        let offer = echo::Offer::new().ok_or("there is no offer to make")?;
        let body = serde_json::json!({ "sdp": offer.sdp, "type": "offer" }).to_string();
        let (stream, _) = self.https().await?;
        let host = self.authority(self.args.https_port, 443);
        let path = "/api/v1/webrtc/offer";
        let request = Request::post(path).header(CONTENT_TYPE, "application/json");
        let answer = http::ask(stream, &host, request, body, self.args.timeout).await?;
        let answer = http::answer(&answer)?;
        let outcome = offer
            .connect(&answer.sdp, protocol, self.args.timeout)
            .await;
        // The next one who comes from here finds room. Left alone, the session ends too.
        if let Ok((stream, _)) = self.https().await {
            let request = Request::delete(format!("{path}/{}", answer.session));
            let _ = http::ask(stream, &host, request, String::new(), self.args.timeout).await;
        }
        outcome
    }

    async fn credentials(&self, report: &mut Report) -> Option<http::Credentials> {
        let answer = self.get("/api/turn?service=turn&username=doctor").await;
        match answer.and_then(|answer| http::credentials(&answer)) {
            Ok(credentials) => {
                report.good("TURN credentials", credentials.describe());
                Some(credentials)
            }
            Err(why) => {
                report.bad(
                    "TURN credentials",
                    why,
                    "see the log of credential-issuer, and that nginx passes /api/ to it",
                );
                None
            }
        }
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<TcpStream, String> {
        match timeout(self.args.timeout, TcpStream::connect((host, port))).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(format!("no connection: {error}")),
            Err(_) => Err("no connection in time".to_owned()),
        }
    }

    async fn tls(
        &self,
        host: &str,
        port: u16,
    ) -> Result<(TlsStream<TcpStream>, tls::Seen), String> {
        let stream = self.tcp(host, port).await?;
        tls::connect(stream, host, &self.roots, self.args.timeout).await
    }

    async fn https(&self) -> Result<(TlsStream<TcpStream>, tls::Seen), String> {
        self.tls(&self.domain, self.args.https_port).await
    }

    async fn get(&self, path: &str) -> Result<http::Answer, String> {
        let (stream, _) = self.https().await?;
        http::get(
            stream,
            &self.authority(self.args.https_port, 443),
            path,
            self.args.timeout,
        )
        .await
    }

    async fn socket(&self) -> Result<signaling::Socket<TlsStream<TcpStream>>, String> {
        let (stream, _) = self.https().await?;
        signaling::upgrade(
            stream,
            &self.authority(self.args.https_port, 443),
            self.args.timeout,
        )
        .await
    }

    /// As it stands in a URL.
    fn authority(&self, port: u16, usual: u16) -> String {
        let host = if self.domain.contains(':') {
            format!("[{}]", self.domain)
        } else {
            self.domain.clone()
        };
        if port == usual {
            host
        } else {
            format!("{host}:{port}")
        }
    }
}

fn certificate(report: &mut Report, which: &str, name: &str, seen: &tls::Seen) {
    let check = format!("{which} of {name}");
    match tls::judge(seen, name) {
        Ok(detail) => report.good(&check, detail),
        Err((detail, advice)) => report.bad(&check, detail, &advice),
    }
}

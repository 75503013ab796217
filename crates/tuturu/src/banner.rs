//! What `tuturu serve` prints once it is ready: where to go, and what it is not.

use std::{
    fmt::Write as _,
    io::Write as _,
    net::{IpAddr, SocketAddr},
};

use anyhow::Context as _;

pub(crate) struct Banner {
    pub(crate) http: SocketAddr,
    pub(crate) https: Option<SocketAddr>,
    pub(crate) admin: SocketAddr,
    pub(crate) turn: SocketAddr,
    pub(crate) local: Vec<IpAddr>,
    /// Secrets were made at the start,
    pub(crate) generated: bool,
    /// and are kept.
    pub(crate) kept: bool,
    pub(crate) self_signed: bool,
    pub(crate) private_relay: bool,
}

impl Banner {
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(self.text().as_bytes())
            .and_then(|()| out.flush())
            .context("cannot print")
    }

    fn text(&self) -> String {
        let mut text = String::from("tuturu is ready.\n\n");
        let mut line = |name: &str, value: String| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "  {name:<10} {value}");
        };
        line("page", format!("http://{}/", self.reach(self.http)));
        if let Some(https) = self.https {
            line("page", format!("https://{}/", self.reach(https)));
            let outside = self.local.iter().filter(|_| https.ip().is_unspecified());
            for address in outside {
                line(
                    "page",
                    format!("https://{}/", SocketAddr::new(*address, https.port())),
                );
            }
        }
        line("relay", format!("turn:{}", self.turn));
        line("admin", format!("http://{}/metrics", self.admin));
        text.push_str("\nOpen the page in two browsers and type the same six digits in both.\n");
        text.push_str("\nThis is the quick way, not the way to run it for others:\n");
        for warning in self.warnings() {
            let _ = writeln!(text, "  - {warning}");
        }
        text
    }

    fn reach(&self, address: SocketAddr) -> String {
        if address.ip().is_unspecified() || address.ip().is_loopback() {
            format!("localhost:{}", address.port())
        } else {
            address.to_string()
        }
    }

    fn warnings(&self) -> Vec<&'static str> {
        let mut warnings =
            vec!["The relay is the built-in one: coturn carries more, and is proven."];
        if self.https.is_none() {
            warnings.push(
                "Plain http works only on this machine: browsers give the camera to secure \
                 pages. For phones and other machines start with --https.",
            );
        } else if self.self_signed {
            warnings.push(
                "The certificate is self-signed: browsers warn once before they open the page.",
            );
        }
        if self.generated && !self.kept {
            warnings.push(
                "Secrets were made at this start: calls cannot be resumed after the next one. \
                 Keep them with --state-dir.",
            );
        }
        if self.private_relay {
            warnings.push(
                "The relay also reaches private addresses, as --relay-allow-private-peers asks.",
            );
        }
        warnings
    }
}

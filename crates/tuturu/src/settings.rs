//! The variables of a deployment's `.env`: what each is for, and what is a good value.

use std::{net::Ipv4Addr, str::FromStr as _};

use clap::ValueEnum;
use service::config::Secret;

/// A variable, and the comment that stands above it.
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
}

/// All of them, in the order in which they are written.
pub(crate) const VARIABLES: [Variable; 11] = [
    Variable {
        name: "DOMAIN",
        what: "Name of the page: https://DOMAIN/. Its DNS record points to PUBLIC_IP.",
    },
    Variable {
        name: "TURN_DOMAIN",
        what: "Name of the relay, on the same machine and in the same certificate.",
    },
    Variable {
        name: "EMAIL",
        what: "Whom Let's Encrypt tells about the certificate; only TLS_MODE=letsencrypt needs it.",
    },
    Variable {
        name: "PUBLIC_IP",
        what: "IPv4 address under which callers reach this machine.",
    },
    Variable {
        name: "TLS_MODE",
        what: "self-signed (a first look), letsencrypt, or files (fullchain.pem and privkey.pem are yours).",
    },
    Variable {
        name: "COMPOSE_PROFILES",
        what: "Containers that not everybody needs: letsencrypt goes with TLS_MODE=letsencrypt.",
    },
    Variable {
        name: "TUTURU_TURN_SECRET",
        what: "Shared by the relay and the issuer of its credentials. A new one ends running relayed calls.",
    },
    Variable {
        name: "TUTURU_RESUME_SECRET",
        what: "Signs what lets a page resume its call after a restart of the server.",
    },
    Variable {
        name: "TUTURU_INTERNAL_TOKEN",
        what: "What the services show each other.",
    },
    Variable {
        name: "RELAY_MIN_PORT",
        what: "First UDP port of relayed calls; open it up to RELAY_MAX_PORT in the firewall.",
    },
    Variable {
        name: "RELAY_MAX_PORT",
        what: "Last UDP port of relayed calls: each relayed call takes one or two.",
    },
];

/// The variables that hold secrets.
pub(crate) const SECRETS: [&str; 3] = [
    "TUTURU_TURN_SECRET",
    "TUTURU_RESUME_SECRET",
    "TUTURU_INTERNAL_TOKEN",
];

/// The variables that may be missing or empty.
pub(crate) const OPTIONAL: [&str; 4] = [
    "EMAIL",
    "COMPOSE_PROFILES",
    "RELAY_MIN_PORT",
    "RELAY_MAX_PORT",
];

/// Where the certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsMode {
    /// Made by the server: browsers warn once. For a first look.
    SelfSigned,
    /// From Let's Encrypt, renewed by itself.
    Letsencrypt,
    /// Files that you provide and renew.
    Files,
}

impl TlsMode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SelfSigned => "self-signed",
            Self::Letsencrypt => "letsencrypt",
            Self::Files => "files",
        }
    }
}

/// A host name (RFC 1123), in lower case.
pub(crate) fn domain(text: &str) -> Result<String, String> {
    let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
    if name.contains("://") || name.contains('/') {
        return Err("only the name: without https:// and without a path".into());
    }
    if name.contains(':') {
        return Err("only the name, without a port".into());
    }
    if name.parse::<Ipv4Addr>().is_ok() {
        return Err("a name, not an address: certificates and TURN over TLS need one".into());
    }
    if !name.is_ascii() {
        return Err("write it in its ASCII form, which starts with xn--".into());
    }
    let good = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let whole = name == "localhost" || name.contains('.');
    if name.len() > 253 || !whole || !name.split('.').all(good) {
        return Err("a domain is like call.example.org".into());
    }
    Ok(name)
}

/// An e-mail address, as far as it matters to who writes to it.
pub(crate) fn email(text: &str) -> Result<String, String> {
    let text = text.trim();
    let good = |user: &str, host: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(&byte);
        !user.is_empty() && user.bytes().all(plain) && host.contains('.') && domain(host).is_ok()
    };
    match text.split_once('@') {
        Some((user, host)) if good(user, host) => Ok(text.to_owned()),
        _ => Err("an e-mail address is like you@example.org".into()),
    }
}

/// The relay is IPv4 only, so this is what callers need.
pub(crate) fn public_ip(text: &str) -> Result<Ipv4Addr, String> {
    let wrong = || "an IPv4 address is like 203.0.113.7".to_owned();
    let address: Ipv4Addr = text.trim().parse().map_err(|_| wrong())?;
    if address.is_unspecified() || address.is_multicast() || address.is_broadcast() {
        return Err("nobody can be reached there; it is like 203.0.113.7".into());
    }
    Ok(address)
}

/// A port of the relay.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port > 1023);
    port.ok_or_else(|| "a port is a number from 1024 to 65535".into())
}

pub(crate) fn tls_mode(text: &str) -> Result<TlsMode, String> {
    TlsMode::from_str(text, false).map_err(|_| "one of self-signed, letsencrypt, files".into())
}

/// A secret that nobody guesses, and that every file it is copied into takes as it is.
pub(crate) fn secret(text: &str) -> Result<(), String> {
    Secret::from_str(text)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-.".contains(&byte);
    if !text.bytes().all(plain) {
        return Err(
            "only letters, digits and + / = _ - . are safe in all files it is copied to: make \
             one with `openssl rand -hex 32`"
                .into(),
        );
    }
    let different: std::collections::BTreeSet<u8> = text.bytes().collect();
    if different.len() < 8 {
        return Err("it is too regular: make one with `openssl rand -hex 32`".into());
    }
    Ok(())
}

/// Why no public certificate is issued for that name; `None` when one may be.
pub(crate) fn not_public(domain: &str) -> Option<&'static str> {
    let last = domain.rsplit('.').next().unwrap_or_default();
    let reserved = [
        "localhost",
        "local",
        "test",
        "example",
        "invalid",
        "internal",
        "lan",
        "home",
        "arpa",
    ];
    let documentation = ["example.org", "example.com", "example.net"]
        .iter()
        .any(|name| domain == *name || domain.ends_with(&format!(".{name}")));
    (reserved.contains(&last) || documentation).then_some(
        "nobody issues certificates for this name: use one of your own, or TLS_MODE=self-signed",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_names() {
        assert_eq!(domain(" Call.Example.ORG. "), Ok("call.example.org".into()));
        assert_eq!(
            domain("xn--bcher-kva.example"),
            Ok("xn--bcher-kva.example".into())
        );
        assert!(domain("localhost").is_ok());
        for wrong in [
            "",
            "https://call.example.org",
            "call.example.org:443",
            "203.0.113.7",
            "call",
            "call..org",
            "-a.org",
            "a-.org",
            "bücher.example",
            "a b.org",
            "a_b.org",
            "a/b.org",
            "$(x).org",
        ] {
            assert!(domain(wrong).is_err(), "{wrong}");
        }
        assert!(domain("https://a.org").is_err_and(|why| why.contains("https://")));
    }

    #[test]
    fn addresses_of_people_and_machines() {
        assert!(email("ann+call@example.org").is_ok());
        for wrong in [
            "",
            "ann",
            "ann@",
            "@example.org",
            "a b@example.org",
            "ann@localhost",
            "a@b@c.org",
            "a'@b.org",
        ] {
            assert!(email(wrong).is_err(), "{wrong}");
        }
        assert!(public_ip("203.0.113.7").is_ok());
        for wrong in [
            "",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "2001:db8::1",
            "1.2.3",
        ] {
            assert!(public_ip(wrong).is_err(), "{wrong}");
        }
        assert!(port("1023").is_err() && port("65536").is_err() && port("49160").is_ok());
    }

    #[test]
    fn secrets_are_strong_and_plain() {
        assert!(secret("0f3a9b8c7d6e5f4a3b2c1d0e9f8a7b6c").is_ok());
        for wrong in [
            "",
            "short",
            "changeme-changeme",
            "abababababababababab",
            "0f3a9b8c7d6e5f4a$HOME",
            "0f3a9b8c 7d6e5f4a#12",
        ] {
            assert!(secret(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_that_no_authority_knows() {
        for name in ["localhost", "call.local", "call.test", "call.example.org"] {
            assert!(not_public(name).is_some(), "{name}");
        }
        assert!(not_public("call.example-shop.org").is_none());
    }
}

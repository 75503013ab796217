//! What `tuturu serve` would refuse: clap's part, and what only shows when the values are
//! put to use.

use std::path::Path;

use anyhow::Error;
use clap::{Args as _, Command, FromArgMatches as _};
use service::{
    config::{Secret, known_variables, mistakes as clap_mistakes, nearest, secret_or_file},
    log::LogArgs,
};
use static_asset::security::SecurityHeaders;

use super::Mistake;
use crate::{env_file, serve::ServeArgs, tls};

/// Variables of the services of their own, and of their images.
const ELSEWHERE: [&str; 9] = [
    "TUTURU_BINARIES",
    "TUTURU_ECHO_LISTEN",
    "TUTURU_INTERNAL_TOKEN",
    "TUTURU_INTERNAL_TOKEN_FILE",
    "TUTURU_ISSUER_LISTEN",
    "TUTURU_ISSUER_URL",
    "TUTURU_SIGNALING_LISTEN",
    "TUTURU_STATIC_LISTEN",
    "TUTURU_TAG",
];

pub(super) fn mistakes(values: &[(String, String)]) -> Vec<Mistake> {
    let command = LogArgs::augment_args(ServeArgs::augment_args(Command::new("tuturu")));
    let mut known = known_variables(&command);
    known.push("TUTURU_ROBOTS_FILE".into());
    known.extend(ELSEWHERE.map(str::to_owned));
    let mut found = Vec::new();
    for (name, value) in values {
        if name == "TUTURU_INTERNAL_TOKEN" {
            // Not of `tuturu serve`, but in the same file.
            if let Err(why) = value.parse::<Secret>() {
                found.push(Mistake::new(name, why));
            }
        }
        if !name.starts_with("TUTURU_") || known.contains(name) {
            continue;
        }
        let hint = nearest(name, &known, 4);
        let hint = hint.map_or_else(
            || " See docs/config.md".into(),
            |known| format!(" Did you mean {known}?"),
        );
        found.push(Mistake::new(name, format!("nothing reads it.{hint}")));
    }
    let (wrong, left) = clap_mistakes(&command, values);
    found.extend(wrong.iter().map(|(key, why)| Mistake::new(key, why)));
    if let Some(args) = left.and_then(|left| ServeArgs::from_arg_matches(&left).ok()) {
        found.extend(in_use(&args));
    }
    found
}

/// SECURITY: nothing is bound, written or asked for here.
fn in_use(args: &ServeArgs) -> Vec<Mistake> {
    let mut found = Vec::new();
    let mut check = |key: &str, outcome: Result<(), Error>| {
        if let Err(error) = outcome {
            let why = format!("{error:#}");
            // Most of these sentences begin with their key already.
            let (key, why) = match why.split_once([':', ' ']) {
                Some((first, rest)) if first.starts_with("TUTURU_") => (first, rest.trim_start()),
                _ => (key, why.as_str()),
            };
            found.push(Mistake::new(key, why));
        }
    };
    let signaling = &args.signaling;
    check(
        "TUTURU_TURN_SECRET",
        args.issuer.secrets().map(drop).map_err(Error::from),
    );
    let (value, file) = (
        signaling.resume_secret.as_ref(),
        signaling.resume_secret_file.as_deref(),
    );
    check(
        "TUTURU_RESUME_SECRET",
        secret_or_file(value, file, "TUTURU_RESUME_SECRET")
            .map(drop)
            .map_err(Error::from),
    );
    check(
        "TUTURU_ICE_PROVIDERS",
        args.issuer.providers().map(drop).map_err(Error::from),
    );
    check(
        "TUTURU_JWT_SECRET",
        signaling
            .dialects
            .jwt
            .verifier()
            .map(drop)
            .map_err(Error::from),
    );
    check(
        "TUTURU_WEB_CSP",
        SecurityHeaders::new(args.page.web_csp.as_deref(), false)
            .map(drop)
            .map_err(Error::from),
    );
    if args.tls.certificate.is_some() {
        let given = tls::TlsArgs {
            https: true,
            ..args.tls.clone()
        };
        check(
            "TUTURU_CERTIFICATE",
            tls::config(&given, None, &[]).map(drop),
        );
    }
    if let Some(file) = &signaling.dialects.robots_file {
        check(
            "TUTURU_ROBOTS_FILE",
            signaling::robots::RobotsFile::read(file)
                .map(drop)
                .map_err(Error::from),
        );
    }
    if let Some(folder) = args
        .page
        .web_root
        .as_ref()
        .filter(|folder| !folder.is_dir())
    {
        let why = anyhow::anyhow!("{} is no folder", folder.display());
        check("TUTURU_WEB_ROOT", Err(why));
    }
    let ports = [
        ("TUTURU_LISTEN", Some(args.listen)),
        (
            "TUTURU_HTTPS_LISTEN",
            args.tls.https.then_some(args.tls.https_listen),
        ),
        ("TUTURU_ADMIN_LISTEN", Some(args.admin.admin_listen)),
        ("TUTURU_TURN_LISTEN", Some(args.relay.turn_listen)),
    ];
    for (index, (name, address)) in ports.iter().enumerate() {
        let same = |(_, other): &&(&str, Option<std::net::SocketAddr>)| {
            let (Some(one), Some(other)) = (address, other) else {
                return false;
            };
            let meet =
                one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
            one.port() != 0 && one.port() == other.port() && meet
        };
        if let Some((other, _)) = ports[..index].iter().find(same) {
            check(
                name,
                Err(anyhow::anyhow!(
                    "it has the port of {other}: choose another one"
                )),
            );
        }
    }
    let private = [
        ("TUTURU_TURN_SECRET_FILE", &args.issuer.turn_secret_file),
        ("TUTURU_RESUME_SECRET_FILE", &signaling.resume_secret_file),
        ("TUTURU_ROBOTS_FILE", &signaling.dialects.robots_file),
        ("TUTURU_PRIVATE_KEY", &args.tls.private_key),
    ];
    for (name, file) in private {
        if let Some(file) = file.as_deref().filter(|file| is_exposed(file)) {
            let shown = file.display();
            check(
                name,
                Err(anyhow::anyhow!(
                    "others can read or write {shown}: chmod 600 {shown}"
                )),
            );
        }
    }
    found
}

/// Who starts containers and units decides on the modes of what is in these folders.
fn is_exposed(file: &Path) -> bool {
    let mounted = ["/run/secrets", "/run/credentials"];
    !mounted.iter().any(|folder| file.starts_with(folder)) && env_file::is_open_to_others(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(values: &[(&str, &str)]) -> Vec<String> {
        let values: Vec<_> = values
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        let mut keys: Vec<String> = mistakes(&values)
            .into_iter()
            .map(|mistake| mistake.key)
            .collect();
        keys.sort();
        keys
    }

    #[test]
    fn every_mistake_of_the_environment_at_once() {
        assert_eq!(keys(&[("PATH", "/bin"), ("TUTURU_HTTPS", "true")]), [""; 0]);
        let all = keys(&[
            ("TUTURU_LISTN", "x"),
            ("TUTURU_LISTEN", "nowhere"),
            ("TUTURU_TURN_SECRET", "changeme-changeme"),
            ("TUTURU_HTTPS", "maybe"),
            ("TUTURU_TURN_LISTEN", "0.0.0.0:9090"),
            ("TUTURU_ICE_PROVIDERS", "twilio"),
            ("TUTURU_WEB_ROOT", "/nonexistent"),
            ("TUTURU_LOG_LEVEL", "info"),
        ]);
        for key in [
            "TUTURU_LISTN",
            "TUTURU_LISTEN",
            "TUTURU_TURN_SECRET",
            "TUTURU_HTTPS",
            "TUTURU_TURN_LISTEN",
            "TUTURU_WEB_ROOT",
        ] {
            assert!(all.iter().any(|found| found == key), "{key}: {all:?}");
        }
        assert_eq!(all.len(), 7, "{all:?}");
    }
}

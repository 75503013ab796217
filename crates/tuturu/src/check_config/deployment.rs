//! The variables of a deployment's `.env`, each on its own and then together.

use service::config::nearest;

use super::Mistake;
use crate::{
    address,
    env_file::EnvFile,
    settings::{self, OPTIONAL, SECRETS, TlsMode, VARIABLES},
};

pub(super) fn mistakes(file: &EnvFile) -> Vec<Mistake> {
    let mut found = Vec::new();
    let value = |name| file.value(name);
    let known: Vec<String> = VARIABLES
        .iter()
        .map(|known| known.name.to_owned())
        .collect();
    for entry in &file.entries {
        if known.contains(&entry.name) || file.get(&entry.name) != Some(entry) {
            continue;
        }
        // Other names are those of images and the like: only a slip of the pen is a mistake.
        if let Some(meant) = nearest(&entry.name, &known, 2).filter(|meant| value(meant).is_none())
        {
            found.push(Mistake::new(
                &entry.name,
                format!("nothing reads it. Did you mean {meant}?"),
            ));
        }
    }
    let mut check = |name: &str, good: &dyn Fn(&str) -> Result<(), String>| match file.value(name) {
        Some(text) => {
            if let Err(why) = good(text) {
                let why = if SECRETS.contains(&name) {
                    why
                } else {
                    format!("'{text}': {why}")
                };
                found.push(Mistake::new(name, why));
            }
        }
        None if OPTIONAL.contains(&name) => {}
        None => found.push(Mistake::new(name, missing(name))),
    };
    check("DOMAIN", &|text| settings::domain(text).map(drop));
    check("TURN_DOMAIN", &|text| settings::domain(text).map(drop));
    check("EMAIL", &|text| settings::email(text).map(drop));
    check("PUBLIC_IP", &|text| settings::public_ip(text).map(drop));
    check("TLS_MODE", &|text| settings::tls_mode(text).map(drop));
    check("RELAY_MIN_PORT", &|text| settings::port(text).map(drop));
    check("RELAY_MAX_PORT", &|text| settings::port(text).map(drop));
    for name in SECRETS {
        check(name, &|text| settings::secret(text));
    }
    together(file, &mut found);
    found
}

fn together(file: &EnvFile, found: &mut Vec<Mistake>) {
    let domain = file
        .value("DOMAIN")
        .and_then(|text| settings::domain(text).ok());
    let turn = file
        .value("TURN_DOMAIN")
        .and_then(|text| settings::domain(text).ok());
    if file
        .value("TLS_MODE")
        .and_then(|text| settings::tls_mode(text).ok())
        == Some(TlsMode::Letsencrypt)
    {
        if file.value("EMAIL").is_none() {
            found.push(Mistake::new("EMAIL", "TLS_MODE=letsencrypt needs one: it is told when the certificate is about to expire"));
        }
        for (name, value) in [("DOMAIN", &domain), ("TURN_DOMAIN", &turn)] {
            if let Some(why) = value.as_deref().and_then(settings::not_public) {
                found.push(Mistake::new(name, why));
            }
        }
        let address = file
            .value("PUBLIC_IP")
            .and_then(|text| settings::public_ip(text).ok());
        if let Some(address) = address.filter(|address| !address::is_global(*address)) {
            let why = format!(
                "'{address}' is not a public address: Let's Encrypt cannot reach it, nor can callers"
            );
            found.push(Mistake::new("PUBLIC_IP", why));
        }
    }
    let port = |name| file.value(name).and_then(|text| settings::port(text).ok());
    if let (Some(first), Some(last)) = (port("RELAY_MIN_PORT"), port("RELAY_MAX_PORT")) {
        if first > last {
            found.push(Mistake::new(
                "RELAY_MAX_PORT",
                format!("it is below RELAY_MIN_PORT={first}: 49160 to 49959 is usual"),
            ));
        } else if (first..=last).contains(&3478) {
            found.push(Mistake::new(
                "RELAY_MIN_PORT",
                "3478 is within the range, and TURN itself listens there: 49160 to 49959 is usual",
            ));
        } else if last - first < 9 {
            found.push(Mistake::new(
                "RELAY_MAX_PORT",
                "fewer than ten ports: the fifth relayed call may fail. 49160 to 49959 is usual",
            ));
        }
    }
    for (index, name) in SECRETS.iter().enumerate() {
        let same =
            |other: &&&str| file.value(name).is_some() && file.value(other) == file.value(name);
        if let Some(other) = SECRETS[..index].iter().find(same) {
            found.push(Mistake::new(
                name,
                format!(
                    "it is the same as {other}: make one of its own with `openssl rand -hex 32`"
                ),
            ));
        }
    }
}

fn missing(name: &str) -> String {
    let what = VARIABLES
        .iter()
        .find(|known| known.name == name)
        .map_or("", |known| known.what);
    let make = if SECRETS.contains(&name) {
        "make one with `openssl rand -hex 32`, or all with `tuturu init`"
    } else {
        "`tuturu init --force` asks for it"
    };
    format!("is missing: {make}. {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "DOMAIN=call.tuturu.dev\nTURN_DOMAIN=turn.call.tuturu.dev\nEMAIL=you@tuturu.dev\n\
        PUBLIC_IP=203.0.113.7\nTLS_MODE=letsencrypt\nTUTURU_TURN_SECRET=0f3a9b8c7d6e5f4a3b2c1d0e\n\
        TUTURU_RESUME_SECRET=1f3a9b8c7d6e5f4a3b2c1d0e\nTUTURU_INTERNAL_TOKEN=2f3a9b8c7d6e5f4a3b2c1d0e\n\
        RELAY_MIN_PORT=49160\nRELAY_MAX_PORT=49259\nCOTURN_IMAGE=coturn/coturn\n";

    fn keys(text: &str) -> Vec<String> {
        let mut keys: Vec<String> = mistakes(&EnvFile::parse(text))
            .into_iter()
            .map(|mistake| mistake.key)
            .collect();
        keys.sort();
        keys
    }

    fn with(change: (&str, &str)) -> Vec<String> {
        let text = GOOD.replace(change.0, change.1);
        assert_ne!(text, GOOD, "{change:?} changes something");
        keys(&text)
    }

    #[test]
    fn a_good_one_and_each_way_to_spoil_it() {
        assert_eq!(keys(GOOD), [""; 0]);
        for (change, wrong) in [
            (
                (
                    "DOMAIN=call.tuturu.dev\nTURN_",
                    "DOMAIN=https://call.tuturu.dev\nTURN_",
                ),
                "DOMAIN",
            ),
            (("turn.call.tuturu.dev", "turn.call.local"), "TURN_DOMAIN"),
            (("EMAIL=you@tuturu.dev", "EMAIL="), "EMAIL"),
            (("203.0.113.7", "192.168.1.5"), "PUBLIC_IP"),
            (("=letsencrypt", "=lets-encrypt"), "TLS_MODE"),
            (
                ("=0f3a9b8c7d6e5f4a3b2c1d0e", "=changeme-changeme-changeme"),
                "TUTURU_TURN_SECRET",
            ),
            (("=1f3a", "=0f3a"), "TUTURU_RESUME_SECRET"),
            (
                ("TUTURU_INTERNAL_TOKEN=2f3a9b8c7d6e5f4a3b2c1d0e\n", ""),
                "TUTURU_INTERNAL_TOKEN",
            ),
            (("=49160", "=80"), "RELAY_MIN_PORT"),
            (("=49160", "=3000"), "RELAY_MIN_PORT"),
            (("=49259", "=49000"), "RELAY_MAX_PORT"),
            (("=49259", "=49161"), "RELAY_MAX_PORT"),
        ] {
            assert_eq!(with(change), [wrong], "{change:?}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_named_and_no_secret_is_repeated() {
        assert_eq!(
            with(("PUBLIC_IP=", "PUBLIC_PI=")),
            ["PUBLIC_IP", "PUBLIC_PI"]
        );
        let spoilt = GOOD.replace("=0f3a9b8c7d6e5f4a3b2c1d0e", "=hunter2");
        let said = format!("{:?}", mistakes(&EnvFile::parse(&spoilt)));
        assert!(
            said.contains("TUTURU_TURN_SECRET") && !said.contains("hunter2"),
            "{said}"
        );
    }

    #[test]
    fn everything_is_said_at_once() {
        assert_eq!(
            keys("").len(),
            VARIABLES.len() - OPTIONAL.len(),
            "all that is needed"
        );
    }
}

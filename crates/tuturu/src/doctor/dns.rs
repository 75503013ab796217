//! Whether the names lead anywhere, and to the same machine.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use tokio::{net::lookup_host, time::timeout};

use super::report::Report;

/// Looks one name up.
pub(super) async fn check(
    report: &mut Report,
    name: &str,
    expected: Option<Ipv4Addr>,
    patience: Duration,
) {
    let check = format!("DNS of {name}");
    let found = match timeout(patience, lookup_host((name, 0))).await {
        Ok(Ok(found)) => found.map(|address| address.ip().to_canonical()).collect(),
        Ok(Err(_)) => BTreeSet::new(),
        Err(_) => {
            report.bad(
                &check,
                "no answer in time",
                "check the resolver of this machine",
            );
            return;
        }
    };
    let outcome = judge(&found, expected);
    let advice = match expected {
        Some(address) => format!("set its A record to {address} and wait until it has spread"),
        None => "add an A record with the server's address and wait until it has spread".to_owned(),
    };
    report.outcome(&check, outcome, &advice);
}

fn judge(found: &BTreeSet<IpAddr>, expected: Option<Ipv4Addr>) -> Result<String, String> {
    if found.is_empty() {
        return Err("it has no address".to_owned());
    }
    let all: Vec<String> = found.iter().map(ToString::to_string).collect();
    let all = all.join(", ");
    if !found.iter().any(IpAddr::is_ipv4) {
        return Err(format!(
            "only IPv6 ({all}): the relay and many callers have IPv4 only"
        ));
    }
    match expected {
        Some(expected) if !found.contains(&IpAddr::V4(expected)) => {
            Err(format!("{all}, not {expected}"))
        }
        _ => Ok(all),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_the_server() {
        let found = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let server = Some(Ipv4Addr::new(203, 0, 113, 7));
        assert!(judge(&found(&["203.0.113.7"]), server).is_ok());
        assert!(judge(&found(&["203.0.113.7", "2001:db8::1"]), None).is_ok());
        assert!(
            judge(&found(&["203.0.113.8"]), server)
                .is_err_and(|why| why.contains("not 203.0.113.7"))
        );
        assert!(judge(&found(&["2001:db8::1"]), None).is_err());
        assert!(judge(&found(&[]), None).is_err());
    }
}

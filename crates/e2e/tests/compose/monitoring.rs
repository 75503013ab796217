//! The Prometheus of the deployment finds every service.

use anyhow::{Context as _, Result, ensure};
use e2e::get_until;
use serde_json::Value;

use crate::deployment::Deployment;

/// Asks until there is an answer that is as wanted.
async fn answers(
    here: &Deployment,
    query: &str,
    wanted: impl Fn(&[Value]) -> bool,
) -> Result<Vec<Value>> {
    let encoded: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let path = format!("/api/v1/query?query={encoded}");
    let results = |text: &str| {
        let answer: Value = serde_json::from_str(text).unwrap_or_default();
        answer["data"]["result"].as_array().cloned()
    };
    let good = |text: &str| results(text).is_some_and(|found| wanted(&found));
    let text = get_until(&here.prometheus, &path, good)
        .await
        .with_context(|| query.to_owned())?;
    results(&text).context("no results")
}

/// Every target is up, and every rule can be computed.
pub(crate) async fn sees_every_service(here: &Deployment) -> Result<()> {
    answers(here, "up == 1", |up| up.len() == 4).await?;
    let down = answers(here, "up", |_| true).await?;
    ensure!(down.len() == 4, "targets that are down: {down:?}");
    let healthy = |text: &str| {
        let answer: Value = serde_json::from_str(text).unwrap_or_default();
        let rules = answer["data"]["groups"][0]["rules"].as_array().cloned();
        rules.is_some_and(|rules| {
            rules.len() >= 8 && rules.iter().all(|rule| rule["health"] == "ok")
        })
    };
    get_until(&here.prometheus, "/api/v1/rules", healthy).await?;
    Ok(())
}

/// Nobody has called yet, and Prometheus knows.
pub(crate) async fn sees_no_call(here: &Deployment) -> Result<()> {
    let none = |found: &[Value]| found.len() == 1 && found[0]["value"][1] == "0";
    answers(here, "sum(tuturu_signaling_calls_started_total)", none).await?;
    Ok(())
}

/// The call was counted, its sockets are, and the certificate that is served has long to go.
pub(crate) async fn sees_a_call(here: &Deployment) -> Result<()> {
    for query in [
        "sum(tuturu_signaling_calls_started_total) > 0",
        "sum(tuturu_signaling_sockets) > 1",
        "tuturu_certificate_expiry_timestamp_seconds - time() > 86400",
    ] {
        answers(here, query, |found| !found.is_empty()).await?;
    }
    Ok(())
}

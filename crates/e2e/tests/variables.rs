//! What docker-compose.yml passes on is what its services read, and what may be set is
//! explained.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context as _, Result, ensure};
use e2e::binary;
use serde::Deserialize;
use tokio::process::Command;

#[derive(Deserialize)]
struct Compose {
    services: BTreeMap<String, Service>,
}

#[derive(Deserialize)]
struct Service {
    /// A variable without a value is passed on as it is.
    #[serde(default)]
    environment: BTreeMap<String, Option<String>>,
}

const FILES: [&str; 2] = ["docker-compose.yml", "deploy/compose.coturn-bridge.yml"];

/// What a service reads and no operator of the containers needs: nginx does it, or there is
/// no such folder in the image.
const NOT_PASSED_ON: [&str; 3] = ["TUTURU_HSTS", "TUTURU_WEB_ROOT", "TUTURU_ROBOTS_FILE"];

fn read(name: &str) -> Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(name)).with_context(|| name.to_owned())
}

fn compose(name: &str) -> Result<Compose> {
    serde_saphyr::from_str(&read(name)?).with_context(|| name.to_owned())
}

/// The variables that a service's `--help` names.
async fn reads(service: &str) -> Result<BTreeSet<String>> {
    let help = Command::new(binary(service)?)
        .arg("--help")
        .output()
        .await?;
    let help = String::from_utf8(help.stdout)?;
    let named = help.split("[env: ").skip(1);
    let names = named.filter_map(|rest| rest.split(['=', ']']).next());
    Ok(names.map(ToOwned::to_owned).collect())
}

/// The variables between `${` and what ends a name.
fn asked_for(text: &str) -> BTreeSet<&str> {
    let rests = text.split("${").skip(1);
    let end = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    rests.filter_map(|rest| rest.split(end).next()).collect()
}

/// The variables that `.env.example` shows, commented out or not.
fn shown(example: &str) -> BTreeSet<&str> {
    let lines = example.lines().map(|line| line.trim_start_matches('#'));
    let names = lines.filter_map(|line| Some(line.split_once('=')?.0));
    let name = |text: &&str| {
        text.chars()
            .all(|c| c.is_ascii_uppercase() || "_0123456789".contains(c))
    };
    names.filter(name).collect()
}

#[tokio::test]
async fn services_are_given_what_they_read_and_all_of_it() -> Result<()> {
    let compose = compose("docker-compose.yml")?;
    for name in ["signaling", "credential-issuer", "static-asset", "echo"] {
        let given = &compose.services[name].environment;
        let read = reads(name).await?;
        ensure!(read.len() > 10, "{name} reads {read:?}");
        for variable in given.keys() {
            ensure!(read.contains(variable), "{name} does not read {variable}");
        }
        for variable in &read {
            // Secrets come from .env: there are no files in these images.
            let needless =
                variable.ends_with("_FILE") || NOT_PASSED_ON.contains(&variable.as_str());
            ensure!(
                needless || given.contains_key(variable),
                "{name} is not given {variable}"
            );
        }
    }
    Ok(())
}

#[test]
fn entry_points_read_what_they_are_given() -> Result<()> {
    let compose = compose("docker-compose.yml")?;
    for name in ["nginx", "coturn", "certbot"] {
        let entrypoint = read(&format!("{name}/entrypoint"))?;
        let given = &compose.services[name].environment;
        ensure!(given.len() > 3, "{name}: {given:?}");
        for variable in given.keys() {
            let uses = [format!("${variable}"), format!("${{{variable}:")];
            let read = uses.iter().any(|it| entrypoint.contains(it.as_str()));
            ensure!(read, "{name} does not read {variable}");
        }
    }
    Ok(())
}

#[test]
fn what_may_be_set_is_explained_and_what_is_explained_may_be_set() -> Result<()> {
    let (example, table) = (read(".env.example")?, read("docs/config.md")?);
    let shown = shown(&example);
    let mut read_by_somebody = BTreeSet::new();
    for file in FILES {
        let (text, compose) = (read(file)?, compose(file)?);
        let asked = asked_for(&text);
        ensure!(!asked.is_empty(), "{file} asks for nothing");
        for variable in asked {
            ensure!(
                shown.contains(variable),
                "{file}: .env.example does not show {variable}"
            );
            read_by_somebody.insert(variable.to_owned());
        }
        for (name, service) in compose.services {
            let passed = service
                .environment
                .into_iter()
                .filter(|(_, value)| value.is_none());
            for (variable, _) in passed {
                let row = format!("`{variable}`");
                let explained = shown.contains(variable.as_str()) || table.contains(&row);
                ensure!(
                    explained,
                    "{name}: docs/config.md does not explain {variable}"
                );
                read_by_somebody.insert(variable);
            }
        }
    }
    for variable in shown {
        // Compose reads these itself.
        let by_compose = variable.starts_with("COMPOSE_");
        ensure!(
            by_compose || read_by_somebody.contains(variable),
            "nothing reads {variable}"
        );
    }
    Ok(())
}

/// What is commented out is shown with its default; only `certs` is no folder but a volume.
#[test]
fn what_is_commented_out_is_the_default() -> Result<()> {
    let (example, compose) = (read(".env.example")?, read("docker-compose.yml")?);
    let defaults = compose.split("${").skip(1).filter_map(|rest| {
        let (asked, _) = rest.split_once('}')?;
        asked.split_once(":-")
    });
    let defaults: BTreeMap<_, _> = defaults.filter(|(name, _)| *name != "CERTS_DIR").collect();
    ensure!(defaults.len() > 20, "{defaults:?}");
    for (name, default) in defaults {
        let lines = example
            .lines()
            .map(|line| line.trim_start_matches('#').split_once('='));
        let shown = lines.flatten().find(|(shown, _)| *shown == name);
        ensure!(
            shown.is_some_and(|(_, value)| value == default),
            "{name} is {default} in docker-compose.yml, and shown as {shown:?}"
        );
    }
    Ok(())
}

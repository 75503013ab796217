//! `make install` into a folder of its own, and the units that it puts there.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where this test's own programs are built.
fn target() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_tuturu"));
    program.ancestors().nth(2).unwrap().to_owned()
}

fn make(arguments: &[&str]) -> Output {
    let output = Command::new("make")
        .args(arguments)
        .arg("PROFILE=dev")
        .current_dir(repository())
        .env("CARGO", env!("CARGO"))
        .env("CARGO_TARGET_DIR", target())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "make {arguments:?}: {said}");
    output
}

fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap();
                found.insert(name.to_str().unwrap().to_owned());
            }
        }
    }
    found
}

#[test]
fn everything_is_where_the_units_look_for_it() {
    make(&["build"]);
    let folder = tempfile::tempdir().unwrap();
    let destination = format!("DESTDIR={}", folder.path().display());
    make(&["install", "PREFIX=/opt/tuturu", &destination]);
    let installed = folder.path().join("opt/tuturu");
    let expected = [
        "bin/tuturu",
        "lib/systemd/system/tuturu-credential-issuer.service",
        "lib/systemd/system/tuturu-echo.service",
        "lib/systemd/system/tuturu-signaling.service",
        "lib/systemd/system/tuturu-static-asset.service",
        "lib/systemd/system/tuturu.service",
        "libexec/tuturu/credential-issuer",
        "libexec/tuturu/echo",
        "libexec/tuturu/signaling",
        "libexec/tuturu/static-asset",
    ];
    assert_eq!(files(&installed), expected.map(str::to_owned).into());
    for name in expected.iter().filter(|name| name.ends_with(".service")) {
        let unit = fs::read_to_string(installed.join(name)).unwrap();
        let start = unit
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart="))
            .unwrap();
        let program = start.split(' ').next().unwrap();
        let program = folder.path().join(program.trim_start_matches('/'));
        assert_eq!(
            fs::metadata(&program).unwrap().permissions().mode() & 0o777,
            0o755
        );
        let help = Command::new(&program).arg("--help").output().unwrap();
        assert!(help.status.success(), "{program:?} runs");
        understood(
            &unit,
            &program,
            &start.split(' ').skip(1).collect::<Vec<_>>(),
        );
    }
}

/// The program knows every variable that its unit sets, and takes its value: it gets as far as
/// asking for help, which an unknown variable would have ended.
fn understood(unit: &str, program: &Path, arguments: &[&str]) {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("secret"), "0123456789abcdef0123").unwrap();
    let variables: Vec<(String, String)> = unit
        .lines()
        .filter_map(|line| line.strip_prefix("Environment=")?.split_once('='))
        .map(|(name, value)| {
            let value = if value.starts_with("%d/") {
                state.path().join("secret").to_str().unwrap().to_owned()
            } else {
                value.replace("%S", state.path().to_str().unwrap())
            };
            (name.to_owned(), value)
        })
        .collect();
    assert!(!variables.is_empty());
    let run = |extra: Option<(&str, &str)>| {
        let mut command = Command::new(program);
        command.args(arguments).arg("--help").env_clear();
        let variables = variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        command
            .envs(variables.chain(extra))
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(run(None), Some(0), "{program:?} {variables:?}");
    assert_eq!(
        run(Some(("TUTURU_NO_SUCH_THING", "x"))),
        Some(78),
        "{program:?}"
    );
    // And `tuturu check-config` knows them as well.
    let file = state.path().join("unit.env");
    let lines: Vec<String> = variables
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    fs::write(&file, lines.join("\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(
        state.path().join("secret"),
        fs::Permissions::from_mode(0o600),
    )
    .unwrap();
    let check = Command::new(env!("CARGO_BIN_EXE_tuturu"))
        .args(["check-config", "--file"])
        .arg(&file)
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success(), "{said}");
}

#[test]
fn nothing_is_installed_before_it_is_built() {
    let (folder, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let output = Command::new("make")
        .args(["install", &format!("DESTDIR={}", folder.path().display())])
        .current_dir(repository())
        .env("CARGO_TARGET_DIR", empty.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("make build"));
    assert!(files(folder.path()).is_empty());
}

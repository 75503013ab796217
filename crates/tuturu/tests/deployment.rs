//! `tuturu init` and `tuturu check-config` as people run them.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn run(
    folder: &Path,
    arguments: &[&str],
    input: &str,
    variables: &[(&str, &str)],
) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tuturu"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TUTURU_") {
            command.env_remove(name);
        }
    }
    let mut child = command
        .args(arguments)
        .current_dir(folder)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without reading it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), text)
}

fn value(file: &Path, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}=")));
    line.unwrap_or_else(|| panic!("{name}: {text}")).to_owned()
}

fn made(folder: &Path) -> PathBuf {
    let (code, text) = run(
        folder,
        &[
            "init",
            "--domain",
            "call.tuturu.dev",
            "--email",
            "ann@tuturu.dev",
            "--public-ip",
            "203.0.113.7",
            "--yes",
        ],
        "",
        &[],
    );
    assert_eq!(code, Some(0), "{text}");
    for needle in [
        "call.tuturu.dev.       A  203.0.113.7",
        "turn.call.tuturu.dev.  A  203.0.113.7",
        "3478/tcp+udp",
        "49160-49959/udp",
        "docker compose up -d --build",
        "tuturu doctor call.tuturu.dev",
    ] {
        assert!(text.contains(needle), "{needle}: {text}");
    }
    folder.join(".env")
}

#[test]
fn two_answers_make_a_file_that_is_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let input = "https://call.tuturu.dev\ncall.tuturu.dev\nann@tuturu.dev\n";
    let (code, text) = run(
        folder.path(),
        &["init", "--public-ip", "203.0.113.7"],
        input,
        &[],
    );
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("without https://"), "{text}");
    let file = folder.path().join(".env");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for (name, expected) in [
        ("DOMAIN", "call.tuturu.dev"),
        ("TURN_DOMAIN", "turn.call.tuturu.dev"),
        ("EMAIL", "ann@tuturu.dev"),
        ("PUBLIC_IP", "203.0.113.7"),
        ("TLS_MODE", "letsencrypt"),
        ("RELAY_MIN_PORT", "49160"),
        ("RELAY_MAX_PORT", "49959"),
        ("COMPOSE_PROFILES", "letsencrypt"),
    ] {
        assert_eq!(value(&file, name), expected);
    }
    let (code, text) = run(folder.path(), &["check-config", "--file", ".env"], "", &[]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing else is left behind"
    );
}

/// The other way to it is `deploy/new-env`, which fills in `.env.example`.
#[test]
fn what_it_writes_is_what_the_containers_read() {
    let folder = tempfile::tempdir().unwrap();
    let example = include_str!("../../../.env.example");
    let explained = |name: &str| {
        let names = example.lines().map(|line| line.trim_start_matches('#'));
        names
            .filter_map(|line| line.split_once('='))
            .any(|(known, _)| known == name)
    };
    let written = fs::read_to_string(made(folder.path())).unwrap();
    let lines = written.lines().filter(|line| !line.starts_with('#'));
    let names: Vec<_> = lines.filter_map(|line| line.split_once('=')).collect();
    assert!(names.len() > 8, "{written}");
    for (name, _) in names {
        assert!(explained(name), "nothing reads {name}");
    }
}

#[test]
fn without_answers_it_names_the_flag_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["init"][..], &["init", "--yes"]] {
        let (code, text) = run(folder.path(), arguments, "", &[]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("--domain"), "{text}");
    }
    let (code, text) = run(
        folder.path(),
        &["init", "--domain", "203.0.113.7", "--yes"],
        "",
        &[],
    );
    assert_eq!(code, Some(78), "{text}");
    let letsencrypt = [
        "init",
        "--domain",
        "call.local",
        "--email",
        "ann@tuturu.dev",
        "--yes",
    ];
    assert_eq!(run(folder.path(), &letsencrypt, "", &[]).0, Some(1));
    assert_eq!(run(folder.path(), &["init", "--dance"], "", &[]).0, Some(2));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_exists_is_left_alone_and_force_keeps_the_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = made(folder.path());
    let before = fs::read_to_string(&file).unwrap();
    for arguments in [&["init"][..], &["init", "--yes"]] {
        let (code, text) = run(folder.path(), arguments, "y\n", &[]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("--force"), "{text}");
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
    }
    fs::write(
        &file,
        before.replace("=49959", "=49300") + "COTURN_IMAGE=mine # why\n",
    )
    .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let secret = value(&file, "TUTURU_TURN_SECRET");
    let again = ["init", "--force", "--yes", "--domain", "neu.tuturu.dev"];
    let (code, text) = run(folder.path(), &again, "", &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains(&secret), "secrets are not shown");
    assert_eq!(value(&file, "TUTURU_TURN_SECRET"), secret);
    assert_eq!(value(&file, "TURN_DOMAIN"), "turn.neu.tuturu.dev");
    assert_eq!(value(&file, "EMAIL"), "ann@tuturu.dev");
    assert_eq!(value(&file, "TLS_MODE"), "letsencrypt");
    assert_eq!(value(&file, "RELAY_MAX_PORT"), "49300");
    assert_eq!(value(&file, "COTURN_IMAGE"), "mine");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_file_that_cannot_be_understood_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = made(folder.path());
    let spoilt = fs::read_to_string(&file)
        .unwrap()
        .replace("TUTURU_TURN_SECRET=", "TUTURU_TURN_SECRET ");
    fs::write(&file, &spoilt).unwrap();
    let (code, text) = run(folder.path(), &["init", "--force", "--yes"], "", &[]);
    assert_eq!(code, Some(1), "{text}");
    assert_eq!(fs::read_to_string(&file).unwrap(), spoilt);
}

#[test]
fn every_mistake_of_a_file_is_a_line_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = made(folder.path());
    let secret = value(&file, "TUTURU_TURN_SECRET");
    let spoilt = fs::read_to_string(&file)
        .unwrap()
        .replace(
            &format!("TUTURU_TURN_SECRET={secret}"),
            "TUTURU_TURN_SECRET=hunter2",
        )
        .replace("PUBLIC_IP=203.0.113.7", "PUBLIC_PI=203.0.113.7")
        .replace("=letsencrypt", "=lets encrypt")
        + "TUTURU_LISTEN=nowhere\n";
    fs::write(&file, spoilt).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let (code, text) = run(folder.path(), &["check-config", "--file", ".env"], "", &[]);
    assert_eq!(code, Some(78), "{text}");
    for needle in [
        "chmod 600 .env",
        "TUTURU_TURN_SECRET (.env:",
        "PUBLIC_IP (.env): is missing",
        "Did you mean PUBLIC_IP?",
        "TLS_MODE (.env:",
        "TUTURU_LISTEN (.env:",
    ] {
        assert_eq!(text.matches(needle).count(), 1, "{needle}: {text}");
    }
    assert_eq!(text.lines().count(), 7, "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let (code, text) = run(folder.path(), &["check-config", "--file", "none"], "", &[]);
    assert_eq!(code, Some(78));
    assert!(text.contains("tuturu init"), "{text}");
}

#[test]
fn the_environment_of_serve_is_checked_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["check-config"], "", &[]).0, Some(0));
    let secret = folder.path().join("secret");
    fs::write(&secret, "0123456789abcdef0123").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o604)).unwrap();
    let variables = [
        ("TUTURU_LISTN", "x"),
        ("TUTURU_LISTEN", "nowhere"),
        ("TUTURU_RELAY_PORTS", "9-1"),
        ("TUTURU_TURN_SECRET_FILE", secret.to_str().unwrap()),
        ("TUTURU_LOG_LEVEL", "info"),
    ];
    let (code, text) = run(folder.path(), &["check-config"], "", &variables);
    assert_eq!(code, Some(78), "{text}");
    assert_eq!(text.lines().count(), 5, "{text}");
    for needle in [
        "TUTURU_LISTN (environment)",
        "TUTURU_LISTEN (environment)",
        "TUTURU_RELAY_PORTS (",
        "chmod 600",
    ] {
        assert!(text.contains(needle), "{needle}: {text}");
    }
    let (code, help) = run(folder.path(), &["check-config", "--help"], "", &variables);
    assert!(code == Some(0) && help.contains("Exit codes"), "{help}");
    let (code, help) = run(folder.path(), &["init", "--help"], "", &[]);
    assert!(code == Some(0) && help.contains("Examples:"), "{help}");
}

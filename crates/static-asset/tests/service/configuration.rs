//! What is configured wrong is one clear line, and what is configured is done.

use std::process::Output;

use crate::support::{Server, command};

fn refused(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = command().args(arguments).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(
        (status.code(), said.lines().count()),
        (Some(78), 1),
        "{said}"
    );
    said
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    assert!(refused(&["--web-root", "/nowhere/page"]).contains("/nowhere/page"));
    assert!(refused(&["--web-root", "/etc/passwd"]).contains("TUTURU_WEB_ROOT"));
}

#[test]
fn a_policy_that_is_no_header_is_refused() {
    assert!(refused(&["--web-csp", "default-src\n'self'"]).contains("TUTURU_WEB_CSP"));
}

#[test]
fn the_policy_of_another_page_replaces_ours() {
    let header = "content-security-policy";
    let root = tempfile::tempdir().unwrap();
    let root = root.path().to_str().unwrap();
    let own = [
        "--web-root",
        root,
        "--web-csp",
        "default-src 'self'",
        "--hsts",
    ];
    let answer = Server::start(&own).get("/", "");
    assert_eq!(answer.header(header), Some("default-src 'self'"));
    assert!(answer.header("strict-transport-security").is_some());

    let answer = Server::start(&["--web-root", root, "--web-csp", "none"]).get("/", "");
    assert_eq!(answer.header(header), None);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

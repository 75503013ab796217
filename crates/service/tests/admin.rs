//! The admin listener: life, readiness and metrics.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod kit;

use std::process::Stdio;

use kit::ask;
use service::{
    admin::Admin,
    shutdown::{Shutdown, Trigger},
};
use tokio::{io::AsyncWriteExt as _, net::TcpListener, process::Command};

async fn start(admin: Admin) -> (String, Trigger) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (trigger, shutdown) = Shutdown::manual();
    tokio::spawn(admin.serve(listener, shutdown));
    (address, trigger)
}

#[tokio::test]
async fn life_is_what_the_checks_say_in_time() {
    let mut admin = Admin::new().unwrap();
    let (alive, is_alive) = tokio::sync::watch::channel(Some(true));
    admin.live_when("hub", move || {
        let alive = *is_alive.borrow();
        async move {
            match alive {
                Some(alive) => alive,
                None => std::future::pending().await,
            }
        }
    });
    let (address, _trigger) = start(admin).await;
    assert!(ask(&address, "/live").await.starts_with("HTTP/1.1 200"));
    for dead in [Some(false), None] {
        alive.send_replace(dead);
        let answer = ask(&address, "/live").await;
        assert!(
            answer.starts_with("HTTP/1.1 503") && answer.ends_with("hub\n"),
            "{dead:?}: {answer}"
        );
    }
}

#[tokio::test]
async fn readiness_is_switched_on_and_ends_with_the_wish_to_stop() {
    let admin = Admin::new().unwrap();
    let ready = admin.readiness();
    let (address, trigger) = start(admin).await;
    assert!(ask(&address, "/ready").await.starts_with("HTTP/1.1 503"));
    ready.set(true);
    assert!(ask(&address, "/ready").await.starts_with("HTTP/1.1 200"));
    trigger.request();
    // While requests and calls end, it can still be watched.
    assert!(ask(&address, "/ready").await.starts_with("HTTP/1.1 503"));
    assert!(ask(&address, "/live").await.starts_with("HTTP/1.1 200"));
    assert!(ask(&address, "/metrics").await.starts_with("HTTP/1.1 200"));
    assert!(ask(&address, "/else").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn metrics_are_as_prometheus_wants_them() {
    let (address, _trigger) = start(Admin::new().unwrap()).await;
    let answer = ask(&address, "/metrics").await;
    let text = answer.split_once("\r\n\r\n").unwrap().1;
    for name in [
        "tuturu_build_info{version=\"",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
    ] {
        let line = |line: &str| line.starts_with(name);
        assert!(text.lines().any(line), "{name}: {text}");
    }
    let verdict = promtool(text).await;
    assert!(verdict.status.success(), "{verdict:?}");
    // A negative control: the tool does object.
    let verdict = promtool("# TYPE connects counter\nconnects 1\n").await;
    assert!(!verdict.status.success(), "{verdict:?}");
}

/// Prometheus' own opinion.
async fn promtool(text: &str) -> std::process::Output {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is missing: apt-get install prometheus");
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(text.as_bytes()).await.unwrap();
    drop(input);
    promtool.wait_with_output().await.unwrap()
}

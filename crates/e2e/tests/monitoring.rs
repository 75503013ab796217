//! What Prometheus and Grafana are told to watch is what the services really tell.

use std::{collections::BTreeSet, path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, ensure};
use e2e::{Server, Service, get, get_until};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};
use tokio_tungstenite::{client_async, tungstenite::Message};

/// Most series of one service: what a small Prometheus keeps without being noticed.
const SERIES: usize = 300;
const TOKEN: &str = "the internal token of the tests";

/// The services as they run in compose, and `tuturu serve`.
struct Services {
    signaling: Service,
    issuer: Service,
    page: Service,
    echo: Service,
    all_in_one: Server,
}

impl Services {
    async fn start() -> Result<Self> {
        let issuer = Service::start(
            "credential-issuer",
            &[
                "--internal-token",
                TOKEN,
                "--ice-providers=cloudflare,coturn",
                "--cloudflare-turn-key-id=key",
                "--cloudflare-turn-api-token=token",
                // Nobody is there: providers that fail are watched as well.
                "--cloudflare-url=http://127.0.0.1:9",
                "--turn-secret=the turn secret of the tests",
                "--turn-uris=turn:relay.example:3478?transport=udp",
            ],
        )
        .await?;
        let url = format!("--issuer-url=http://{}/", issuer.address);
        let signaling = Service::start("signaling", &["--internal-token", TOKEN, &url]).await?;
        let certificate = deployed("../crates/service/tests/keys/certificate.pem")?;
        let certificate = certificate.to_str().context("a path")?;
        let arguments = ["--certificate-file", certificate];
        let page = Service::start("static-asset", &arguments).await?;
        let arguments = ["--public-ip=127.0.0.1", "--echo-media-listen=127.0.0.1:0"];
        let echo = Service::start("echo", &arguments).await?;
        let all_in_one = Server::start(&["--https", "--https-listen", "127.0.0.1:0"]).await?;
        Ok(Self {
            signaling,
            issuer,
            page,
            echo,
            all_in_one,
        })
    }

    /// A job for each, with its admin address.
    fn jobs(&self) -> [(&'static str, &str); 5] {
        let all_in_one = self.all_in_one.admin.trim_start_matches("http://");
        [
            ("signaling", &self.signaling.admin),
            ("credential-issuer", &self.issuer.admin),
            ("static-asset", &self.page.admin),
            ("echo", &self.echo.admin),
            ("tuturu", all_in_one.trim_end_matches("/metrics")),
        ]
    }

    /// Something happens everywhere.
    async fn use_them(&self) -> Result<()> {
        get(&self.page.address, "/").await?;
        get(&self.issuer.address, "/api/turn?service=turn&username=ann").await?;
        let address = &self.signaling.address;
        for _ in 0..2 {
            let stream = TcpStream::connect(address).await?;
            let (mut socket, _) = client_async(format!("ws://{address}/ws"), stream).await?;
            let join = r#"{"type":"join-call","call":"AbCdEfGhIjKlMnOpQr-_09","resume":null}"#;
            socket.send(Message::text(join)).await?;
            let reply = timeout(Duration::from_secs(20), socket.next()).await?;
            ensure!(reply.context("a reply")??.to_text()?.contains("join-call"));
        }
        Ok(())
    }
}

/// A file that is deployed.
fn deployed(name: &str) -> Result<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    folder
        .join(name)
        .canonicalize()
        .with_context(|| name.to_owned())
}

fn read(name: &str) -> Result<String> {
    Ok(std::fs::read_to_string(deployed(name)?)?)
}

/// Every expression of the dashboard, with what Grafana puts in.
fn expressions() -> Result<Vec<String>> {
    let dashboard: Value = serde_json::from_str(&read("grafana/dashboards/tuturu.json")?)?;
    let panels = dashboard["panels"].as_array().context("panels")?;
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let expressions = targets
        .flatten()
        .filter_map(|target| target["expr"].as_str());
    let filled = |text: &str| {
        let text = text.replace("$__rate_interval", "5m");
        text.replace("$__range", "1h")
    };
    Ok(expressions.map(filled).collect())
}

/// The metrics that an expression, or a file of them, names.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let ours = |word: &&str| word.starts_with("tuturu_") || word.starts_with("process_");
    text.split(word).filter(ours).collect()
}

#[tokio::test]
async fn every_metric_that_is_watched_is_told_by_a_service() -> Result<()> {
    let services = Services::start().await?;
    services.use_them().await?;
    let mut told = BTreeSet::new();
    for (job, address) in services.jobs() {
        let text = get(address, "/metrics").await?;
        let verdict = promtool(&text).await?;
        ensure!(verdict.is_empty(), "{job}: {verdict}");
        let series: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        ensure!(series.len() < SERIES, "{job} has {} series", series.len());
        let name = |line: &&str| line.split(['{', ' ']).next().map(ToOwned::to_owned);
        told.extend(series.iter().filter_map(name));
    }
    let watched = [expressions()?.join("\n"), read("prometheus/alerts.yml")?].join("\n");
    let watched = metrics_in(&watched);
    ensure!(watched.len() > 20, "{watched:?}");
    for metric in watched {
        ensure!(told.contains(metric), "nobody tells {metric}: {told:?}");
    }
    services.all_in_one.stop().await?;
    Ok(())
}

/// What promtool complains of.
async fn promtool(metrics: &str) -> Result<String> {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("promtool is missing: apt-get install prometheus")?;
    let mut input = promtool.stdin.take().context("no input")?;
    input.write_all(metrics.as_bytes()).await?;
    drop(input);
    let output = promtool.wait_with_output().await?;
    Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// A real Prometheus with the configuration that is deployed; only the addresses, and how
/// often it looks, are others.
struct Prometheus {
    address: String,
    _child: Child,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    async fn start(jobs: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut config = read("prometheus/prometheus.yml")?.replace("15s", "1s");
        for (job, address) in jobs {
            let target = format!("{job}:9090");
            if config.contains(&target) {
                config = config.replace(&target, address);
            } else {
                let target = format!("static_configs: [{{ targets: ['{address}'] }}]");
                config.push_str(&format!("  - job_name: {job}\n    {target}\n"));
            }
        }
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config)?;
        let alerts = folder.path().join("alerts.yml");
        std::fs::write(alerts, read("prometheus/alerts.yml")?)?;
        let mut child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}/data",
                folder.path().display()
            ))
            .arg("--web.listen-address=127.0.0.1:0")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("prometheus is missing: apt-get install prometheus")?;
        let mut lines = BufReader::new(child.stderr.take().context("no log")?).lines();
        let listening = async {
            let mut log = String::new();
            while let Some(line) = lines.next_line().await? {
                if let Some((_, address)) = line.split_once("msg=\"Listening on\" address=") {
                    return Ok(address.trim().to_owned());
                }
                log.push_str(&line);
            }
            anyhow::bail!("prometheus ended: {log}")
        };
        let address = timeout(Duration::from_secs(60), listening).await??;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self {
            address,
            _child: child,
            _folder: folder,
        })
    }

    /// Asks until there is an answer that is as wanted.
    async fn answers(&self, query: &str, wanted: impl Fn(&[Value]) -> bool) -> Result<()> {
        let encoded: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let path = format!("/api/v1/query?query={encoded}");
        let good = |text: &str| {
            let answer: Value = serde_json::from_str(text).unwrap_or_default();
            answer["data"]["result"]
                .as_array()
                .is_some_and(|result| wanted(result))
        };
        let asked = get_until(&self.address, &path, good).await;
        asked.map(|_| ()).with_context(|| query.to_owned())
    }
}

#[tokio::test]
async fn a_real_prometheus_finds_every_service_and_draws_every_panel() -> Result<()> {
    let services = Services::start().await?;
    let prometheus = Prometheus::start(&services.jobs()).await?;
    prometheus
        .answers("count(up == 1)", |result| {
            result.first().is_some_and(|all| all["value"][1] == "5")
        })
        .await?;
    services.use_them().await?;
    // By the second look there is something to compare with.
    prometheus
        .answers(
            "increase(tuturu_signaling_calls_started_total{job=\"signaling\"}[5m]) > 0",
            |result| !result.is_empty(),
        )
        .await?;
    let expressions = expressions()?;
    ensure!(expressions.len() > 20, "{expressions:?}");
    for expression in expressions {
        let drawn = |result: &[Value]| !result.is_empty();
        prometheus.answers(&expression, drawn).await?;
    }
    let healthy = |text: &str| {
        let answer: Value = serde_json::from_str(text).unwrap_or_default();
        let rules = answer["data"]["groups"][0]["rules"].as_array().cloned();
        rules.is_some_and(|rules| {
            rules.len() >= 8 && rules.iter().all(|rule| rule["health"] == "ok")
        })
    };
    get_until(&prometheus.address, "/api/v1/rules", healthy).await?;
    services.all_in_one.stop().await?;
    Ok(())
}

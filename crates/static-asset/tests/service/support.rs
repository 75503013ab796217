//! The real binary on a port of its own, and a client that sends what it is told to the byte.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Name under which every request asks.
pub(crate) const HOST: &str = "call.example:8443";

/// The command, blind to the variables of whoever runs the tests.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_static-asset"));
    command.env_clear().stdin(Stdio::null());
    command
}

pub(crate) struct Server {
    process: Child,
    address: String,
    admin: String,
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut process = command()
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(["--log-format", "json"])
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let (said, heard) = mpsc::channel();
        // Reads on for ever, so that the server never waits for its own log.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let value = |key: &str| {
                    let rest = line.split_once(&format!("\"{key}\":\""))?.1;
                    Some(rest.split_once('"')?.0.to_owned())
                };
                if let (Some(address), Some(admin)) = (value("address"), value("admin")) {
                    let _ = said.send((address, admin));
                }
            }
        });
        let (address, admin) = heard.recv_timeout(PATIENCE).expect("it serves");
        Self {
            process,
            address,
            admin,
        }
    }

    pub(crate) fn of(root: &Path) -> Self {
        Self::start(&["--web-root", root.to_str().unwrap()])
    }

    pub(crate) fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask("GET", path, headers)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let answer = self.send(&request(method, path.as_bytes(), headers));
        Answer::read(&answer, method)
    }

    /// Everything that comes back until the connection ends.
    pub(crate) fn send(&self, request: &[u8]) -> Vec<u8> {
        exchange(&self.address, request)
    }

    pub(crate) fn metrics(&self) -> String {
        let answer = exchange(&self.admin, &request("GET", b"/metrics", ""));
        String::from_utf8(Answer::read(&answer, "GET").body).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn request(method: &str, path: &[u8], headers: &str) -> Vec<u8> {
    let end = format!(" HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n{headers}\r\n");
    [method.as_bytes(), b" ", path, end.as_bytes()].concat()
}

fn exchange(address: &str, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    answer
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In the order of their names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn read(answer: &[u8], method: &str) -> Self {
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.expect("a head");
        let head = str::from_utf8(&answer[..end]).unwrap();
        let body = answer[end + 4..].to_vec();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let mut headers: Vec<_> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        headers.sort();
        let answer = Self {
            status: status.parse().unwrap(),
            headers,
            body,
        };
        match answer.header("content-length") {
            Some(length) if method != "HEAD" && answer.status != 304 => {
                assert_eq!(length, answer.body.len().to_string());
            }
            _ => assert!(answer.body.is_empty(), "{answer:?}"),
        }
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice");
        value
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }
}

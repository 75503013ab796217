//! What was found: one line for a person, or JSON for a machine.

use std::io::{IsTerminal as _, Write as _};

use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) check: String,
    pub(crate) ok: bool,
    /// What was seen.
    pub(crate) detail: String,
    /// What to do next; empty when nothing is to be done.
    pub(crate) advice: String,
}

/// All of them, told as they come.
pub(crate) struct Report {
    findings: Vec<Finding>,
    json: bool,
    colour: bool,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        // https://no-color.org
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            findings: Vec::new(),
            json,
            colour: !plain && std::io::stdout().is_terminal(),
        }
    }

    pub(crate) fn good(&mut self, check: &str, detail: impl Into<String>) {
        self.add(check, true, detail.into(), String::new());
    }

    pub(crate) fn bad(&mut self, check: &str, detail: impl Into<String>, advice: &str) {
        self.add(check, false, detail.into(), advice.to_owned());
    }

    /// Whether it went well; an error is what was seen.
    pub(crate) fn outcome(
        &mut self,
        check: &str,
        outcome: Result<String, String>,
        advice: &str,
    ) -> bool {
        let ok = outcome.is_ok();
        match outcome {
            Ok(detail) => self.good(check, detail),
            Err(detail) => self.bad(check, detail, advice),
        }
        ok
    }

    fn add(&mut self, check: &str, ok: bool, detail: String, advice: String) {
        let finding = Finding {
            check: check.to_owned(),
            ok,
            detail: printable(&detail),
            advice,
        };
        if !self.json {
            // A closed pipe is no reason to stop: the exit code is the answer.
            let _ = writeln!(std::io::stdout(), "{}", line(&finding, self.colour));
        }
        self.findings.push(finding);
    }

    /// Prints what is left to print. Whether all is well.
    pub(crate) fn end(self) -> bool {
        let bad = self.findings.iter().filter(|finding| !finding.ok).count();
        let text = if self.json {
            serde_json::to_string_pretty(&self.findings).expect("strings and booleans are JSON")
        } else if bad == 0 {
            "\nAll is well.".to_owned()
        } else {
            format!("\n{bad} of {} need attention.", self.findings.len())
        };
        let _ = writeln!(std::io::stdout(), "{text}");
        bad == 0
    }
}

fn line(finding: &Finding, colour: bool) -> String {
    let Finding {
        check,
        ok,
        detail,
        advice,
    } = finding;
    let mark = match (ok, colour) {
        (true, true) => "\x1b[32m✔\x1b[0m",
        (true, false) => "✔",
        (false, true) => "\x1b[31m✘\x1b[0m",
        (false, false) => "✘",
    };
    let arrow = if advice.is_empty() { "" } else { " → " };
    format!("{mark} {check}: {detail}{arrow}{advice}")
}

/// SECURITY: what a server says is shown, and may not steer a terminal.
fn printable(text: &str) -> String {
    let plain = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    plain.take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_and_colour_only_where_asked() {
        let mut finding = Finding {
            check: "port 443".into(),
            ok: false,
            detail: "closed".into(),
            advice: "open it".into(),
        };
        assert_eq!(line(&finding, false), "✘ port 443: closed → open it");
        assert_eq!(
            line(&finding, true),
            "\x1b[31m✘\x1b[0m port 443: closed → open it"
        );
        finding = Finding {
            ok: true,
            advice: String::new(),
            ..finding
        };
        assert_eq!(line(&finding, false), "✔ port 443: closed");
    }

    #[test]
    fn a_server_cannot_steer_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\nc"), "a [2Jb c");
        assert_eq!(printable(&"x".repeat(1000)).len(), 300);
    }
}

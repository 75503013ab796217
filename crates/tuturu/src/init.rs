//! `tuturu init`: two answers become the `.env` of a deployment, and then it says what is
//! left to do outside of this machine.

use std::{
    fmt::Write as _,
    io::{BufRead, IsTerminal as _, Write},
    net::Ipv4Addr,
    path::PathBuf,
};

use anyhow::{Context as _, bail};
use clap::Args;

use crate::{
    address,
    env_file::{self, EnvFile},
    secrets,
    settings::{self, SECRETS, TlsMode, VARIABLES, Variable},
};

/// What is not asked for.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Name of the page, like call.example.org.
    #[arg(long, value_parser = settings::domain, value_name = "NAME")]
    domain: Option<String>,

    /// E-mail address for Let's Encrypt.
    #[arg(long, value_parser = settings::email, value_name = "ADDRESS")]
    email: Option<String>,

    /// IPv4 address under which callers reach this machine [default: its own public one].
    #[arg(long, value_parser = settings::public_ip, value_name = "IP")]
    public_ip: Option<Ipv4Addr>,

    /// Where the certificate comes from [default: letsencrypt with an e-mail address, else
    /// self-signed].
    #[arg(long, value_enum, value_name = "MODE")]
    tls: Option<TlsMode>,

    /// The file to write.
    #[arg(long, default_value = ".env", value_name = "FILE")]
    file: PathBuf,

    /// Write over an existing file. Its secrets, its ports and what else stands in it stay.
    #[arg(long)]
    force: bool,

    /// Ask nothing: flags, what the file says already, and defaults.
    #[arg(long)]
    yes: bool,
}

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    tuturu init                                    asks for domain and e-mail\n  \
    tuturu init --domain call.example.org --email you@example.org --yes\n  \
    tuturu init --domain localhost --tls self-signed --public-ip 192.168.1.5 --yes\n  \
    tuturu init --force                            new answers, the same secrets\n\n\
    The file holds secrets: it is written with mode 600. Then: tuturu check-config --file .env\n\
    Exit codes: 0 written, 1 not written, 2 wrong usage, 78 a value is no good.";

struct Answers {
    domain: String,
    email: String,
    public_ip: Ipv4Addr,
    tls: TlsMode,
}

pub(crate) fn run(args: &InitArgs) -> anyhow::Result<()> {
    let terminal = std::io::stdin().is_terminal();
    let mut dialog = Dialog {
        input: std::io::stdin().lock(),
        output: std::io::stdout().lock(),
        silent: args.yes,
    };
    let shown = args.file.display();
    let old = if args.file.exists() {
        let replace = args.force
            || !args.yes
                && terminal
                && dialog.confirm(&format!("{shown} exists. Write it anew? Its secrets stay."))?;
        if !replace {
            bail!(
                "{shown} exists and was left as it is: --force writes it anew and keeps its secrets"
            );
        }
        let old = EnvFile::read(&args.file).with_context(|| format!("cannot read {shown}"))?;
        if let Some((line, why)) = old.faults.first() {
            bail!("{shown}, line {line}: {why}. Nothing was written, because a secret may be lost");
        }
        old
    } else {
        EnvFile::default()
    };
    let answers = dialog.answers(args, &old)?;
    let text = text(&answers, &old);
    env_file::write(&args.file, &text)?;
    let out = &mut dialog.output;
    writeln!(
        out,
        "\nWrote {shown} (mode 600). It holds your secrets, and it is all there is to back up."
    )?;
    out.write_all(next_steps(&answers, &EnvFile::parse(&text), args).as_bytes())?;
    Ok(())
}

/// Questions on a terminal, or lines of a pipe.
struct Dialog<I, O> {
    input: I,
    output: O,
    silent: bool,
}

impl<I: BufRead, O: Write> Dialog<I, O> {
    fn answers(&mut self, args: &InitArgs, old: &EnvFile) -> anyhow::Result<Answers> {
        // What is not valid any more is asked for again.
        let before = |name| old.value(name);
        let domain = match &args.domain {
            Some(domain) => domain.clone(),
            None => {
                let known = before("DOMAIN").and_then(|text| settings::domain(text).ok());
                self.ask(
                    "Domain of the page, like call.example.org",
                    "--domain",
                    known,
                    settings::domain,
                )?
            }
        };
        let email = match (&args.email, args.tls) {
            (Some(email), _) => email.clone(),
            (None, Some(TlsMode::SelfSigned | TlsMode::Files)) => {
                before("EMAIL").unwrap_or_default().to_owned()
            }
            (None, Some(TlsMode::Letsencrypt) | None) => {
                let known = before("EMAIL").and_then(|text| settings::email(text).ok());
                let needed = args.tls.is_some();
                let question = if needed {
                    "E-mail address for Let's Encrypt"
                } else {
                    "E-mail address for Let's Encrypt; empty for a self-signed certificate"
                };
                let known = known.or((!needed).then(String::new));
                self.ask(question, "--email", known, |text| {
                    if text.is_empty() {
                        Err("an e-mail address is needed".into())
                    } else {
                        settings::email(text)
                    }
                })?
            }
        };
        let kept = before("TLS_MODE").and_then(|text| settings::tls_mode(text).ok());
        let derived = if email.is_empty() {
            TlsMode::SelfSigned
        } else {
            TlsMode::Letsencrypt
        };
        let tls = args
            .tls
            .or(kept.filter(|_| args.email.is_none() && !email.is_empty()))
            .unwrap_or(derived);
        if let (TlsMode::Letsencrypt, Some(why)) = (tls, settings::not_public(&domain)) {
            bail!("{domain}: {why}");
        }
        let known = before("PUBLIC_IP").and_then(|text| settings::public_ip(text).ok());
        let public_ip = match args.public_ip.or(known).or_else(address::global_v4) {
            Some(address) => address,
            None => self.ask(
                "IPv4 address under which callers reach this machine",
                "--public-ip",
                None,
                settings::public_ip,
            )?,
        };
        Ok(Answers {
            domain,
            email,
            public_ip,
            tls,
        })
    }

    /// Asks until the answer is good. An empty one is the default.
    fn ask<T: ToString>(
        &mut self,
        question: &str,
        flag: &str,
        mut default: Option<T>,
        good: impl Fn(&str) -> Result<T, String>,
    ) -> anyhow::Result<T> {
        if self.silent {
            return default.with_context(|| format!("{flag} is missing, and --yes asks nothing"));
        }
        let shown = default
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let shown = if shown.is_empty() {
            shown
        } else {
            format!(" [{shown}]")
        };
        loop {
            write!(self.output, "{question}{shown}: ")?;
            self.output.flush()?;
            let Some(line) = self.line()? else {
                writeln!(self.output)?;
                return default.with_context(|| format!("no answer: give {flag}"));
            };
            match (default.take_if(|_| line.is_empty()), good(&line)) {
                (Some(answer), _) | (None, Ok(answer)) => return Ok(answer),
                (None, Err(why)) => writeln!(self.output, "  {why}")?,
            }
        }
    }

    fn confirm(&mut self, question: &str) -> anyhow::Result<bool> {
        write!(self.output, "{question} [y/N]: ")?;
        self.output.flush()?;
        let answer = self.line()?.unwrap_or_default().to_ascii_lowercase();
        Ok(["y", "yes"].contains(&answer.as_str()))
    }

    fn line(&mut self) -> anyhow::Result<Option<String>> {
        let mut line = String::new();
        let length = self
            .input
            .read_line(&mut line)
            .context("cannot read the answer")?;
        Ok((length > 0).then(|| line.trim().to_owned()))
    }
}

fn text(answers: &Answers, old: &EnvFile) -> String {
    let mut text = String::from(
        "# Made by `tuturu init`. It holds secrets: keep it to yourself (mode 600), and keep a copy.\n\
         # `tuturu check-config --file .env` says what is wrong with it.\n",
    );
    let mut line = |what: &str, name: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "\n# {what}\n{name}={value}");
    };
    for Variable { name, what } in &VARIABLES {
        let kept = || old.value(name).map(str::to_owned);
        let value = match *name {
            "DOMAIN" => answers.domain.clone(),
            "TURN_DOMAIN" => format!("turn.{}", answers.domain),
            "EMAIL" => answers.email.clone(),
            "PUBLIC_IP" => answers.public_ip.to_string(),
            "TLS_MODE" => answers.tls.name().to_owned(),
            "COMPOSE_PROFILES" => profiles(old.value(name), answers.tls),
            "RELAY_MIN_PORT" => kept().unwrap_or_else(|| "49160".into()),
            "RELAY_MAX_PORT" => kept().unwrap_or_else(|| "49959".into()),
            secret => {
                debug_assert!(SECRETS.contains(&secret), "{secret}");
                kept().unwrap_or_else(|| secrets::new().expose().to_owned())
            }
        };
        line(what, name, &value);
    }
    let others = old
        .entries
        .iter()
        .filter(|entry| VARIABLES.iter().all(|known| known.name != entry.name));
    for entry in others {
        line("From the file before.", &entry.name, &quoted(&entry.value));
    }
    text
}

/// Those that were there, with or without the one that asks for certificates.
fn profiles(before: Option<&str>, tls: TlsMode) -> String {
    let certificates = TlsMode::Letsencrypt.name();
    let others = before.unwrap_or_default().split(',');
    let others = others.filter(|profile| !profile.is_empty() && *profile != certificates);
    let own = (tls == TlsMode::Letsencrypt).then_some(certificates);
    others.chain(own).collect::<Vec<_>>().join(",")
}

fn quoted(value: &str) -> String {
    let plain = |letter: char| !letter.is_whitespace() && !"#'\"$".contains(letter);
    if value.chars().all(plain) {
        value.to_owned()
    } else if value.contains('\'') {
        format!("\"{value}\"")
    } else {
        format!("'{value}'")
    }
}

fn next_steps(answers: &Answers, file: &EnvFile, args: &InitArgs) -> String {
    let Answers {
        domain,
        public_ip,
        tls,
        ..
    } = answers;
    let turn = format!("turn.{domain}");
    let of = |name| file.value(name).unwrap_or_default();
    let (first, last) = (of("RELAY_MIN_PORT"), of("RELAY_MAX_PORT"));
    let width = turn.len() + 1;
    let mut text = format!(
        "\nDNS records:\n  {:width$}  A  {public_ip}\n  {:width$}  A  {public_ip}\n\n\
         Firewall, open to everybody:\n  \
         80/tcp           certificates, and the redirect to https\n  \
         443/tcp          the page, signaling, TURN over TLS\n  \
         3478/tcp+udp     STUN and TURN\n  \
         {first}-{last}/udp  relayed calls\n",
        format!("{domain}."),
        format!("{turn}."),
    );
    let mut note = |note: &str| {
        let _ = writeln!(text, "\nNote: {note}");
    };
    if !address::is_global(*public_ip) {
        note(&format!(
            "{public_ip} is not a public address: only callers of the same network reach it."
        ));
    }
    match tls {
        TlsMode::SelfSigned => note(
            "browsers warn of the self-signed certificate once, and TURN over TLS fails until it is a real one.",
        ),
        TlsMode::Files => note(
            "put fullchain.pem and privkey.pem, valid for both names, into the folder of certificates.",
        ),
        TlsMode::Letsencrypt => {}
    }
    for name in SECRETS {
        if let Err(why) = settings::secret(of(name)) {
            note(&format!("{name} was kept, but {why}"));
        }
    }
    let file = if args.file == std::path::Path::new(".env") {
        String::new()
    } else {
        format!(" --env-file {}", args.file.display())
    };
    let _ = write!(
        text,
        "\nNext, when the records are there:\n  docker compose{file} up -d --build\n  tuturu doctor {domain}\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialog(input: &str) -> Dialog<&[u8], Vec<u8>> {
        Dialog {
            input: input.as_bytes(),
            output: Vec::new(),
            silent: false,
        }
    }

    #[test]
    fn a_wrong_answer_is_explained_and_asked_for_again() {
        let mut dialog = dialog("https://a.org\ncall.example.org\n");
        let answer = dialog
            .ask("Domain", "--domain", None, settings::domain)
            .unwrap();
        assert_eq!(answer, "call.example.org");
        let said = String::from_utf8(dialog.output).unwrap();
        assert_eq!(said.matches("Domain: ").count(), 2);
        assert!(said.contains("without https://"), "{said}");
    }

    #[test]
    fn an_empty_answer_is_the_default_and_no_answer_names_the_flag() {
        let known = Some("a.org".to_owned());
        assert_eq!(
            dialog("\n")
                .ask("Domain", "--domain", known.clone(), settings::domain)
                .unwrap(),
            "a.org"
        );
        assert_eq!(
            dialog("")
                .ask("Domain", "--domain", known, settings::domain)
                .unwrap(),
            "a.org"
        );
        let error = dialog("")
            .ask("Domain", "--domain", None, settings::domain)
            .unwrap_err();
        assert!(error.to_string().contains("--domain"));
    }

    #[test]
    fn what_was_there_stays_and_every_line_is_explained() {
        let old =
            EnvFile::parse("TUTURU_TURN_SECRET=the-old-one\nRELAY_MIN_PORT=50000\nMINE='a b'\n");
        let answers = Answers {
            domain: "call.example.org".into(),
            email: String::new(),
            public_ip: Ipv4Addr::new(203, 0, 113, 7),
            tls: TlsMode::SelfSigned,
        };
        let text = text(&answers, &old);
        let new = EnvFile::parse(&text);
        assert_eq!(new.faults, []);
        assert_eq!(new.value("TUTURU_TURN_SECRET"), Some("the-old-one"));
        assert_eq!(new.value("RELAY_MIN_PORT"), Some("50000"));
        assert_eq!(new.value("MINE"), Some("a b"));
        assert_eq!(new.value("TURN_DOMAIN"), Some("turn.call.example.org"));
        let (resume, token) = (
            new.value("TUTURU_RESUME_SECRET").unwrap(),
            new.value("TUTURU_INTERNAL_TOKEN").unwrap(),
        );
        assert!(resume.len() == 64 && token.len() == 64 && resume != token);
        for block in text.split("\n\n").skip(1) {
            assert!(
                block.starts_with("# ") && block.trim_end().lines().count() == 2,
                "{block}"
            );
        }
    }
}

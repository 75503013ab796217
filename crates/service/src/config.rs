//! Configuration from flags and environment, read once and loudly, before anything binds.
//!
//! Precedence: flag, then environment, then default. Every variable is declared once, in
//! the `clap` arguments of the crate that reads it.

use std::{ffi::OsString, fmt, path::Path, str::FromStr, time::Duration};

use clap::{
    Parser,
    error::{ContextKind, ErrorKind},
};

/// The configuration is wrong (`sysexits.h`: EX_CONFIG).
pub const EXIT_CONFIG: u8 = 78;
/// The command line is wrong.
pub const EXIT_USAGE: u8 = 2;

/// What is wrong with the configuration, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    /// Takes the sentence: which key, from where, and what to do.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

/// Why reading the configuration ends the process.
#[derive(Debug)]
pub enum Stop {
    /// `--help` or `--version`: this text is the answer.
    Answer(String),
    /// The command line is wrong.
    Usage(String),
    /// A value, a variable, or a secret is wrong.
    Config(ConfigError),
}

/// Reads the process's own arguments and environment, or ends the process with one clear
/// line: exit code 2 for usage, 78 for a bad value or an unknown `TUTURU_…` variable.
#[must_use]
pub fn parse<C: Parser>() -> C {
    let variables = std::env::vars_os().map(|(name, _)| name);
    match try_parse(std::env::args_os(), variables) {
        Ok(config) => config,
        Err(stop) => end(stop),
    }
}

/// Ends the process because of its configuration.
pub fn end(stop: Stop) -> ! {
    use std::io::Write as _;
    let (text, code) = match stop {
        Stop::Answer(text) => {
            // A closed pipe is no reason to complain.
            let _ = std::io::stdout().write_all(text.as_bytes());
            std::process::exit(0)
        }
        Stop::Usage(text) => (text, EXIT_USAGE),
        Stop::Config(error) => (format!("configuration error: {error}"), EXIT_CONFIG),
    };
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
    std::process::exit(code.into())
}

/// The testable half of [`parse`]. Values come from the process's environment (clap reads
/// it); `variables` are the names to check.
///
/// # Errors
/// [`Stop`] says with which text and exit code the process ends.
pub fn try_parse<C: Parser>(
    arguments: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = OsString>,
) -> Result<C, Stop> {
    let known = known_variables(&C::command());
    let mut unknown: Vec<_> = variables
        .into_iter()
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with("TUTURU_") && !known.contains(name))
        .map(|name| unknown_variable(&name, &known))
        .collect();
    if !unknown.is_empty() {
        unknown.sort();
        let sentence = format!("{} See --help.", unknown.join(" "));
        return Err(Stop::Config(ConfigError::new(sentence)));
    }
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "every other kind is about usage"
    )]
    C::try_parse_from(&arguments).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            Stop::Answer(error.render().to_string())
        }
        ErrorKind::ValueValidation | ErrorKind::InvalidValue | ErrorKind::InvalidUtf8 => {
            let text = without_secret(&error);
            Stop::Config(ConfigError::new(with_origin(
                text,
                &error,
                &arguments,
                &C::command(),
            )))
        }
        _ => Stop::Usage(error.render().to_string()),
    })
}

/// The names of all variables that a command and its sub-commands read.
#[must_use]
pub fn known_variables(command: &clap::Command) -> Vec<String> {
    let own = command
        .get_arguments()
        .filter_map(|argument| argument.get_env());
    let own = own.map(|name| name.to_string_lossy().into_owned());
    let nested = command.get_subcommands().flat_map(known_variables);
    own.chain(nested).collect()
}

fn unknown_variable(name: &str, known: &[String]) -> String {
    let nearest = nearest(name, known, 4);
    let hint = nearest.map_or_else(String::new, |known| format!(" Did you mean {known}?"));
    format!("{name} is not a variable of this program.{hint}")
}

/// The known name that this one was probably meant to be: at most so many letters differ.
#[must_use]
pub fn nearest<'a>(name: &str, known: &'a [String], most: usize) -> Option<&'a str> {
    let nearest = known.iter().min_by_key(|known| distance(name, known));
    let near = nearest.filter(|known| distance(name, known) <= most);
    near.map(String::as_str)
}

/// What clap finds wrong with the values of variables: all of it, where [`parse`] ends at
/// the first. Yields the variable and the sentence; and what is left when those are ignored.
pub fn mistakes(
    command: &clap::Command,
    values: &[(String, String)],
) -> (Vec<(String, String)>, Option<clap::ArgMatches>) {
    use clap::builder::Resettable;
    let mut found = Vec::new();
    let mut given: Vec<(String, Option<String>)> = Vec::new();
    for argument in command.get_arguments() {
        let variable = argument.get_env().map(|name| name.to_string_lossy());
        let value = values
            .iter()
            .find(|(name, _)| variable.as_deref() == Some(name));
        let (Some((name, value)), Some(flag)) = (value, argument.get_long()) else {
            continue;
        };
        if argument.get_action().takes_values() {
            given.push((name.clone(), Some(format!("--{flag}={value}"))));
        } else {
            match value.as_str() {
                "true" => given.push((name.clone(), Some(format!("--{flag}")))),
                "false" => {}
                _ => found.push((name.clone(), "either true or false".to_owned())),
            }
        }
    }
    // The values are arguments now: the process's own variables are somebody else's.
    let command = command
        .clone()
        .mut_args(|argument| argument.env(Resettable::Reset));
    loop {
        let arguments = given.iter().filter_map(|(_, argument)| argument.clone());
        let arguments = std::iter::once(command.get_name().to_owned()).chain(arguments);
        let error = match command.clone().try_get_matches_from(arguments) {
            Ok(matches) => return (found, Some(matches)),
            Err(error) => error,
        };
        let shown = error.get(ContextKind::InvalidArg).map(ToString::to_string);
        let flag = shown.as_deref().and_then(|shown| shown.split(' ').next());
        let wrong = given.iter().position(|(_, argument)| {
            let written = argument.as_deref().and_then(|it| it.split('=').next());
            flag.is_some() && written == flag
        });
        let text = without_secret(&error);
        let Some(wrong) = wrong else {
            found.push((String::new(), text));
            return (found, None);
        };
        let (name, _) = given.swap_remove(wrong);
        let text = text.replace(&format!("'{}'", shown.unwrap_or_default()), &name);
        found.push((name, text));
    }
}

/// Levenshtein distance.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

/// SECURITY: a secret that is refused may be one that is used elsewhere.
fn without_secret(error: &clap::Error) -> String {
    let text = one_line(&error.render().to_string());
    let context = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    if context(ContextKind::InvalidArg).contains("<SECRET>") {
        text.replace(&context(ContextKind::InvalidValue), "…")
    } else {
        text
    }
}

/// clap names the flag even when the value came from its variable; people look for the
/// name that they wrote.
fn with_origin(
    text: String,
    error: &clap::Error,
    arguments: &[OsString],
    command: &clap::Command,
) -> String {
    let Some(shown) = error.get(ContextKind::InvalidArg).map(ToString::to_string) else {
        return text;
    };
    let flag = shown.split(' ').next().unwrap_or_default();
    let written = arguments.iter().any(|argument| {
        let argument = argument.to_string_lossy();
        argument.split('=').next() == Some(flag)
    });
    match variable_of(command, flag.trim_start_matches('-')) {
        Some(variable) if !written => text.replace(&format!("'{shown}'"), &variable),
        _ => text,
    }
}

fn variable_of(command: &clap::Command, long: &str) -> Option<String> {
    let mut own = command.get_arguments();
    let found = own.find(|argument| argument.get_long() == Some(long));
    found
        .and_then(|argument| argument.get_env())
        .map(|name| name.to_string_lossy().into_owned())
        .or_else(|| {
            let mut nested = command.get_subcommands();
            nested.find_map(|command| variable_of(command, long))
        })
}

/// clap's message without its decoration: `invalid value 'x' for '--y <Y>': why`.
fn one_line(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let lines = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("For more"));
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.join(" ")
}

/// A secret of at least 16 bytes. Debug prints dots.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Shortest secret, in bytes.
const SECRET_BYTES: usize = 16;

impl Secret {
    /// The secret itself; never to be logged.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Reads it from a file; a line break at the end is not part of it.
    ///
    /// # Errors
    /// [`ConfigError`] when the file cannot be read or holds no good secret.
    pub fn read(file: &Path, variable: &str) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            ConfigError::new(format!(
                "{variable}: cannot read {}: {error}",
                file.display()
            ))
        })?;
        let text = text.trim_end_matches(['\r', '\n']);
        text.parse()
            .map_err(|why| ConfigError::new(format!("{variable}: {why}")))
    }
}

impl FromStr for Secret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let varied = text.bytes().any(|byte| Some(byte) != text.bytes().next());
        if text.len() < SECRET_BYTES || !varied {
            return Err(format!(
                "a secret is at least {SECRET_BYTES} bytes: make one with `openssl rand -hex 32`"
            ));
        }
        let lower = text.to_ascii_lowercase();
        if ["changeme", "change-me", "change_me", "password", "secret"]
            .iter()
            .any(|weak| lower.starts_with(weak))
        {
            return Err(
                "this is a well-known default: make one with `openssl rand -hex 32`".into(),
            );
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// A secret given by value or by file, not both.
///
/// # Errors
/// [`ConfigError`] when both are given, or the file holds no good secret.
pub fn secret_or_file(
    value: Option<&Secret>,
    file: Option<&Path>,
    variable: &str,
) -> Result<Option<Secret>, ConfigError> {
    match (value, file) {
        (Some(_), Some(_)) => Err(ConfigError::new(format!(
            "{variable} and {variable}_FILE are both given: keep one"
        ))),
        (Some(secret), None) => Ok(Some(secret.clone())),
        (None, Some(file)) => Secret::read(file, &format!("{variable}_FILE")).map(Some),
        (None, None) => Ok(None),
    }
}

/// Reads `500ms`, `5s`, `2m`, `1h` or plain seconds.
///
/// # Errors
/// A sentence that shows the forms.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = number_and_unit(text);
    let number: u64 = number
        .parse()
        .map_err(|_| "a time is like 500ms, 5s, 2m or 1h")?;
    let seconds = |factor: u64| number.checked_mul(factor).map(Duration::from_secs);
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "" | "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        _ => None,
    }
    .filter(|time| *time <= Duration::from_secs(366 * 86_400))
    .ok_or_else(|| "a time is like 500ms, 5s, 2m or 1h, and at most a year".into())
}

/// Reads `4096`, `64KiB` or `1MiB`.
///
/// # Errors
/// A sentence that shows the forms.
pub fn bytes(text: &str) -> Result<usize, String> {
    let (number, unit) = number_and_unit(text);
    let factor = match unit {
        "" | "B" => Some(1),
        "KiB" => Some(1024),
        "MiB" => Some(1024 * 1024),
        _ => None,
    };
    let number: Option<usize> = number.parse().ok();
    number
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor))
        .filter(|size| (1..=1 << 30).contains(size))
        .ok_or_else(|| "a size is like 4096, 64KiB or 1MiB".into())
}

fn number_and_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[derive(Debug, Parser)]
    struct Example {
        #[arg(long, env = "TUTURU_EXAMPLE_TIME", default_value = "5s", value_parser = duration)]
        time: Duration,
    }

    fn read(arguments: &[&str], variables: &[&str]) -> Result<Example, Stop> {
        let arguments = std::iter::once("example").chain(arguments.iter().copied());
        try_parse(
            arguments.map(OsString::from),
            variables.iter().map(OsString::from),
        )
    }

    #[test]
    fn an_unknown_variable_is_a_configuration_error_with_a_hint() {
        let Err(Stop::Config(error)) = read(&[], &["TUTURU_EXAMPLE_TIMES"]) else {
            panic!()
        };
        assert!(
            error
                .to_string()
                .contains("Did you mean TUTURU_EXAMPLE_TIME?")
        );
        assert!(read(&[], &["TUTURU_EXAMPLE_TIME", "PATH"]).is_ok());
        let Err(Stop::Config(error)) = read(&[], &["TUTURU_B", "TUTURU_A"]) else {
            panic!()
        };
        let text = error.to_string();
        assert!(
            text.contains("TUTURU_A") && text.contains("TUTURU_B"),
            "all at once: {text}"
        );
    }

    #[test]
    fn a_bad_value_is_one_line_and_a_bad_flag_is_usage() {
        let Err(Stop::Config(error)) = read(&["--time", "soon"], &[]) else {
            panic!()
        };
        let text = error.to_string();
        assert!(
            text.contains("--time") && text.contains("500ms") && !text.contains('\n'),
            "{text}"
        );
        assert!(matches!(read(&["--tim", "5s"], &[]), Err(Stop::Usage(_))));
        assert!(matches!(read(&["--help"], &[]), Err(Stop::Answer(_))));
        assert_eq!(
            read(&["--time", "2m"], &[]).unwrap().time,
            Duration::from_secs(120)
        );
    }

    #[test]
    fn all_mistakes_are_found_and_what_is_good_is_read() {
        #[derive(Debug, Parser)]
        struct Three {
            #[arg(long, env = "THREE_TIME", default_value = "5s", value_parser = duration)]
            time: Duration,
            #[arg(long, env = "THREE_SIZE", default_value = "1", value_parser = bytes)]
            size: usize,
            #[arg(long, env = "THREE_KEY", value_name = "SECRET")]
            key: Option<Secret>,
            #[arg(long, env = "THREE_FLAG", default_value_t = false)]
            flag: bool,
        }
        let pairs = |pairs: &[(&str, &str)]| -> Vec<_> {
            let owned = pairs
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
            owned.collect()
        };
        let values = pairs(&[
            ("THREE_TIME", "soon"),
            ("THREE_KEY", "hunter2"),
            ("THREE_FLAG", "yes"),
            ("THREE_SIZE", "4KiB"),
        ]);
        let (found, left) = mistakes(&Three::command(), &values);
        let mut names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["THREE_FLAG", "THREE_KEY", "THREE_TIME"],
            "{found:?}"
        );
        assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
        assert_eq!(*left.unwrap().get_one::<usize>("size").unwrap(), 4096);
        let (found, left) = mistakes(&Three::command(), &pairs(&[("THREE_FLAG", "true")]));
        assert!(found.is_empty() && left.unwrap().get_flag("flag"));
    }

    #[test]
    fn weak_secrets_are_refused_and_none_is_ever_printed() {
        for weak in [
            "",
            "short",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "changeme-changeme-changeme",
        ] {
            assert!(weak.parse::<Secret>().is_err(), "{weak}");
        }
        let secret: Secret = "0123456789abcdef0123".parse().unwrap();
        assert!(!format!("{secret:?}").contains("0123"));
    }

    #[test]
    fn times_and_sizes() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("7"), Ok(Duration::from_secs(7)));
        assert!(duration("18446744073709551615h").is_err() && duration("-1s").is_err());
        assert_eq!(bytes("64KiB"), Ok(65_536));
        assert!(bytes("0").is_err() && bytes("9999999MiB").is_err() && bytes("1GB").is_err());
    }
}

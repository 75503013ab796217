//! A `.env` file, as compose and systemd read it: `NAME=value` on a line of its own, and
//! comments.

use std::{
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// What a file says, and what in it nobody understands.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct EnvFile {
    pub(crate) entries: Vec<Entry>,
    /// Number of the line, and why.
    pub(crate) faults: Vec<(usize, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) line: usize,
    pub(crate) name: String,
    pub(crate) value: String,
}

impl EnvFile {
    pub(crate) fn read(path: &Path) -> std::io::Result<Self> {
        std::fs::read_to_string(path).map(|text| Self::parse(&text))
    }

    pub(crate) fn parse(text: &str) -> Self {
        let mut file = Self::default();
        for (index, line) in text.lines().enumerate() {
            let (number, line) = (index + 1, line.trim());
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match entry(line) {
                Ok((name, value)) => {
                    if let Some(first) = file.entries.iter().find(|entry| entry.name == name) {
                        let why = format!("{name} stands in line {} already: keep one", first.line);
                        file.faults.push((number, why));
                    }
                    file.entries.push(Entry {
                        line: number,
                        name,
                        value,
                    });
                }
                Err(why) => file.faults.push((number, why)),
            }
        }
        file
    }

    /// The last one counts, as it does for compose.
    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.name == name)
    }

    /// A value that is not empty.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let value = self.get(name).map(|entry| entry.value.as_str());
        value.filter(|value| !value.is_empty())
    }
}

fn entry(line: &str) -> Result<(String, String), String> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line
        .split_once('=')
        .ok_or("a line is NAME=value, or a comment that starts with #")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if !starts || !name.bytes().all(plain) {
        return Err("a name has letters, digits and _ only, and no space before the =".into());
    }
    Ok((name.to_owned(), unquoted(value)?))
}

fn unquoted(value: &str) -> Result<String, String> {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            let (inside, after) = rest
                .split_once(quote)
                .ok_or("the quotation mark has no end")?;
            let after = after.trim();
            if !after.is_empty() && !after.starts_with('#') {
                return Err("something stands behind the quotation mark".into());
            }
            return Ok(inside.to_owned());
        }
    }
    let end = value.find(" #").unwrap_or(value.len());
    Ok(value[..end].trim_end().to_owned())
}

/// Whether somebody else than the owner may read or write a file.
pub(crate) fn is_open_to_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// Replaces the file at once: whoever reads it meanwhile sees the old or the new one, whole.
/// Only the owner can read it.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}.new", std::process::id()));
    let fresh = PathBuf::from(fresh);
    let written = (|| {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)
    })();
    if written.is_err() {
        // What is half written is of no use.
        let _ = std::fs::remove_file(&fresh);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compose_reads() {
        let file = EnvFile::parse(
            "# a comment\n\nA=1\nexport B=two words # why\nC=\"x # y\" # z\nD='$E'\nE=\nF=a#b\nA=2\n",
        );
        let of = |name| file.get(name).map(|entry| entry.value.as_str());
        assert_eq!(of("A"), Some("2"));
        assert_eq!(of("B"), Some("two words"));
        assert_eq!((of("C"), of("D")), (Some("x # y"), Some("$E")));
        assert_eq!(
            (of("E"), file.value("E"), of("F")),
            (Some(""), None, Some("a#b"))
        );
        assert_eq!(file.faults.len(), 1, "{:?}", file.faults);
        assert_eq!(file.faults[0].0, 9);
    }

    #[test]
    fn what_nobody_understands_is_named_by_its_line() {
        let file = EnvFile::parse("A\nB =1\n1C=1\nD=\"x\nE=\"x\" y\nF=1\n");
        let lines: Vec<usize> = file.faults.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5]);
        assert_eq!(file.entries.len(), 1);
    }
}

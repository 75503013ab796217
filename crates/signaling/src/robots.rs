//! Robots: whose they are and how they prove who they are.
//!
//! A file says it, `{"robots":[{"id","owners":[…],"key"}]}`; the key is a secret shared
//! with the robot, 32 bytes in hexadecimal. The service reads the file at its start and
//! again on SIGHUP; a file that cannot be read changes nothing.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    num::NonZeroUsize,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use lru::LruCache;
use protocol::robot::DEVICE_BYTES;
use serde::{Deserialize, Serialize};
use service::config::ConfigError;
use sha2::Sha256;

use crate::config::DialectArgs;

/// How far a robot's clock may be off, in seconds.
const CLOCK_SKEW: u64 = 300;
/// Signatures remembered, so that none is used twice.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");
const KEY_BYTES: usize = 32;

/// The content of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RobotsFile {
    /// In the order they were added.
    pub robots: Vec<Robot>,
}

/// One robot.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Robot {
    /// Its name on the wire.
    pub id: String,
    /// Subjects (`sub`) of the tokens of who may see it.
    pub owners: Vec<String>,
    /// 64 lower-case hexadecimal digits.
    pub key: String,
}

impl std::fmt::Debug for Robot {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Robot")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl RobotsFile {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// When it cannot be read, is not of that shape, or names a robot twice.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let wrong = |why: String| ConfigError::new(format!("{}: {why}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let file: Self = serde_json::from_str(&text).map_err(|error| {
            // Its own text may hold a key.
            wrong(format!("not a file of robots, at line {}", error.line()))
        })?;
        for (place, robot) in file.robots.iter().enumerate() {
            if !is_id(&robot.id) || key_of(&robot.key).is_none() {
                return Err(wrong(format!("robot {} has no good id or key", place + 1)));
            }
            if file.robots[..place]
                .iter()
                .any(|other| other.id == robot.id)
            {
                return Err(wrong(format!("robot {} is there twice", robot.id)));
            }
        }
        Ok(file)
    }

    /// Writes the file anew, for its owner only, all of it or nothing.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let new = PathBuf::from(new);
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other)? + "\n";
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(new, path)
    }

    /// Adds a robot with a new key, or owners to one that is there. Gives the new key.
    ///
    /// # Errors
    /// When the id is none.
    pub fn add(&mut self, id: &str, owners: &[String]) -> Result<Option<String>, ConfigError> {
        if !is_id(id) {
            let what = "a robot's id is 1 to 64 letters, digits and . _ - characters";
            return Err(ConfigError::new(what));
        }
        let known = self.robots.iter_mut().find(|robot| robot.id == id);
        if let Some(robot) = known {
            let new = owners.iter().filter(|owner| !robot.owners.contains(owner));
            let new: Vec<_> = new.cloned().collect();
            robot.owners.extend(new);
            return Ok(None);
        }
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key).expect("the system has a source of randomness");
        let key = hex(&key);
        self.robots.push(Robot {
            id: id.to_owned(),
            owners: owners.to_vec(),
            key: key.clone(),
        });
        Ok(Some(key))
    }

    /// Takes a robot away, or only these owners of it. False when nothing changed.
    pub fn revoke(&mut self, id: &str, owners: &[String]) -> bool {
        let before = self.clone();
        if owners.is_empty() {
            self.robots.retain(|robot| robot.id != id);
        }
        for robot in self.robots.iter_mut().filter(|robot| robot.id == id) {
            robot.owners.retain(|owner| !owners.contains(owner));
        }
        *self != before
    }
}

fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=DEVICE_BYTES).contains(&id.len()) && id.bytes().all(plain)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key_of(text: &str) -> Option<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    if text.len() != 2 * KEY_BYTES
        || !text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    {
        return None;
    }
    for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(key)
}

/// What a robot signs to prove who it is: lower-case hexadecimal of
/// HMAC-SHA256(key, `<id>:<unix seconds>`), or of the id alone where that is allowed.
#[must_use]
pub fn signature(key: &[u8], id: &str, at: Option<u64>) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(id.as_bytes());
    if let Some(at) = at {
        mac.update(format!(":{at}").as_bytes());
    }
    hex(&mac.finalize().into_bytes())
}

/// Everything known of robots while the service runs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Robots(Arc<Inner>);

struct Inner {
    file: Option<PathBuf>,
    known: RwLock<BTreeMap<String, Robot>>,
    used: Mutex<LruCache<String, ()>>,
    undated: bool,
}

impl Robots {
    pub(crate) fn open(args: &DialectArgs) -> Result<Self, ConfigError> {
        let file = args.robots_file.clone();
        let known = match &file {
            Some(file) => by_id(RobotsFile::read(file)?),
            None => BTreeMap::new(),
        };
        Ok(Self(Arc::new(Inner {
            file,
            known: RwLock::new(known),
            used: Mutex::new(LruCache::new(REMEMBERED)),
            undated: args.robot_undated_signatures,
        })))
    }

    /// Whether there may be any robots at all.
    pub(crate) fn configured(&self) -> bool {
        self.0.file.is_some()
    }

    pub(crate) fn owns(&self, subject: &str, device: &str) -> bool {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        let robot = known.get(device);
        robot.is_some_and(|robot| robot.owners.iter().any(|owner| owner == subject))
    }

    pub(crate) fn knows(&self, device: &str) -> bool {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        known.contains_key(device)
    }

    /// Whether that is the robot it says to be. A signature is good once.
    pub(crate) fn proves(&self, device: &str, at: Option<u64>, given: &str, now: u64) -> bool {
        let key = {
            let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
            known.get(device).and_then(|robot| key_of(&robot.key))
        };
        // An unknown robot is refused as late as a known one.
        let made = signature(&key.unwrap_or_default(), device, at);
        let same = subtle::ConstantTimeEq::ct_eq(made.as_bytes(), given.as_bytes());
        let timely = match at {
            Some(at) => at.abs_diff(now) <= CLOCK_SKEW,
            None => self.0.undated,
        };
        if key.is_none() || !bool::from(same) || !timely {
            return false;
        }
        let mut used = self.0.used.lock().unwrap_or_else(PoisonError::into_inner);
        at.is_none() || used.put(made, ()).is_none()
    }

    /// Reads the file again; gives the robots that are gone or have another key.
    pub(crate) fn reload(&self) -> Vec<String> {
        let Some(file) = &self.0.file else {
            return Vec::new();
        };
        let content = match RobotsFile::read(file) {
            Ok(content) => by_id(content),
            Err(error) => {
                tracing::warn!(%error, "the robots stay as they were");
                return Vec::new();
            }
        };
        tracing::info!(robots = content.len(), "read the robots again");
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *known, content);
        let other = |robot: &Robot| known.get(&robot.id).is_none_or(|now| now.key != robot.key);
        let gone = before.into_values().filter(other);
        gone.map(|robot| robot.id).collect()
    }
}

fn by_id(file: RobotsFile) -> BTreeMap<String, Robot> {
    let entry = |robot: Robot| (robot.id.clone(), robot);
    file.robots.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn robots(undated: bool) -> (Robots, Vec<u8>) {
        let mut file = RobotsFile::default();
        let key = file.add("rover", &["ann".into()]).unwrap().unwrap();
        let robots = Robots(Arc::new(Inner {
            file: None,
            known: RwLock::new(by_id(file)),
            used: Mutex::new(LruCache::new(REMEMBERED)),
            undated,
        }));
        (robots, key_of(&key).unwrap().to_vec())
    }

    #[test]
    fn a_signature_is_good_once_and_for_a_while() {
        let (robots, key) = robots(false);
        let sign = |at| signature(&key, "rover", Some(at));
        assert!(robots.proves("rover", Some(NOW - 300), &sign(NOW - 300), NOW));
        assert!(
            !robots.proves("rover", Some(NOW - 300), &sign(NOW - 300), NOW),
            "replay"
        );
        assert!(
            !robots.proves("rover", Some(NOW - 301), &sign(NOW - 301), NOW),
            "old"
        );
        assert!(
            !robots.proves("rover", Some(NOW + 301), &sign(NOW + 301), NOW),
            "early"
        );
        assert!(
            !robots.proves("rover", Some(NOW), &sign(NOW + 1), NOW),
            "another time"
        );
        assert!(!robots.proves("rover", Some(NOW), &sign(NOW).to_uppercase(), NOW));
        assert!(!robots.proves(
            "other",
            Some(NOW),
            &signature(&[0; 32], "other", Some(NOW)),
            NOW
        ));
    }

    #[test]
    fn signatures_without_a_time_must_be_allowed() {
        for allowed in [true, false] {
            let (robots, key) = robots(allowed);
            let sign = signature(&key, "rover", None);
            assert_eq!(robots.proves("rover", None, &sign, NOW), allowed);
        }
    }

    #[test]
    fn owners_are_those_of_the_file() {
        let (robots, _) = robots(false);
        assert!(robots.owns("ann", "rover"));
        assert!(!robots.owns("bob", "rover") && !robots.owns("ann", "other"));
    }

    #[test]
    fn the_file_is_for_its_owner_only_and_is_checked() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("robots.json");
        let mut file = RobotsFile::default();
        file.add("rover", &[]).unwrap();
        assert_eq!(
            file.add("rover", &["ann".into()]).unwrap(),
            None,
            "no second key"
        );
        assert!(file.add("no such id", &[]).is_err());
        assert!(!file.revoke("rover", &["bob".into()]) && !file.revoke("other", &[]));
        file.write(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(RobotsFile::read(&path).unwrap(), file);
        for wrong in [
            "",
            "{}",
            r#"{"robots":[{"id":"a","owners":[],"key":"00"}]}"#,
        ] {
            fs::write(&path, wrong).unwrap();
            assert!(RobotsFile::read(&path).is_err(), "{wrong}");
        }
    }
}

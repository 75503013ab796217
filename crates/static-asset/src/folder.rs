//! Any folder: files are looked up when they are asked for, so that a page can be changed
//! while it is served; prepared forms are kept while the file stays the same.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    num::NonZeroUsize,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use lru::LruCache;

use crate::asset::{Asset, Effort};

/// Largest file that is served: it is in memory while it is.
const FILE_BYTES: u64 = 64 * 1024 * 1024;
/// What all kept forms together may weigh.
const KEPT_BYTES: usize = 128 * 1024 * 1024;
/// How many files are kept at most.
const KEPT_FILES: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    kept: Mutex<Kept>,
}

/// A file that stayed the same.
#[derive(Debug)]
struct Entry {
    modified: SystemTime,
    length: u64,
    asset: Arc<Asset>,
}

impl Folder {
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        fs::read_dir(root)?;
        Ok(Self {
            // A relative one must not move with the process.
            root: std::path::absolute(root)?,
            kept: Mutex::new(Kept::new(KEPT_BYTES)),
        })
    }

    /// The file of that clean name; none where there is no such file, or it is not for
    /// everybody's eyes. Blocking: it reads.
    ///
    /// # Errors
    /// When there is a file that cannot be served.
    pub(crate) fn find(&self, name: &str) -> io::Result<Option<Arc<Asset>>> {
        // The root may itself be a link, which a new release of the page moves.
        let root = self.root.canonicalize()?;
        let Ok(path) = root.join(name).canonicalize() else {
            return Ok(None);
        };
        // SECURITY: links are followed only as long as they stay inside and in sight.
        let hidden = |part: &Path| part.iter().any(|part| part.as_bytes().starts_with(b"."));
        if path.strip_prefix(&root).map_or(true, hidden) {
            return Ok(None);
        }
        // Asked before it is opened: opening a pipe waits for its other end.
        let data = path.metadata()?;
        if !data.is_file() {
            return Ok(None);
        }
        let (modified, length) = (data.modified()?, data.len());
        if let Some(asset) = self.lock().same(&path, modified, length) {
            return Ok(Some(asset));
        }
        let asset = Arc::new(Asset::new(name, read(&path)?.into(), Effort::Quick));
        let entry = Entry {
            modified,
            length,
            asset: Arc::clone(&asset),
        };
        self.lock().keep(path, entry);
        Ok(Some(asset))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut file = File::open(path)?.take(FILE_BYTES + 1);
    if file.get_ref().metadata()?.len() <= FILE_BYTES {
        file.read_to_end(&mut content)?;
    }
    if file.get_ref().metadata()?.len() > FILE_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}

#[derive(Debug)]
struct Kept {
    entries: LruCache<PathBuf, Entry>,
    weight: usize,
    limit: usize,
}

impl Kept {
    fn new(limit: usize) -> Self {
        Self {
            entries: LruCache::new(KEPT_FILES),
            weight: 0,
            limit,
        }
    }

    fn same(&mut self, path: &Path, modified: SystemTime, length: u64) -> Option<Arc<Asset>> {
        let entry = self.entries.get(path)?;
        let same = (entry.modified, entry.length) == (modified, length);
        same.then(|| Arc::clone(&entry.asset))
    }

    fn keep(&mut self, path: PathBuf, entry: Entry) {
        let weight = entry.asset.weight();
        // One file must not push all others out.
        if weight > self.limit / 2 {
            return;
        }
        self.weight += weight;
        if let Some((_, old)) = self.entries.push(path, entry) {
            self.weight -= old.asset.weight();
        }
        while self.weight > self.limit
            && let Some((_, old)) = self.entries.pop_lru()
        {
            self.weight -= old.asset.weight();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use proptest::{prelude::*, test_runner::TestRunner};
    use tempfile::TempDir;

    use super::*;
    use crate::{encoding::Encoding, path::clean};

    const SECRET: &str = "a secret of somebody else";

    /// A folder with a page, beside a folder with secrets that links lead to.
    fn house() -> (TempDir, Folder) {
        let house = tempfile::tempdir().unwrap();
        let at = |name: &str| house.path().join(name);
        for folder in ["page/src", "page/.git", "private"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for secret in ["private/a", "page/.git/a", "page/.a", "a"] {
            fs::write(at(secret), SECRET).unwrap();
        }
        for page in ["page/index.html", "page/b", "page/src/b"] {
            fs::write(at(page), "for everybody").unwrap();
        }
        symlink(at("private"), at("page/out")).unwrap();
        symlink("../../private/a", at("page/src/a")).unwrap();
        symlink("/proc/self/environ", at("page/c")).unwrap();
        symlink(".a", at("page/d")).unwrap();
        symlink("src/b", at("page/e")).unwrap();
        symlink("f", at("page/f")).unwrap();
        let folder = Folder::open(&at("page")).unwrap();
        (house, folder)
    }

    fn text(asset: &Asset) -> Vec<u8> {
        asset.form(&[]).1.to_vec()
    }

    #[test]
    fn links_that_leave_the_folder_lead_nowhere() {
        let (_house, folder) = house();
        for name in ["out/a", "out", "src/a", "c", "d", "f", "src", "", "b/b"] {
            assert!(folder.find(name).unwrap().is_none(), "{name}");
        }
        for name in ["index.html", "b", "src/b", "e"] {
            assert!(folder.find(name).unwrap().is_some(), "{name}");
        }
    }

    #[test]
    fn a_pipe_is_no_file() {
        let (house, folder) = house();
        let pipe = house.path().join("page/pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        assert!(folder.find("pipe").unwrap().is_none());
    }

    #[test]
    fn a_changed_file_is_read_again_and_an_unchanged_one_is_not() {
        let (house, folder) = house();
        let first = folder.find("b").unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &folder.find("b").unwrap().unwrap()));
        fs::write(house.path().join("page/b"), "another text").unwrap();
        let second = folder.find("b").unwrap().unwrap();
        assert_ne!(
            second.tag(Encoding::Identity),
            first.tag(Encoding::Identity)
        );
        assert_eq!(text(&second), b"another text");
    }

    #[test]
    fn a_release_that_moves_the_link_is_seen() {
        let house = tempfile::tempdir().unwrap();
        let at = |name: &str| house.path().join(name);
        for release in ["one", "two"] {
            fs::create_dir(at(release)).unwrap();
            fs::write(at(release).join("a.txt"), release).unwrap();
        }
        symlink("one", at("current")).unwrap();
        let folder = Folder::open(&at("current")).unwrap();
        assert_eq!(text(&folder.find("a.txt").unwrap().unwrap()), b"one");
        symlink("two", at("next")).unwrap();
        fs::rename(at("next"), at("current")).unwrap();
        assert_eq!(text(&folder.find("a.txt").unwrap().unwrap()), b"two");
        fs::remove_file(at("current")).unwrap();
        assert!(folder.find("a.txt").is_err(), "the page is gone");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut kept = Kept::new(1000);
        let entry = |bytes: usize| Entry {
            modified: SystemTime::UNIX_EPOCH,
            length: 0,
            asset: Arc::new(Asset::new("a.png", vec![0; bytes].into(), Effort::Quick)),
        };
        kept.keep("huge".into(), entry(501));
        assert_eq!((kept.entries.len(), kept.weight), (0, 0));
        for n in 0..20 {
            kept.keep(format!("{}", n % 12).into(), entry(100));
        }
        assert_eq!(kept.entries.len(), 10);
        let sum: usize = kept.entries.iter().map(|(_, e)| e.asset.weight()).sum();
        assert_eq!(sum, kept.weight);
    }

    #[test]
    fn nothing_outside_is_ever_served() {
        let (_house, folder) = house();
        let pieces: [&[u8]; 20] = [
            b"/", b"/", b".", b"..", b"%2e", b"%2f", b"%252e", b"%00", b"\\", b"a", b"b", b"c",
            b"d", b"out", b"src", b".git", b"page", b"private", b"proc", b"\xff",
        ];
        let paths = prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..12);
        let tried = TestRunner::default().run(&paths, |pieces| {
            let path = String::from_utf8_lossy(&pieces.concat()).into_owned();
            for path in [path.clone(), format!("/{path}")] {
                let found = clean(&path).and_then(|name| folder.find(&name).unwrap());
                let fine = found.is_none_or(|asset| text(&asset) == b"for everybody");
                prop_assert!(fine, "{path}");
            }
            Ok(())
        });
        tried.unwrap();
    }
}

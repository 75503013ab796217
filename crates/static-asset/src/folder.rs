//! Any folder: files are read when they are asked for, so that a page can be changed while
//! it is served; prepared forms are kept while the file stays the same.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use lru::LruCache;

use crate::asset::{Asset, Effort};

/// Largest file that is served.
const FILE_BYTES: u64 = 64 * 1024 * 1024;
/// What all kept forms together may weigh.
const KEPT_BYTES: usize = 128 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    assets: LruCache<PathBuf, (SystemTime, u64, Arc<Asset>)>,
    weight: usize,
}

impl Folder {
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn open(root: &Path) -> std::io::Result<Self> {
        let root = root.canonicalize()?;
        std::fs::read_dir(&root)?;
        let size = NonZeroUsize::new(4096).expect("not zero");
        let kept = Kept {
            assets: LruCache::new(size),
            weight: 0,
        };
        Ok(Self {
            root,
            kept: Mutex::new(kept),
        })
    }

    /// The file of that clean name. Blocking: it reads and compresses.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Asset>> {
        // SECURITY: links are followed only as long as they stay inside.
        let path = self.root.join(name).canonicalize().ok()?;
        if !path.starts_with(&self.root) {
            return None;
        }
        let data = path
            .metadata()
            .ok()
            .filter(|data| data.is_file() && data.len() <= FILE_BYTES)?;
        let modified = data.modified().ok()?;
        if let Some((at, length, asset)) = self.lock().assets.get(&path)
            && (*at, *length) == (modified, data.len())
        {
            return Some(Arc::clone(asset));
        }
        let content = std::fs::read(&path).ok()?;
        let asset = Arc::new(Asset::prepare(name, content.into(), Effort::Quick));
        self.keep(path, (modified, data.len(), Arc::clone(&asset)));
        Some(asset)
    }

    fn keep(&self, path: PathBuf, entry: (SystemTime, u64, Arc<Asset>)) {
        let mut kept = self.lock();
        kept.weight += entry.2.weight();
        if let Some((_, (_, _, old))) = kept.assets.push(path, entry) {
            kept.weight -= old.weight();
        }
        while kept.weight > KEPT_BYTES
            && let Some((_, (_, _, old))) = kept.assets.pop_lru()
        {
            kept.weight -= old.weight();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_leave_the_folder_lead_nowhere_and_changes_are_seen() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret.txt"), "secret").unwrap();
        let inside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), inside.path().join("out")).unwrap();
        std::fs::write(inside.path().join("page.txt"), "one").unwrap();
        let folder = Folder::open(inside.path()).unwrap();
        assert!(folder.find("out/secret.txt").is_none());
        assert!(folder.find("out").is_none());
        let tag = || {
            folder
                .find("page.txt")
                .unwrap()
                .tag(crate::encoding::Encoding::Identity)
        };
        let first = tag();
        std::fs::write(inside.path().join("page.txt"), "other").unwrap();
        assert_ne!(tag(), first);
    }
}

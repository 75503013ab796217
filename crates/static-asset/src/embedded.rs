//! The page in the binary. Everything is prepared once; every file also has an address that
//! names the content of the whole tree, and may be kept for ever.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rust_embed::Embed;
use sha2::{Digest as _, Sha256};

use crate::{
    asset::{Asset, Effort, hex},
    encoding::Encoding,
};

#[derive(Embed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web"]
#[include = "*.html"]
#[include = "*.css"]
#[include = "*.svg"]
#[include = "*.png"]
#[include = "*.webmanifest"]
#[include = "src/*.js"]
#[exclude = "node_modules/*"]
#[exclude = "test/*"]
struct Web;

/// Where content-addressed files are: `assets/<hash of the tree>/<name>`.
pub(crate) const PREFIX: &str = "assets/";

#[derive(Debug)]
pub(crate) struct Embedded {
    files: HashMap<String, Asset>,
    /// `assets/<hash>/`.
    immutable: String,
}

impl Embedded {
    pub(crate) fn load() -> Self {
        let names = Web::iter().filter_map(|name| Some((name.to_string(), Web::get(&name)?.data)));
        let contents: BTreeMap<String, Vec<u8>> = names
            .map(|(name, content)| (name, content.into_owned()))
            .collect();
        Self::of(contents)
    }

    fn of(mut contents: BTreeMap<String, Vec<u8>>) -> Self {
        let mut tree = Sha256::new();
        for (name, content) in &contents {
            tree.update(name.as_bytes());
            tree.update([0]);
            tree.update(Sha256::digest(content));
        }
        let immutable = format!("{PREFIX}{}/", hex(&tree.finalize()[..8]));
        let named: BTreeSet<String> = contents
            .keys()
            .filter(|name| !is_page(name))
            .cloned()
            .collect();
        for (_, page) in contents.iter_mut().filter(|(name, _)| is_page(name)) {
            let text = String::from_utf8_lossy(page);
            *page = address(&text, &immutable, |name| named.contains(name)).into_bytes();
        }
        let prepare = |(name, content): (String, Vec<u8>)| {
            let asset = Asset::new(&name, content.into(), Effort::Best);
            for encoding in [Encoding::Brotli, Encoding::Gzip] {
                asset.form(&[encoding]);
            }
            (name, asset)
        };
        Self {
            files: contents.into_iter().map(prepare).collect(),
            immutable,
        }
    }

    /// The file of that name, and whether its address names its content.
    pub(crate) fn find(&self, name: &str) -> Option<(&Asset, bool)> {
        match name.strip_prefix(&self.immutable) {
            Some(rest) if !is_page(rest) => Some((self.files.get(rest)?, true)),
            Some(_) => None,
            None => Some((self.files.get(name)?, false)),
        }
    }
}

/// Its address stays, and its content changes.
fn is_page(name: &str) -> bool {
    name.ends_with(".html")
}

/// Points a page's own references at the addresses that name their content. Modules
/// import each other relatively, so they stay below the same prefix.
fn address(page: &str, prefix: &str, exists: impl Fn(&str) -> bool) -> String {
    let mut parts = page.split("=\"/");
    let mut addressed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        addressed.push_str("=\"/");
        let end = part.find(['"', '#', '?']).unwrap_or(part.len());
        if exists(&part[..end]) {
            addressed.push_str(prefix);
        }
        addressed.push_str(part);
    }
    addressed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(script: &str) -> Embedded {
        let page = r##"<link href="/style.css"><script src="/src/main.js"></script>
            <use href="/style.css#part"><a href="/"></a><a href="/more.html"></a><a href="/other">="/"##;
        let files = [
            ("index.html", page),
            ("more.html", page),
            ("style.css", "b{}"),
            ("src/main.js", script),
        ];
        let files = files.map(|(name, content)| (name.to_owned(), content.as_bytes().to_vec()));
        Embedded::of(files.into())
    }

    fn text(asset: &Asset) -> String {
        String::from_utf8(asset.form(&[]).1.to_vec()).unwrap()
    }

    #[test]
    fn the_page_refers_to_addresses_that_change_with_the_content() {
        let (one, two) = (tree("1"), tree("2"));
        assert_ne!(one.immutable, two.immutable);
        let page = text(one.find("index.html").unwrap().0);
        assert!(
            page.contains(&format!("src=\"/{}src/main.js\"", one.immutable)),
            "{page}"
        );
        assert!(page.contains(&format!("<use href=\"/{}style.css#part\">", one.immutable)));
        assert_eq!(page, text(one.find("more.html").unwrap().0));
        assert!(page.contains("href=\"/more.html\""), "pages keep theirs");
        assert!(page.contains("href=\"/\"") && page.ends_with("href=\"/other\">=\"/"));
        assert!(
            one.find(&format!("{}src/main.js", one.immutable))
                .unwrap()
                .1
        );
        assert!(
            one.find(&format!("{}src/main.js", two.immutable)).is_none(),
            "stale"
        );
        assert!(
            one.find(&format!("{}index.html", one.immutable)).is_none(),
            "never kept for ever"
        );
    }

    #[test]
    fn only_the_page_is_in_the_binary() {
        let names: Vec<String> = Web::iter().map(|name| name.to_string()).collect();
        assert!(
            names.iter().any(|name| name.starts_with("src/")),
            "{names:?}"
        );
        let own = |name: &String| match name.split_once('/') {
            Some((folder, _)) => ["src", "icons"].contains(&folder),
            None => ["index.html", "echo.html"].contains(&name.as_str()) || !is_page(name),
        };
        assert!(names.iter().all(own), "{names:?}");
        let foreign = |name: &String| name.ends_with(".json") || name.contains(".test.");
        assert!(!names.iter().any(foreign), "{names:?}");
    }
}

//! Builds again when the page changes. A new file counts as soon as the page, a style or a
//! module that is watched already refers to it.

use std::{ffi::OsStr, fs, path::Path};

fn main() -> std::io::Result<()> {
    let web = "../../web";
    println!("cargo::rerun-if-changed={web}/index.html");
    for entry in fs::read_dir(web)? {
        let entry = entry?;
        let name = entry.file_name();
        let served = Path::new(&name).extension().and_then(OsStr::to_str);
        let served = matches!(served, Some("css" | "png" | "svg" | "webmanifest"));
        if served || name == "icons" || name == "src" {
            println!("cargo::rerun-if-changed={web}/{}", name.display());
        }
    }
    Ok(())
}

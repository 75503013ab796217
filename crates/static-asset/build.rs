//! Builds again when the page changes, new files included.

fn main() {
    for part in [
        "index.html",
        "style.css",
        "call.css",
        "manifest.webmanifest",
        "icons",
        "src",
    ] {
        println!("cargo::rerun-if-changed=../../web/{part}");
    }
}

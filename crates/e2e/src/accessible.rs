//! What axe-core says of a page.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::Browser;

/// Finds what a screen reader or a weak eye would stumble over. `SCREENSHOTS=<folder>` keeps
/// a picture of that name.
///
/// # Errors
/// Says what was found.
pub async fn accessible(browser: &Browser, what: &str) -> Result<()> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/node_modules/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(file).context("axe-core is missing: npm ci in web/")?;
    browser.run(&axe).await?;
    let body = "
        const { violations } = await axe.run(document, { resultTypes: ['violations'] });
        return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);";
    let found = browser.run_async(body).await?;
    ensure!(found == serde_json::json!([]), "{what}: {found}");
    let overflow = browser
        .run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        .await?;
    ensure!(
        overflow.as_i64().unwrap_or(1) <= 0,
        "{what}: wider than the window"
    );
    if let Some(folder) = std::env::var_os("SCREENSHOTS") {
        let picture = browser.screenshot().await?;
        std::fs::write(Path::new(&folder).join(format!("{what}.png")), picture)?;
    }
    Ok(())
}

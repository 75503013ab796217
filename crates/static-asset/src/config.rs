//! Which page to serve, and with which policy.

use std::path::PathBuf;

use clap::Args;

/// The web page.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Web page")]
pub struct StaticArgs {
    /// Serve this folder instead of the page in the binary.
    #[arg(long, env = "TUTURU_WEB_ROOT", value_name = "FOLDER")]
    pub web_root: Option<PathBuf>,

    /// Content-Security-Policy of the page; `none` sends none. A page of your own may need
    /// one of its own.
    #[arg(long, env = "TUTURU_WEB_CSP", value_name = "POLICY")]
    pub web_csp: Option<String>,

    /// Send Strict-Transport-Security; a TLS proxy in front usually does.
    #[arg(long, env = "TUTURU_HSTS", default_value_t = false)]
    pub hsts: bool,
}

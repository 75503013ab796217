//! The static asset service: serves the web page.

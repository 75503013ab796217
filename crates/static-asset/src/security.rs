//! The headers that keep a page from being turned against its visitor. They are on every
//! answer, whatever its status.

use http::{HeaderMap, HeaderName, HeaderValue};

/// `connect-src 'self'` covers WebSockets to the own host (CSP 3) in Chromium, Firefox and
/// Safari since 15.4.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; \
    manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'";

const FIXED: [(&str, &str); 6] = [
    (
        "permissions-policy",
        "autoplay=(self), camera=(self), display-capture=(self), fullscreen=(self), \
         microphone=(self), picture-in-picture=(self), screen-wake-lock=(self), \
         speaker-selection=(self), accelerometer=(), \
         browsing-topics=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), midi=(), \
         payment=(), serial=(), usb=(), xr-spatial-tracking=()",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
];

/// The headers of a deployment.
#[derive(Clone, Debug)]
pub struct SecurityHeaders(Vec<(HeaderName, HeaderValue)>);

impl SecurityHeaders {
    /// `policy` replaces the strict one; `none` sends none.
    ///
    /// # Errors
    /// When the policy cannot be a header.
    pub fn new(policy: Option<&str>, hsts: bool) -> Result<Self, http::header::InvalidHeaderValue> {
        let mut headers = Vec::new();
        let mut add = |name: &'static str, value: &str| {
            headers.push((HeaderName::from_static(name), HeaderValue::from_str(value)?));
            Ok(())
        };
        match policy.unwrap_or(CONTENT_SECURITY_POLICY) {
            "none" => {}
            policy => add("content-security-policy", policy)?,
        }
        for (name, value) in FIXED {
            add(name, value)?;
        }
        if hsts {
            add("strict-transport-security", "max-age=31536000")?;
        }
        Ok(Self(headers))
    }

    /// Puts them on an answer, where it has none of its own.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}

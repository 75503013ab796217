//! The headers that keep a page from being turned against its visitor. They are on every
//! answer, whatever its status.

use headers::{HeaderMapExt as _, Host};
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The strict policy. Its `connect-src` also names the own host as a WebSocket, see
/// [`SecurityHeaders::apply_for`].
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; \
    manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'";

/// Where the own host goes.
const CONNECT: &str = "connect-src 'self'";

/// Longest name of the DNS.
const HOST_BYTES: usize = 253;

/// Features that some browsers do not know (web-share, bluetooth) are left at their default:
/// each would be a complaint in the console.
const FIXED: [(&str, &str); 6] = [
    (
        "permissions-policy",
        "autoplay=(self), camera=(self), display-capture=(self), fullscreen=(self), \
         microphone=(self), picture-in-picture=(self), screen-wake-lock=(self), \
         speaker-selection=(self), compute-pressure=(self), accelerometer=(), \
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
pub struct SecurityHeaders {
    fixed: Vec<(HeaderName, HeaderValue)>,
    /// Whether the policy is ours, to be completed with the own host.
    strict: bool,
}

impl SecurityHeaders {
    /// `policy` replaces the strict one; `none` sends none.
    ///
    /// # Errors
    /// When the policy cannot be a header.
    pub fn new(policy: Option<&str>, hsts: bool) -> Result<Self, header::InvalidHeaderValue> {
        let mut fixed = Vec::new();
        let mut add = |name: &'static str, value: &str| {
            fixed.push((HeaderName::from_static(name), HeaderValue::from_str(value)?));
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
        Ok(Self {
            fixed,
            strict: policy.is_none(),
        })
    }

    /// Puts them on an answer, where it has none of its own.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.fixed {
            headers.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }

    /// As [`apply`](Self::apply), for the answer to that request. `'self'` covers WebSockets
    /// in Chromium since 71, in Firefox and in Safari since 16, but not in the Safari of
    /// phones that end at iOS 15: they need the host by name. `ws:` and `wss:` alone would
    /// let a page talk to anybody.
    pub fn apply_for(&self, request: &HeaderMap, headers: &mut HeaderMap) {
        if let Some(host) = self.strict.then(|| own_host(request)).flatten() {
            let named = format!("{CONNECT} ws://{host} wss://{host}");
            let policy = CONTENT_SECURITY_POLICY.replacen(CONNECT, &named, 1);
            if let Ok(policy) = HeaderValue::try_from(policy) {
                headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            }
        }
        self.apply(headers);
    }
}

/// The host as a source of a policy, which has no form for IPv6 addresses.
///
/// SECURITY: the client says it, so only letters that cannot end the directive pass.
fn own_host(request: &HeaderMap) -> Option<String> {
    let host: Host = request.typed_get()?;
    let name = host.hostname();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if name.is_empty() || name.len() > HOST_BYTES || !name.bytes().all(plain) {
        return None;
    }
    Some(match host.port() {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(headers: &SecurityHeaders, host: &[u8]) -> Option<String> {
        let (mut request, mut response) = (HeaderMap::new(), HeaderMap::new());
        if let Ok(host) = HeaderValue::from_bytes(host) {
            request.insert(header::HOST, host);
        }
        headers.apply_for(&request, &mut response);
        let policy = response.get(header::CONTENT_SECURITY_POLICY)?;
        Some(policy.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_own_host_is_named_and_nothing_else() {
        let strict = SecurityHeaders::new(None, false).unwrap();
        let of = |host: &str| policy(&strict, host.as_bytes()).unwrap();
        assert!(of("call.example:8443").contains(
            "; connect-src 'self' ws://call.example:8443 wss://call.example:8443; manifest-src"
        ));
        assert!(of("localhost").contains("'self' ws://localhost wss://localhost; "));
        for other in ["", "[::1]:8080", "a;b", "a b", "a,b", "*", "user@a*", "a'b"] {
            assert_eq!(of(other), CONTENT_SECURITY_POLICY, "{other}");
        }
    }

    #[test]
    fn a_policy_of_ones_own_is_left_alone() {
        let own = SecurityHeaders::new(Some("default-src 'self'"), true).unwrap();
        assert_eq!(policy(&own, b"a").as_deref(), Some("default-src 'self'"));
        let none = SecurityHeaders::new(Some("none"), false).unwrap();
        assert_eq!(policy(&none, b"a"), None);
        assert!(SecurityHeaders::new(Some("a\nb"), false).is_err());
    }

    proptest! {
        #[test]
        fn no_host_adds_a_directive(host in prop::collection::vec(any::<u8>(), 0..40)) {
            let strict = SecurityHeaders::new(None, false).unwrap();
            let policy = policy(&strict, &host).unwrap();
            let directives = |policy: &str| -> Vec<String> {
                let names = policy.split(';').map(|one| one.trim().split(' ').next().unwrap_or("").to_owned());
                names.collect()
            };
            prop_assert_eq!(directives(&policy), directives(CONTENT_SECURITY_POLICY));
            prop_assert!(!policy.contains(',') && !policy.contains('*'));
        }
    }
}

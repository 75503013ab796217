//! Hugging Face's relay for FastRTC: credentials for an access token.

use bytes::Bytes;
use http::{Request, header};
use service::config::ConfigError;

use crate::request::{BaseUrl, authorization};

/// `GET …/credentials?ttl=n`. The answer is that of [`answer::parse`](crate::answer::parse).
pub(crate) fn request(
    base: &BaseUrl,
    token: &str,
    ttl: u64,
) -> Result<Request<Bytes>, ConfigError> {
    let bearer = authorization(&format!("Bearer {token}"), "HF_TOKEN")?;
    let request = Request::get(base.join(&format!("/credentials?ttl={ttl}"))?)
        .header(header::AUTHORIZATION, bearer)
        .body(Bytes::new());
    Ok(request.expect("its parts are checked"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request() {
        let base = "https://turn.fastrtc.org".parse().unwrap();
        let request = request(&base, "hf_token", 3600).unwrap();
        assert_eq!(
            (request.method().as_str(), request.uri().to_string()),
            (
                "GET",
                "https://turn.fastrtc.org/credentials?ttl=3600".into()
            )
        );
        assert_eq!(request.headers()["authorization"], "Bearer hf_token");
    }
}

//! Who a bearer token speaks for (RFC 7519): made elsewhere, checked here.

use std::{fs, path::PathBuf};

use ::http::{HeaderMap, header};
use clap::Args;
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{JwkSet, PublicKeyUse},
};
use serde::Deserialize;

use crate::config::{ConfigError, Secret, secret_or_file};

/// How far clocks may be apart, in seconds.
const LEEWAY: u64 = 60;
/// Longest token that is looked at, in bytes.
const TOKEN_BYTES: usize = 8 * 1024;

/// How tokens of apps are checked: by a shared secret (HS256), or by public keys (RS256).
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Tokens of apps")]
pub struct JwtArgs {
    /// Secret of HS256 tokens, 16 bytes or more.
    #[arg(
        long,
        env = "TUTURU_JWT_SECRET",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub jwt_secret: Option<Secret>,

    /// File that holds the secret of HS256 tokens.
    #[arg(long, env = "TUTURU_JWT_SECRET_FILE", value_name = "FILE")]
    pub jwt_secret_file: Option<PathBuf>,

    /// File with the public key of RS256 tokens, in PEM.
    #[arg(long, env = "TUTURU_JWT_PUBLIC_KEY_FILE", value_name = "FILE")]
    pub jwt_public_key_file: Option<PathBuf>,

    /// File with the public keys of RS256 tokens, as a JWK set (RFC 7517).
    #[arg(long, env = "TUTURU_JWT_JWKS_FILE", value_name = "FILE")]
    pub jwt_jwks_file: Option<PathBuf>,

    /// Audience that a token must name.
    #[arg(long, env = "TUTURU_JWT_AUDIENCE", value_name = "NAME")]
    pub jwt_audience: Option<String>,

    /// Issuer that a token must name.
    #[arg(long, env = "TUTURU_JWT_ISSUER", value_name = "NAME")]
    pub jwt_issuer: Option<String>,
}

/// The token is not one of ours, or not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is not valid")]
pub struct InvalidToken;

/// Checks tokens.
#[derive(Clone)]
pub struct Verifier {
    /// Each with the key's id, if it has one.
    keys: Vec<(Option<String>, DecodingKey)>,
    validation: Validation,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

impl JwtArgs {
    /// What checks tokens; `None` when nothing to check them with is configured.
    ///
    /// # Errors
    /// [`ConfigError`] when a file is no good, or more than one kind of key is given.
    pub fn verifier(&self) -> Result<Option<Verifier>, ConfigError> {
        let (value, file) = (self.jwt_secret.as_ref(), self.jwt_secret_file.as_deref());
        let secret = secret_or_file(value, file, "TUTURU_JWT_SECRET")?;
        let ways = [
            secret.is_some(),
            self.jwt_public_key_file.is_some(),
            self.jwt_jwks_file.is_some(),
        ];
        if ways.iter().filter(|way| **way).count() > 1 {
            let what = "give one of TUTURU_JWT_SECRET, TUTURU_JWT_PUBLIC_KEY_FILE and TUTURU_JWT_JWKS_FILE";
            return Err(ConfigError::new(what));
        }
        let (algorithm, keys) = if let Some(secret) = secret {
            let key = DecodingKey::from_secret(secret.expose().as_bytes());
            (Algorithm::HS256, vec![(None, key)])
        } else if let Some(file) = &self.jwt_public_key_file {
            let wrong =
                |why: String| ConfigError::new(format!("TUTURU_JWT_PUBLIC_KEY_FILE: {why}"));
            let pem = fs::read(file).map_err(|error| wrong(error.to_string()))?;
            let key = DecodingKey::from_rsa_pem(&pem).map_err(|error| wrong(error.to_string()))?;
            (Algorithm::RS256, vec![(None, key)])
        } else if let Some(file) = &self.jwt_jwks_file {
            let wrong = |why: String| ConfigError::new(format!("TUTURU_JWT_JWKS_FILE: {why}"));
            let text = fs::read(file).map_err(|error| wrong(error.to_string()))?;
            let set: JwkSet =
                serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
            let key = |jwk| Ok((key_id(jwk), DecodingKey::from_jwk(jwk)?));
            let keys: Result<Vec<_>, jsonwebtoken::errors::Error> =
                set.keys.iter().filter(|jwk| signs(jwk)).map(key).collect();
            (
                Algorithm::RS256,
                keys.map_err(|error| wrong(error.to_string()))?,
            )
        } else {
            return Ok(None);
        };
        // SECURITY: the algorithm is what is configured, never what a token says.
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.validate_aud = self.jwt_audience.is_some();
        let mut required = vec!["exp", "sub"];
        if let Some(audience) = &self.jwt_audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        if let Some(issuer) = &self.jwt_issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        Ok(Some(Verifier { keys, validation }))
    }
}

fn signs(jwk: &jsonwebtoken::jwk::Jwk) -> bool {
    jwk.common.public_key_use != Some(PublicKeyUse::Encryption)
}

fn key_id(jwk: &jsonwebtoken::jwk::Jwk) -> Option<String> {
    jwk.common.key_id.clone()
}

impl Verifier {
    /// The subject of a valid token.
    ///
    /// # Errors
    /// [`InvalidToken`] for any other.
    pub fn subject(&self, token: &str) -> Result<String, InvalidToken> {
        if token.len() > TOKEN_BYTES {
            return Err(InvalidToken);
        }
        let named = decode_header(token).map_err(|_| InvalidToken)?.kid;
        let fits = |id: &Option<String>| id.is_none() || named.is_none() || *id == named;
        let mut keys = self.keys.iter().filter(|(id, _)| fits(id));
        let subject = keys.find_map(|(_, key)| {
            let claims = decode::<Claims>(token, key, &self.validation).ok()?.claims;
            Some(claims.sub).filter(|subject| !subject.is_empty())
        });
        subject.ok_or(InvalidToken)
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750 section 2.1).
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

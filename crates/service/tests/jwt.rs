//! Tokens of apps: who is let in, by each kind of key.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use service::{
    config::ConfigError,
    jwt::{JwtArgs, Verifier},
};

const SECRET: &str = "a secret of the tests, long enough";
const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys");

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    jwt: JwtArgs,
}

fn verifier(arguments: &[&str]) -> Result<Option<Verifier>, ConfigError> {
    let arguments = ["jwt"].iter().chain(arguments);
    Arguments::parse_from(arguments).jwt.verifier()
}

fn claims() -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    json!({ "sub": "ann", "exp": now.as_secs() + 60, "iss": "shop", "aud": ["robots", "cars"] })
}

fn rs256(key: &str, kid: Option<&str>) -> String {
    let pem = std::fs::read(format!("{KEYS}/{key}.pem")).unwrap();
    let mut header = Header::new(Algorithm::RS256);
    header.kid = kid.map(str::to_owned);
    encode(
        &header,
        &claims(),
        &EncodingKey::from_rsa_pem(&pem).unwrap(),
    )
    .unwrap()
}

fn hs256(secret: &[u8]) -> String {
    let key = EncodingKey::from_secret(secret);
    encode(&Header::new(Algorithm::HS256), &claims(), &key).unwrap()
}

#[test]
fn a_shared_secret() {
    let by = |arguments: &[&str]| {
        let own = ["--jwt-secret", SECRET];
        let arguments: Vec<_> = own.iter().chain(arguments).copied().collect();
        let verifier = verifier(&arguments).unwrap().unwrap();
        verifier.subject(&hs256(SECRET.as_bytes()))
    };
    assert_eq!(by(&[]).unwrap(), "ann");
    assert!(by(&["--jwt-audience", "robots", "--jwt-issuer", "shop"]).is_ok());
    assert!(by(&["--jwt-audience", "boats"]).is_err());
    assert!(by(&["--jwt-issuer", "other"]).is_err());
    assert!(
        verifier(&["--jwt-secret", SECRET])
            .unwrap()
            .unwrap()
            .subject(&rs256("one", None))
            .is_err()
    );
}

#[test]
fn an_audience_that_is_asked_for_must_be_named() {
    let by = |claim: &str, value: Option<Value>| {
        let arguments = [
            "--jwt-secret",
            SECRET,
            "--jwt-audience",
            "robots",
            "--jwt-issuer",
            "shop",
        ];
        let mut claims = claims();
        match value {
            Some(value) => claims[claim] = value,
            None => drop(claims.as_object_mut().unwrap().remove(claim)),
        }
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let token = encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
        verifier(&arguments)
            .unwrap()
            .unwrap()
            .subject(&token)
            .is_ok()
    };
    assert!(by("aud", Some(json!("robots"))));
    for claim in ["aud", "iss"] {
        assert!(!by(claim, None), "{claim}");
        assert!(!by(claim, Some(json!(5))), "{claim}");
        assert!(!by(claim, Some(Value::Null)), "{claim}");
    }
}

#[test]
fn a_public_key() {
    let file = format!("{KEYS}/one.pub.pem");
    let verifier = verifier(&["--jwt-public-key-file", &file])
        .unwrap()
        .unwrap();
    assert_eq!(verifier.subject(&rs256("one", None)).unwrap(), "ann");
    assert!(verifier.subject(&rs256("two", None)).is_err());
    // SECURITY: a public key is no secret, so it must not be taken for one.
    let public = std::fs::read(&file).unwrap();
    assert!(
        verifier.subject(&hs256(&public)).is_err(),
        "another algorithm"
    );
}

#[test]
fn a_set_of_public_keys() {
    let verifier = verifier(&["--jwt-jwks-file", &format!("{KEYS}/jwks.json")])
        .unwrap()
        .unwrap();
    for (key, kid, good) in [
        ("one", Some("one"), true),
        ("two", Some("two"), true),
        ("two", None, true),
        ("two", Some("one"), false),
        ("one", Some("three"), false),
    ] {
        assert_eq!(
            verifier.subject(&rs256(key, kid)).is_ok(),
            good,
            "{key} as {kid:?}"
        );
    }
}

#[test]
fn what_cannot_be_checked_with_is_refused_at_the_start() {
    assert!(verifier(&[]).unwrap().is_none());
    let public = format!("{KEYS}/one.pub.pem");
    for wrong in [
        &["--jwt-secret", SECRET, "--jwt-public-key-file", &public][..],
        &["--jwt-public-key-file", "/nowhere"],
        &["--jwt-public-key-file", &format!("{KEYS}/jwks.json")],
        &["--jwt-jwks-file", &public],
    ] {
        assert!(verifier(wrong).is_err(), "{wrong:?}");
    }
}

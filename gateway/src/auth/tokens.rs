//! Access and refresh tokens: HS256, with the contract's claims and a version that revocation outdates.

use std::time::Duration;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use protocol::ids::UserId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::options::Secrets;

pub const ACCESS_TTL: Duration = Duration::from_secs(900);
pub const REFRESH_TTL: Duration = Duration::from_secs(7 * 24 * 3_600);
const ISSUER: &str = "valet-api";

/// What a token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    pub sub: UserId,
    pub email: String,
    #[serde(default = "plain_user")]
    pub role: String,
    pub iat: i64,
    pub exp: i64,
    pub iss: String,
    /// Tokens of an older version than the account's are refused.
    #[serde(default)]
    pub token_version: i32,
    /// The row of a refresh token.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub jti: Option<Uuid>,
}

fn plain_user() -> String {
    "user".to_owned()
}

/// Whose token it is to be.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub user: UserId,
    pub email: &'a str,
    pub role: &'a str,
    pub token_version: i32,
}

/// Signs and reads tokens and screenshot links.
pub struct Keys {
    access: (EncodingKey, DecodingKey),
    refresh: (EncodingKey, DecodingKey),
    pub(crate) artifacts: aws_lc_rs::hmac::Key,
    validation: Validation,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(***)")
    }
}

impl Keys {
    #[must_use]
    pub fn new(secrets: &Secrets) -> Self {
        let pair = |secret: &[u8]| (EncodingKey::from_secret(secret), DecodingKey::from_secret(secret));
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "sub", "iss"]);
        Self {
            access: pair(&secrets.access),
            refresh: pair(&secrets.refresh),
            artifacts: aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secrets.artifacts),
            validation,
        }
    }

    /// `None` never happens with these claims and keys.
    #[must_use]
    pub fn access(&self, subject: Subject<'_>, now: DateTime<Utc>) -> Option<String> {
        sign(&self.access.0, &claims(subject, now, ACCESS_TTL, None))
    }

    #[must_use]
    pub fn refresh(&self, subject: Subject<'_>, id: Uuid, now: DateTime<Utc>) -> Option<String> {
        sign(&self.refresh.0, &claims(subject, now, REFRESH_TTL, Some(id)))
    }

    /// The claims of a good access token.
    #[must_use]
    pub fn read_access(&self, token: &str) -> Option<Claims> {
        self.read(&self.access.1, token)
    }

    /// The claims of a good refresh token; whether it was used before, the database knows.
    #[must_use]
    pub fn read_refresh(&self, token: &str) -> Option<Claims> {
        self.read(&self.refresh.1, token)
    }

    fn read(&self, key: &DecodingKey, token: &str) -> Option<Claims> {
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation).ok()?.claims;
        (!claims.email.is_empty()).then_some(claims)
    }
}

fn claims(subject: Subject<'_>, now: DateTime<Utc>, ttl: Duration, jti: Option<Uuid>) -> Claims {
    let iat = now.timestamp();
    Claims {
        sub: subject.user,
        email: subject.email.to_owned(),
        role: subject.role.to_owned(),
        iat,
        exp: iat + ttl.as_secs() as i64,
        iss: ISSUER.to_owned(),
        token_version: subject.token_version,
        jti,
    }
}

fn sign(key: &EncodingKey, claims: &Claims) -> Option<String> {
    let mut header = Header::new(Algorithm::HS256);
    header.typ = None;
    jsonwebtoken::encode(&header, claims, key).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new(&Secrets { access: b"a".repeat(32), refresh: b"r".repeat(32), artifacts: b"s".repeat(32) })
    }

    fn subject() -> Subject<'static> {
        Subject { user: UserId::new(), email: "a@b.co", role: "user", token_version: 3 }
    }

    #[test]
    fn a_token_says_what_the_contract_asks() {
        let subject = subject();
        let token = keys().access(subject, Utc::now()).unwrap();
        let claims = keys().read_access(&token).unwrap();
        assert_eq!((claims.sub, claims.email.as_str(), claims.token_version), (subject.user, "a@b.co", 3));
        assert_eq!(claims.exp - claims.iat, 900);
        let header = token.split('.').next().unwrap();
        use base64::Engine as _;
        let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
        assert_eq!(header, br#"{"alg":"HS256"}"#);
    }

    #[test]
    fn a_refresh_token_is_no_access_token() {
        let token = keys().refresh(subject(), Uuid::now_v7(), Utc::now()).unwrap();
        assert!(keys().read_access(&token).is_none());
        assert!(keys().read_refresh(&token).is_some());
    }

    #[test]
    fn expired_forged_and_unsigned_tokens_are_refused() {
        let old = keys().access(subject(), Utc::now() - Duration::from_secs(901)).unwrap();
        assert!(keys().read_access(&old).is_none());
        let other = Keys::new(&Secrets { access: b"x".repeat(32), refresh: Vec::new(), artifacts: Vec::new() });
        assert!(keys().read_access(&other.access(subject(), Utc::now()).unwrap()).is_none());
        let good = keys().access(subject(), Utc::now()).unwrap();
        let payload = good.split('.').nth(1).unwrap();
        // {"alg":"none"}
        assert!(keys().read_access(&format!("eyJhbGciOiJub25lIn0.{payload}.")).is_none());
    }
}

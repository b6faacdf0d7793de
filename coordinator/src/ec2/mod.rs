//! Instance identity documents: what AWS says of an EC2 instance, and signs. On hosts that auto-scaling starts, where
//! nobody could have made a token, the document stands in for one.
//!
//! Here is decided, without any I/O, whether a document is AWS's, of an account and region of ours, and of an instance
//! that was started just now. That an instance enrols once only is decided where it is recorded (`store::instances`),
//! and asked for by [`crate::sessions`]. Of the three signatures AWS offers this takes `instance-identity/rsa2048`:
//! the keys of the other two are too small to be trusted.

mod cms;
#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use chrono::{DateTime, Utc};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

/// A signed document has about 1,100 bytes.
pub const SIGNED_MAX: usize = 8 << 10;
/// How long after its start an instance may enrol with its document: for booting and installing. The document does not
/// change while the instance runs, and whoever got hold of it later shall not enrol in the instance's place.
pub const RECENT: Duration = Duration::from_secs(15 * 60);
/// AWS has some forty regions.
const CERTIFICATES_MAX: usize = 256;
const KEY_BITS_MIN: usize = 2_048;
/// The length of an account's id.
const ACCOUNT_DIGITS: usize = 12;
/// Longest name of an instance's type that is kept.
const KIND_MAX: usize = 50;

/// Whom an operator lets in by document: instances of these accounts in these regions, as these keys say.
#[derive(Clone)]
pub struct Trust {
    /// As `RSAPublicKey`, DER.
    keys: Vec<Vec<u8>>,
    accounts: Vec<String>,
    regions: Vec<String>,
}

/// Why [`Trust::new`] does not make sense.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no certificate among the certificates for EC2 documents")]
    None,
    #[error("there are more than {CERTIFICATES_MAX} certificates for EC2 documents")]
    TooMany,
    #[error("one of the certificates for EC2 documents cannot be read")]
    Certificate,
    #[error(
        "a certificate for EC2 documents has no RSA key of 2048 bits; AWS lists three for each region, take RSA-2048"
    )]
    Key,
    #[error("an EC2 account is twelve digits")]
    Account,
    #[error("no EC2 account is named, so no instance could enrol")]
    NoAccount,
    #[error("an EC2 region is named like eu-west-1")]
    Region,
    #[error("no EC2 region is named, so no instance could enrol")]
    NoRegion,
}

/// An instance, as its document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    pub id: String,
    pub kind: String,
    pub account: String,
    pub region: String,
    /// When it was started last.
    pub pending: DateTime<Utc>,
}

/// Why a document buys nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    TooLarge,
    /// Not a signed message of the form that AWS sends.
    Malformed,
    /// Signed by none of the trusted keys, or changed since.
    Signature,
    /// Signed, and yet not an instance identity document.
    Document,
    Account,
    Region,
    Stale,
}

impl Unfit {
    /// For metrics and the audit trail.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Signature => "signature",
            Self::Document => "document",
            Self::Account => "account",
            Self::Region => "region",
            Self::Stale => "stale",
        }
    }
}

impl Trust {
    /// `certificates` are PEM texts with any number of certificates. They only carry keys: by being named here they are
    /// trusted, so neither their signatures nor their dates are looked at.
    ///
    /// # Errors
    /// When nobody could enrol by it, or somebody by a weak key.
    pub fn new(certificates: &[Vec<u8>], accounts: Vec<String>, regions: Vec<String>) -> Result<Self, Error> {
        let mut keys = Vec::new();
        for text in certificates {
            for certificate in CertificateDer::pem_slice_iter(text) {
                keys.push(key(&certificate.map_err(|_| Error::Certificate)?)?);
            }
        }
        keys.sort();
        keys.dedup();
        let digits = |account: &String| account.len() == ACCOUNT_DIGITS && account.bytes().all(|b| b.is_ascii_digit());
        match () {
            () if keys.is_empty() => Err(Error::None),
            () if keys.len() > CERTIFICATES_MAX => Err(Error::TooMany),
            () if accounts.is_empty() => Err(Error::NoAccount),
            () if regions.is_empty() => Err(Error::NoRegion),
            () if !accounts.iter().all(digits) => Err(Error::Account),
            () if !regions.iter().all(|region| is_name(region)) => Err(Error::Region),
            () => Ok(Self { keys, accounts, regions }),
        }
    }

    /// The instance of a signed document, if it is one of ours.
    ///
    /// # Errors
    /// When one of the things that are checked does not hold. The content is looked at only once its signature held.
    pub fn verify(&self, signed_document: &[u8]) -> Result<Instance, Unfit> {
        if signed_document.len() > SIGNED_MAX {
            return Err(Unfit::TooLarge);
        }
        let message = cms::read(signed_document).ok_or(Unfit::Malformed)?;
        let by = |key: &Vec<u8>| {
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(&message.signed, message.signature).is_ok()
        };
        if !self.keys.iter().any(by) {
            return Err(Unfit::Signature);
        }
        let instance = Instance::read(&message.content).ok_or(Unfit::Document)?;
        if !self.accounts.contains(&instance.account) {
            return Err(Unfit::Account);
        }
        if !self.regions.contains(&instance.region) {
            return Err(Unfit::Region);
        }
        Ok(instance)
    }
}

// Ids are no secrets, but nobody needs a page of keys in a log.
impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { keys, accounts, regions } = self;
        f.debug_struct("Trust")
            .field("keys", &keys.len())
            .field("accounts", accounts)
            .field("regions", regions)
            .finish()
    }
}

/// The part of the document that counts. AWS adds members now and then.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    account_id: String,
    instance_id: String,
    instance_type: String,
    pending_time: DateTime<Utc>,
    region: String,
}

impl Instance {
    fn read(content: &[u8]) -> Option<Self> {
        // Members that come twice are refused, and so is anything after the end.
        let document: Document = serde_json::from_slice(content).ok()?;
        let id = document.instance_id.strip_prefix("i-")?;
        let sound = matches!(id.len(), 8..=17)
            && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            && is_name(&document.instance_type);
        sound.then_some(Self {
            id: document.instance_id,
            kind: document.instance_type,
            account: document.account_id,
            region: document.region,
            pending: document.pending_time,
        })
    }

    /// Whether it was started just now. One that will have been started has another clock than ours: by a little that
    /// is no harm.
    ///
    /// # Errors
    /// When it was not.
    pub fn check_recent(&self, now: DateTime<Utc>) -> Result<(), Unfit> {
        let apart = (now - self.pending).abs().to_std().unwrap_or(Duration::MAX);
        if apart <= RECENT { Ok(()) } else { Err(Unfit::Stale) }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= KIND_MAX
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
}

fn key(certificate: &[u8]) -> Result<Vec<u8>, Error> {
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|_| Error::Certificate)?;
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) if key.key_size() >= KEY_BITS_MIN => {
            Ok(certificate.public_key().subject_public_key.data.to_vec())
        }
        _ => Err(Error::Key),
    }
}

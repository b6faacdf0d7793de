//! Secrets made once and kept in the data directory: what signs tokens and links, what agents trust.

use anyhow::Context as _;
use coordinator::pki::{Authority, AuthorityPem};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::datadir::DataDir;
use crate::config::Config;

const KEY_LEN: usize = 32;

pub struct Keys {
    pub access: Vec<u8>,
    pub refresh: Vec<u8>,
    pub artifacts: Vec<u8>,
    pub quic: Vec<u8>,
    pub authority: AuthorityPem,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    access: String,
    refresh: String,
    artifacts: String,
    quic: String,
}

#[derive(Serialize, Deserialize)]
struct StoredAuthority {
    certificate: String,
    key: String,
}

impl Keys {
    /// # Errors
    /// When a file is there and cannot be read: making new keys would sign everybody out and lock agents out.
    pub fn load(data: &DataDir, config: &Config) -> anyhow::Result<Self> {
        let stored = match data.read("keys.json")? {
            Some(bytes) => serde_json::from_slice(&bytes).context("keys.json in the data directory is damaged")?,
            None => {
                let stored = Stored { access: random(), refresh: random(), artifacts: random(), quic: random() };
                data.write_secret("keys.json", &serde_json::to_vec(&stored)?)?;
                stored
            }
        };
        let authority = match data.read("authority.json")? {
            Some(bytes) => {
                let stored: StoredAuthority =
                    serde_json::from_slice(&bytes).context("authority.json in the data directory is damaged")?;
                AuthorityPem { certificate: stored.certificate, key: stored.key }
            }
            None => {
                let pem = Authority::create(std::time::SystemTime::now())?.pem().clone();
                let stored = StoredAuthority { certificate: pem.certificate.clone(), key: pem.key.clone() };
                data.write_secret("authority.json", &serde_json::to_vec(&stored)?)?;
                pem
            }
        };
        let key = |text: &str| hex::decode(text).context("keys.json in the data directory is damaged");
        let chosen = |secret: Option<&str>, made: &str| match secret {
            Some(secret) => Ok(secret.as_bytes().to_vec()),
            None => key(made),
        };
        Ok(Self {
            access: chosen(config.jwt_secret.get(), &stored.access)?,
            refresh: chosen(config.jwt_refresh_secret.get(), &stored.refresh)?,
            artifacts: key(&stored.artifacts)?,
            quic: key(&stored.quic)?,
            authority,
        })
    }
}

fn random() -> String {
    hex::encode(rand::rng().random::<[u8; KEY_LEN]>())
}

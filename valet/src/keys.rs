//! Secrets made once and kept in a directory: what signs tokens and links, what agents trust.

use std::path::Path;

use anyhow::Context as _;
use coordinator::pki::{Authority, AuthorityPem};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::datadir::DataDir;

const KEY_LEN: usize = 32;
const KEYS: &str = "keys.json";
const AUTHORITY: &str = "authority.json";

pub struct Keys {
    pub gateway: gateway::Secrets,
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
    /// Those of the data directory, made when there are none.
    ///
    /// # Errors
    /// When a file is there and cannot be read: making new keys would sign everybody out and lock agents out.
    pub fn load(data: &DataDir, config: &Config) -> anyhow::Result<Self> {
        if data.read(KEYS)?.is_none() {
            let stored = Stored { access: random(), refresh: random(), artifacts: random(), quic: random() };
            data.write_secret(KEYS, &serde_json::to_vec(&stored)?)?;
        }
        if data.read(AUTHORITY)?.is_none() {
            let pem = Authority::create(std::time::SystemTime::now())?.pem().clone();
            let stored = StoredAuthority { certificate: pem.certificate, key: pem.key };
            data.write_secret(AUTHORITY, &serde_json::to_vec(&stored)?)?;
        }
        Self::read(data.root(), config)
    }

    /// Those of a directory, which somebody else may be using.
    ///
    /// # Errors
    /// When one is missing or damaged.
    pub fn read(folder: &Path, config: &Config) -> anyhow::Result<Self> {
        let file = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path)
                .with_context(|| format!("{} cannot be read; `valet admin keys` makes it", path.display()))
        };
        let stored: Stored = serde_json::from_slice(&file(KEYS)?).context("keys.json is damaged")?;
        let authority: StoredAuthority =
            serde_json::from_slice(&file(AUTHORITY)?).context("authority.json is damaged")?;
        let key = |text: &str| hex::decode(text).context("keys.json is damaged");
        let chosen = |secret: Option<&str>, made: &str| match secret {
            Some(secret) => Ok(secret.as_bytes().to_vec()),
            None => key(made),
        };
        Ok(Self {
            gateway: gateway::Secrets {
                access: chosen(config.jwt_secret.get(), &stored.access)?,
                refresh: chosen(config.jwt_refresh_secret.get(), &stored.refresh)?,
                artifacts: key(&stored.artifacts)?,
            },
            quic: key(&stored.quic)?,
            authority: AuthorityPem { certificate: authority.certificate, key: authority.key },
        })
    }
}

/// The secrets of a gateway that runs on its own: the same on every gateway, so they come from the settings.
///
/// # Errors
/// When one is not set.
pub fn gateway_secrets(config: &Config) -> anyhow::Result<gateway::Secrets> {
    let (Some(access), Some(refresh)) = (config.jwt_secret.get(), config.jwt_refresh_secret.get()) else {
        anyhow::bail!("JWT_SECRET and JWT_REFRESH_SECRET must be set: every gateway needs the same");
    };
    // Links to screenshots are signed by something that follows from the secrets and is none of them.
    let artifacts = Sha256::new().chain_update(b"valet artifact links").chain_update(refresh).finalize().to_vec();
    Ok(gateway::Secrets { access: access.as_bytes().to_vec(), refresh: refresh.as_bytes().to_vec(), artifacts })
}

fn random() -> String {
    hex::encode(rand::rng().random::<[u8; KEY_LEN]>())
}

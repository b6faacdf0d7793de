//! A node's identity for the links, as a file: certificate, key, authority and the fleet's greeting.

use std::path::Path;
use std::time::SystemTime;

use anyhow::Context as _;
use coordinator::pki::{Authority, EndpointSecrets};
use links::Identity;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};

use crate::datadir::write_secret;

#[derive(Serialize, Deserialize)]
struct Stored {
    /// Hex of the DER, leaf first.
    chain: Vec<String>,
    key: String,
    authority: String,
    cookie: String,
}

/// A fresh identity; `name` is `coordinator/ID` or `gateway/NAME`.
///
/// # Errors
/// When the name cannot stand in a certificate.
pub fn make(authority: &Authority, secrets: &EndpointSecrets, name: &str) -> anyhow::Result<Identity> {
    let (chain, key) = authority.node_certificate(name, SystemTime::now())?;
    Ok(Identity { chain, key, authority: authority.certificate().clone(), cookie: secrets.cookie() })
}

/// # Errors
/// When the file cannot be written.
pub fn write(identity: &Identity, path: &Path) -> anyhow::Result<()> {
    let stored = Stored {
        chain: identity.chain.iter().map(hex::encode).collect(),
        key: hex::encode(identity.key.secret_der()),
        authority: hex::encode(&identity.authority),
        cookie: identity.cookie.clone(),
    };
    write_secret(path, &serde_json::to_vec(&stored)?)
}

/// # Errors
/// When the file cannot be read or is damaged.
pub fn read(path: &Path) -> anyhow::Result<Identity> {
    let bytes = std::fs::read(path).with_context(|| format!("the identity {} cannot be read", path.display()))?;
    let damaged = || format!("the identity {} is damaged", path.display());
    let stored: Stored = serde_json::from_slice(&bytes).with_context(damaged)?;
    let der = |text: &str| hex::decode(text).with_context(damaged);
    let chain = stored.chain.iter().map(|text| der(text).map(CertificateDer::from)).collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::try_from(der(&stored.key)?).map_err(|_| anyhow::anyhow!(damaged()))?;
    Ok(Identity { chain, key, authority: der(&stored.authority)?.into(), cookie: stored.cookie })
}

//! One-time tokens for the agents of browser hosts.

use anyhow::bail;
use coordinator::pki::Authority;
use rand::RngExt as _;
use store::Store;
use store::agents::{self, NewSandbox};
use store::enrolment_tokens;

/// The token is used within minutes: by `valet up` at once, by an operator who copies it to a host.
const TOKEN_TTL: chrono::Duration = chrono::Duration::minutes(5);

/// Registers the host, unless it is known, and makes a token that its agent enrols with once.
///
/// # Errors
/// When the database cannot be used, or the host was revoked.
pub async fn host(
    store: &Store,
    authority: &Authority,
    name: &str,
    instance_id: &str,
    capacity: u16,
) -> anyhow::Result<String> {
    let mut tx = store.begin().await?;
    let new = NewSandbox {
        name,
        environment: "dev",
        instance_id,
        instance_type: "local",
        engine: "chromium",
        capacity: i32::from(capacity),
    };
    let sandbox = agents::register(&mut tx, &new).await?;
    let secret = hex::encode(rand::rng().random::<[u8; 32]>());
    let expires = chrono::Utc::now() + TOKEN_TTL;
    if !enrolment_tokens::create(&mut tx, &coordinator::token_hash(&secret), sandbox, None, expires).await? {
        bail!("the host {name} was revoked, so its agent cannot enrol");
    }
    store::db::commit(tx, "making an enrolment token").await?;
    Ok(format!("{secret}.{}", authority.fingerprint_hex()))
}

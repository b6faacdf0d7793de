//! One-time tokens for the agents of browser hosts.

use anyhow::bail;
use coordinator::pki::Authority;
use protocol::ids::SandboxId;
use rand::RngExt as _;
use serde_json::json;
use store::Store;
use store::agents::{self, NewSandbox};
use store::enrolment_tokens::{self, NewToken};

/// The token is used within minutes: by `valet up` at once, by an operator who copies it to a host.
const TOKEN_TTL: std::time::Duration = std::time::Duration::from_secs(300);

/// Registers the host, unless it is known, and makes a token that its agent enrols with once.
///
/// With a `host_name` only the machine that calls itself so may use it.
///
/// # Errors
/// When the database cannot be used, or the host was revoked.
pub async fn host(
    store: &Store,
    authority: &Authority,
    name: &str,
    instance_id: &str,
    capacity: u16,
    host_name: Option<&str>,
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
    let hash = coordinator::token_hash(&secret);
    let token = NewToken { hash: &hash, sandbox, host_name, by: None, ttl: TOKEN_TTL };
    if enrolment_tokens::create(&mut tx, &token).await?.is_none() {
        bail!("the host {name} was revoked, so its agent cannot enrol");
    }
    store::audit::record_system(&mut tx, "sandbox.enrolment_token", &json!({ "sandboxId": sandbox })).await?;
    store::db::commit(tx, "making an enrolment token").await?;
    Ok(format!("{secret}.{}", authority.fingerprint_hex()))
}

/// Revokes a host for good: every coordinator cuts its agent off within a second.
///
/// # Errors
/// When the database cannot be used, or there is no such host.
pub async fn revoke(store: &Store, sandbox: SandboxId, reason: &str) -> anyhow::Result<()> {
    let mut tx = store.begin().await?;
    if agents::revoke(&mut tx, sandbox, reason).await?.is_none() {
        bail!("there is no host {sandbox}");
    }
    let details = json!({ "sandboxId": sandbox, "reason": reason });
    store::audit::record_system(&mut tx, "sandbox.revoke", &details).await?;
    store::db::commit(tx, "revoking a host").await?;
    Ok(())
}

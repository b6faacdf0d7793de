//! One-time tokens with which a browser host becomes a sandbox of ours. Redeemed by the coordinator.

use chrono::{DateTime, Utc};
use protocol::ids::{SandboxId, UserId};
use sqlx::PgConnection;

use crate::StoreError;

/// A sandbox that an administrator announces together with its token.
#[derive(Debug, Clone)]
pub struct NewSandbox<'a> {
    pub name: &'a str,
    /// A name of `browser_engine`.
    pub engine: &'a str,
    pub capacity: i32,
}

/// Announces a self-hosted sandbox.
///
/// # Errors
/// When the database fails.
pub async fn create_sandbox(db: &mut PgConnection, new: NewSandbox<'_>) -> Result<SandboxId, StoreError> {
    let id = SandboxId::new();
    sqlx::query!(
        "INSERT INTO sandboxes (id, name, environment, instance_id, instance_type, browser_engine, capacity)
         VALUES ($1, $2, 'prod', $3, 'self-hosted', $4::text::browser_engine, $5)",
        id.0,
        new.name,
        id.to_string(),
        new.engine,
        new.capacity
    )
    .execute(db)
    .await
    .map_err(StoreError::during("announcing a sandbox"))?;
    Ok(id)
}

/// Stores a token by its SHA-256; false when there is no such sandbox, or it was revoked or terminated.
///
/// # Errors
/// When the database fails.
pub async fn create(
    db: &mut PgConnection,
    hash: &[u8],
    sandbox: SandboxId,
    by: Option<UserId>,
    expires_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let made = sqlx::query!(
        "INSERT INTO enrolment_tokens (hash, sandbox_id, created_by, expires_at)
         SELECT $1, id, $3, $4 FROM sandboxes WHERE id = $2 AND revoked_at IS NULL AND status <> 'terminated'",
        hash,
        sandbox.0,
        by.map(|user| user.0),
        expires_at
    )
    .execute(db)
    .await
    .map_err(StoreError::during("storing an enrolment token"))?;
    Ok(made.rows_affected() > 0)
}

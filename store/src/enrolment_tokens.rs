//! One-time tokens with which a browser host becomes a sandbox of ours: made by the gateway or `valet up`, spent at
//! the coordinator.

use chrono::{DateTime, Utc};
use protocol::ids::{SandboxId, UserId};
use sqlx::PgConnection;

use crate::StoreError;

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

/// Spends a token: only once, only in time, only for a sandbox in good standing. `None` otherwise.
///
/// # Errors
/// When the database does not answer.
pub async fn spend(db: &mut PgConnection, hash: &[u8]) -> Result<Option<SandboxId>, StoreError> {
    let row = sqlx::query_scalar!(
        "UPDATE enrolment_tokens t SET used_at = now()
           FROM sandboxes s
          WHERE t.hash = $1 AND t.used_at IS NULL AND t.expires_at > now()
            AND s.id = t.sandbox_id AND s.revoked_at IS NULL AND s.status <> 'terminated'
        RETURNING t.sandbox_id",
        hash
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("spending an enrolment token"))?;
    Ok(row.map(SandboxId))
}

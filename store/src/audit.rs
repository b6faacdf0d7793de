//! Who did what as an admin. Rows hold ids and the action's name, never personal detail.

use protocol::ids::UserId;
use serde_json::Value as Json;
use sqlx::PgConnection;

use crate::StoreError;

/// Notes an action; write it in the transaction of what it is about, or of an own one that is committed once the action
/// was done.
///
/// # Errors
/// When the database fails.
pub async fn record(db: &mut PgConnection, user: UserId, action: &str, details: &Json) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO audit_trail (user_id, action, details) VALUES ($1, $2, $3)",
        user.to_string(),
        action,
        details
    )
    .execute(db)
    .await
    .map_err(StoreError::during("noting an admin's action"))?;
    Ok(())
}

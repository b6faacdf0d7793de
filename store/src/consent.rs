//! What people agreed to, and when.

use chrono::{DateTime, Utc};
use protocol::ids::UserId;
use uuid::Uuid;

use crate::{StoreError, Transaction};

/// Records shown; each agreement adds one, so this is years of them.
const LIST_MAX: i64 = 500;

#[derive(Debug, Clone)]
pub struct Record {
    pub id: Uuid,
    pub user_id: UserId,
    pub kind: String,
    pub version: String,
    pub ip_address: String,
    pub user_agent: String,
    pub created_at: DateTime<Utc>,
}

/// Adds a record; `kind` is a name of `consent_type`.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    db: &mut Transaction<'_>,
    user: UserId,
    kind: &str,
    version: &str,
    ip_address: &str,
    user_agent: &str,
) -> Result<Record, StoreError> {
    sqlx::query_as!(
        Record,
        r#"INSERT INTO consent_records (id, user_id, type, version, ip_address, user_agent)
           VALUES ($1, $2, $3::text::consent_type, $4, $5, $6)
           RETURNING id, user_id AS "user_id: Uuid", type::text AS "kind!", version, ip_address, user_agent, created_at"#,
        Uuid::now_v7(),
        user.0,
        kind,
        version,
        ip_address,
        user_agent
    )
    .fetch_one(db)
    .await
    .map_err(StoreError::during("recording a consent"))
}

/// Newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Transaction<'_>, user: UserId) -> Result<Vec<Record>, StoreError> {
    sqlx::query_as!(
        Record,
        r#"SELECT id, user_id AS "user_id: Uuid", type::text AS "kind!", version, ip_address, user_agent, created_at
             FROM consent_records WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2"#,
        user.0,
        LIST_MAX
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("listing consents"))
}

/// When the person last agreed to exactly this version.
///
/// # Errors
/// When the database fails.
pub async fn given_at(
    db: &mut Transaction<'_>,
    user: UserId,
    kind: &str,
    version: &str,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    sqlx::query_scalar!(
        "SELECT created_at FROM consent_records
          WHERE user_id = $1 AND type = $2::text::consent_type AND version = $3
          ORDER BY created_at DESC LIMIT 1",
        user.0,
        kind,
        version
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("checking a consent"))
}

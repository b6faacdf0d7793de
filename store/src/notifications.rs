//! Messages kept for a person until read.

use chrono::{DateTime, Utc};
use protocol::ids::UserId;
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{StoreError, Transaction};

#[derive(Debug, Clone)]
pub struct Notification {
    pub id: Uuid,
    pub user_id: UserId,
    pub kind: String,
    pub title: String,
    pub body: String,
    pub read: bool,
    pub metadata: Json,
    pub created_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// Of those the filter lets through.
    pub total: i64,
    /// Of all.
    pub unread: i64,
}

/// Newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &mut Transaction<'_>,
    user: UserId,
    unread_only: bool,
    limit: i64,
    offset: i64,
) -> Result<Vec<Notification>, StoreError> {
    sqlx::query_as!(
        Notification,
        r#"SELECT id, user_id AS "user_id: Uuid", type AS kind, title, body, read, metadata, created_at
             FROM notifications WHERE user_id = $1 AND (NOT $2 OR NOT read)
            ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4"#,
        user.0,
        unread_only,
        limit,
        offset
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("listing notifications"))
}

/// # Errors
/// When the database fails.
pub async fn counts(db: &mut Transaction<'_>, user: UserId, unread_only: bool) -> Result<Counts, StoreError> {
    sqlx::query_as!(
        Counts,
        r#"SELECT count(*) FILTER (WHERE NOT $2 OR NOT read) AS "total!", count(*) FILTER (WHERE NOT read) AS "unread!"
             FROM notifications WHERE user_id = $1"#,
        user.0,
        unread_only
    )
    .fetch_one(db)
    .await
    .map_err(StoreError::during("counting notifications"))
}

/// False when the person has no such notification.
///
/// # Errors
/// When the database fails.
pub async fn mark_read(db: &mut Transaction<'_>, user: UserId, id: Uuid) -> Result<bool, StoreError> {
    let known = sqlx::query!("UPDATE notifications SET read = true WHERE user_id = $1 AND id = $2", user.0, id)
        .execute(db)
        .await
        .map_err(StoreError::during("marking a notification"))?;
    Ok(known.rows_affected() > 0)
}

/// # Errors
/// When the database fails.
pub async fn mark_all_read(db: &mut Transaction<'_>, user: UserId) -> Result<(), StoreError> {
    sqlx::query!("UPDATE notifications SET read = true WHERE user_id = $1 AND NOT read", user.0)
        .execute(db)
        .await
        .map_err(StoreError::during("marking all notifications"))?;
    Ok(())
}

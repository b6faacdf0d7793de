//! Uploaded resumes: rows; the files themselves are in [`crate::files`].

use chrono::{DateTime, Utc};
use protocol::ids::{ResumeId, UserId};
use serde_json::Value as Json;
use sqlx::PgConnection;

use crate::StoreError;

/// Resumes a person may keep, by the contract.
pub const RESUMES_MAX: i64 = 5;

#[derive(Debug, Clone)]
pub struct Resume {
    pub id: ResumeId,
    pub user_id: UserId,
    pub filename: String,
    pub mime_type: String,
    pub file_size_bytes: i32,
    pub is_default: bool,
    pub status: String,
    pub parsed_data: Option<Json>,
    pub parsing_confidence: Option<f32>,
    pub created_at: DateTime<Utc>,
    pub parsed_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone)]
pub struct NewResume<'a> {
    pub id: ResumeId,
    pub user: UserId,
    pub filename: &'a str,
    pub file_key: &'a str,
    pub file_size_bytes: i32,
    pub mime_type: &'a str,
}

/// Where the file of a resume is and what it is said to be.
#[derive(Debug, Clone)]
pub struct Stored {
    pub user_id: UserId,
    pub file_key: String,
    pub mime_type: String,
}

/// How asking for another parse ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reparse {
    Asked,
    AlreadyParsed,
    NotFound,
}

/// True while the person may add one more. Holds other uploads of the person off until the transaction ends, so
/// that two at once cannot both be the last.
///
/// # Errors
/// When the database fails.
pub async fn has_room(db: &mut PgConnection, user: UserId) -> Result<bool, StoreError> {
    crate::users::lock(db, "resumes", user).await?;
    let kept = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM resumes WHERE user_id = $1"#, user.0)
        .fetch_one(db)
        .await
        .map_err(StoreError::during("counting resumes"))?;
    Ok(kept < RESUMES_MAX)
}

/// Adds one that waits to be parsed.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &mut PgConnection, new: NewResume<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO resumes (id, user_id, filename, file_key, file_size_bytes, mime_type, status)
         VALUES ($1, $2, $3, $4, $5, $6, 'parsing')",
        new.id.0,
        new.user.0,
        new.filename,
        new.file_key,
        new.file_size_bytes,
        new.mime_type
    )
    .execute(db)
    .await
    .map_err(StoreError::during("adding a resume"))?;
    Ok(())
}

/// Newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut PgConnection, user: UserId) -> Result<Vec<Resume>, StoreError> {
    sqlx::query_as!(
        Resume,
        r#"SELECT id AS "id: uuid::Uuid", user_id AS "user_id: uuid::Uuid", filename, mime_type, file_size_bytes,
                  is_default, status::text AS "status!", parsed_data, parsing_confidence, created_at, parsed_at
             FROM resumes WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 100"#,
        user.0
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("listing resumes"))
}

/// # Errors
/// When the database fails.
pub async fn get(db: &mut PgConnection, user: UserId, id: ResumeId) -> Result<Option<Resume>, StoreError> {
    sqlx::query_as!(
        Resume,
        r#"SELECT id AS "id: uuid::Uuid", user_id AS "user_id: uuid::Uuid", filename, mime_type, file_size_bytes,
                  is_default, status::text AS "status!", parsed_data, parsing_confidence, created_at, parsed_at
             FROM resumes WHERE user_id = $1 AND id = $2"#,
        user.0,
        id.0
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("reading a resume"))
}

/// Makes one the default and no other; false when the person has no such resume.
///
/// # Errors
/// When the database fails.
pub async fn set_default(db: &mut PgConnection, user: UserId, id: ResumeId) -> Result<bool, StoreError> {
    let known = sqlx::query!(
        "UPDATE resumes SET is_default = (id = $2)
          WHERE user_id = $1 AND EXISTS (SELECT 1 FROM resumes WHERE user_id = $1 AND id = $2)",
        user.0,
        id.0
    )
    .execute(db)
    .await
    .map_err(StoreError::during("choosing the default resume"))?;
    Ok(known.rows_affected() > 0)
}

/// Clears what was parsed and waits to be parsed again, unless parsing went well before.
///
/// # Errors
/// When the database fails.
pub async fn reparse(db: &mut PgConnection, user: UserId, id: ResumeId) -> Result<Reparse, StoreError> {
    let asked = sqlx::query!(
        "UPDATE resumes SET status = 'parsing', parsed_data = NULL, parsing_confidence = NULL, raw_text = NULL,
                            parsed_at = NULL
          WHERE user_id = $1 AND id = $2 AND status <> 'parsed'",
        user.0,
        id.0
    )
    .execute(&mut *db)
    .await
    .map_err(StoreError::during("asking to parse a resume again"))?;
    if asked.rows_affected() > 0 {
        return Ok(Reparse::Asked);
    }
    Ok(if get(db, user, id).await?.is_some() { Reparse::AlreadyParsed } else { Reparse::NotFound })
}

/// Removes the row and returns where its file is; the caller deletes the file after the commit.
///
/// # Errors
/// When the database fails.
pub async fn delete(db: &mut PgConnection, user: UserId, id: ResumeId) -> Result<Option<String>, StoreError> {
    sqlx::query_scalar!("DELETE FROM resumes WHERE user_id = $1 AND id = $2 RETURNING file_key", user.0, id.0)
        .fetch_optional(db)
        .await
        .map_err(StoreError::during("deleting a resume"))
}

/// The file of a resume that waits to be parsed; none when it no longer does.
///
/// # Errors
/// When the database fails.
pub async fn waiting(db: &mut PgConnection, id: ResumeId) -> Result<Option<Stored>, StoreError> {
    sqlx::query_as!(
        Stored,
        r#"SELECT user_id AS "user_id: uuid::Uuid", file_key, mime_type FROM resumes
            WHERE id = $1 AND status = 'parsing'"#,
        id.0
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("reading a resume to parse"))
}

/// Resumes that wait to be parsed, oldest first, at most `limit`: what a start-up takes up again.
///
/// # Errors
/// When the database fails.
pub async fn all_waiting(db: &mut PgConnection, limit: i64) -> Result<Vec<ResumeId>, StoreError> {
    let ids =
        sqlx::query_scalar!("SELECT id FROM resumes WHERE status = 'parsing' ORDER BY created_at, id LIMIT $1", limit)
            .fetch_all(db)
            .await
            .map_err(StoreError::during("looking for resumes to parse"))?;
    Ok(ids.into_iter().map(ResumeId).collect())
}

/// Stores what parsing found; false when nobody waits for it any more.
///
/// # Errors
/// When the database fails.
pub async fn parsed(
    db: &mut PgConnection,
    id: ResumeId,
    data: &Json,
    confidence: f32,
    raw_text: &str,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE resumes SET status = 'parsed', parsed_data = $2, parsing_confidence = $3, raw_text = $4,
                            parsed_at = now()
          WHERE id = $1 AND status = 'parsing'",
        id.0,
        data,
        confidence,
        raw_text
    )
    .execute(db)
    .await
    .map_err(StoreError::during("storing a parsed resume"))?;
    Ok(done.rows_affected() > 0)
}

/// Stores that parsing failed; false when nobody waits for it any more.
///
/// # Errors
/// When the database fails.
pub async fn parse_failed(db: &mut PgConnection, id: ResumeId, confidence: Option<f32>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE resumes SET status = 'parse_failed', parsing_confidence = $2 WHERE id = $1 AND status = 'parsing'",
        id.0,
        confidence
    )
    .execute(db)
    .await
    .map_err(StoreError::during("storing a failed parse"))?;
    Ok(done.rows_affected() > 0)
}

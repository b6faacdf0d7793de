//! Uploaded resumes: rows; the files themselves are in [`crate::files`].

use chrono::{DateTime, Utc};
use protocol::ids::{ResumeId, UserId};
use serde_json::Value as Json;

use crate::{StoreError, Transaction};

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
    /// Why it could not be read: a stable code and a sentence. Only beside `parse_failed`.
    pub parse_error_code: Option<String>,
    pub parse_error: Option<String>,
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

/// A resume as parsing and sending need it, whoever's it is.
#[derive(Debug, Clone)]
pub struct StoredResume {
    pub id: ResumeId,
    pub user: UserId,
    pub filename: String,
    pub file_key: String,
    pub mime_type: String,
    pub status: String,
    pub parsed_data: Option<Json>,
}

/// What parsing found.
#[derive(Debug, Clone)]
pub struct Parsed {
    pub data: Json,
    pub confidence: f32,
    pub text: String,
}

/// Why parsing failed: a stable code, and a sentence for the person.
#[derive(Debug, Clone, Copy)]
pub struct ParseError<'a> {
    pub code: &'a str,
    pub message: &'a str,
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
pub async fn has_room(db: &mut Transaction<'_>, user: UserId) -> Result<bool, StoreError> {
    crate::users::lock(db, "resumes", user).await?;
    let kept = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM resumes WHERE user_id = $1"#, user.0)
        .fetch_one(db)
        .await
        .map_err(StoreError::during("counting resumes"))?;
    Ok(kept < RESUMES_MAX)
}

/// Adds one that waits to be parsed. It becomes the default when the person has none that could be read or still may
/// be.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &mut Transaction<'_>, new: NewResume<'_>) -> Result<(), StoreError> {
    let doing = "adding a resume";
    sqlx::query!(
        "UPDATE resumes SET is_default = false WHERE user_id = $1 AND is_default AND status = 'parse_failed'",
        new.user.0
    )
    .execute(&mut *db)
    .await
    .map_err(StoreError::during(doing))?;
    sqlx::query!(
        "INSERT INTO resumes (id, user_id, filename, file_key, file_size_bytes, mime_type, status, is_default)
         VALUES ($1, $2, $3, $4, $5, $6, 'parsing',
                 NOT EXISTS (SELECT 1 FROM resumes WHERE user_id = $2 AND is_default))",
        new.id.0,
        new.user.0,
        new.filename,
        new.file_key,
        new.file_size_bytes,
        new.mime_type
    )
    .execute(db)
    .await
    .map_err(StoreError::during(doing))?;
    Ok(())
}

/// Newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Transaction<'_>, user: UserId) -> Result<Vec<Resume>, StoreError> {
    sqlx::query_as!(
        Resume,
        r#"SELECT id AS "id: uuid::Uuid", user_id AS "user_id: uuid::Uuid", filename, mime_type, file_size_bytes,
                  is_default, status::text AS "status!", parsed_data, parsing_confidence, parse_error_code, parse_error,
                  created_at, parsed_at
             FROM resumes WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 100"#,
        user.0
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("listing resumes"))
}

/// # Errors
/// When the database fails.
pub async fn get(db: &mut Transaction<'_>, user: UserId, id: ResumeId) -> Result<Option<Resume>, StoreError> {
    sqlx::query_as!(
        Resume,
        r#"SELECT id AS "id: uuid::Uuid", user_id AS "user_id: uuid::Uuid", filename, mime_type, file_size_bytes,
                  is_default, status::text AS "status!", parsed_data, parsing_confidence, parse_error_code, parse_error,
                  created_at, parsed_at
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
pub async fn set_default(db: &mut Transaction<'_>, user: UserId, id: ResumeId) -> Result<bool, StoreError> {
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
pub async fn reparse(db: &mut Transaction<'_>, user: UserId, id: ResumeId) -> Result<Reparse, StoreError> {
    let asked = sqlx::query!(
        "UPDATE resumes SET status = 'parsing', parsed_data = NULL, parsing_confidence = NULL, raw_text = NULL,
                            parsed_at = NULL, parse_error_code = NULL, parse_error = NULL
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

/// Removes the row and returns where its file is; the caller deletes the file after the commit. When it was the
/// default, the newest of the rest that could be read takes its place.
///
/// # Errors
/// When the database fails.
pub async fn delete(db: &mut Transaction<'_>, user: UserId, id: ResumeId) -> Result<Option<String>, StoreError> {
    let doing = "deleting a resume";
    let gone =
        sqlx::query!("DELETE FROM resumes WHERE user_id = $1 AND id = $2 RETURNING file_key, is_default", user.0, id.0)
            .fetch_optional(&mut *db)
            .await
            .map_err(StoreError::during(doing))?;
    let Some(gone) = gone else { return Ok(None) };
    if gone.is_default {
        sqlx::query!(
            "UPDATE resumes SET is_default = true WHERE id =
               (SELECT id FROM resumes WHERE user_id = $1 AND status <> 'parse_failed'
                 ORDER BY status = 'parsed' DESC, created_at DESC, id DESC LIMIT 1)",
            user.0
        )
        .execute(db)
        .await
        .map_err(StoreError::during(doing))?;
    }
    Ok(Some(gone.file_key))
}

/// One resume, whoever's it is.
///
/// # Errors
/// When the database fails.
pub async fn stored(db: &mut Transaction<'_>, id: ResumeId) -> Result<Option<StoredResume>, StoreError> {
    sqlx::query_as!(
        StoredResume,
        r#"SELECT id AS "id: uuid::Uuid", user_id AS "user: uuid::Uuid", filename, file_key, mime_type,
                  status::text AS "status!", parsed_data
             FROM resumes WHERE id = $1"#,
        id.0
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("reading a resume"))
}

/// Resumes whose parsing was begun and not ended, oldest first: a crash in the middle resumes here.
///
/// # Errors
/// When the database fails.
pub async fn waiting(db: &mut Transaction<'_>, limit: i64) -> Result<Vec<(ResumeId, UserId)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, user_id FROM resumes WHERE status = 'parsing' ORDER BY created_at, id LIMIT $1",
        limit
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("looking for resumes to parse"))?;
    Ok(rows.into_iter().map(|row| (ResumeId(row.id), UserId(row.user_id))).collect())
}

/// Keeps how parsing ended, unless the resume is gone or was parsed meanwhile. True when it was kept.
///
/// # Errors
/// When the database fails.
pub async fn keep_parsed(
    db: &mut Transaction<'_>,
    id: ResumeId,
    parsed: Result<&Parsed, ParseError<'_>>,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let result = match parsed {
        Ok(parsed) => {
            sqlx::query!(
                "UPDATE resumes SET status = 'parsed', parsed_data = $2, parsing_confidence = $3, raw_text = $4,
                                    parsed_at = $5, parse_error_code = NULL, parse_error = NULL
                  WHERE id = $1 AND status = 'parsing'",
                id.0,
                parsed.data,
                parsed.confidence,
                parsed.text,
                at
            )
            .execute(db)
            .await
        }
        Err(error) => {
            sqlx::query!(
                "UPDATE resumes SET status = 'parse_failed', parse_error_code = $2, parse_error = $3
                  WHERE id = $1 AND status = 'parsing'",
                id.0,
                error.code,
                error.message
            )
            .execute(db)
            .await
        }
    };
    Ok(result.map_err(StoreError::during("keeping how a resume's parsing ended"))?.rows_affected() == 1)
}

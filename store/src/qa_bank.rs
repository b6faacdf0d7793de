//! The bank of answers a person gives once and forms ask again and again.

use chrono::{DateTime, Utc};
use protocol::ids::{QaEntryId, UserId};

use crate::{StoreError, Transaction};

/// Entries a person may keep. Real banks hold tens; this bounds every read of one.
pub const ENTRIES_MAX: i64 = 1_000;

#[derive(Debug, Clone)]
pub struct Entry {
    pub id: QaEntryId,
    pub user_id: UserId,
    pub category: String,
    pub question: String,
    pub answer: String,
    pub usage_mode: String,
    pub source: String,
    pub times_used: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone)]
pub struct NewEntry<'a> {
    pub category: &'a str,
    pub question: &'a str,
    pub answer: &'a str,
    /// A name of `qa_usage_mode`.
    pub usage_mode: &'a str,
    /// A name of `answer_source`.
    pub source: &'a str,
}

/// Last updated first; `category` is a plain equality filter.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Transaction<'_>, user: UserId, category: Option<&str>) -> Result<Vec<Entry>, StoreError> {
    sqlx::query_as!(
        Entry,
        r#"SELECT id AS "id: uuid::Uuid", user_id AS "user_id: uuid::Uuid", category, question, answer,
                  usage_mode::text AS "usage_mode!", source::text AS "source!", times_used, created_at, updated_at
             FROM qa_bank WHERE user_id = $1 AND ($2::text IS NULL OR category = $2)
            ORDER BY updated_at DESC, id DESC LIMIT $3"#,
        user.0,
        category,
        ENTRIES_MAX
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("listing the bank of answers"))
}

/// Entries the person may still add. Holds other additions of the person off until the transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn room(db: &mut Transaction<'_>, user: UserId) -> Result<i64, StoreError> {
    crate::users::lock(db, "qa_bank", user).await?;
    let kept = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM qa_bank WHERE user_id = $1"#, user.0)
        .fetch_one(db)
        .await
        .map_err(StoreError::during("counting the bank of answers"))?;
    Ok((ENTRIES_MAX - kept).max(0))
}

/// # Errors
/// When the database fails.
pub async fn insert(db: &mut Transaction<'_>, user: UserId, new: NewEntry<'_>) -> Result<Entry, StoreError> {
    sqlx::query_as!(
        Entry,
        r#"INSERT INTO qa_bank (id, user_id, category, question, answer, usage_mode, source)
           VALUES ($1, $2, $3, $4, $5, $6::text::qa_usage_mode, $7::text::answer_source)
           RETURNING id AS "id: uuid::Uuid", user_id AS "user_id: uuid::Uuid", category, question, answer,
                     usage_mode::text AS "usage_mode!", source::text AS "source!", times_used, created_at, updated_at"#,
        QaEntryId::new().0,
        user.0,
        new.category,
        new.question,
        new.answer,
        new.usage_mode,
        new.source
    )
    .fetch_one(db)
    .await
    .map_err(StoreError::during("adding to the bank of answers"))
}

/// The entry with exactly this question, the oldest when there are several.
///
/// # Errors
/// When the database fails.
pub async fn by_question(db: &mut Transaction<'_>, user: UserId, question: &str) -> Result<Option<Entry>, StoreError> {
    sqlx::query_as!(
        Entry,
        r#"SELECT id AS "id: uuid::Uuid", user_id AS "user_id: uuid::Uuid", category, question, answer,
                  usage_mode::text AS "usage_mode!", source::text AS "source!", times_used, created_at, updated_at
             FROM qa_bank WHERE user_id = $1 AND question = $2 ORDER BY created_at, id LIMIT 1"#,
        user.0,
        question
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("looking up a question"))
}

/// Changes what is given; none when the person has no such entry.
///
/// # Errors
/// When the database fails.
pub async fn update(
    db: &mut Transaction<'_>,
    user: UserId,
    id: QaEntryId,
    answer: Option<&str>,
    usage_mode: Option<&str>,
) -> Result<Option<Entry>, StoreError> {
    sqlx::query_as!(
        Entry,
        r#"UPDATE qa_bank SET answer = coalesce($3, answer),
                              usage_mode = coalesce($4::text::qa_usage_mode, usage_mode), updated_at = now()
            WHERE user_id = $1 AND id = $2
           RETURNING id AS "id: uuid::Uuid", user_id AS "user_id: uuid::Uuid", category, question, answer,
                     usage_mode::text AS "usage_mode!", source::text AS "source!", times_used, created_at, updated_at"#,
        user.0,
        id.0,
        answer,
        usage_mode
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("changing an answer"))
}

/// False when the person has no such entry.
///
/// # Errors
/// When the database fails.
pub async fn delete(db: &mut Transaction<'_>, user: UserId, id: QaEntryId) -> Result<bool, StoreError> {
    let gone = sqlx::query!("DELETE FROM qa_bank WHERE user_id = $1 AND id = $2", user.0, id.0)
        .execute(db)
        .await
        .map_err(StoreError::during("deleting an answer"))?;
    Ok(gone.rows_affected() > 0)
}

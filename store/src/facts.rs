//! What is known of a person, for planning a form, and the resume to send.

use chrono::{DateTime, Utc};
use protocol::ids::{QaEntryId, ResumeId, UserId};
use serde_json::Value as Json;
use sqlx::PgConnection;

use crate::StoreError;

/// Entries of the bank read for one plan: the contract's limit of a bank.
const BANK_MAX: i64 = 500;

/// The person's row, as far as forms ask for it.
#[derive(Debug, Clone)]
pub struct Person {
    pub name: String,
    pub email: String,
    pub phone: Option<String>,
    pub location: Option<String>,
    pub linkedin_url: Option<String>,
    pub github_url: Option<String>,
    pub portfolio_url: Option<String>,
    pub work_history: Json,
    pub education: Json,
    pub skills: Json,
    pub certifications: Json,
    pub languages: Json,
    pub preferences: Json,
}

/// # Errors
/// When the database does not answer.
pub async fn person(db: &mut PgConnection, user: UserId) -> Result<Option<Person>, StoreError> {
    sqlx::query_as!(
        Person,
        "SELECT name, email, phone, location, linkedin_url, github_url, portfolio_url, work_history, education, skills,
                certifications, languages, preferences
           FROM users WHERE id = $1",
        user.0
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("reading a person's facts"))
}

/// One entry of the bank.
#[derive(Debug, Clone)]
pub struct BankRow {
    pub id: QaEntryId,
    pub category: String,
    pub question: String,
    pub answer: String,
    pub usage_mode: String,
    pub source: String,
}

/// The person's answers, the latest first.
///
/// # Errors
/// When the database does not answer.
pub async fn bank(db: &mut PgConnection, user: UserId) -> Result<Vec<BankRow>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, category, question, answer, usage_mode::text AS "usage_mode!", source::text AS "source!"
             FROM qa_bank WHERE user_id = $1 ORDER BY updated_at DESC LIMIT $2"#,
        user.0,
        BANK_MAX
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("reading the bank of answers"))?;
    Ok(rows
        .into_iter()
        .map(|row| BankRow {
            id: QaEntryId(row.id),
            category: row.category,
            question: row.question,
            answer: row.answer,
            usage_mode: row.usage_mode,
            source: row.source,
        })
        .collect())
}

/// A stored resume.
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

/// # Errors
/// When the database does not answer.
pub async fn resume(db: &mut PgConnection, id: ResumeId) -> Result<Option<StoredResume>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT id, user_id, filename, file_key, mime_type, status::text AS "status!", parsed_data FROM resumes WHERE id = $1"#,
        id.0
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("reading a resume"))?;
    Ok(row.map(|row| StoredResume {
        id: ResumeId(row.id),
        user: UserId(row.user_id),
        filename: row.filename,
        file_key: row.file_key,
        mime_type: row.mime_type,
        status: row.status,
        parsed_data: row.parsed_data,
    }))
}

/// Resumes whose parsing was begun and not ended: a crash in the middle resumes here.
///
/// # Errors
/// When the database does not answer.
pub async fn unparsed_resumes(db: &mut PgConnection, limit: i64) -> Result<Vec<ResumeId>, StoreError> {
    let rows =
        sqlx::query_scalar!("SELECT id FROM resumes WHERE status = 'parsing' ORDER BY created_at LIMIT $1", limit)
            .fetch_all(db)
            .await
            .map_err(StoreError::during("reading unparsed resumes"))?;
    Ok(rows.into_iter().map(ResumeId).collect())
}

/// What parsing found.
#[derive(Debug, Clone)]
pub struct Parsed {
    pub data: Json,
    pub confidence: f32,
    pub text: String,
}

/// Keeps the result of parsing, unless the resume is gone or was parsed meanwhile. True when it was kept.
///
/// # Errors
/// When the database does not answer.
pub async fn keep_parsed(
    db: &mut PgConnection,
    id: ResumeId,
    parsed: Option<&Parsed>,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let result = match parsed {
        Some(parsed) => {
            sqlx::query!(
                "UPDATE resumes SET status = 'parsed', parsed_data = $2, parsing_confidence = $3, raw_text = $4, parsed_at = $5
                  WHERE id = $1 AND status = 'parsing'",
                id.0, parsed.data, parsed.confidence, parsed.text, at
            )
            .execute(db)
            .await
        }
        None => sqlx::query!("UPDATE resumes SET status = 'parse_failed' WHERE id = $1 AND status = 'parsing'", id.0).execute(db).await,
    };
    Ok(result.map_err(StoreError::during("keeping a parsed resume"))?.rows_affected() == 1)
}

//! What is known of a person, for planning a form. Their resumes are in [`crate::resumes`].

use protocol::ids::{QaEntryId, UserId};
use serde_json::Value as Json;

use crate::{StoreError, Transaction};

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
pub async fn person(db: &mut Transaction<'_>, user: UserId) -> Result<Option<Person>, StoreError> {
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
pub async fn bank(db: &mut Transaction<'_>, user: UserId) -> Result<Vec<BankRow>, StoreError> {
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

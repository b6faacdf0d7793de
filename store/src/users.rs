//! People: accounts, their standing and their profile.

use chrono::{DateTime, Utc};
use protocol::ids::UserId;
use serde_json::Value as Json;

use crate::{StoreError, Transaction};

/// E-mail of the account that `valet up` makes for whoever starts it. Neither it nor the name beside it is a fact about
/// that person: forms are never filled with them.
pub const PLACEHOLDER_EMAIL: &str = "you@valet.local";

/// An account as signing in and the answers about it need it.
#[derive(Debug, Clone)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub avatar_url: Option<String>,
    pub role: String,
    pub subscription_tier: String,
    pub password_hash: Option<String>,
    pub email_verified: bool,
    pub is_active: bool,
    pub token_version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// What decides whether a token is still worth anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub email: String,
    pub role: String,
    pub is_active: bool,
    pub token_version: i32,
}

/// What a person tells about themselves. Lists are JSON as the contract shapes them.
#[derive(Debug, Clone)]
pub struct Profile {
    pub phone: Option<String>,
    pub location: Option<String>,
    pub linkedin_url: Option<String>,
    pub github_url: Option<String>,
    pub portfolio_url: Option<String>,
    pub work_history: Json,
    pub education: Json,
    pub skills: Json,
    pub preferences: Json,
}

/// Members that are `Some` are written; an inner `None` clears.
#[derive(Debug, Clone, Default)]
pub struct ProfileChange {
    pub phone: Option<Option<String>>,
    pub location: Option<Option<String>>,
    pub linkedin_url: Option<Option<String>>,
    pub github_url: Option<Option<String>>,
    pub portfolio_url: Option<Option<String>>,
    pub work_history: Option<Json>,
    pub education: Option<Json>,
    pub skills: Option<Json>,
}

/// A new account.
#[derive(Debug, Clone)]
pub struct NewUser<'a> {
    pub email: &'a str,
    pub name: &'a str,
    pub password_hash: &'a str,
    pub email_verified: bool,
    /// `user`, `admin` or `superadmin`.
    pub role: &'a str,
}

/// # Errors
/// [`StoreError::Conflict`] when the address is taken, in any spelling.
pub async fn create(db: &mut Transaction<'_>, new: NewUser<'_>) -> Result<UserId, StoreError> {
    let id = UserId::new();
    sqlx::query!(
        "INSERT INTO users (id, email, name, password_hash, email_verified, role)
         VALUES ($1, $2, $3, $4, $5, $6::text::user_role)",
        id.0,
        new.email,
        new.name,
        new.password_hash,
        new.email_verified,
        new.role
    )
    .execute(db)
    .await
    .map_err(StoreError::during("creating an account"))?;
    Ok(id)
}

/// The account with this address, in any spelling.
///
/// # Errors
/// When the database fails.
pub async fn by_email(db: &mut Transaction<'_>, email: &str) -> Result<Option<User>, StoreError> {
    sqlx::query_as!(
        User,
        r#"SELECT id AS "id: uuid::Uuid", email, name, avatar_url, role::text AS "role!", subscription_tier, password_hash,
                  email_verified, is_active, token_version, created_at, updated_at
             FROM users WHERE lower(email) = lower($1)"#,
        email
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("reading an account by address"))
}

/// # Errors
/// When the database fails.
pub async fn by_id(db: &mut Transaction<'_>, id: UserId) -> Result<Option<User>, StoreError> {
    sqlx::query_as!(
        User,
        r#"SELECT id AS "id: uuid::Uuid", email, name, avatar_url, role::text AS "role!", subscription_tier, password_hash,
                  email_verified, is_active, token_version, created_at, updated_at
             FROM users WHERE id = $1"#,
        id.0
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("reading an account"))
}

/// # Errors
/// When the database fails.
pub async fn standing(db: &mut Transaction<'_>, id: UserId) -> Result<Option<Standing>, StoreError> {
    sqlx::query_as!(
        Standing,
        r#"SELECT email, role::text AS "role!", is_active, token_version FROM users WHERE id = $1"#,
        id.0
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("reading an account's standing"))
}

/// Replaces the hash, provided that it is still `was`: a password changed meanwhile wins.
///
/// # Errors
/// When the database fails.
pub async fn rehash(db: &mut Transaction<'_>, id: UserId, was: &str, hash: &str) -> Result<(), StoreError> {
    sqlx::query!("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2", id.0, was, hash)
        .execute(db)
        .await
        .map_err(StoreError::during("renewing a password hash"))?;
    Ok(())
}

/// Makes every token of the account worthless.
///
/// # Errors
/// When the database fails.
pub async fn bump_token_version(db: &mut Transaction<'_>, id: UserId) -> Result<(), StoreError> {
    sqlx::query!("UPDATE users SET token_version = token_version + 1, updated_at = now() WHERE id = $1", id.0)
        .execute(db)
        .await
        .map_err(StoreError::during("revoking an account's tokens"))?;
    Ok(())
}

/// # Errors
/// When the database fails.
pub async fn profile(db: &mut Transaction<'_>, id: UserId) -> Result<Option<Profile>, StoreError> {
    sqlx::query_as!(
        Profile,
        "SELECT phone, location, linkedin_url, github_url, portfolio_url, work_history, education, skills, preferences
           FROM users WHERE id = $1",
        id.0
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("reading a profile"))
}

/// # Errors
/// When the database fails.
pub async fn update_profile(db: &mut Transaction<'_>, id: UserId, change: ProfileChange) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE users SET
             phone = CASE WHEN $2 THEN $3 ELSE phone END,
             location = CASE WHEN $4 THEN $5 ELSE location END,
             linkedin_url = CASE WHEN $6 THEN $7 ELSE linkedin_url END,
             github_url = CASE WHEN $8 THEN $9 ELSE github_url END,
             portfolio_url = CASE WHEN $10 THEN $11 ELSE portfolio_url END,
             work_history = coalesce($12, work_history),
             education = coalesce($13, education),
             skills = coalesce($14, skills),
             updated_at = now()
           WHERE id = $1",
        id.0,
        change.phone.is_some(),
        change.phone.flatten(),
        change.location.is_some(),
        change.location.flatten(),
        change.linkedin_url.is_some(),
        change.linkedin_url.flatten(),
        change.github_url.is_some(),
        change.github_url.flatten(),
        change.portfolio_url.is_some(),
        change.portfolio_url.flatten(),
        change.work_history,
        change.education,
        change.skills
    )
    .execute(db)
    .await
    .map_err(StoreError::during("updating a profile"))?;
    Ok(())
}

/// Puts the members of `change` (an object) over what is stored and returns all of it; `None` when there is no such
/// person.
///
/// # Errors
/// When the database fails.
pub async fn merge_preferences(
    db: &mut Transaction<'_>,
    id: UserId,
    change: &Json,
) -> Result<Option<Json>, StoreError> {
    sqlx::query_scalar!(
        "UPDATE users SET preferences = preferences || $2, updated_at = now() WHERE id = $1 RETURNING preferences",
        id.0,
        change
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("changing preferences"))
}

/// Makes one person's transactions with the same purpose wait for each other, until this one ends. An advisory lock,
/// because a lock on the person's row would take part in the actors' lock order.
pub(crate) async fn lock(db: &mut Transaction<'_>, purpose: &str, id: UserId) -> Result<(), StoreError> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", format!("{purpose} {id}"))
        .execute(db)
        .await
        .map_err(StoreError::during("waiting for the same person's other request"))?;
    Ok(())
}

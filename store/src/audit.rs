//! Who did what: admins, and the agents of browser hosts. Rows hold ids and the action's name, never personal detail.

use protocol::ids::{SandboxId, UserId};
use serde_json::Value as Json;

use crate::{StoreError, Transaction};

/// A certificate was renewed within its session: two an hour and agent, kept for [`crate::retention::RENEWALS_DAYS`].
pub const RENEWED: &str = "agent.renewed";
/// Under whose name refused attempts stand: who made them is not known.
const STRANGERS: &str = "agents";
/// Refused attempts kept of an hour, over all coordinators. Whoever floods us is in the metrics; the rows are for the
/// operator who looks for the one host that does not get in.
const REFUSED_PER_HOUR: i64 = 100;

/// Notes an admin's action; write it in the transaction of what it is about, or of an own one that is committed once
/// the action was done.
///
/// # Errors
/// When the database fails.
pub async fn record(db: &mut Transaction<'_>, user: UserId, action: &str, details: &Json) -> Result<(), StoreError> {
    insert(db, &user.to_string(), action, details).await
}

/// Notes what a sandbox's agent did.
///
/// # Errors
/// When the database fails.
pub async fn record_agent(
    db: &mut Transaction<'_>,
    sandbox: SandboxId,
    action: &str,
    details: &Json,
) -> Result<(), StoreError> {
    insert(db, &format!("sandbox:{sandbox}"), action, details).await
}

/// Notes what was done on the command line or by the product itself.
///
/// # Errors
/// When the database fails.
pub async fn record_system(db: &mut Transaction<'_>, action: &str, details: &Json) -> Result<(), StoreError> {
    insert(db, "system", action, details).await
}

async fn insert(db: &mut Transaction<'_>, who: &str, action: &str, details: &Json) -> Result<(), StoreError> {
    sqlx::query!("INSERT INTO audit_trail (user_id, action, details) VALUES ($1, $2, $3)", who, action, details)
        .execute(db)
        .await
        .map_err(StoreError::during("noting an action"))?;
    Ok(())
}

/// Notes an attempt of an agent that was refused, unless 100 of this hour are noted already: a flood does not fill the
/// table. Answers whether it was noted.
///
/// # Errors
/// When the database fails.
pub async fn record_refused(db: &mut Transaction<'_>, action: &str, details: &Json) -> Result<bool, StoreError> {
    let noted = sqlx::query!(
        "INSERT INTO audit_trail (user_id, action, details)
         SELECT $1::varchar, $2, $3
          WHERE (SELECT count(*) FROM audit_trail WHERE user_id = $1::varchar AND created_at > now() - interval '1 hour') < $4",
        STRANGERS,
        action,
        details,
        REFUSED_PER_HOUR
    )
    .execute(db)
    .await
    .map_err(StoreError::during("noting a refused attempt"))?;
    Ok(noted.rows_affected() > 0)
}

//! Refresh tokens: each is good for one use; using one twice ends the whole family that descends from one sign-in.

use chrono::{DateTime, Utc};
use protocol::ids::UserId;
use uuid::Uuid;

use crate::{StoreError, Transaction};

/// What became of a token shown for refreshing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spend {
    /// It was good, and is spent now.
    Good { user: UserId, family: Uuid },
    /// It had been used before: somebody has a copy, so its family is over.
    Reused { user: UserId },
    /// Unknown, expired or revoked.
    Worthless,
}

/// Stores a fresh token and forgets the person's expired ones.
///
/// # Errors
/// When the database fails.
pub async fn open(
    db: &mut Transaction<'_>,
    id: Uuid,
    user: UserId,
    family: Uuid,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM refresh_tokens WHERE user_id = $1 AND expires_at < now()", user.0)
        .execute(&mut *db)
        .await
        .map_err(StoreError::during("forgetting expired sessions"))?;
    sqlx::query!(
        "INSERT INTO refresh_tokens (id, user_id, family, expires_at) VALUES ($1, $2, $3, $4)",
        id,
        user.0,
        family,
        expires_at
    )
    .execute(db)
    .await
    .map_err(StoreError::during("opening a session"))?;
    Ok(())
}

/// Uses a token up. Of two callers with one token, one gets [`Spend::Good`] and the other ends the family. The
/// caller commits in every case.
///
/// # Errors
/// When the database fails.
pub async fn spend(db: &mut Transaction<'_>, id: Uuid) -> Result<Spend, StoreError> {
    let good = sqlx::query!(
        "UPDATE refresh_tokens SET spent_at = now()
          WHERE id = $1 AND spent_at IS NULL AND revoked_at IS NULL AND expires_at > now()
          RETURNING user_id, family",
        id
    )
    .fetch_optional(&mut *db)
    .await
    .map_err(StoreError::during("spending a session"))?;
    if let Some(row) = good {
        return Ok(Spend::Good { user: UserId(row.user_id), family: row.family });
    }
    let spent = sqlx::query!("SELECT user_id, family FROM refresh_tokens WHERE id = $1 AND spent_at IS NOT NULL", id)
        .fetch_optional(&mut *db)
        .await
        .map_err(StoreError::during("looking for a spent session"))?;
    let Some(row) = spent else { return Ok(Spend::Worthless) };
    sqlx::query!("UPDATE refresh_tokens SET revoked_at = now() WHERE family = $1 AND revoked_at IS NULL", row.family)
        .execute(db)
        .await
        .map_err(StoreError::during("ending a family of sessions"))?;
    Ok(Spend::Reused { user: UserId(row.user_id) })
}

/// Ends the family of one token, if it is `user`'s: signing out.
///
/// # Errors
/// When the database fails.
pub async fn end_family(db: &mut Transaction<'_>, user: UserId, id: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE refresh_tokens SET revoked_at = now()
          WHERE revoked_at IS NULL
            AND family = (SELECT family FROM refresh_tokens WHERE id = $1 AND user_id = $2)",
        id,
        user.0
    )
    .execute(db)
    .await
    .map_err(StoreError::during("ending a session"))?;
    Ok(())
}

/// Ends every session of a person.
///
/// # Errors
/// When the database fails.
pub async fn end_all(db: &mut Transaction<'_>, user: UserId) -> Result<(), StoreError> {
    sqlx::query!("UPDATE refresh_tokens SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL", user.0)
        .execute(db)
        .await
        .map_err(StoreError::during("ending all sessions"))?;
    Ok(())
}

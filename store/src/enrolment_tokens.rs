//! One-time tokens with which a browser host becomes a sandbox of ours: made by the gateway or `valet up`, spent at
//! the coordinator. Their life is measured by the database's clock alone. A token is spent for a key: the host that had no
//! answer may ask for it again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use protocol::ids::{SandboxId, UserId};

use crate::{StoreError, Transaction};

/// The longest life of a token: an operator copies it to a host and starts the agent.
pub const TTL_MAX: Duration = Duration::from_secs(600);

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    /// SHA-256 of the token.
    pub hash: &'a [u8],
    pub sandbox: SandboxId,
    /// The only host that may use it, by the name it gives itself.
    pub host_name: Option<&'a str>,
    pub by: Option<UserId>,
    /// At most [`TTL_MAX`].
    pub ttl: Duration,
}

/// Why a token buys nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// Nobody made it, or so long ago that it is forgotten.
    Unknown,
    Used,
    Expired,
    /// It is for the host of this name. It stays good for that one.
    OtherHost(String),
    /// Its sandbox was revoked or is no more.
    Revoked,
}

/// Stores a token by its SHA-256 and answers when it runs out; `None` when there is no such sandbox, or it was revoked
/// or terminated. Forgets those that ran out a day ago.
///
/// # Errors
/// When the database fails.
pub async fn create(db: &mut Transaction<'_>, new: &NewToken<'_>) -> Result<Option<DateTime<Utc>>, StoreError> {
    let storing = StoreError::during("storing an enrolment token");
    sqlx::query!("DELETE FROM enrolment_tokens WHERE expires_at < now() - interval '1 day'")
        .execute(&mut *db)
        .await
        .map_err(StoreError::during("forgetting old enrolment tokens"))?;
    sqlx::query_scalar!(
        "INSERT INTO enrolment_tokens (hash, sandbox_id, host_name, created_by, expires_at)
         SELECT $1, id, $3, $4, now() + make_interval(secs => $5)
           FROM sandboxes WHERE id = $2 AND revoked_at IS NULL AND status <> 'terminated'
         RETURNING expires_at",
        new.hash,
        new.sandbox.0,
        new.host_name,
        new.by.map(|user| user.0),
        new.ttl.min(TTL_MAX).as_secs_f64()
    )
    .fetch_optional(db)
    .await
    .map_err(storing)
}

/// Spends a token for the key with this SHA-256: only once, only in time, only by its host, only for a sandbox in good
/// standing. Certificates that the sandbox had before are good no more: the host that enrols replaces the one that had
/// them. The same key may spend it again, in its time and until another token of the sandbox is spent: nothing is changed
/// by that.
///
/// # Errors
/// When the database does not answer.
pub async fn spend(
    db: &mut Transaction<'_>,
    hash: &[u8],
    host_name: &str,
    key: &[u8],
) -> Result<Result<SandboxId, Unfit>, StoreError> {
    let found = sqlx::query!(
        r#"SELECT t.sandbox_id, t.host_name, t.used_at IS NOT NULL AS "used!", t.expires_at <= now() AS "expired!",
                  (s.revoked_at IS NOT NULL OR s.status = 'terminated') AS "revoked!",
                  coalesce(t.used_key = $2, false) AND NOT EXISTS (
                      SELECT 1 FROM enrolment_tokens o WHERE o.sandbox_id = t.sandbox_id AND o.used_at > t.used_at
                  ) AS "own!"
             FROM enrolment_tokens t JOIN sandboxes s ON s.id = t.sandbox_id
            WHERE t.hash = $1 FOR UPDATE OF t"#,
        hash,
        key
    )
    .fetch_optional(&mut *db)
    .await
    .map_err(StoreError::during("reading an enrolment token"))?;
    let Some(found) = found else { return Ok(Err(Unfit::Unknown)) };
    if found.used && !found.own {
        return Ok(Err(Unfit::Used));
    }
    if found.expired {
        return Ok(Err(Unfit::Expired));
    }
    if found.revoked {
        return Ok(Err(Unfit::Revoked));
    }
    if let Some(expected) = found.host_name.filter(|expected| !expected.eq_ignore_ascii_case(host_name)) {
        return Ok(Err(Unfit::OtherHost(expected)));
    }
    if found.used {
        return Ok(Ok(SandboxId(found.sandbox_id)));
    }
    sqlx::query!("UPDATE enrolment_tokens SET used_at = now(), used_key = $2 WHERE hash = $1", hash, key)
        .execute(&mut *db)
        .await
        .map_err(StoreError::during("spending an enrolment token"))?;
    sqlx::query!(
        "UPDATE agent_certificates SET revoked_at = now() WHERE sandbox_id = $1 AND revoked_at IS NULL",
        found.sandbox_id
    )
    .execute(&mut *db)
    .await
    .map_err(StoreError::during("ending a sandbox's earlier certificates"))?;
    let sandbox = SandboxId(found.sandbox_id);
    crate::instances::supersede(db, sandbox).await?;
    Ok(Ok(sandbox))
}

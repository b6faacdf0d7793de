//! EC2 instances that enrol with their identity documents. A document stays the same while its instance runs and
//! everybody on the host can read it, so the first key that enrols with it is the only one that ever does.

use chrono::{DateTime, Utc};
use protocol::ids::SandboxId;

use crate::agents::{self, NewSandbox};
use crate::{StoreError, Transaction};

/// Until the first hello, which says how much it can take.
const CAPACITY: i32 = 1;

/// An instance whose document was found good.
#[derive(Debug, Clone)]
pub struct Starting<'a> {
    pub instance_id: &'a str,
    pub instance_type: &'a str,
    pub account_id: &'a str,
    pub region: &'a str,
    pub started_at: DateTime<Utc>,
    /// SHA-256 of the key that asks.
    pub key: &'a [u8],
}

/// Why an instance may not enrol with its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It has enrolled, with another key or with a token.
    Enrolled,
    /// Its sandbox was revoked or is no more.
    Revoked,
}

/// The database's clock, which start times are held against.
///
/// # Errors
/// When the database does not answer.
pub async fn now(db: &mut Transaction<'_>) -> Result<DateTime<Utc>, StoreError> {
    sqlx::query_scalar!(r#"SELECT now() AS "now!""#)
        .fetch_one(db)
        .await
        .map_err(StoreError::during("reading the clock"))
}

/// Registers the instance as a sandbox, or finds it, and notes its key: the first one, or the same one again. Drop the
/// transaction when it is unfit.
///
/// # Errors
/// When the database does not answer.
pub async fn enrol(db: &mut Transaction<'_>, starting: &Starting<'_>) -> Result<Result<SandboxId, Unfit>, StoreError> {
    let new = NewSandbox {
        name: starting.instance_id,
        environment: "prod",
        instance_id: starting.instance_id,
        instance_type: starting.instance_type,
        engine: "chromium",
        capacity: CAPACITY,
    };
    // Locks the row: of two that ask at the same time the second sees what the first did.
    let sandbox = agents::register(db, &new).await?;
    let found = sqlx::query!(
        r#"SELECT (s.revoked_at IS NOT NULL OR s.status = 'terminated') AS "revoked!",
                  (s.connection_epoch > 0 OR e.sandbox_id IS NOT NULL
                   OR EXISTS (SELECT FROM agent_certificates c WHERE c.sandbox_id = s.id)) AS "enrolled!",
                  coalesce(e.key_sha256 = $2, false) AS "same_key!"
             FROM sandboxes s LEFT JOIN instance_enrolments e ON e.sandbox_id = s.id
            WHERE s.id = $1"#,
        sandbox.0,
        starting.key
    )
    .fetch_one(&mut *db)
    .await
    .map_err(StoreError::during("reading an instance's enrolment"))?;
    if found.revoked {
        return Ok(Err(Unfit::Revoked));
    }
    if found.enrolled && !found.same_key {
        return Ok(Err(Unfit::Enrolled));
    }
    sqlx::query!(
        "INSERT INTO instance_enrolments (sandbox_id, account_id, region, started_at, key_sha256)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (sandbox_id) DO UPDATE SET started_at = EXCLUDED.started_at",
        sandbox.0,
        starting.account_id,
        starting.region,
        starting.started_at,
        starting.key
    )
    .execute(db)
    .await
    .map_err(StoreError::during("noting an instance's enrolment"))?;
    Ok(Ok(sandbox))
}

/// A token was spent for the sandbox: another host may be it now, so that its document buys nothing any more.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn supersede(db: &mut Transaction<'_>, sandbox: SandboxId) -> Result<(), StoreError> {
    sqlx::query!("UPDATE instance_enrolments SET key_sha256 = NULL WHERE sandbox_id = $1", sandbox.0)
        .execute(db)
        .await
        .map_err(StoreError::during("ending an instance's enrolment"))?;
    Ok(())
}

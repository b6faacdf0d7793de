//! Sandboxes as the coordinator keeps them: registration, sessions, certificates.

use chrono::{DateTime, Utc};
use protocol::ids::{NodeId, SandboxId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StoreError;

/// What an agent said of itself at hello.
#[derive(Debug, Clone)]
pub struct SessionFacts {
    pub node: NodeId,
    pub build: String,
    pub boot: Uuid,
    pub capacity: i32,
}

/// Opens a session: bumps the connection epoch and marks the sandbox connected. `None` when the sandbox is unknown
/// or revoked.
///
/// # Errors
/// When the database does not answer.
pub async fn open_session(
    db: &mut PgConnection,
    sandbox: SandboxId,
    facts: &SessionFacts,
) -> Result<Option<i64>, StoreError> {
    sqlx::query_scalar!(
        "UPDATE sandboxes
            SET connection_epoch = connection_epoch + 1, connected = true, node_id = $2, agent_build = $3, agent_boot = $4,
                capacity = greatest($5, current_load), status = 'active', health_status = 'healthy',
                last_heartbeat_at = now(), last_health_check_at = now(), updated_at = now()
          WHERE id = $1 AND revoked_at IS NULL AND status <> 'terminated'
        RETURNING connection_epoch",
        sandbox.0,
        facts.node.0,
        facts.build,
        facts.boot,
        facts.capacity
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("opening an agent's session"))
}

/// Ends a session, unless a later one has begun.
///
/// # Errors
/// When the database does not answer.
pub async fn close_session(db: &mut PgConnection, sandbox: SandboxId, epoch: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE sandboxes SET connected = false, health_status = 'unhealthy', updated_at = now()
          WHERE id = $1 AND connection_epoch = $2",
        sandbox.0,
        epoch
    )
    .execute(db)
    .await
    .map_err(StoreError::during("closing an agent's session"))?;
    Ok(())
}

/// Every connection was to a coordinator that is gone: at its start, a single coordinator marks all as closed.
///
/// # Errors
/// When the database does not answer.
pub async fn close_all_sessions(db: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!("UPDATE sandboxes SET connected = false WHERE connected")
        .execute(db)
        .await
        .map_err(StoreError::during("closing old sessions"))?;
    Ok(())
}

/// # Errors
/// When the database does not answer.
pub async fn record_heartbeat(db: &mut PgConnection, sandbox: SandboxId, epoch: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE sandboxes SET last_heartbeat_at = now(), last_health_check_at = now(), health_status = 'healthy'
          WHERE id = $1 AND connection_epoch = $2",
        sandbox.0,
        epoch
    )
    .execute(db)
    .await
    .map_err(StoreError::during("recording a heartbeat"))?;
    Ok(())
}

/// A sandbox to be registered.
#[derive(Debug, Clone)]
pub struct NewSandbox<'a> {
    pub name: &'a str,
    pub environment: &'a str,
    pub instance_id: &'a str,
    pub instance_type: &'a str,
    pub engine: &'a str,
    pub capacity: i32,
}

/// Registers a sandbox, or finds the one with this instance id.
///
/// # Errors
/// When the database does not answer, or a value is not one of its enums.
pub async fn register(db: &mut PgConnection, new: &NewSandbox<'_>) -> Result<SandboxId, StoreError> {
    sqlx::query_scalar!(
        "INSERT INTO sandboxes (id, name, environment, instance_id, instance_type, browser_engine, capacity)
         VALUES ($1, $2, $3::text::sandbox_environment, $4, $5, $6::text::browser_engine, $7)
         ON CONFLICT (instance_id) DO UPDATE SET updated_at = now() RETURNING id",
        SandboxId::new().0,
        new.name,
        new.environment,
        new.instance_id,
        new.instance_type,
        new.engine,
        new.capacity
    )
    .fetch_one(db)
    .await
    .map(SandboxId)
    .map_err(StoreError::during("registering a sandbox"))
}

/// Whether the sandbox may have a session or another certificate.
///
/// # Errors
/// When the database does not answer.
pub async fn good_standing(db: &mut PgConnection, sandbox: SandboxId) -> Result<bool, StoreError> {
    let row = sqlx::query_scalar!(
        r#"SELECT revoked_at IS NULL AND status <> 'terminated' AS "good!" FROM sandboxes WHERE id = $1"#,
        sandbox.0
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("reading a sandbox's standing"))?;
    Ok(row.unwrap_or(false))
}

/// Keeps what was signed, for revocation and audit.
///
/// # Errors
/// When the database does not answer, or there is no such sandbox.
pub async fn record_certificate(
    db: &mut PgConnection,
    sandbox: SandboxId,
    fingerprint: &[u8],
    not_after: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO agent_certificates (fingerprint, sandbox_id, not_after) VALUES ($1, $2, $3)
         ON CONFLICT (fingerprint) DO NOTHING",
        fingerprint,
        sandbox.0,
        not_after
    )
    .execute(db)
    .await
    .map_err(StoreError::during("recording a certificate"))?;
    Ok(())
}

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

/// A session that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    pub epoch: i64,
    /// The node that had the session before, if it was not seen to end.
    pub before: Option<NodeId>,
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
) -> Result<Option<Opened>, StoreError> {
    let opened = sqlx::query!(
        "WITH before AS (
             SELECT CASE WHEN connected THEN node_id END AS node FROM sandboxes WHERE id = $1 FOR NO KEY UPDATE
         )
         UPDATE sandboxes
            SET connection_epoch = connection_epoch + 1, connected = true, node_id = $2, agent_build = $3, agent_boot = $4,
                capacity = greatest($5, current_load), status = 'active', health_status = 'healthy',
                last_heartbeat_at = now(), last_health_check_at = now(), updated_at = now()
          WHERE id = $1 AND revoked_at IS NULL AND status <> 'terminated'
        RETURNING connection_epoch, (SELECT node FROM before) AS before",
        sandbox.0,
        facts.node.0,
        facts.build,
        facts.boot,
        facts.capacity
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("opening an agent's session"))?;
    Ok(opened.map(|row| Opened { epoch: row.connection_epoch, before: row.before.map(NodeId) }))
}

/// The node a sandbox has its session with, if both are there.
///
/// # Errors
/// When the database does not answer.
pub async fn whereabouts(db: &mut PgConnection, sandbox: SandboxId) -> Result<Option<NodeId>, StoreError> {
    let node = sqlx::query_scalar!(
        r#"SELECT n.id FROM sandboxes s JOIN nodes n ON n.id = s.node_id
            WHERE s.id = $1 AND s.connected AND n.renewed_at > clock_timestamp() - make_interval(secs => $2)"#,
        sandbox.0,
        crate::nodes::TTL_SECONDS
    )
    .fetch_optional(db)
    .await
    .map_err(StoreError::during("looking for a sandbox"))?;
    Ok(node.map(NodeId))
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

/// Sessions with an earlier life of this node are over.
///
/// # Errors
/// When the database does not answer.
pub async fn close_sessions_of(db: &mut PgConnection, node: NodeId) -> Result<(), StoreError> {
    sqlx::query!("UPDATE sandboxes SET connected = false WHERE connected AND node_id = $1", node.0)
        .execute(db)
        .await
        .map_err(StoreError::during("closing old sessions"))?;
    Ok(())
}

/// The agent is silent: no new work for it until a heartbeat is recorded.
///
/// # Errors
/// When the database does not answer.
pub async fn suspect(db: &mut PgConnection, sandbox: SandboxId, epoch: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE sandboxes SET health_status = 'degraded', last_health_check_at = now()
          WHERE id = $1 AND connection_epoch = $2 AND connected",
        sandbox.0,
        epoch
    )
    .execute(db)
    .await
    .map_err(StoreError::during("suspecting a sandbox"))?;
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

//! Sandboxes as the coordinator keeps them: registration, sessions, certificates.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use protocol::ids::{NodeId, SandboxId};
use uuid::Uuid;

use crate::drains::Drain;
use crate::{StoreError, Transaction};

/// A session that an agent wants, and what it said of itself.
#[derive(Debug, Clone)]
pub struct Opening {
    pub sandbox: SandboxId,
    pub build: String,
    pub boot: Uuid,
    pub capacity: i32,
}

/// A session that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub sandbox: SandboxId,
    pub epoch: i64,
    /// The node that had the session before, if it was not seen to end.
    pub before: Option<NodeId>,
    pub drain: Option<Drain>,
}

/// Opens sessions with a node, one for each sandbox: bumps their connection epochs and marks them connected. A sandbox that is
/// revoked or not known is left out of the answer.
///
/// # Errors
/// When the database does not answer.
pub async fn open_sessions(
    db: &mut Transaction<'_>,
    node: NodeId,
    openings: &[Opening],
) -> Result<Vec<Opened>, StoreError> {
    let rows = sqlx::query_file!(
        "sql/agents/open_sessions.sql",
        node.0,
        &openings.iter().map(|opening| opening.sandbox.0).collect::<Vec<_>>(),
        &openings.iter().map(|opening| opening.build.clone()).collect::<Vec<_>>(),
        &openings.iter().map(|opening| opening.boot).collect::<Vec<_>>(),
        &openings.iter().map(|opening| opening.capacity).collect::<Vec<_>>(),
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("opening agents' sessions"))?;
    let opened = rows.into_iter().map(|row| Opened {
        sandbox: SandboxId(row.id),
        epoch: row.connection_epoch,
        before: row.before.map(NodeId),
        drain: row.draining.then(|| Drain { reason: row.drain_reason.unwrap_or_default() }),
    });
    Ok(opened.collect())
}

/// The node a sandbox has its session with, if both are there.
///
/// # Errors
/// When the database does not answer.
pub async fn whereabouts(db: &mut Transaction<'_>, sandbox: SandboxId) -> Result<Option<NodeId>, StoreError> {
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

/// The agent is told to stop: nothing more is placed there. Its session goes on, and every coordinator still reaches
/// what it holds.
///
/// # Errors
/// When the database does not answer.
pub async fn stopping(db: &mut Transaction<'_>, sandbox: SandboxId, epoch: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE sandboxes SET status = 'stopping', updated_at = now()
          WHERE id = $1 AND connection_epoch = $2 AND connected AND status = 'active'",
        sandbox.0,
        epoch
    )
    .execute(db)
    .await
    .map_err(StoreError::during("noting that an agent stops"))?;
    Ok(())
}

/// Ends a session, unless a later one has begun.
///
/// # Errors
/// When the database does not answer.
pub async fn close_session(db: &mut Transaction<'_>, sandbox: SandboxId, epoch: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE sandboxes SET connected = false, health_status = 'unhealthy', updated_at = now(),
                status = CASE WHEN status = 'stopping' THEN 'stopped' ELSE status END
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
pub async fn close_sessions_of(db: &mut Transaction<'_>, node: NodeId) -> Result<(), StoreError> {
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
pub async fn suspect(db: &mut Transaction<'_>, sandbox: SandboxId, epoch: i64) -> Result<(), StoreError> {
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

/// What a sandbox's row says when a heartbeat is written into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beaten {
    pub sandbox: SandboxId,
    /// How many places are taken.
    pub load: i32,
    pub drain: Option<Drain>,
}

/// Writes heartbeats of sessions, named by their sandbox and epoch, one for each sandbox. A session that is not the latest of
/// its sandbox is left out of the answer.
///
/// # Errors
/// When the database does not answer.
pub async fn record_heartbeats(
    db: &mut Transaction<'_>,
    sessions: &[(SandboxId, i64)],
) -> Result<Vec<Beaten>, StoreError> {
    let (sandboxes, epochs): (Vec<Uuid>, Vec<i64>) =
        sessions.iter().map(|(sandbox, epoch)| (sandbox.0, *epoch)).unzip();
    let rows = sqlx::query_file!("sql/agents/record_heartbeats.sql", &sandboxes, &epochs)
        .fetch_all(db)
        .await
        .map_err(StoreError::during("recording heartbeats"))?;
    let beaten = rows.into_iter().map(|row| Beaten {
        sandbox: SandboxId(row.id),
        load: row.current_load,
        drain: row.draining.then(|| Drain { reason: row.drain_reason.unwrap_or_default() }),
    });
    Ok(beaten.collect())
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
pub async fn register(db: &mut Transaction<'_>, new: &NewSandbox<'_>) -> Result<SandboxId, StoreError> {
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

/// Whether an agent may have a session or another certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Good,
    /// The sandbox was revoked or terminated, or never was.
    Revoked,
    /// Another host enrolled as the sandbox after this certificate was given.
    Replaced,
}

/// The standing of a sandbox's agent with this certificate, named by its SHA-256.
///
/// # Errors
/// When the database does not answer.
pub async fn standing(
    db: &mut Transaction<'_>,
    sandbox: SandboxId,
    certificate: &[u8; 32],
) -> Result<Standing, StoreError> {
    Ok(standings(db, &[(sandbox, *certificate)]).await?.remove(&sandbox).unwrap_or(Standing::Revoked))
}

/// The standings of the agents of several sandboxes, each with its certificate.
///
/// # Errors
/// When the database does not answer.
pub async fn standings(
    db: &mut Transaction<'_>,
    agents: &[(SandboxId, [u8; 32])],
) -> Result<HashMap<SandboxId, Standing>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT a.sandbox AS "sandbox!", coalesce(s.revoked_at IS NULL AND s.status <> 'terminated', false) AS "good!",
                  c.revoked_at IS NOT NULL AS "replaced!"
             FROM unnest($1::uuid[], $2::bytea[]) AS a (sandbox, certificate)
             LEFT JOIN sandboxes s ON s.id = a.sandbox
             LEFT JOIN agent_certificates c ON c.fingerprint = a.certificate"#,
        &agents.iter().map(|(sandbox, _)| sandbox.0).collect::<Vec<_>>(),
        &agents.iter().map(|(_, certificate)| certificate.to_vec()).collect::<Vec<_>>(),
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("reading standings"))?;
    let standing = |good, replaced| match (good, replaced) {
        (true, false) => Standing::Good,
        (true, true) => Standing::Replaced,
        (false, _) => Standing::Revoked,
    };
    Ok(rows.into_iter().map(|row| (SandboxId(row.sandbox), standing(row.good, row.replaced))).collect())
}

/// Keeps what was signed, for revocation and audit, and forgets the sandbox's certificates that can buy nothing more.
///
/// # Errors
/// When the database does not answer, or there is no such sandbox.
pub async fn record_certificate(
    db: &mut Transaction<'_>,
    sandbox: SandboxId,
    fingerprint: &[u8],
    not_after: DateTime<Utc>,
    useless_before: DateTime<Utc>,
) -> Result<(), StoreError> {
    let recording = StoreError::during("recording a certificate");
    sqlx::query!(
        "WITH useless AS (DELETE FROM agent_certificates WHERE sandbox_id = $2 AND not_after < $4)
         INSERT INTO agent_certificates (fingerprint, sandbox_id, not_after) VALUES ($1, $2, $3)
         ON CONFLICT (fingerprint) DO NOTHING",
        fingerprint,
        sandbox.0,
        not_after,
        useless_before
    )
    .execute(db)
    .await
    .map_err(recording)?;
    Ok(())
}

/// What coordinators listen to: a sandbox was revoked. The payload is its id.
pub const REVOKED: &str = "valet_revoked";

/// A sandbox that may have no session any more.
#[derive(Debug, Clone)]
pub struct Revoked {
    pub name: String,
    pub revoked_at: DateTime<Utc>,
    pub reason: String,
    /// Its agent has a session still, which is about to be cut.
    pub connected: bool,
}

/// Revokes a sandbox for good and tells every coordinator. The first revocation counts; `None` when there is no such
/// sandbox.
///
/// # Errors
/// When the database does not answer.
pub async fn revoke(db: &mut Transaction<'_>, sandbox: SandboxId, reason: &str) -> Result<Option<Revoked>, StoreError> {
    let row = sqlx::query!(
        r#"UPDATE sandboxes SET revoked_at = coalesce(revoked_at, now()), revoke_reason = coalesce(revoke_reason, $2),
                               updated_at = now()
            WHERE id = $1 RETURNING name, revoked_at AS "revoked_at!", revoke_reason AS "reason!", connected"#,
        sandbox.0,
        reason
    )
    .fetch_optional(&mut *db)
    .await
    .map_err(StoreError::during("revoking a sandbox"))?;
    let Some(row) = row else { return Ok(None) };
    sqlx::query!(r#"SELECT pg_notify($1, $2) AS "told: ()""#, REVOKED, sandbox.to_string())
        .fetch_one(db)
        .await
        .map_err(StoreError::during("telling of a revocation"))?;
    let (name, revoked_at, reason, connected) = (row.name, row.revoked_at, row.reason, row.connected);
    Ok(Some(Revoked { name, revoked_at, reason, connected }))
}

/// Revoked sandboxes whose session with this node still stands.
///
/// # Errors
/// When the database does not answer.
pub async fn to_cut(db: &mut Transaction<'_>, node: NodeId) -> Result<Vec<SandboxId>, StoreError> {
    let found = sqlx::query_scalar!(
        "SELECT id FROM sandboxes WHERE connected AND revoked_at IS NOT NULL AND node_id = $1",
        node.0
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("looking for revoked sandboxes"))?;
    Ok(found.into_iter().map(SandboxId).collect())
}

/// Sandboxes whose rows show a session with this node.
///
/// # Errors
/// When the database does not answer.
pub async fn connected_to(db: &mut Transaction<'_>, node: NodeId) -> Result<Vec<SandboxId>, StoreError> {
    let found = sqlx::query_scalar!("SELECT id FROM sandboxes WHERE connected AND node_id = $1", node.0)
        .fetch_all(db)
        .await
        .map_err(StoreError::during("reading a node's sandboxes"))?;
    Ok(found.into_iter().map(SandboxId).collect())
}

/// Takes a session with this node out of a sandbox's row, for a node that has no such session.
///
/// # Errors
/// When the database does not answer.
pub async fn close_left(db: &mut Transaction<'_>, node: NodeId, sandbox: SandboxId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE sandboxes SET connected = false, health_status = 'unhealthy', updated_at = now()
          WHERE id = $1 AND node_id = $2 AND connected",
        sandbox.0,
        node.0
    )
    .execute(db)
    .await
    .map_err(StoreError::during("closing a session that nobody has"))?;
    Ok(())
}

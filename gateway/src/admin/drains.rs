//! Draining browser hosts.
//!
//! The drain is a fact in the sandbox's row, committed here together with its line in the audit trail: from then on
//! nothing is placed there, whoever planned it. Only then is the sandbox's actor told to look; should it not hear of it,
//! it reads its row by itself. So a drain works while no coordinator does.

use axum::Json;
use axum::extract::State;
use protocol::ids::SandboxId;
use protocol::inspect::Ask;
use serde::Serialize;
use serde_json::json;
use store::drains::{self, Blocker, Drain};
use store::{Tx, audit, db};
use tracing::info;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{nodes, sandbox_not_found};
use crate::app::AppState;
use crate::auth::caller::{Admin, Caller};
use crate::dates::Date;
use crate::error::{ApiError, ErrorResponse};
use crate::input::{Body, Fields, Id, Input, Nothing, text};

/// Blockers shown: the most places a host has.
const BLOCKERS_MAX: i64 = 100;
const REASON_MAX: usize = 200;

#[derive(Debug, ToSchema)]
pub struct DrainRequest {
    /// For the other admins. Nothing personal.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

impl Input for DrainRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { reason: fields.need("reason", text(1, REASON_MAX))? })
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrainResponse {
    sandbox_id: Uuid,
    name: String,
    draining: bool,
    reason: Option<String>,
    connected: bool,
    current_load: i32,
    capacity: i32,
    /// It drains and nothing holds a place any more: the host may be stopped.
    released: bool,
    /// Applications that still hold a place, and why.
    blockers: Vec<BlockerResponse>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockerResponse {
    task_id: Uuid,
    status: String,
    phase: Option<String>,
    /// `working`, `closing`, `parking`, `editing` or `after_click`.
    code: &'static str,
    why: &'static str,
    /// When it ends at the latest if nothing more is heard of it.
    until: Option<Date>,
}

/// Why a task still holds its place: a code and a sentence.
fn why(blocker: &Blocker) -> (&'static str, &'static str) {
    match (blocker.status.as_str(), blocker.pending.as_deref()) {
        (_, Some("end")) | ("completed" | "failed" | "cancelled", _) => ("closing", "Its page is being closed."),
        ("waiting_human", _) if blocker.permit_open => {
            ("after_click", "The site wants its person after the click, so its page is kept open until then.")
        }
        ("waiting_human", Some(_)) => ("editing", "A change of its person is being entered; then it is parked."),
        ("waiting_human", None) => ("parking", "It waits for its person and is about to be parked."),
        _ => ("working", "It is being worked on and goes on to its next stop."),
    }
}

async fn response(tx: &mut Tx, sandbox: SandboxId) -> Result<DrainResponse, ApiError> {
    let state = drains::state(tx, sandbox).await?.ok_or_else(sandbox_not_found)?;
    let blockers = drains::blockers(tx, sandbox, BLOCKERS_MAX).await?;
    let blockers = blockers.into_iter().map(|blocker| {
        let (code, why) = why(&blocker);
        let until = blocker.held_until.or(blocker.wake_at).map(Date);
        BlockerResponse { task_id: blocker.task.0, status: blocker.status, phase: blocker.phase, code, why, until }
    });
    Ok(DrainResponse {
        sandbox_id: sandbox.0,
        name: state.name,
        draining: state.drain.is_some(),
        released: state.drain.is_some() && state.load == 0,
        reason: state.drain.map(|drain| drain.reason),
        connected: state.connected,
        current_load: state.load,
        capacity: state.capacity,
        blockers: blockers.collect(),
    })
}

/// How far the drain of a host is.
#[utoipa::path(get, path = "/api/v1/admin/sandboxes/{id}/drain", tag = "admin", params(("id" = Uuid, Path)),
    responses((status = 200, body = DrainResponse), (status = 403, body = ErrorResponse), (status = 404, body = ErrorResponse)))]
pub async fn get(
    State(app): State<AppState>,
    Admin(_caller): Admin,
    Id(id): Id<SandboxId>,
) -> Result<Json<DrainResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    Ok(Json(response(&mut tx, id).await?))
}

/// Gives a host no more work. What is held for people is parked, what is being worked on goes on.
#[utoipa::path(post, path = "/api/v1/admin/sandboxes/{id}/drain", tag = "admin", params(("id" = Uuid, Path)),
    request_body = DrainRequest,
    responses((status = 200, body = DrainResponse), (status = 403, body = ErrorResponse), (status = 404, body = ErrorResponse)))]
pub async fn drain(
    State(app): State<AppState>,
    Admin(caller): Admin,
    Id(id): Id<SandboxId>,
    Body(asked): Body<DrainRequest>,
) -> Result<Json<DrainResponse>, ApiError> {
    set(&app, &caller, id, Some(Drain { reason: asked.reason })).await
}

/// Lets a host have work again.
#[utoipa::path(post, path = "/api/v1/admin/sandboxes/{id}/undrain", tag = "admin", params(("id" = Uuid, Path)),
    responses((status = 200, body = DrainResponse), (status = 403, body = ErrorResponse), (status = 404, body = ErrorResponse)))]
pub async fn undrain(
    State(app): State<AppState>,
    Admin(caller): Admin,
    Id(id): Id<SandboxId>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<DrainResponse>, ApiError> {
    set(&app, &caller, id, None).await
}

async fn set(
    app: &AppState,
    caller: &Caller,
    sandbox: SandboxId,
    drain: Option<Drain>,
) -> Result<Json<DrainResponse>, ApiError> {
    let action = if drain.is_some() { "sandbox.drain" } else { "sandbox.undrain" };
    let mut tx = app.store.begin().await?;
    if !drains::set(&mut tx, sandbox, drain.as_ref()).await? {
        return Err(sandbox_not_found());
    }
    audit::record(&mut tx, caller.user, action, &json!({ "sandboxId": sandbox })).await?;
    db::commit(tx, "writing a drain").await?;
    info!(sandbox.id = %sandbox, user.id = %caller.user, action, "a host's drain changed");
    // Durable already; whoever does not hear it reads the row.
    nodes::ask(app, caller, Ask::Drained { sandbox }, nodes::LOOK).await?;
    let mut tx = app.store.begin().await?;
    Ok(Json(response(&mut tx, sandbox).await?))
}

#[cfg(test)]
mod tests {
    use protocol::ids::TaskId;

    use super::*;

    #[test]
    fn every_blocker_says_why() {
        let blocker = |status: &str, pending: Option<&str>, permit_open| Blocker {
            task: TaskId::new(),
            status: status.to_owned(),
            phase: None,
            pending: pending.map(str::to_owned),
            permit_open,
            held_until: None,
            wake_at: None,
        };
        for (status, pending, permit_open, code) in [
            ("in_progress", Some("fill"), false, "working"),
            ("in_progress", Some("submit"), true, "working"),
            ("waiting_human", None, false, "parking"),
            ("waiting_human", Some("fill"), false, "editing"),
            ("waiting_human", None, true, "after_click"),
            ("waiting_human", Some("end"), false, "closing"),
            ("completed", Some("end"), false, "closing"),
        ] {
            assert_eq!(why(&blocker(status, pending, permit_open)).0, code, "{status} {pending:?}");
        }
    }
}

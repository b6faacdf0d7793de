//! Revoking browser hosts.
//!
//! Committed here with its line in the audit trail; the commit itself tells every coordinator, which cuts the agent off
//! within a second. So a revocation works while no coordinator answers: the next one that lives reads it.

use axum::Json;
use axum::extract::State;
use protocol::ids::SandboxId;
use serde::Serialize;
use serde_json::json;
use store::{agents, audit, db};
use tracing::info;
use utoipa::ToSchema;
use uuid::Uuid;

use super::sandbox_not_found;
use crate::app::AppState;
use crate::auth::caller::Admin;
use crate::dates::Date;
use crate::error::{ApiError, ErrorResponse};
use crate::input::{Body, Fields, Id, Input, text};

const REASON_MAX: usize = 200;

#[derive(Debug, ToSchema)]
pub struct RevokeRequest {
    /// For the other admins. Nothing personal.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

impl Input for RevokeRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { reason: fields.need("reason", text(1, REASON_MAX))? })
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevokeResponse {
    sandbox_id: Uuid,
    name: String,
    /// When it was revoked first, and why.
    revoked_at: Date,
    reason: String,
    /// Its agent was connected when this was asked; it is cut off within a second.
    connected: bool,
}

/// Revokes a browser host for good. Its agent is cut off and never let in again; its applications go on elsewhere.
#[utoipa::path(post, path = "/api/v1/admin/sandboxes/{id}/revoke", tag = "admin", params(("id" = Uuid, Path)),
    request_body = RevokeRequest,
    responses((status = 200, body = RevokeResponse), (status = 403, body = ErrorResponse), (status = 404, body = ErrorResponse)))]
pub async fn revoke(
    State(app): State<AppState>,
    Admin(caller): Admin,
    Id(id): Id<SandboxId>,
    Body(asked): Body<RevokeRequest>,
) -> Result<Json<RevokeResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    let revoked = agents::revoke(&mut tx, id, &asked.reason).await?.ok_or_else(sandbox_not_found)?;
    let details = json!({ "sandboxId": id, "reason": asked.reason });
    audit::record(&mut tx, caller.user, "sandbox.revoke", &details).await?;
    db::commit(tx, "revoking a sandbox").await?;
    info!(sandbox.id = %id, user.id = %caller.user, "a host was revoked");
    let agents::Revoked { name, revoked_at, reason, connected } = revoked;
    Ok(Json(RevokeResponse { sandbox_id: id.0, name, revoked_at: Date(revoked_at), reason, connected }))
}

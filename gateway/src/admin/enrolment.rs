//! Announcing browser hosts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::ids::SandboxId;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::agents::NewSandbox;
use store::enrolment_tokens::{NewToken, TTL_MAX};
use store::{audit, db};
use tracing::info;
use utoipa::ToSchema;
use uuid::Uuid;

use super::sandbox_not_found;
use crate::app::AppState;
use crate::auth::caller::Admin;
use crate::dates::Date;
use crate::error::{ApiError, ErrorResponse};
use crate::input::{Body, Fields, Input, int, named, text, uuid};

/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;
const NO_COORDINATOR: &str = "No coordinator has been started yet, so no host could enrol. Start one and try again.";

#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct EnrolmentTokenRequest {
    /// An existing sandbox whose host enrols again.
    #[schema(value_type = Option<Uuid>)]
    sandbox_id: Option<SandboxId>,
    /// The name of a new sandbox, when no id is given.
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    #[schema(value_type = Option<String>, default = "chromium")]
    engine: String,
    #[schema(minimum = 1, maximum = 100, default = 5)]
    capacity: i64,
    /// The only machine that may use the token, by the name it gives itself. Without it any may.
    #[schema(min_length = 1, max_length = 253)]
    host_name: Option<String>,
}

impl Input for EnrolmentTokenRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let sandbox_id = fields.may("sandboxId", uuid());
        let name = fields.may("name", text(1, 255));
        let engine = fields.or("engine", named(&["chromium", "adspower"]), "chromium".to_owned());
        let capacity = fields.or("capacity", int(1, 100), 5);
        let host_name = fields.may("hostName", text(1, 253));
        let (sandbox_id, name) = (sandbox_id?, name?);
        if sandbox_id.is_none() && name.is_none() {
            fields.refuse("name", "Give a sandboxId or a name");
        }
        Some(Self { sandbox_id, name, engine: engine?, capacity: capacity?, host_name: host_name? })
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnrolmentTokenResponse {
    /// The secret, a dot, and the SHA-256 of the coordinators' authority, by which the agent knows whom to show it to.
    /// Shown once and kept nowhere.
    token: String,
    expires_at: Date,
    sandbox_id: Uuid,
    /// What to run on the host.
    command: String,
}

/// Makes a one-time token with which a browser host enrols.
#[utoipa::path(post, path = "/api/v1/admin/enrolment-tokens", tag = "admin", request_body = EnrolmentTokenRequest,
    responses((status = 201, body = EnrolmentTokenResponse), (status = 403, body = ErrorResponse), (status = 404, body = ErrorResponse), (status = 503, body = ErrorResponse)))]
pub async fn create_enrolment_token(
    State(app): State<AppState>,
    Admin(caller): Admin,
    Body(asked): Body<EnrolmentTokenRequest>,
) -> Result<Response, ApiError> {
    let secret = URL_SAFE_NO_PAD.encode(rand::random::<[u8; TOKEN_BYTES]>());
    let hash = Sha256::digest(secret.as_bytes());
    let mut tx = app.store.begin().await?;
    // Coordinators are told the secret alone; the agent tells by the rest whom to show it to.
    let authority = store::fleet::authority(&mut tx).await?.ok_or(ApiError::Unavailable { message: NO_COORDINATOR })?;
    let token = format!("{secret}.{}", hex::encode(authority));
    let sandbox = match (asked.sandbox_id, asked.name) {
        (Some(id), _) => id,
        (None, name) => {
            let name = name.unwrap_or_default();
            // Nobody gives a self-hosted machine an id of its own.
            let instance_id = SandboxId::new().to_string();
            let new = NewSandbox {
                name: &name,
                environment: "prod",
                instance_id: &instance_id,
                instance_type: "self-hosted",
                engine: &asked.engine,
                capacity: asked.capacity as i32,
            };
            store::agents::register(&mut tx, &new).await?
        }
    };
    let host_name = asked.host_name.as_deref();
    let new = NewToken { hash: &hash, sandbox, host_name, by: Some(caller.user), ttl: TTL_MAX };
    let expires_at = store::enrolment_tokens::create(&mut tx, &new).await?.ok_or_else(sandbox_not_found)?;
    audit::record(&mut tx, caller.user, "sandbox.enrolment_token", &json!({ "sandboxId": sandbox })).await?;
    db::commit(tx, "making an enrolment token").await?;
    info!(sandbox.id = %sandbox, user.id = %caller.user, "an enrolment token was made");
    let command = app.options.enrol_command.replace("{token}", &token);
    let body = EnrolmentTokenResponse { token, expires_at: Date(expires_at), sandbox_id: sandbox.0, command };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

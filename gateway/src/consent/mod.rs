//! What the caller agreed to.

use axum::Json;
use axum::extract::State;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use store::consent::Record;
use store::db;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::AppState;
use crate::auth::caller::{Caller, Peer};
use crate::dates::Date;
use crate::error::{ApiError, ErrorResponse};
use crate::input::{Body, Fields, Input, Query, named, text};

const TYPES: &[&str] = &["tos_acceptance", "privacy_policy", "copilot_disclaimer", "autopilot_consent"];
/// Longest version and address, by their columns; and of a user agent, by sense.
const VERSION_MAX: usize = 20;
const ADDRESS_MAX: usize = 45;
const AGENT_MAX: usize = 1_000;

/// What autopilot asks for before it sends anything.
pub const AUTOPILOT: (&str, &str) = ("autopilot_consent", "1.0");

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(check))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentRecord {
    id: Uuid,
    user_id: Uuid,
    #[serde(rename = "type")]
    kind: String,
    version: String,
    ip_address: String,
    user_agent: String,
    created_at: Date,
}

impl From<Record> for ConsentRecord {
    fn from(record: Record) -> Self {
        Self {
            id: record.id,
            user_id: record.user_id.0,
            kind: record.kind,
            version: record.version,
            ip_address: record.ip_address,
            user_agent: record.user_agent,
            created_at: record.created_at.into(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentListResponse {
    data: Vec<ConsentRecord>,
}

/// Newest first.
#[utoipa::path(get, path = "/api/v1/consent", tag = "consent", responses((status = 200, body = ConsentListResponse)))]
async fn list(State(app): State<AppState>, caller: Caller) -> Result<Json<ConsentListResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    let data = store::consent::list(&mut tx, caller.user).await?;
    Ok(Json(ConsentListResponse { data: data.into_iter().map(Into::into).collect() }))
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CreateConsentRequest {
    #[schema(rename = "type")]
    kind: String,
    #[schema(min_length = 1, max_length = 20)]
    version: String,
    ip_address: Option<String>,
    user_agent: Option<String>,
}

impl Input for CreateConsentRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let kind = fields.need("type", named(TYPES));
        let version = fields.need("version", text(1, VERSION_MAX));
        let ip_address = fields.may("ipAddress", text(0, ADDRESS_MAX));
        let user_agent = fields.may("userAgent", text(0, AGENT_MAX));
        Some(Self { kind: kind?, version: version?, ip_address: ip_address?, user_agent: user_agent? })
    }
}

/// Records that the caller agrees.
#[utoipa::path(post, path = "/api/v1/consent", tag = "consent", request_body = CreateConsentRequest,
    responses((status = 201, body = ConsentRecord), (status = 400, body = ErrorResponse)))]
async fn create(
    State(app): State<AppState>,
    caller: Caller,
    Peer(peer): Peer,
    headers: HeaderMap,
    Body(given): Body<CreateConsentRequest>,
) -> Result<Response, ApiError> {
    let address = given.ip_address.unwrap_or_else(|| peer.to_string());
    let seen = || headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
    let agent = given.user_agent.unwrap_or_else(|| seen().chars().take(AGENT_MAX).collect());
    let mut tx = app.store.begin().await?;
    let record = store::consent::insert(&mut tx, caller.user, &given.kind, &given.version, &address, &agent).await?;
    db::commit(tx, "recording a consent").await?;
    Ok((StatusCode::CREATED, Json(ConsentRecord::from(record))).into_response())
}

struct Asked {
    kind: String,
    version: String,
}

impl Input for Asked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let kind = fields.need("type", named(TYPES));
        let version = fields.need("version", text(1, 100));
        Some(Self { kind: kind?, version: version? })
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentCheckResponse {
    accepted: bool,
    accepted_at: Option<Date>,
}

/// Whether, and when last, the caller agreed to exactly this.
#[utoipa::path(get, path = "/api/v1/consent/check", tag = "consent",
    params(("type" = String, Query), ("version" = String, Query)),
    responses((status = 200, body = ConsentCheckResponse)))]
async fn check(
    State(app): State<AppState>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<ConsentCheckResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    let at = store::consent::given_at(&mut tx, caller.user, &asked.kind, &asked.version).await?;
    Ok(Json(ConsentCheckResponse { accepted: at.is_some(), accepted_at: at.map(Date) }))
}

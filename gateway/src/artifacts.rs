//! Screenshots, by links that carry their own permission: an expiry and a signature, so that `<img>` can use them.

use std::time::Duration;

use aws_lc_rs::hmac;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use protocol::ids::ArtifactId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, AppState};
use crate::error::{ApiError, ErrorResponse};
use crate::input::{Fields, Id, Input, Query, int_text, text};

/// Links end at a full hour, at least this long from now: all answers of an hour have the same links, so that a
/// browser's cache is of use.
const TTL_MIN: Duration = Duration::from_secs(3_600);
const STEP_SECS: i64 = 3_600;

/// Pictures are shown; anything else is only handed out.
const SHOWN: &[&str] = &["image/jpeg", "image/png", "image/webp"];

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get))
}

/// The path to an artifact, good for one to two hours.
#[must_use]
pub fn link(app: &App, id: ArtifactId, now: DateTime<Utc>) -> String {
    let least = now.timestamp() + TTL_MIN.as_secs() as i64;
    let exp = least.div_euclid(STEP_SECS) * STEP_SECS + STEP_SECS;
    let sig = URL_SAFE_NO_PAD.encode(hmac::sign(&app.keys.artifacts, signed_text(id, exp).as_bytes()));
    format!("/api/v1/artifacts/{id}?exp={exp}&sig={sig}")
}

fn signed_text(id: ArtifactId, exp: i64) -> String {
    format!("artifact {id} {exp}")
}

struct Signature {
    exp: i64,
    sig: String,
}

impl Input for Signature {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let exp = fields.need("exp", int_text(0, i64::MAX));
        let sig = fields.need("sig", text(1, 100));
        Some(Self { exp: exp?, sig: sig? })
    }
}

/// A screenshot. The address comes from an answer about its task.
#[utoipa::path(get, path = "/api/v1/artifacts/{id}", tag = "tasks", security(()),
    params(("id" = Uuid, Path), ("exp" = i64, Query), ("sig" = String, Query)),
    responses((status = 200, description = "The picture", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 403, body = ErrorResponse), (status = 404, body = ErrorResponse)))]
async fn get(
    State(app): State<AppState>,
    Id(id): Id<ArtifactId>,
    Query(given): Query<Signature>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let refused = |message: &'static str| ApiError::refused(StatusCode::FORBIDDEN, "LINK_REFUSED", message);
    let sig = URL_SAFE_NO_PAD.decode(&given.sig).unwrap_or_default();
    if hmac::verify(&app.keys.artifacts, signed_text(id, given.exp).as_bytes(), &sig).is_err() {
        return Err(refused("This link is not valid"));
    }
    if given.exp <= Utc::now().timestamp() {
        return Err(refused("This link has expired; load the task again"));
    }
    let mut tx = app.store.begin().await?;
    let artifact = store::artifacts::get(&mut tx, id).await?.ok_or_else(|| ApiError::not_found("File not found"))?;
    drop(tx);
    let etag = format!("\"{}\"", artifact.sha256);
    let caching = [(CACHE_CONTROL, "private, max-age=7200, immutable".to_owned()), (ETAG, etag.clone())];
    if headers.get(IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let bytes = app.files.get(&artifact.storage_key).await?;
    let shown = SHOWN.contains(&artifact.content_type.as_str());
    let content_type = if shown { artifact.content_type } else { "application/octet-stream".to_owned() };
    // What an agent photographed came from a stranger's page.
    let guard = [(CONTENT_TYPE, content_type), (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned())];
    Ok((caching, guard, bytes).into_response())
}

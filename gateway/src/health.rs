//! Is everything there?

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use chrono::Utc;
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, AppState};
use crate::dates::Date;

/// How long the database may take before it counts as gone: whoever asks will not wait much longer.
const PATIENCE: Duration = Duration::from_secs(2);

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(health))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct HealthResponse {
    /// `ok`, or `degraded` when a part is missing.
    status: &'static str,
    timestamp: Date,
    version: String,
    checks: Checks,
}

/// Each `ok`, `unavailable` or, for agents, `none`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Checks {
    database: &'static str,
    bus: &'static str,
    coordinator: &'static str,
    agents: &'static str,
}

/// How the parts are. Always 200: the gateway itself answers.
#[utoipa::path(get, path = "/api/v1/health", tag = "health", security(()),
    responses((status = 200, body = HealthResponse)))]
async fn health(State(app): State<AppState>) -> Json<HealthResponse> {
    let seen = tokio::time::timeout(PATIENCE, look(&app)).await;
    let (database, agents, owned) = match seen {
        Ok(Ok((0, owned))) => ("ok", "none", owned),
        Ok(Ok((_, owned))) => ("ok", "ok", owned),
        Ok(Err(_)) | Err(_) => ("unavailable", "unavailable", false),
    };
    // Without it screens are updated from the database, seconds later.
    let bus = if app.hub.is_listening() && app.bus.is_live() { "ok" } else { "unavailable" };
    // One that cannot renew its row decides nothing, however well it is reached.
    let coordinator = if owned && app.coordinator.reachable() { "ok" } else { "unavailable" };
    let checks = Checks { database, bus, coordinator, agents };
    let all = [checks.database, checks.bus, checks.coordinator, checks.agents].iter().all(|check| *check == "ok");
    Json(HealthResponse {
        status: if all { "ok" } else { "degraded" },
        timestamp: Date(Utc::now()),
        version: app.options.version.clone(),
        checks,
    })
}

/// Connected agents, and whether all tasks have a living coordinator.
async fn look(app: &App) -> Result<(i64, bool), StoreError> {
    let mut tx = app.store.begin().await?;
    Ok((store::health::agents_connected(&mut tx).await?, store::health::all_owned(&mut tx).await?))
}

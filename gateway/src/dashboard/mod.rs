//! The caller's figures.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::auth::caller::Caller;
use crate::error::ApiError;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(stats)).routes(routes!(trends)).routes(routes!(breakdown))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DashboardStatsResponse {
    total: i64,
    completed: i64,
    in_progress: i64,
    needs_review: i64,
    failed: i64,
}

/// Tasks by where they stand.
#[utoipa::path(get, path = "/api/v1/dashboard/stats", tag = "dashboard",
    responses((status = 200, body = DashboardStatsResponse)))]
async fn stats(State(app): State<AppState>, caller: Caller) -> Result<Json<DashboardStatsResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    let stats = store::dashboard::stats(&mut tx, caller.user).await?;
    Ok(Json(DashboardStatsResponse {
        total: stats.total,
        completed: stats.completed,
        in_progress: stats.in_progress,
        needs_review: stats.needs_review,
        failed: stats.failed,
    }))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DashboardTrendPoint {
    /// `YYYY-MM-DD`, UTC.
    date: String,
    count: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DashboardTrendsResponse {
    trends: Vec<DashboardTrendPoint>,
}

/// Tasks made on each of the last 30 days, oldest first.
#[utoipa::path(get, path = "/api/v1/dashboard/trends", tag = "dashboard",
    responses((status = 200, body = DashboardTrendsResponse)))]
async fn trends(State(app): State<AppState>, caller: Caller) -> Result<Json<DashboardTrendsResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    let days = store::dashboard::trends(&mut tx, caller.user).await?;
    let trends =
        days.into_iter().map(|day| DashboardTrendPoint { date: day.date.to_string(), count: day.count }).collect();
    Ok(Json(DashboardTrendsResponse { trends }))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DashboardBreakdownItem {
    platform: String,
    count: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DashboardBreakdownResponse {
    breakdown: Vec<DashboardBreakdownItem>,
}

/// Tasks per platform, most first.
#[utoipa::path(get, path = "/api/v1/dashboard/breakdown", tag = "dashboard",
    responses((status = 200, body = DashboardBreakdownResponse)))]
async fn breakdown(State(app): State<AppState>, caller: Caller) -> Result<Json<DashboardBreakdownResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    let shares = store::dashboard::breakdown(&mut tx, caller.user).await?;
    let breakdown =
        shares.into_iter().map(|share| DashboardBreakdownItem { platform: share.platform, count: share.count });
    Ok(Json(DashboardBreakdownResponse { breakdown: breakdown.collect() }))
}

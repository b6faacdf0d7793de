//! The caller's notifications.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use store::db;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::AppState;
use crate::auth::SuccessResponse;
use crate::auth::caller::Caller;
use crate::dates::Date;
use crate::error::{ApiError, ErrorResponse};
use crate::input::{Fields, Id, Input, Query, bool_text};
use crate::page::{Page, Pagination};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read)).routes(routes!(read_all))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    id: Uuid,
    user_id: Uuid,
    #[serde(rename = "type")]
    kind: String,
    title: String,
    body: String,
    read: bool,
    #[schema(value_type = Object)]
    metadata: Value,
    created_at: Date,
}

impl From<store::notifications::Notification> for Notification {
    fn from(row: store::notifications::Notification) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id.0,
            kind: row.kind,
            title: row.title,
            body: row.body,
            read: row.read,
            metadata: row.metadata,
            created_at: row.created_at.into(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationListResponse {
    data: Vec<Notification>,
    pagination: Pagination,
    unread_count: i64,
}

struct Asked {
    page: Page,
    unread_only: bool,
}

impl Input for Asked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let page = Page::read(fields, 20, 50);
        let unread_only = fields.or("unreadOnly", bool_text(), false);
        Some(Self { page: page?, unread_only: unread_only? })
    }
}

/// Newest first.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "notifications",
    params(("page" = Option<i64>, Query), ("pageSize" = Option<i64>, Query), ("unreadOnly" = Option<bool>, Query)),
    responses((status = 200, body = NotificationListResponse)))]
async fn list(
    State(app): State<AppState>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<NotificationListResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    let counts = store::notifications::counts(&mut tx, caller.user, asked.unread_only).await?;
    let (limit, offset) = (asked.page.page_size, asked.page.offset());
    let data = store::notifications::list(&mut tx, caller.user, asked.unread_only, limit, offset).await?;
    Ok(Json(NotificationListResponse {
        data: data.into_iter().map(Into::into).collect(),
        pagination: asked.page.of(counts.total),
        unread_count: counts.unread,
    }))
}

/// Marks one as read.
#[utoipa::path(put, path = "/api/v1/notifications/{id}/read", tag = "notifications", params(("id" = Uuid, Path)),
    responses((status = 200, body = SuccessResponse), (status = 404, body = ErrorResponse)))]
async fn read(
    State(app): State<AppState>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Json<SuccessResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    if !store::notifications::mark_read(&mut tx, caller.user, id).await? {
        return Err(ApiError::not_found("Notification not found"));
    }
    db::commit(tx, "marking a notification").await?;
    Ok(Json(SuccessResponse { success: true }))
}

/// Marks all as read.
#[utoipa::path(post, path = "/api/v1/notifications/read-all", tag = "notifications",
    responses((status = 200, body = SuccessResponse)))]
async fn read_all(State(app): State<AppState>, caller: Caller) -> Result<Json<SuccessResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    store::notifications::mark_all_read(&mut tx, caller.user).await?;
    db::commit(tx, "marking all notifications").await?;
    Ok(Json(SuccessResponse { success: true }))
}

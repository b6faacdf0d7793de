//! Reading tasks.

use axum::Json;
use axum::extract::State;
use protocol::ids::TaskId;
use protocol::task::{Platform, Status};
use serde::Serialize;
use store::task_reads::{Filter, SortBy};
use utoipa::ToSchema;

use super::shape::{self, TaskResponse};
use crate::app::AppState;
use crate::auth::caller::Caller;
use crate::error::{ApiError, ErrorResponse};
use crate::input::{Fields, Id, Input, Query, named, text};
use crate::page::{Page, Pagination};

const STATUSES: &[&str] = &["created", "queued", "in_progress", "waiting_human", "completed", "failed", "cancelled"];
const PLATFORMS: &[&str] = &["linkedin", "greenhouse", "lever", "workday", "unknown"];
const SORTS: &[&str] = &["createdAt", "updatedAt", "status", "jobTitle", "companyName"];

pub struct Asked {
    page: Page,
    filter: Filter,
}

impl Input for Asked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let page = Page::read(fields, 20, 100);
        let status = fields.may("status", named::<Status>(STATUSES));
        let platform = fields.may("platform", named::<Platform>(PLATFORMS));
        let search = fields.may("search", text(0, 200));
        let sort_by = fields.or("sortBy", named::<SortBy>(SORTS), SortBy::CreatedAt);
        let order = fields.or("sortOrder", named::<String>(&["asc", "desc"]), "desc".to_owned());
        let page = page?;
        let filter = Filter {
            status: status?,
            platform: platform?,
            search: search?.filter(|text| !text.is_empty()),
            sort_by: sort_by?,
            descending: order? == "desc",
            limit: page.page_size,
            offset: page.offset(),
        };
        Some(Self { page, filter })
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TaskListResponse {
    data: Vec<TaskResponse>,
    pagination: Pagination,
}

/// One page of the caller's tasks.
#[utoipa::path(get, path = "/api/v1/tasks", tag = "tasks",
    params(("page" = Option<i64>, Query), ("pageSize" = Option<i64>, Query), ("status" = Option<String>, Query),
        ("platform" = Option<String>, Query), ("search" = Option<String>, Query), ("sortBy" = Option<String>, Query),
        ("sortOrder" = Option<String>, Query)),
    responses((status = 200, body = TaskListResponse)))]
pub async fn list(
    State(app): State<AppState>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<TaskListResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    let total = store::task_reads::count(&mut tx, caller.user, &asked.filter).await?;
    let tasks = store::task_reads::list(&mut tx, caller.user, &asked.filter).await?;
    let data = shape::many(&app, &mut tx, tasks).await?;
    Ok(Json(TaskListResponse { data, pagination: asked.page.of(total) }))
}

/// One task.
#[utoipa::path(get, path = "/api/v1/tasks/{id}", tag = "tasks", params(("id" = Uuid, Path)),
    responses((status = 200, body = TaskResponse), (status = 404, body = ErrorResponse)))]
pub async fn get(
    State(app): State<AppState>,
    caller: Caller,
    Id(id): Id<TaskId>,
) -> Result<Json<TaskResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    Ok(Json(shape::one(&app, &mut tx, caller.user, id).await?))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskStatsResponse {
    total: i64,
    completed: i64,
    in_progress: i64,
    needs_review: i64,
}

/// The caller's tasks by where they stand.
#[utoipa::path(get, path = "/api/v1/tasks/stats", tag = "tasks", responses((status = 200, body = TaskStatsResponse)))]
pub async fn stats(State(app): State<AppState>, caller: Caller) -> Result<Json<TaskStatsResponse>, ApiError> {
    let mut tx = app.store.begin().await?;
    let stats = store::dashboard::stats(&mut tx, caller.user).await?;
    Ok(Json(TaskStatsResponse {
        total: stats.total,
        completed: stats.completed,
        in_progress: stats.in_progress,
        needs_review: stats.needs_review,
    }))
}

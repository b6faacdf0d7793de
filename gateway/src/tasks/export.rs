//! All of a person's tasks as CSV, sent as it is read.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use protocol::ids::UserId;
use store::StoreError;
use store::task_reads::Task;

use crate::app::AppState;
use crate::auth::caller::Caller;
use crate::error::ApiError;
use crate::input::{Fields, Input, Query, named};

const HEADER: &str = "Date,Job Title,Company,Platform,Status,External Status,URL";
/// Tasks read at a time.
const PIECE: i64 = 500;

pub struct Format;

impl Input for Format {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.or("format", named::<String>(&["csv"]), "csv".to_owned()).map(|_| Self)
    }
}

/// All of the caller's tasks, newest first.
#[utoipa::path(get, path = "/api/v1/tasks/export", tag = "tasks", params(("format" = Option<String>, Query)),
    responses((status = 200, body = String, content_type = "text/csv")))]
pub async fn export(
    State(app): State<AppState>,
    caller: Caller,
    Query(_format): Query<Format>,
) -> Result<Response, ApiError> {
    // The first piece is read before the answer begins, so that an outage is an error and not a broken file.
    let first = piece(&app, caller.user, None).await?;
    let rows = stream::try_unfold(Some((first, true)), move |state| {
        let app = app.clone();
        async move {
            let Some((tasks, first)) = state else { return Ok::<_, StoreError>(None) };
            let mut text = if first { HEADER.to_owned() } else { String::new() };
            for task in &tasks {
                text.push('\n');
                line(&mut text, task);
            }
            let next = match tasks.last() {
                Some(last) if tasks.len() as i64 == PIECE => Some((piece(&app, caller.user, Some(last)).await?, false)),
                _ => None,
            };
            Ok(Some((text, next)))
        }
    });
    let headers =
        [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=tasks-export.csv")];
    Ok((headers, Body::from_stream(rows)).into_response())
}

async fn piece(app: &AppState, user: UserId, after: Option<&Task>) -> Result<Vec<Task>, StoreError> {
    let mut tx = app.store.begin().await?;
    store::task_reads::history(&mut tx, user, after.map(|last| (last.created_at, last.id)), PIECE).await
}

fn line(text: &mut String, task: &Task) {
    text.push_str(&task.created_at.format("%Y-%m-%d").to_string());
    let cells = [
        task.job_title.as_deref(),
        task.company_name.as_deref(),
        Some(task.platform.as_str()),
        Some(task.status.as_str()),
        task.external_status.as_deref(),
        Some(task.job_url.as_str()),
    ];
    for cell in cells {
        text.push(',');
        text.push_str(&quoted(cell.unwrap_or("")));
    }
}

/// A cell: in quotes where it must be, and never a formula, because titles come from other people's pages.
fn quoted(cell: &str) -> String {
    let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if cell.contains([',', '"', '\n', '\r']) {
        return format!("\"{guard}{}\"", cell.replace('"', "\"\""));
    }
    format!("{guard}{cell}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_only_where_they_must_be_and_are_never_formulas() {
        assert_eq!(quoted("Engineer"), "Engineer");
        assert_eq!(quoted("Engineer, Senior"), "\"Engineer, Senior\"");
        assert_eq!(quoted("the \"best\""), "\"the \"\"best\"\"\"");
        assert_eq!(quoted("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(quoted("=A,B"), "\"'=A,B\"");
    }
}

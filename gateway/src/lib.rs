//! The gateway: REST, WebSockets and the web UI. Stateless: reads come from Postgres through `store`; every change to
//! a live task is a command to its actor ([`coordinator`]); messages to open screens come over the bus ([`ws`]).
//!
//! - One module per part of the contract: [`auth`], [`users`], [`resumes`], [`qa_bank`], [`consent`],
//!   [`notifications`], [`dashboard`], [`tasks`] with [`artifacts`] and [`live`], [`admin`], [`health`].
//! - What they share: [`app`] (what handlers can reach), [`input`] (reading requests), [`error`] (refusals),
//!   [`limits`], [`page`], [`dates`], [`url_check`].
//! - Around them: [`headers`], [`docs`], [`ui`], [`serve`].

pub mod admin;
pub mod app;
pub mod artifacts;
pub mod auth;
pub mod consent;
pub mod coordinator;
pub mod dashboard;
pub mod dates;
pub mod docs;
pub mod error;
pub mod headers;
pub mod health;
pub mod input;
pub mod limits;
pub mod live;
pub mod notifications;
pub mod options;
pub mod page;
pub mod peer;
pub mod qa_bank;
pub mod resumes;
pub mod serve;
pub mod tasks;
pub mod ui;
pub mod url_check;
pub mod users;
pub mod ws;

use std::any::Any;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use app::{App, AppState};
pub use auth::password::hash as hash_password;
pub use limits::Limit;
pub use options::{Limits, Options, Secrets, Sockets};
pub use serve::{serve, serve_metrics};

/// How long any request may take. An upload over a slow line is the longest.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);

fn api(version: &str) -> (Router<AppState>, OpenApi) {
    OpenApiRouter::with_openapi(docs::base(version))
        .merge(auth::routes())
        .merge(users::routes())
        .merge(resumes::routes())
        .merge(qa_bank::routes())
        .merge(consent::routes())
        .merge(notifications::routes())
        .merge(dashboard::routes())
        .merge(tasks::routes())
        .merge(artifacts::routes())
        .merge(live::routes())
        .merge(ws::routes())
        .merge(admin::routes())
        .merge(health::routes())
        .split_for_parts()
}

/// The description of the API, as served at `/docs/json`.
#[must_use]
pub fn openapi() -> OpenApi {
    api(env!("CARGO_PKG_VERSION")).1
}

/// Everything the gateway answers, without a listener. WebSockets need the pump that [`serve()`] runs.
pub fn router(app: AppState) -> Router {
    let (api, description) = api(&app.options.version);
    api.merge(docs::routes(&description))
        .fallback(fallback)
        .method_not_allowed_fallback(not_found)
        .layer(from_fn_with_state(app.clone(), auth::caller::gate))
        .layer(DefaultBodyLimit::max(input::extract::JSON_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(app.clone(), headers::cors))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), headers::secure))
        .layer(from_fn(headers::log))
        .with_state(app)
}

async fn fallback(request: Request) -> Response {
    if request.uri().path().starts_with("/api/") {
        return not_found().await;
    }
    ui::serve(request.method(), request.uri(), request.headers())
}

/// An unknown route, in the contract's shape. Without a token it never gets here.
async fn not_found() -> Response {
    let body = json!({ "error": "Not Found", "message": "There is no such route", "statusCode": 404 });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    // The panic's own words may hold anything; its place is in the log already.
    error::ApiError::Internal { doing: "handling a request" }.into_response()
}

//! Applications: take one in, read them, act on them, review what will be sent.
//!
//! Reads come from Postgres; every change to a live task is a command to its actor ([`crate::coordinator`]).
//! [`create`] is the exception the design makes: it inserts the row, which the actor then takes up.

mod actions;
mod create;
mod events;
mod explain;
mod export;
mod job_url;
mod list;
mod review;
mod shape;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(list::stats))
        .routes(routes!(export::export))
        .routes(routes!(list::get, actions::cancel))
        .routes(routes!(events::list))
        .routes(routes!(explain::explain_own))
        .routes(routes!(explain::explain_any))
        .routes(routes!(actions::approve))
        .routes(routes!(actions::retry))
        .routes(routes!(actions::resolve_blocker))
        .routes(routes!(actions::external_status))
        .routes(routes!(actions::outcome))
        .routes(routes!(actions::hold))
        .routes(routes!(review::get, review::edit))
}

//! What only administrators may do: announce browser hosts ([`enrolment`]), look at the live actors of every
//! coordinator and steer them ([`actors`], asking through [`nodes`]), drain hosts ([`drains`]) and revoke them
//! ([`revocation`]). Every action that
//! changes something is noted in the audit trail.

mod actors;
mod drains;
mod enrolment;
mod nodes;
mod revocation;

use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::error::ApiError;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(enrolment::create_enrolment_token))
        .routes(routes!(actors::list))
        .routes(routes!(actors::get))
        .routes(routes!(actors::restart))
        .routes(routes!(actors::stop))
        .routes(routes!(drains::get, drains::drain))
        .routes(routes!(drains::undrain))
        .routes(routes!(revocation::revoke))
}

fn sandbox_not_found() -> ApiError {
    ApiError::refused(StatusCode::NOT_FOUND, "SANDBOX_NOT_FOUND", "Sandbox not found")
}

//! The caller's profile, which forms are filled from, and preferences.

mod preferences;
mod profile;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(profile::get, profile::put)).routes(routes!(preferences::get, preferences::put))
}

//! The description of the API: `/docs/json` for machines, `/docs` for people. Made from the handlers.

use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse as _};
use axum::routing::get;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, SecurityRequirement};

use crate::app::AppState;

/// What every description starts from.
#[must_use]
pub fn base(version: &str) -> OpenApi {
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    OpenApiBuilder::new()
        .info(InfoBuilder::new().title("VALET").version(version).build())
        .components(Some(ComponentsBuilder::new().security_scheme("bearerAuth", bearer).build()))
        .security(Some([SecurityRequirement::new("bearerAuth", Vec::<String>::new())]))
        .build()
}

/// The two pages.
pub fn routes(api: &OpenApi) -> axum::Router<AppState> {
    let json: Arc<str> = api.to_json().unwrap_or_default().into();
    let page: Arc<str> = page(api).into();
    axum::Router::new().route("/docs", get(move || async move { Html(page.to_string()).into_response() })).route(
        "/docs/json",
        get(move || async move { ([(CONTENT_TYPE, "application/json")], json.to_string()).into_response() }),
    )
}

/// A plain list of operations; nothing is loaded from elsewhere.
fn page(api: &OpenApi) -> String {
    let mut text = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>VALET API</title>\
         <style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
         code{font-size:.95em}td{padding:.25rem .75rem .25rem 0;vertical-align:top}</style>\
         <h1>VALET API</h1><p>Machine-readable: <a href=\"/docs/json\">/docs/json</a></p><table>",
    );
    for (path, item) in &api.paths.paths {
        let operations = [
            ("GET", &item.get),
            ("POST", &item.post),
            ("PUT", &item.put),
            ("PATCH", &item.patch),
            ("DELETE", &item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            let about = operation.summary.as_deref().unwrap_or("");
            for part in ["<tr><td><code>", method, "</code><td><code>"] {
                text.push_str(part);
            }
            text.push_str(&escaped(path));
            text.push_str("</code><td>");
            text.push_str(&escaped(about));
        }
    }
    text.push_str("</table></html>");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

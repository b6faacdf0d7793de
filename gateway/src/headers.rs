//! What every answer carries: security headers, CORS, a request id; and the access log.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    CONTENT_SECURITY_POLICY, ORIGIN, VARY,
};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::info;
use uuid::Uuid;

use crate::app::AppState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id taken over from a caller.
const REQUEST_ID_MAX: usize = 128;

const FIXED: &[(&str, &str)] = &[
    ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("origin-agent-cluster", "?1"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
    ("x-dns-prefetch-control", "off"),
    ("x-download-options", "noopen"),
    ("x-permitted-cross-domain-policies", "none"),
    ("x-xss-protection", "0"),
];

/// Plain http gets `ws:` (the same host's sockets are not `'self'` to every browser) and no upgrade of requests,
/// which would break it on any host but the local one.
fn policy(secure: bool) -> &'static str {
    if secure {
        "default-src 'self'; script-src 'self'; base-uri 'self'; form-action 'self'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data: blob: https:; connect-src 'self' wss:; font-src 'self' https://fonts.gstatic.com; \
         object-src 'none'; media-src 'none'; frame-src 'none'; frame-ancestors 'none'; script-src-attr 'none'; \
         upgrade-insecure-requests"
    } else {
        "default-src 'self'; script-src 'self'; base-uri 'self'; form-action 'self'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data: blob: https:; connect-src 'self' ws: wss:; font-src 'self' https://fonts.gstatic.com; \
         object-src 'none'; media-src 'none'; frame-src 'none'; frame-ancestors 'none'; script-src-attr 'none'"
    }
}

/// Adds the security headers; a handler's own policy stays.
pub async fn secure(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy(app.options.secure_cookies)));
    }
    response
}

/// Lets web clients of the listed origins in. Others get no CORS headers, so their browsers keep them out.
pub async fn cors(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let known =
        origin.filter(|origin| app.options.cors_origins.iter().any(|known| known.as_bytes() == origin.as_bytes()));
    let preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = known else { return response };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    if preflight {
        for (name, value) in [
            (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE, PATCH"),
            (ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type, Authorization, X-Request-ID, Idempotency-Key"),
            (ACCESS_CONTROL_MAX_AGE, "86400"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    } else {
        let exposed = HeaderValue::from_static("X-Request-ID, X-RateLimit-Remaining, Retry-After");
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    response
}

/// Gives each request an id, logs its end and counts it. Queries are never logged: tokens ride in them.
pub async fn log(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request
        .headers()
        .get(REQUEST_ID)
        .filter(|id| {
            id.len() <= REQUEST_ID_MAX && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        })
        .cloned()
        .or_else(|| HeaderValue::from_str(&Uuid::now_v7().to_string()).ok());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    let route = route.as_deref().unwrap_or("-");
    let elapsed = started.elapsed();
    let request_id = id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or("-");
    info!(target: "gateway::access", %method, route, status, ms = elapsed.as_millis() as u64, request.id = request_id, "{method} {route} {status}");
    let labels = [("method", method.to_string()), ("route", route.to_owned()), ("status", status.to_string())];
    metrics::counter!("valet_gateway_requests_total", &labels).increment(1);
    metrics::histogram!("valet_gateway_request_seconds", "route" => route.to_owned()).record(elapsed.as_secs_f64());
    if let Some(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

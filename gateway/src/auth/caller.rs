//! The gate every API request passes: who is it, and is it too many?
//!
//! Refusals for a missing or bad token come before any counting. [`Caller`] hands the person to the handlers.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use protocol::ids::UserId;

use crate::app::{App, AppState};
use crate::error::ApiError;
use crate::limits::Limit;

/// Said wherever an account that was closed is used.
pub(super) const DEACTIVATED: &str = "This account is deactivated. Ask whoever runs this Valet to open it again.";

/// The person behind a request, as the database knows them now.
#[derive(Debug, Clone)]
pub struct Caller {
    pub user: UserId,
    pub role: String,
    pub token_version: i32,
    /// When the token ends, in seconds since the epoch.
    pub expires: i64,
}

impl Caller {
    #[must_use]
    pub fn is_admin(&self) -> bool {
        matches!(self.role.as_str(), "admin" | "superadmin")
    }

    /// Counts one more of something limited per person.
    ///
    /// # Errors
    /// When it is one too many.
    pub async fn count(&self, app: &App, what: &str, limit: Limit) -> Result<(), ApiError> {
        app.windows.hit(format!("{what}:{}", self.user), limit).await.check()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| ApiError::unauthorized("Sign in first"))
    }
}

/// An administrator.
#[derive(Debug, Clone)]
pub struct Admin(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, state).await?;
        if caller.is_admin() { Ok(Self(caller)) } else { Err(ApiError::forbidden()) }
    }
}

/// Where the request comes from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().copied().ok_or(ApiError::Internal { doing: "finding the peer's address" })
    }
}

/// Routes that take no bearer token: open ones, and those with a token or a signature in their query.
fn needs_token(method: &Method, path: &str) -> bool {
    let rest = path.strip_prefix("/api/v1").unwrap_or(path);
    let open = matches!(
        (method, rest),
        (&Method::POST, "/auth/register" | "/auth/login" | "/auth/refresh") | (_, "/health" | "/ws")
    );
    !(open || signed(rest) || (rest.starts_with("/tasks/") && rest.ends_with("/live")))
}

/// Links to screenshots carry a signature; they are checked before anything costly and not counted.
fn signed(rest: &str) -> bool {
    rest.starts_with("/artifacts/")
}

/// The person a bearer token speaks for.
///
/// # Errors
/// When the token is bad, expired or revoked, or the account is closed.
pub async fn authenticate(app: &App, token: &str) -> Result<Caller, ApiError> {
    let refused = || ApiError::unauthorized("Your session has run out. Sign in again.");
    let claims = app.keys.read_access(token).ok_or_else(refused)?;
    let standing = app.accounts.standing(&app.store, claims.sub).await?.ok_or_else(refused)?;
    if !standing.is_active {
        return Err(ApiError::unauthorized(DEACTIVATED));
    }
    if standing.token_version != claims.token_version {
        return Err(refused());
    }
    Ok(Caller { user: claims.sub, role: standing.role, token_version: standing.token_version, expires: claims.exp })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The middleware. Paths outside the API pass untouched.
pub async fn gate(State(app): State<AppState>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let peer = crate::peer::address(request.extensions(), request.headers(), &app.options.trusted_proxies);
    if !path.starts_with("/api/") {
        return next.run(request).await;
    }
    let counted = !path.strip_prefix("/api/v1").is_some_and(signed);
    let mut key = format!("peer:{peer}");
    if needs_token(request.method(), path) {
        let Some(token) = bearer(request.headers()) else {
            return ApiError::unauthorized("You are not signed in. Sign in to go on.").into_response();
        };
        match authenticate(&app, token).await {
            Ok(caller) => {
                key = format!("user:{}", caller.user);
                request.extensions_mut().insert(caller);
            }
            Err(error) => return error.into_response(),
        }
    }
    request.extensions_mut().insert(Peer(peer));
    if !counted {
        return next.run(request).await;
    }
    let hit = app.windows.hit(key, app.options.limits.general).await;
    let mut response = match hit.check() {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    hit.write(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_is_open() {
        for (method, path) in [
            (Method::POST, "/api/v1/auth/login"),
            (Method::POST, "/api/v1/auth/refresh"),
            (Method::GET, "/api/v1/health"),
            (Method::GET, "/api/v1/ws"),
            (Method::GET, "/api/v1/artifacts/x"),
            (Method::GET, "/api/v1/tasks/x/live"),
        ] {
            assert!(!needs_token(&method, path), "{path}");
        }
        for (method, path) in [
            (Method::GET, "/api/v1/auth/me"),
            (Method::POST, "/api/v1/auth/logout"),
            (Method::GET, "/api/v1/tasks"),
            (Method::GET, "/api/v1/tasks/x/review"),
            (Method::GET, "/api/v1/unknown"),
            (Method::GET, "/api/other"),
            (Method::GET, "/api/v1/livetasks/live"),
        ] {
            assert!(needs_token(&method, path), "{path}");
        }
    }
}

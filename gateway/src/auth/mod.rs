//! Accounts and sessions: register, sign in, refresh, sign out.
//!
//! [`tokens`] signs and reads, [`password`] hashes and compares, [`throttle`] slows guessing down, [`accounts`] knows
//! who still stands, [`caller`] is the gate in front of every API route.

pub mod accounts;
pub mod caller;
pub mod password;
pub mod throttle;
pub mod tokens;

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use chrono::{DateTime, Utc};
use serde::Serialize;
use store::sessions::Spend;
use store::users::{NewUser, User};
use store::{StoreError, Tx, db};
use tracing::{info, warn};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::{App, AppState};
use crate::dates::Date;
use crate::error::{ApiError, ErrorResponse};
use crate::input::{Body, Fields, Input, email, text};
use caller::{Caller, DEACTIVATED, Peer};
use tokens::{ACCESS_TTL, REFRESH_TTL, Subject};

const COOKIE: &str = "valet_refresh";
const COOKIE_PATH: &str = "/api/v1/auth";
/// Longest password looked at: longer ones cannot have been set.
const PASSWORD_MAX: usize = 128;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(me))
        .routes(routes!(logout))
        .routes(routes!(revoke_all))
}

/// An account as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub struct UserView {
    id: Uuid,
    email: String,
    name: String,
    avatar_url: Option<String>,
    role: String,
    subscription_tier: String,
    onboarding_complete: bool,
    copilot_apps_completed: i32,
    autopilot_unlocked: bool,
    created_at: Date,
    updated_at: Date,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id.0,
            email: user.email,
            name: user.name,
            avatar_url: user.avatar_url,
            role: user.role,
            subscription_tier: user.subscription_tier,
            // The contract has these members and nothing behind them.
            onboarding_complete: false,
            copilot_apps_completed: 0,
            autopilot_unlocked: false,
            created_at: user.created_at.into(),
            updated_at: user.updated_at.into(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct MessageResponse {
    pub message: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SuccessResponse {
    pub success: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthTokenResponse {
    access_token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    user: UserView,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefreshTokenResponse {
    access_token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
}

#[derive(Debug, ToSchema)]
pub struct RegisterRequest {
    #[schema(format = Email)]
    email: String,
    #[schema(min_length = 8, max_length = 128)]
    password: String,
    #[schema(min_length = 1, max_length = 255)]
    name: String,
}

impl Input for RegisterRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let email = fields.need("email", email());
        let password = fields.need("password", text(8, PASSWORD_MAX));
        let name = fields.need("name", text(1, 255));
        Some(Self { email: email?, password: password?, name: name? })
    }
}

/// Makes an account. This build sends no mail, so there is no address to confirm and the account is good at once.
#[utoipa::path(post, path = "/api/v1/auth/register", tag = "auth", request_body = RegisterRequest, security(()),
    responses((status = 201, body = MessageResponse), (status = 400, body = ErrorResponse), (status = 409, body = ErrorResponse)))]
async fn register(State(app): State<AppState>, Body(new): Body<RegisterRequest>) -> Result<Response, ApiError> {
    let hash = app.passwords.hash(new.password).await?;
    let mut tx = app.store.begin().await?;
    let account =
        NewUser { email: &new.email, name: &new.name, password_hash: &hash, email_verified: true, role: "user" };
    let id = match store::users::create(&mut tx, account).await {
        Err(StoreError::Conflict { .. }) => {
            return Err(ApiError::conflict(
                "An account with this e-mail address exists already. Sign in instead, or use another address.",
            ));
        }
        made => made?,
    };
    db::commit(tx, "creating an account").await?;
    info!(user.id = %id, "an account was made");
    let message = "Registration successful. No confirmation by e-mail is needed: you can sign in now.".to_owned();
    Ok((StatusCode::CREATED, Json(MessageResponse { message })).into_response())
}

#[derive(Debug, ToSchema)]
pub struct LoginRequest {
    #[schema(format = Email)]
    email: String,
    #[schema(min_length = 1)]
    password: String,
}

impl Input for LoginRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let email = fields.need("email", email());
        let password = fields.need("password", text(1, 1_000));
        Some(Self { email: email?, password: password? })
    }
}

/// Signs in with a password.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "auth", request_body = LoginRequest, security(()),
    responses((status = 200, body = AuthTokenResponse), (status = 400, body = ErrorResponse), (status = 401, body = ErrorResponse)))]
async fn login(
    State(app): State<AppState>,
    Peer(peer): Peer,
    Body(given): Body<LoginRequest>,
) -> Result<Response, ApiError> {
    let wait = app.throttle.wait(&given.email, peer, Instant::now());
    if !wait.is_zero() {
        let message = "Too many wrong passwords. Wait a little, then try again.".into();
        return Err(ApiError::RateLimited { retry_after: wait, message });
    }
    let mut tx = app.store.begin().await?;
    let user = store::users::by_email(&mut tx, &given.email).await?;
    // No connection is held while the password is compared.
    drop(tx);
    let stored = user.as_ref().and_then(|user| user.password_hash.clone());
    let verdict = app.passwords.verify(stored.clone(), given.password.clone()).await?;
    let (Some(user), true) = (user, verdict.right) else {
        app.throttle.failed(&given.email, peer, Instant::now());
        return Err(ApiError::unauthorized(
            "The e-mail address or the password is not right. Check both and try again.",
        ));
    };
    app.throttle.succeeded(&given.email, peer);
    if !user.email_verified {
        return Err(ApiError::bad_request(
            "Confirm your e-mail address first: open the link in the message we sent you.",
        ));
    }
    if !user.is_active {
        return Err(ApiError::unauthorized(DEACTIVATED));
    }
    let renewed = if verdict.outdated { Some(app.passwords.hash(given.password).await?) } else { None };
    let mut tx = app.store.begin().await?;
    if let (Some(was), Some(hash)) = (stored, renewed) {
        store::users::rehash(&mut tx, user.id, &was, &hash).await?;
    }
    let pair = issue(&app, &mut tx, subject(&user), Uuid::now_v7()).await?;
    db::commit(tx, "opening a session").await?;
    let body = AuthTokenResponse {
        access_token: pair.access,
        token_type: "Bearer",
        expires_in: ACCESS_TTL.as_secs(),
        user: user.into(),
    };
    Ok(with_cookie(&app, Some(&pair.refresh), Json(body)))
}

/// Exchanges the refresh cookie for a new access token and a new cookie. Each cookie works once.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "auth", security(()),
    responses((status = 200, body = RefreshTokenResponse), (status = 401, body = ErrorResponse)))]
async fn refresh(State(app): State<AppState>, jar: CookieJar) -> Response {
    let pair = match jar.get(COOKIE) {
        Some(cookie) => rotate(&app, cookie.value()).await,
        None => Err(ApiError::unauthorized("You are not signed in. Sign in to go on.")),
    };
    match pair {
        Ok(pair) => {
            let body = RefreshTokenResponse {
                access_token: pair.access,
                token_type: "Bearer",
                expires_in: ACCESS_TTL.as_secs(),
            };
            with_cookie(&app, Some(&pair.refresh), Json(body))
        }
        // An outage says nothing about the cookie: it is kept.
        Err(error @ (ApiError::Unavailable { .. } | ApiError::Internal { .. })) => error.into_response(),
        Err(error) => with_cookie(&app, None, error),
    }
}

async fn rotate(app: &App, token: &str) -> Result<Pair, ApiError> {
    let refused = || ApiError::unauthorized("Your session has ended. Sign in again.");
    let claims = app.keys.read_refresh(token).ok_or_else(refused)?;
    let id = claims.jti.ok_or_else(refused)?;
    let mut tx = app.store.begin().await?;
    let (user, family) = match store::sessions::spend(&mut tx, id).await? {
        Spend::Good { user, family } => (user, family),
        Spend::Reused { user } => {
            db::commit(tx, "ending a family of sessions").await?;
            warn!(user.id = %user, "a spent refresh token came again: its sessions are ended");
            return Err(refused());
        }
        Spend::Worthless => return Err(refused()),
    };
    let user = store::users::by_id(&mut tx, user).await?.ok_or_else(refused)?;
    if !user.is_active || user.token_version != claims.token_version {
        // Rolled back with its spending: it is worthless either way.
        return Err(refused());
    }
    let pair = issue(app, &mut tx, subject(&user), family).await?;
    db::commit(tx, "renewing a session").await?;
    Ok(pair)
}

/// The caller's account.
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "auth",
    responses((status = 200, body = UserView), (status = 401, body = ErrorResponse)))]
async fn me(State(app): State<AppState>, caller: Caller) -> Result<Json<UserView>, ApiError> {
    let mut tx = app.store.begin().await?;
    let user = store::users::by_id(&mut tx, caller.user).await?;
    user.map(|user| Json(user.into())).ok_or_else(|| ApiError::unauthorized("This account does not exist any more."))
}

/// Ends the session the cookie belongs to.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "auth",
    responses((status = 200, body = SuccessResponse), (status = 401, body = ErrorResponse)))]
async fn logout(State(app): State<AppState>, caller: Caller, jar: CookieJar) -> Result<Response, ApiError> {
    let token = jar.get(COOKIE).and_then(|cookie| app.keys.read_refresh(cookie.value()));
    if let Some(id) = token.and_then(|claims| claims.jti) {
        let mut tx = app.store.begin().await?;
        store::sessions::end_family(&mut tx, caller.user, id).await?;
        db::commit(tx, "ending a session").await?;
    }
    Ok(with_cookie(&app, None, Json(SuccessResponse { success: true })))
}

/// Ends every session of the caller, on every device, this one included.
#[utoipa::path(post, path = "/api/v1/auth/revoke-all", tag = "auth",
    responses((status = 200, body = SuccessResponse), (status = 401, body = ErrorResponse)))]
async fn revoke_all(State(app): State<AppState>, caller: Caller) -> Result<Response, ApiError> {
    let mut tx = app.store.begin().await?;
    store::users::bump_token_version(&mut tx, caller.user).await?;
    store::sessions::end_all(&mut tx, caller.user).await?;
    db::commit(tx, "ending all sessions").await?;
    app.accounts.forget(caller.user);
    info!(user.id = %caller.user, "all sessions were ended");
    Ok(with_cookie(&app, None, Json(SuccessResponse { success: true })))
}

struct Pair {
    access: String,
    refresh: String,
}

fn subject(user: &User) -> Subject<'_> {
    Subject { user: user.id, email: &user.email, role: &user.role, token_version: user.token_version }
}

async fn issue(app: &App, tx: &mut Tx, subject: Subject<'_>, family: Uuid) -> Result<Pair, ApiError> {
    let now: DateTime<Utc> = Utc::now();
    let id = Uuid::now_v7();
    store::sessions::open(tx, id, subject.user, family, now + REFRESH_TTL).await?;
    let doing = "signing tokens";
    let access = app.keys.access(subject, now).ok_or(ApiError::Internal { doing })?;
    let refresh = app.keys.refresh(subject, id, now).ok_or(ApiError::Internal { doing })?;
    Ok(Pair { access, refresh })
}

/// Sets the refresh cookie, or clears it.
fn with_cookie(app: &App, token: Option<&str>, response: impl IntoResponse) -> Response {
    let secure = if app.options.secure_cookies { "; Secure" } else { "" };
    let cookie = match token {
        Some(token) => {
            let age = REFRESH_TTL.as_secs();
            format!("{COOKIE}={token}; Path={COOKIE_PATH}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}")
        }
        None => format!(
            "{COOKIE}=; Path={COOKIE_PATH}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax{secure}"
        ),
    };
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        headers.insert(SET_COOKIE, value);
    }
    (headers, response).into_response()
}

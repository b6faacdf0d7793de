//! `GET /ws`: what changes, as it changes, to every open screen of a person.
//!
//! [`hub`] knows who is connected and hands messages on; [`socket`] is one connection: a cursor over the person's
//! numbered stream, so that a client that comes back with `since` misses nothing and sees nothing twice.

mod hub;
mod socket;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use hub::Hub;

use crate::app::AppState;
use crate::auth::caller::authenticate;
use crate::error::ApiError;
use crate::input::{Fields, Input, Query, int_text, text};

/// Close codes of ours, beside the protocol's.
pub mod code {
    /// The token is missing, wrong, expired or revoked.
    pub const UNAUTHORIZED: u16 = 4001;
    /// The client reads too slowly.
    pub const SLOW: u16 = 4008;
    /// Too many connections of one person.
    pub const TOO_MANY: u16 = 4029;
    /// The task has no browser to watch.
    pub const NO_BROWSER: u16 = 4404;
    /// The server is going away (RFC 6455).
    pub const GOING_AWAY: u16 = 1001;
    /// Something of ours failed; come back (RFC 6455).
    pub const TRY_AGAIN: u16 = 1013;
}

/// Reads of 4 KiB: the default of 128 KiB is what an idle connection would cost in memory.
const READ_BUFFER: usize = 4_096;
/// Clients say next to nothing.
pub const INBOUND_MAX: usize = 16 << 10;
/// What may wait inside the socket, unsent. More than the largest message.
const WRITE_BUFFER_MAX: usize = 4 << 20;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(connect))
}

struct Asked {
    token: Option<String>,
    since: Option<i64>,
}

impl Input for Asked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let token = fields.may("token", text(0, 4_096));
        let since = fields.may("since", int_text(0, i64::MAX));
        Some(Self { token: token?, since: since? })
    }
}

/// An upgrade with our bounds.
pub fn bounded(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_MAX)
        .max_message_size(INBOUND_MAX)
        .max_frame_size(INBOUND_MAX)
}

/// Says why and hangs up, without waiting long for a client that does not listen.
pub async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let frame = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    let _ = tokio::time::timeout(socket::CLOSE_TIMEOUT, socket.send(frame)).await;
}

/// The WebSocket. Refusals come as close codes, after the upgrade, because browsers hide a refused upgrade's reason.
#[utoipa::path(get, path = "/api/v1/ws", tag = "ws", security(()),
    params(("token" = String, Query), ("since" = Option<i64>, Query)),
    responses((status = 101, description = "Messages as JSON text")))]
async fn connect(
    State(app): State<AppState>,
    Query(asked): Query<Asked>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let upgrade = bounded(upgrade);
    let Some(token) = asked.token.filter(|token| !token.is_empty()) else {
        return Ok(upgrade.on_upgrade(|socket| close(socket, code::UNAUTHORIZED, "Missing token")));
    };
    let caller = match authenticate(&app, &token).await {
        Ok(caller) => caller,
        Err(error @ (ApiError::Unavailable { .. } | ApiError::Internal { .. })) => return Err(error),
        Err(_) => {
            return Ok(upgrade.on_upgrade(|socket| close(socket, code::UNAUTHORIZED, "Invalid or expired token")));
        }
    };
    Ok(upgrade.on_upgrade(move |socket| socket::run(app, caller, asked.since, socket)))
}

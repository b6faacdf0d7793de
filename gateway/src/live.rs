//! `GET /tasks/:id/live`: pictures of the browser at work, to the people who watch.
//!
//! The first viewer of a task has the agent asked for frames, the last one has it told to stop. The asking is
//! repeated when the task moves to another browser.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use chrono::Utc;
use dashmap::DashMap;
use protocol::cluster::Action;
use protocol::ids::{TaskId, UserId};
use serde_json::json;
use store::bus::Frame;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, interval, sleep, timeout};
use tracing::debug;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::{App, AppState};
use crate::auth::caller::{Caller, authenticate};
use crate::dates::Date;
use crate::error::{ApiError, ErrorResponse};
use crate::input::{Fields, Id, Input, Query, text};
use crate::ws::{bounded, close, code};

/// Viewers of one task, and of all tasks of one gateway: frames are large.
const VIEWERS_MAX: usize = 5;
const ALL_VIEWERS_MAX: usize = 100;
/// At most ten frames a second go out.
const FRAME_GAP: Duration = Duration::from_millis(100);
/// How often the task's browser is looked up.
const LOOK: Duration = Duration::from_secs(2);
/// A viewer that does not take a frame within this time is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(live))
}

/// Who watches what.
#[derive(Debug, Default)]
pub struct Viewers {
    /// Commands of one task are sent under its lock, so that "off" never overtakes a later "on".
    tasks: DashMap<TaskId, Arc<Mutex<usize>>>,
    /// Tasks somebody watches here, for those who bring the frames.
    watched: watch::Sender<BTreeSet<TaskId>>,
}

impl Viewers {
    pub(crate) fn watched(&self) -> watch::Receiver<BTreeSet<TaskId>> {
        self.watched.subscribe()
    }

    fn of(&self, task: TaskId) -> Option<Arc<Mutex<usize>>> {
        if self.tasks.len() >= ALL_VIEWERS_MAX && !self.tasks.contains_key(&task) {
            return None;
        }
        Some(Arc::clone(&self.tasks.entry(task).or_default()))
    }

    async fn enter(&self, app: &App, user: UserId, task: TaskId) -> bool {
        let Some(count) = self.of(task) else { return false };
        let mut count = count.lock().await;
        if *count >= VIEWERS_MAX {
            return false;
        }
        *count += 1;
        if *count == 1 {
            self.watched.send_modify(|watched| {
                watched.insert(task);
            });
            ask_for(app, user, task, true).await;
        }
        true
    }

    async fn leave(&self, app: &App, user: UserId, task: TaskId) {
        let Some(count) = self.of(task) else { return };
        let mut count = count.lock().await;
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.watched.send_modify(|watched| {
                watched.remove(&task);
            });
            ask_for(app, user, task, false).await;
            // Whoever holds a clone of the lock counts on; only an entry nobody else has is removed.
            drop(count);
            self.tasks
                .remove_if(&task, |_, count| Arc::strong_count(count) <= 2 && count.try_lock().is_ok_and(|n| *n == 0));
        }
    }
}

async fn ask_for(app: &App, user: UserId, task: TaskId, on: bool) {
    // Without an answer the picture stays still; the next look asks again.
    if let Err(error) = app.coordinator.send(user, Action::Watch { task, on }).await {
        debug!(task.id = %task, on, %error, "asking for live frames failed");
    }
}

struct Token(Option<String>);

impl Input for Token {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.may("token", text(0, 4_096)).map(Self)
    }
}

/// Live pictures: a JSON text `{type:"frame_meta",width,height,at}` before each binary JPEG.
#[utoipa::path(get, path = "/api/v1/tasks/{id}/live", tag = "tasks", security(()),
    params(("id" = Uuid, Path), ("token" = String, Query)),
    responses((status = 101, description = "Frames"), (status = 404, body = ErrorResponse)))]
async fn live(
    State(app): State<AppState>,
    Id(task): Id<TaskId>,
    Query(Token(token)): Query<Token>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let upgrade = bounded(upgrade);
    let caller = match authenticate(&app, token.as_deref().unwrap_or("")).await {
        Ok(caller) => caller,
        Err(error @ (ApiError::Unavailable { .. } | ApiError::Internal { .. })) => return Err(error),
        Err(_) => {
            return Ok(upgrade.on_upgrade(|socket| close(socket, code::UNAUTHORIZED, "Invalid or expired token")));
        }
    };
    Ok(upgrade.on_upgrade(move |socket| serve(app, caller, task, socket)))
}

async fn serve(app: AppState, caller: Caller, task: TaskId, mut socket: WebSocket) {
    let Some(lease) = lease(&app, caller.user, task).await else {
        return close(socket, code::NO_BROWSER, "No browser").await;
    };
    // Frames from here on are kept, before they are asked for.
    let frames = app.bus.subscribe_frames();
    if !app.viewers.enter(&app, caller.user, task).await {
        return close(socket, code::TOO_MANY, "Too many viewers").await;
    }
    let (code, reason) = show(&app, &caller, task, lease, frames, &mut socket).await;
    let frame = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
    let _ = timeout(Duration::from_secs(1), socket.send(frame)).await;
    app.viewers.leave(&app, caller.user, task).await;
}

async fn show(
    app: &App,
    caller: &Caller,
    task: TaskId,
    mut lease: Uuid,
    mut frames: tokio::sync::broadcast::Receiver<Frame>,
    socket: &mut WebSocket,
) -> (u16, &'static str) {
    let mut look = interval(LOOK);
    look.tick().await;
    let left = caller.expires.saturating_sub(Utc::now().timestamp()).max(0);
    let expiry = sleep(Duration::from_secs(left.unsigned_abs()));
    tokio::pin!(expiry);
    let mut last: Option<Instant> = None;
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => return (code::GOING_AWAY, "The server is restarting"),
            () = &mut expiry => return (code::UNAUTHORIZED, "Token expired"),
            said = socket.recv() => match said {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return (code::GOING_AWAY, "Bye"),
                Some(Ok(_)) => {}
            },
            _ = look.tick() => match self::lease(app, caller.user, task).await {
                None => return (code::NO_BROWSER, "No browser"),
                Some(now) if now != lease => {
                    lease = now;
                    ask_for(app, caller.user, task, true).await;
                }
                Some(_) => {}
            },
            frame = frames.recv() => match frame {
                Ok(frame) if frame.task == task && last.is_none_or(|last| last.elapsed() >= FRAME_GAP) => {
                    if timeout(SEND_TIMEOUT, send(socket, frame)).await.is_err() {
                        return (code::SLOW, "Too slow");
                    }
                    last = Some(Instant::now());
                }
                // Another task's, too soon, or some that were too old to matter.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return (code::GOING_AWAY, "The server is restarting"),
            },
        }
    }
}

async fn send(socket: &mut WebSocket, frame: Frame) {
    let at = i64::try_from(frame.at_ms).ok().and_then(chrono::DateTime::from_timestamp_millis).unwrap_or_else(Utc::now);
    let meta = json!({ "type": "frame_meta", "width": frame.width, "height": frame.height, "at": Date(at) });
    // A broken connection shows at the next read.
    if socket.send(Message::Text(meta.to_string().into())).await.is_ok() {
        let _ = socket.send(Message::Binary(frame.jpeg)).await;
    }
}

/// The lease the task's browser works under. An outage counts as no browser: the client asks again.
async fn lease(app: &App, user: UserId, task: TaskId) -> Option<Uuid> {
    let mut tx = app.store.begin().await.ok()?;
    store::task_reads::lease(&mut tx, user, task).await.ok()?
}

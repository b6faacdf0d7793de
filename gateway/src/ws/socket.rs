//! One WebSocket connection.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use chrono::Utc;
use futures::stream::SplitSink;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::code;
use super::hub::{Delivery, Seat};
use crate::app::AppState;
use crate::auth::caller::Caller;

/// A frame that is not taken within this time finds nobody reading.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Messages read at once when catching up.
const PIECE: i64 = 200;
/// A client further behind than this starts afresh: fetching its lists is less than reading all that happened.
const RESUME_MAX: i64 = 2_000;

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// With a code and a reason for the client.
    Close(u16, &'static str),
    /// The client is gone.
    Gone,
}

/// Serves one person's screen until either side is gone.
pub async fn run(app: AppState, caller: Caller, since: Option<i64>, socket: WebSocket) {
    let Some(seat) = app.hub.join(caller.user, caller.token_version) else {
        return super::close(socket, code::TOO_MANY, "Too many connections").await;
    };
    let (sink, stream) = socket.split();
    let mut line = Line { app: app.clone(), caller, sink, slow: seat.slow.clone(), cursor: 0 };
    let end = line.serve(seat, stream, since).await;
    if let End::Close(code, reason) = end {
        if code == code::SLOW {
            metrics::counter!("valet_gateway_slow_clients_total").increment(1);
        }
        debug!(code, reason, "a socket is closed");
        let frame = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
        let _ = timeout(CLOSE_TIMEOUT, line.sink.send(frame)).await;
    }
}

struct Line {
    app: AppState,
    caller: Caller,
    sink: SplitSink<WebSocket, Message>,
    slow: CancellationToken,
    /// Number of the last message sent.
    cursor: i64,
}

impl Line {
    async fn serve(
        &mut self,
        mut seat: Seat,
        mut stream: futures::stream::SplitStream<WebSocket>,
        since: Option<i64>,
    ) -> End {
        // The seat was taken before this is read: what is committed in between is in the queue.
        if let Err(end) = self.greet(since).await {
            return end;
        }
        let period = self.app.options.sockets.ping;
        let mut ping = interval_at(Instant::now() + period, period);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let left = self.caller.expires.saturating_sub(Utc::now().timestamp()).max(0);
        let expiry = sleep(Duration::from_secs(left.unsigned_abs()));
        tokio::pin!(expiry);
        let mut heard = true;
        let stopping = self.app.stopping.clone();
        loop {
            let step = tokio::select! {
                biased;
                () = stopping.cancelled() => return End::Close(code::GOING_AWAY, "The server is restarting"),
                () = self.slow.cancelled() => return End::Close(code::SLOW, "Too slow"),
                () = &mut expiry => return End::Close(code::UNAUTHORIZED, "Token expired"),
                frame = stream.next() => {
                    heard = true;
                    match frame {
                        Some(Ok(Message::Text(text))) => {
                            self.heard(&seat, &text);
                            Ok(())
                        }
                        Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => Ok(()),
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Gone,
                    }
                }
                delivery = seat.queue.recv() => match delivery {
                    Some(delivery) => self.take(delivery).await,
                    None => return End::Gone,
                },
                _ = ping.tick() => {
                    if !heard {
                        return End::Gone;
                    }
                    heard = false;
                    let number = Bytes::from(self.cursor.max(seat.latest()).to_string());
                    self.send(Message::Ping(number)).await
                }
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Subscriptions to applications are accepted and mean nothing: everything of a person goes to all of their
    /// screens. Changes among the actors go to admins' screens that ask for them.
    fn heard(&self, seat: &Seat, text: &str) {
        #[derive(serde::Deserialize)]
        struct Wish {
            action: String,
            topic: Option<String>,
        }
        let Ok(wish) = serde_json::from_str::<Wish>(text) else { return };
        if wish.topic.as_deref() == Some("actors") && self.caller.is_admin() {
            seat.follow_actors(wish.action == "subscribe");
        }
    }

    /// Says how far the stream is and sends what the client missed.
    async fn greet(&mut self, since: Option<i64>) -> Result<(), End> {
        let last = {
            let mut tx = self.app.store.begin().await.map_err(outage)?;
            store::user_events::last_seq(&mut tx, self.caller.user).await.map_err(outage)?
        };
        self.text(json!({ "type": "hello", "seq": last, "at": now() }).to_string()).await?;
        match since {
            None => {
                self.cursor = last;
                Ok(())
            }
            // Further than the stream: another database than the one the client knew.
            Some(since) if since > last || last - since > RESUME_MAX => self.reset(last).await,
            Some(since) => {
                self.cursor = since;
                self.catch_up(last).await
            }
        }
    }

    async fn take(&mut self, delivery: Delivery) -> Result<(), End> {
        match delivery {
            Delivery::Numbered { seq, .. } if seq <= self.cursor => Ok(()),
            Delivery::Numbered { seq, json } if seq == self.cursor + 1 => {
                self.text(json.as_ref().to_owned()).await?;
                self.cursor = seq;
                Ok(())
            }
            Delivery::Numbered { seq, .. } | Delivery::Behind(seq) => self.catch_up(seq).await,
            Delivery::Passing(json) => self.text(json.as_ref().to_owned()).await,
            Delivery::Close(code, reason) => Err(End::Close(code, reason)),
        }
    }

    /// Reads and sends what lies between the cursor and `until`, at least.
    async fn catch_up(&mut self, until: i64) -> Result<(), End> {
        while self.cursor < until {
            let messages = {
                let mut tx = self.app.store.begin().await.map_err(outage)?;
                store::user_events::after(&mut tx, self.caller.user, self.cursor, PIECE).await.map_err(outage)?
            };
            if messages.is_empty() {
                // Everything up to there is no longer kept.
                return self.reset(until).await;
            }
            for message in messages {
                let Some(seq) = message.seq else { continue };
                if seq != self.cursor + 1 {
                    return self.reset(until.max(seq)).await;
                }
                self.text(message.json.as_ref().to_owned()).await?;
                self.cursor = seq;
            }
        }
        Ok(())
    }

    /// Too much is missing: the client fetches its state anew.
    async fn reset(&mut self, last: i64) -> Result<(), End> {
        self.text(json!({ "type": "reset", "seq": last, "at": now() }).to_string()).await?;
        self.cursor = last;
        Ok(())
    }

    async fn text(&mut self, text: String) -> Result<(), End> {
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        let slow = self.slow.clone();
        tokio::select! {
            () = slow.cancelled() => Err(End::Close(code::SLOW, "Too slow")),
            sent = timeout(SEND_TIMEOUT, self.sink.send(message)) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(End::Gone),
                Err(_) => Err(End::Close(code::SLOW, "Too slow")),
            },
        }
    }
}

fn now() -> crate::dates::Date {
    crate::dates::Date(Utc::now())
}

/// The client comes back by itself and resumes by number.
fn outage(error: store::StoreError) -> End {
    debug!(%error, "a stream could not be read");
    End::Close(code::TRY_AGAIN, "Please reconnect")
}

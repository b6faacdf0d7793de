//! Messages to open screens: from whoever committed a change to every gateway that serves the user.
//!
//! Within one process a broadcast; over several, Redis channels `tasks:<user id>` (where other programs may publish,
//! too). The bus may lose messages (a slow reader, Redis down); the numbered stream in Postgres does not. Readers that
//! see a gap, a lag or [`Signal::Resync`] read the tail from there.
//!
//! A Redis that hangs keeps its connections: each bus says a word to itself every second, over a channel of its own,
//! and knows by what comes back whether it hears.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use protocol::ids::{TaskId, UserId};
use redis::PushKind;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use tokio::sync::{broadcast, mpsc, watch};
use tracing::{info, warn};
use uuid::Uuid;

/// Messages a reader may be behind before it is told that it lagged. At 200 bytes each this is 800 KB at worst.
const BACKLOG: usize = 4_096;
/// Live frames a viewer may be behind: older ones are worthless.
const FRAMES_BACKLOG: usize = 4;
/// Messages waiting for Redis; beyond it they are dropped, and readers find them in Postgres.
const OUTBOX: usize = 4_096;
const CHANNEL: &str = "tasks:";
const RECONNECT_MAX: Duration = Duration::from_millis(500);
/// A channel that only one bus listens to, by its own name: words to itself.
const ECHO: &str = "echo:";
/// Between words to itself: a small part of what a person notices as stale.
const ECHO_EVERY: Duration = Duration::from_secs(1);
/// How long such a word may take. A Redis at its limits answers within milliseconds; a person who waits longer than
/// this for a change looks at a screen that stands still.
const ECHO_PATIENCE: Duration = Duration::from_secs(2);

/// One message for one user.
#[derive(Debug, Clone)]
pub struct Message {
    pub user: UserId,
    /// Number in the user's stream; `None` for passing figures that are not stored.
    pub seq: Option<i64>,
    /// The JSON text for the client, `seq` and `at` included.
    pub json: Arc<str>,
}

/// What a subscriber hears.
#[derive(Debug, Clone)]
pub enum Signal {
    Message(Message),
    /// Messages may have been lost: read the tail from Postgres.
    Resync,
}

/// One picture of a browser at work.
#[derive(Debug, Clone)]
pub struct Frame {
    pub task: TaskId,
    pub width: u32,
    pub height: u32,
    pub at_ms: u64,
    pub jpeg: bytes::Bytes,
}

/// Publishes and subscribes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus {
    signals: broadcast::Sender<Signal>,
    frames: broadcast::Sender<Frame>,
    /// To Redis; `None` within one process.
    outbox: Option<mpsc::Sender<Message>>,
    /// Messages of other processes come in.
    hears: Arc<AtomicBool>,
}

impl Default for Bus {
    fn default() -> Self {
        Self::new()
    }
}

impl Bus {
    /// A bus within this process.
    #[must_use]
    pub fn new() -> Self {
        Self {
            signals: broadcast::channel(BACKLOG).0,
            frames: broadcast::channel(FRAMES_BACKLOG).0,
            outbox: None,
            hears: Arc::new(AtomicBool::new(true)),
        }
    }

    /// A bus over Redis when a URL is given, else within this process. Redis being down, now or later, is not an error:
    /// live updates degrade and come back.
    ///
    /// # Errors
    /// When the URL is not one.
    pub fn connect(url: Option<&str>) -> Result<Self, redis::RedisError> {
        let mut bus = Self::new();
        let Some(url) = url else { return Ok(bus) };
        let separator = if url.contains('?') { '&' } else { '?' };
        // Subscriptions and commands share a connection only under RESP3.
        let client = redis::Client::open(format!("{url}{separator}protocol=resp3"))?;
        let (pushes, pushed) = mpsc::channel(BACKLOG);
        let signals = bus.signals.clone();
        let take = move |push: redis::PushInfo| -> Result<(), redis::aio::SendError> {
            if pushes.try_send(push).is_err() {
                let _ = signals.send(Signal::Resync);
            }
            Ok(())
        };
        let config = ConnectionManagerConfig::new()
            .set_push_sender(take)
            .set_automatic_resubscription()
            .set_max_delay(RECONNECT_MAX);
        let manager = ConnectionManager::new_lazy_with_config(client, config)?;
        let (outbox, waiting) = mpsc::channel(OUTBOX);
        bus.hears.store(false, Ordering::Relaxed);
        let ear = Ear { signals: bus.signals.clone(), hears: Arc::clone(&bus.hears), echo: watch::Sender::new(0) };
        tokio::spawn(listen(manager.clone(), ear.clone()));
        tokio::spawn(publish_all(manager, waiting));
        tokio::spawn(hear_all(pushed, ear));
        bus.outbox = Some(outbox);
        Ok(bus)
    }

    /// Whether messages come in as they are sent; else screens are updated from Postgres, seconds later.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.hears.load(Ordering::Relaxed)
    }

    /// Tells every reader. Nobody listening is not an error.
    pub fn publish(&self, message: Message) {
        match &self.outbox {
            // Our own readers hear it from Redis like everybody else's: once, and in one order.
            Some(outbox) => {
                if outbox.try_send(message).is_err() {
                    let _ = self.signals.send(Signal::Resync);
                }
            }
            None => {
                let _ = self.signals.send(Signal::Message(message));
            }
        }
    }

    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Signal> {
        self.signals.subscribe()
    }

    pub fn publish_frame(&self, frame: Frame) {
        let _ = self.frames.send(frame);
    }

    #[must_use]
    pub fn subscribe_frames(&self) -> broadcast::Receiver<Frame> {
        self.frames.subscribe()
    }
}

/// What came in, and whether anything does.
#[derive(Debug, Clone)]
struct Ear {
    signals: broadcast::Sender<Signal>,
    hears: Arc<AtomicBool>,
    /// The last word to itself that came back.
    echo: watch::Sender<u64>,
}

impl Ear {
    /// Whether it heard before.
    fn hears(&self, now: bool) -> bool {
        self.hears.swap(now, Ordering::Relaxed)
    }

    fn tell(&self, signal: Signal) {
        let _ = self.signals.send(signal);
    }
}

/// Subscribes, which the connection restores by itself from then on, and watches that something comes in.
async fn listen(mut redis: ConnectionManager, ear: Ear) {
    let channel = format!("{ECHO}{}", Uuid::new_v4());
    let mut said = false;
    while let Err(error) = subscribe(&mut redis, &channel).await {
        if !std::mem::replace(&mut said, true) {
            warn!(category = ?error.kind(), "Redis does not answer: screens are updated from Postgres");
        }
        tokio::time::sleep(RECONNECT_MAX).await;
    }
    for word in 1_u64.. {
        tokio::time::sleep(ECHO_EVERY).await;
        let mut echo = ear.echo.subscribe();
        let back = async {
            // Whether this is answered tells nothing about what comes in.
            let _: Result<i64, _> = redis::cmd("PUBLISH").arg(&channel).arg(word).query_async(&mut redis).await;
            echo.wait_for(|last| *last >= word).await.is_ok()
        };
        let back = tokio::time::timeout(ECHO_PATIENCE, back).await.unwrap_or(false);
        if ear.hears(back) == back {
            continue;
        }
        // Whatever was published while it did not hear is lost here.
        ear.tell(Signal::Resync);
        if back {
            info!("Redis is heard again");
        } else {
            warn!("nothing comes in from Redis: screens are updated from Postgres");
        }
    }
}

async fn subscribe(redis: &mut ConnectionManager, echo: &str) -> redis::RedisResult<()> {
    redis.subscribe(echo).await?;
    redis.psubscribe(format!("{CHANNEL}*")).await
}

async fn publish_all(mut redis: ConnectionManager, mut waiting: mpsc::Receiver<Message>) {
    let mut down = false;
    while let Some(message) = waiting.recv().await {
        let sent: Result<i64, _> = redis::cmd("PUBLISH")
            .arg(format!("{CHANNEL}{}", message.user))
            .arg(&*message.json)
            .query_async(&mut redis)
            .await;
        match sent {
            Ok(_) if down => {
                down = false;
                info!("Redis takes messages again");
            }
            Err(error) if !down => {
                down = true;
                warn!(category = ?error.kind(), "Redis does not take messages: screens are updated from Postgres");
            }
            Ok(_) | Err(_) => {}
        }
    }
}

async fn hear_all(mut pushed: mpsc::Receiver<redis::PushInfo>, ear: Ear) {
    while let Some(push) = pushed.recv().await {
        match push.kind {
            PushKind::PMessage => {
                if !ear.hears(true) {
                    ear.tell(Signal::Resync);
                }
                if let Some(message) = message(&push.data) {
                    ear.tell(Signal::Message(message));
                }
            }
            PushKind::Message => {
                if let Some(word) = push.data.last().and_then(text).and_then(|word| word.parse().ok()) {
                    ear.echo.send_replace(word);
                }
            }
            // Whatever was published in between is lost here.
            PushKind::Disconnection | PushKind::PSubscribe => {
                ear.hears(push.kind == PushKind::PSubscribe);
                ear.tell(Signal::Resync);
            }
            _ => {}
        }
    }
}

/// Pattern, channel, payload.
fn message(data: &[redis::Value]) -> Option<Message> {
    let [_, channel, payload] = data else { return None };
    let user = text(channel)?.strip_prefix(CHANNEL)?.parse().ok()?;
    let json = text(payload)?;
    let seq = serde_json::from_str::<serde_json::Value>(&json).ok()?.get("seq").and_then(serde_json::Value::as_i64);
    Some(Message { user, seq, json: json.into() })
}

fn text(value: &redis::Value) -> Option<String> {
    match value {
        redis::Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        redis::Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}

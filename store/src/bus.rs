//! Messages to open screens: from whoever committed a change to every gateway that serves the user.
//!
//! The bus may lose messages (a slow reader, Redis down); the numbered stream in Postgres does not. Readers that see
//! a gap, a lag or a reconnection read the tail from there.

use std::sync::Arc;

use protocol::ids::{TaskId, UserId};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

/// Messages a reader may be behind before it is told that it lagged. At 200 bytes each this is 800 KB at worst.
const BACKLOG: usize = 4_096;
/// Live frames a viewer may be behind: older ones are worthless.
const FRAMES_BACKLOG: usize = 4;

/// One message for one user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    pub user: UserId,
    /// Number in the user's stream; `None` for passing figures that are not stored.
    pub seq: Option<i64>,
    /// The JSON text for the client, `seq` and `at` included.
    pub json: Arc<str>,
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

/// Publishes and subscribes within one process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus {
    messages: broadcast::Sender<Message>,
    frames: broadcast::Sender<Frame>,
}

impl Default for Bus {
    fn default() -> Self {
        Self::new()
    }
}

impl Bus {
    #[must_use]
    pub fn new() -> Self {
        Self { messages: broadcast::channel(BACKLOG).0, frames: broadcast::channel(FRAMES_BACKLOG).0 }
    }

    /// Tells every reader. Nobody listening is not an error.
    pub fn publish(&self, message: Message) {
        let _ = self.messages.send(message);
    }

    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Message> {
        self.messages.subscribe()
    }

    pub fn publish_frame(&self, frame: Frame) {
        let _ = self.frames.send(frame);
    }

    #[must_use]
    pub fn subscribe_frames(&self) -> broadcast::Receiver<Frame> {
        self.frames.subscribe()
    }
}

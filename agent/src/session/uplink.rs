//! The way up for what does not fit a report: photographs and live frames, over whichever session is open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use protocol::ids::{ArtifactId, LeaseId};
use protocol::task::{ErrorCode, Failure, FailureClass};
use protocol::wire::message::{ArtifactHeader, LiveFrameHeader, UpHeader};
use quinn::Connection;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tracing::debug;

use super::io;
use crate::page::Photo;

/// Attempts to store one artifact.
const ATTEMPTS: u32 = 3;
/// For a session to be there, per attempt.
const SESSION_TIMEOUT: Duration = Duration::from_secs(5);
/// For sending it and hearing that it is stored, per attempt.
const STORE_TIMEOUT: Duration = Duration::from_secs(20);
/// A live frame that takes longer is not live.
const FRAME_TIMEOUT: Duration = Duration::from_secs(2);

/// Cheap to clone; one per agent.
#[derive(Clone)]
pub struct Uplink(Arc<Inner>);

struct Inner {
    session: watch::Sender<Option<Connection>>,
    waiting: Mutex<HashMap<ArtifactId, oneshot::Sender<Answer>>>,
}

/// What the coordinator says of an artifact.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Stored,
    Refused { again: bool },
}

impl Uplink {
    pub(crate) fn new() -> Self {
        let (session, waiting) = (watch::Sender::new(None), Mutex::default());
        Self(Arc::new(Inner { session, waiting }))
    }

    /// From the welcome of a session until its end.
    pub(super) fn set(&self, session: Option<Connection>) {
        self.0.session.send_replace(session);
        if self.0.session.borrow().is_none() {
            // Nobody answers any more: whoever waits tries again on the next session.
            self.waiting().clear();
        }
    }

    pub(super) fn answer(&self, artifact: ArtifactId, answer: Answer) {
        if let Some(waiting) = self.waiting().remove(&artifact) {
            let _ = waiting.send(answer);
        }
    }

    /// Sends an artifact and returns when the coordinator has stored it.
    ///
    /// # Errors
    /// When it is refused for good, or three attempts did not help.
    pub async fn store(&self, header: &ArtifactHeader, bytes: &Bytes) -> Result<(), Failure> {
        for attempt in 1..=ATTEMPTS {
            match self.attempt(header, bytes).await {
                Some(Answer::Stored) => return Ok(()),
                Some(Answer::Refused { again: false }) => break,
                Some(Answer::Refused { again: true }) | None => {
                    debug!(artifact = %header.artifact, attempt, "an artifact was not stored");
                }
            }
        }
        metrics::counter!("valet_artifacts_unstored_total").increment(1);
        Err(Failure::new(FailureClass::Internal, ErrorCode::ArtifactStorage, "The screenshot could not be stored."))
    }

    async fn attempt(&self, header: &ArtifactHeader, bytes: &Bytes) -> Option<Answer> {
        let connection = self.session().await?;
        let (sender, answer) = oneshot::channel();
        self.waiting().insert(header.artifact, sender);
        let sent = async {
            let mut stream = io::Up::new(connection.open_uni().await.ok()?);
            stream.write(&UpHeader::Artifact(header.clone())).await.ok()?;
            // A receiver that refuses stops the stream and says so on the control stream.
            if stream.write_bytes(bytes).await.is_ok() {
                stream.finish();
            }
            answer.await.ok()
        };
        let answer = timeout(STORE_TIMEOUT, sent).await.ok().flatten();
        self.waiting().remove(&header.artifact);
        answer
    }

    /// Sends frames for as long as they come; those that cannot be sent are dropped.
    pub async fn live(self, lease: LeaseId, mut frames: mpsc::Receiver<Photo>) {
        let mut open = None;
        while let Some(photo) = frames.recv().await {
            let Some(connection) = self.0.session.borrow().clone() else {
                open = None;
                continue;
            };
            let id = connection.stable_id();
            let sent = timeout(FRAME_TIMEOUT, async {
                let mut stream = match open.take() {
                    Some((of, stream)) if of == id => stream,
                    _ => {
                        let mut stream = io::Up::new(connection.open_uni().await.map_err(|_| io::Error::Ended)?);
                        stream.write(&UpHeader::Live { lease }).await?;
                        stream
                    }
                };
                stream.write(&frame_header(&photo)).await?;
                stream.write_bytes(&photo.jpeg).await?;
                Ok::<_, io::Error>(stream)
            });
            // A stream that was left in the middle of a frame is reset.
            open = sent.await.ok().and_then(Result::ok).map(|stream| (id, stream));
        }
        if let Some((_, stream)) = open {
            stream.finish();
        }
    }

    async fn session(&self) -> Option<Connection> {
        let mut session = self.0.session.subscribe();
        let open = timeout(SESSION_TIMEOUT, session.wait_for(Option::is_some)).await.ok()?.ok()?;
        open.clone()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<ArtifactId, oneshot::Sender<Answer>>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn frame_header(photo: &Photo) -> LiveFrameHeader {
    let at_ms = chrono::Utc::now().timestamp_millis().max(0) as u64;
    LiveFrameHeader { width: photo.width, height: photo.height, at_ms, size: photo.jpeg.len() as u32 }
}

//! What the rest of the crate may ask of a task.

use std::sync::Arc;
use std::time::Duration;

use protocol::ids::{LeaseId, TaskId, UserId};
use protocol::wire::message::Progress;
use ractor::rpc::CallResult;

use super::actor::{Applied, TaskMsg};
use super::machine::{Input, Refused};
use super::supervisor;
use crate::core::{Core, LiveTask};
use crate::supervise::NotSent;

/// How long a sender waits for an input to become durable. A commit takes milliseconds, an outage up to the journal's
/// patience of 5 s.
const INPUT_TIMEOUT: Duration = Duration::from_secs(8);
/// Deliveries of one input: an actor may stop for idleness just as a message reaches it.
const DELIVERIES_MAX: u32 = 3;

/// Why an input was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    #[error("there is no such task")]
    NotFound,
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Not taken, as far as this side knows; sending the same again is safe.
    #[error("the task did not answer")]
    Unanswered,
    #[error("the task has too many messages waiting")]
    Overloaded,
    /// A claim that lost its slot or met the user's cap.
    #[error("there is no place for the task")]
    NoPlace,
}

/// Talks to tasks by id; starts the actor when there is none. Every input is safe to repeat, so one that got lost
/// with a stopping actor is sent again.
#[derive(Debug, Clone)]
pub struct Tasks {
    core: Arc<Core>,
}

impl Tasks {
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Delivers an input; returns once it is durable. With `user`, only to a task of that user.
    ///
    /// # Errors
    /// When it was refused, or it is not known that it was taken.
    pub async fn input(
        &self,
        task: TaskId,
        user: Option<UserId>,
        input: Input,
    ) -> Result<Option<chrono::DateTime<chrono::Utc>>, TaskError> {
        for _ in 0..DELIVERIES_MAX {
            let live = self.live(task).await?;
            let message = input.clone();
            let answer = live
                .call(|reply| TaskMsg::Input { user, input: message, reply: Some(reply) }, Some(INPUT_TIMEOUT))
                .await;
            match answer {
                Ok(CallResult::Success(applied)) => {
                    return match applied {
                        Applied::Done { held_until } => Ok(held_until),
                        Applied::Refused(refused) => Err(refused.into()),
                        Applied::NotFound => Err(TaskError::NotFound),
                        Applied::NoPlace => Err(TaskError::NoPlace),
                    };
                }
                // Out of time does not mean not done: the message may still be waiting in the mailbox.
                Ok(CallResult::Timeout) => return Err(TaskError::Unanswered),
                Err(NotSent::Full(_)) => return Err(TaskError::Overloaded),
                // The actor stopped with the message in hand or unread.
                Ok(CallResult::SenderError) | Err(NotSent::Gone) => {
                    self.core.tasks.remove_if(&task, |_, known| known.actor.get_id() == live.actor.get_id());
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        Err(TaskError::Unanswered)
    }

    /// The page under this lease is gone.
    pub async fn lease_lost(&self, task: TaskId, lease: LeaseId, permit_used: Option<bool>) -> Result<(), TaskError> {
        self.input(task, None, Input::LeaseLost { lease, permit_used }).await.map(|_| ())
    }

    /// A field was filled. For whoever looks: a task that is not live, or has too much to do, does not say it.
    pub fn progress(&self, task: TaskId, progress: Progress) {
        let Some(live) = self.core.tasks.get(&task).map(|live| live.clone()) else { return };
        let _ = live.cast(TaskMsg::Progress(progress));
    }

    /// Has the task do again what it owes: its agent is back.
    pub async fn repeat_owed(&self, task: TaskId) -> Result<(), TaskError> {
        let live = self.live(task).await?;
        live.cast(TaskMsg::Owed).map_err(|_| TaskError::Unanswered)
    }

    async fn live(&self, task: TaskId) -> Result<LiveTask, TaskError> {
        if let Some(live) = self.core.tasks.get(&task) {
            return Ok(live.clone());
        }
        supervisor::activate(&self.core, task).await
    }
}

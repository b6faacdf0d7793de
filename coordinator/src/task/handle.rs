//! What the rest of the crate may ask of a task.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use protocol::ids::{LeaseId, TaskId, UserId};
use protocol::wire::message::Progress;
use ractor::rpc::CallResult;
use store::tasks::TaskAt;

use super::machine::{Input, Refused};
use super::messages::{Applied, TaskMsg};
use super::supervisor;
use crate::cluster::peers::{self, Note};
use crate::core::{Core, LiveTask};
use crate::supervise::NotSent;

/// How long a sender waits for an input to become durable. A commit takes milliseconds, an outage up to the journal's
/// patience of 5 s.
const INPUT_TIMEOUT: Duration = Duration::from_secs(8);
/// Deliveries of one input: an actor may stop for idleness just as a message reaches it.
const DELIVERIES_MAX: u32 = 3;
/// Before the owner of a task is looked up again.
const OWNER_PAUSE: Duration = Duration::from_millis(50);

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
    /// Another node owns the task, and this one cannot reach it.
    #[error("the task's owner cannot be reached from here")]
    Unreachable,
    /// A claim that lost its slot or met the user's cap.
    #[error("there is no place for the task")]
    NoPlace,
    /// Another node owns the task, or nobody does yet.
    #[error("the task has another owner")]
    NotOwner,
}

/// Talks to tasks wherever they are owned; starts the actor when there is none. Every input is safe to repeat, so one that got lost
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

    /// Delivers an input to the task, on whichever node owns it; returns once it is durable. With `user`, only to a
    /// task of that user.
    ///
    /// # Errors
    /// When it was refused, or it is not known that it was taken.
    pub async fn input(
        &self,
        at: TaskAt,
        user: Option<UserId>,
        input: Input,
    ) -> Result<Option<DateTime<Utc>>, TaskError> {
        let until = Instant::now() + INPUT_TIMEOUT;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let owner = self.core.cluster.owner(at.shard);
            let taken = match owner {
                Some(node) if node == self.core.node => self.input_here(at, user, input.clone()).await,
                Some(node) => peers::ask(&self.core, node, at, user, input.clone(), left).await,
                None => Err(TaskError::NotOwner),
            };
            match taken {
                // Between two owners, or its node is being missed: soon somebody owns it.
                Err(TaskError::NotOwner) if left > OWNER_PAUSE => tokio::time::sleep(OWNER_PAUSE).await,
                Err(TaskError::NotOwner) if owner.is_some_and(|node| node != self.core.node) => {
                    return Err(TaskError::Unreachable);
                }
                Err(TaskError::NotOwner) => return Err(TaskError::Unanswered),
                taken => return taken,
            }
        }
    }

    /// The same for a task that this node owns.
    ///
    /// # Errors
    /// [`TaskError::NotOwner`] when it does not.
    pub(crate) async fn input_here(
        &self,
        at: TaskAt,
        user: Option<UserId>,
        input: Input,
    ) -> Result<Option<DateTime<Utc>>, TaskError> {
        for _ in 0..DELIVERIES_MAX {
            let live = self.live(at).await?;
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
                    self.core.tasks.remove_if(&at.id, |_, known| known.actor.get_id() == live.actor.get_id());
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        Err(TaskError::Unanswered)
    }

    /// What time it is for tasks.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.core.clock.now()
    }

    /// The page under this lease is gone.
    pub async fn lease_lost(&self, at: TaskAt, lease: LeaseId, permit_used: Option<bool>) -> Result<(), TaskError> {
        self.input(at, None, Input::LeaseLost { lease, permit_used }).await.map(|_| ())
    }

    /// A field was filled. For whoever looks: a task that is not live, or has too much to do, does not say it.
    pub fn progress(&self, at: TaskAt, progress: Progress) {
        match self.core.cluster.owner(at.shard) {
            Some(node) if node != self.core.node => peers::tell(&self.core, node, &Note::Progress { at, progress }),
            _ => self.progress_here(at, progress),
        }
    }

    pub(crate) fn progress_here(&self, at: TaskAt, progress: Progress) {
        let Some(live) = self.core.tasks.get(&at.id).map(|live| live.clone()) else { return };
        let _ = live.cast(TaskMsg::Progress(progress));
    }

    /// Has the task do again what it owes: its agent is back.
    pub async fn repeat_owed(&self, at: TaskAt) -> Result<(), TaskError> {
        match self.core.cluster.owner(at.shard) {
            Some(node) if node != self.core.node => {
                peers::tell(&self.core, node, &Note::Owed { at });
                Ok(())
            }
            _ => self.repeat_owed_here(at).await,
        }
    }

    pub(crate) async fn repeat_owed_here(&self, at: TaskAt) -> Result<(), TaskError> {
        let live = self.live(at).await?;
        live.cast(TaskMsg::Owed).map_err(|_| TaskError::Unanswered)
    }

    /// The task's owner, by the database.
    ///
    /// # Errors
    /// When there is no such task, or the database does not answer.
    pub async fn find(&self, task: TaskId) -> Result<TaskAt, TaskError> {
        let found = async {
            let mut tx = self.core.store.begin().await?;
            store::tasks::place(&mut tx, task).await
        };
        let found = store::db::in_time("looking for a task", found).await;
        found.map_err(|_| TaskError::Unanswered)?.ok_or(TaskError::NotFound)
    }

    async fn live(&self, at: TaskAt) -> Result<LiveTask, TaskError> {
        if let Some(live) = self.core.tasks.get(&at.id) {
            return Ok(live.clone());
        }
        if self.core.epoch(at.shard).is_none() {
            return Err(TaskError::NotOwner);
        }
        supervisor::activate(&self.core, at).await
    }
}

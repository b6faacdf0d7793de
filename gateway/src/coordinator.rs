//! Commands to the coordinators: through their routers, by process group, so that one process or twenty look alike.
//!
//! A command has one id however often it is sent, so sending it again is safe; members are looked up for every
//! attempt, because a router that came back is another actor.

use std::time::{Duration, Instant};

use protocol::cluster::{
    ANSWER_TIMEOUT_MS, Action, Answer, Command, Done, ROUTERS, RejectCode, Rejected, RouterMessage,
};
use protocol::ids::{CommandId, UserId};
use protocol::wire::codec;
use ractor::ActorRef;
use tracing::{debug, warn};

use crate::error::{ApiError, BUSY};

/// How long a command waits for a router to appear: a restart takes less, and a person would rather be told.
const NO_ROUTER_PATIENCE: Duration = Duration::from_millis(1_500);
/// One attempt. Shorter than the whole, so that a router that hangs leaves time for another.
const ATTEMPT: Duration = Duration::from_millis(4_000);
/// Between attempts, doubled each time up to the second figure.
const PAUSE: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(400));

/// Why a command is not known to be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No coordinator took it in time. It may still be done later.
    #[error("no coordinator answered")]
    Unavailable,
    /// Understood and refused; nothing changed.
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable => Self::Unavailable { message: BUSY },
            Error::Rejected(rejected) => rejected.into(),
        }
    }
}

/// Sends commands. Holds nothing: routers are found anew for each attempt.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    deadline: Duration,
}

impl Default for Client {
    fn default() -> Self {
        Self { deadline: Duration::from_millis(ANSWER_TIMEOUT_MS) }
    }
}

impl Client {
    /// Returns once the command is durable.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it was refused, [`Error::Unavailable`] when nobody could say.
    pub async fn send(&self, user: UserId, action: Action) -> Result<Done, Error> {
        let command = Command { id: CommandId::new(), user, action };
        let Ok(bytes) = codec::encode(&command) else {
            return Err(Rejected::new(RejectCode::InvalidEdit, "That is too much at once").into());
        };
        let started = Instant::now();
        let mut pause = PAUSE.0;
        let mut attempt = 0_usize;
        loop {
            match router(attempt) {
                Some(router) => match self.ask(&router, &bytes, started).await {
                    Some(Ok(done)) => return Ok(done),
                    Some(Err(rejected)) if rejected.code != RejectCode::Unavailable => return Err(rejected.into()),
                    Some(Err(_)) | None => debug!(command.id = %command.id, attempt, "a command is tried again"),
                },
                None if started.elapsed() >= NO_ROUTER_PATIENCE => break,
                None => {}
            }
            if started.elapsed() + pause >= self.deadline {
                break;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
            attempt += 1;
        }
        metrics::counter!("valet_gateway_commands_unanswered_total").increment(1);
        warn!(command.id = %command.id, "no coordinator answered a command");
        Err(Error::Unavailable)
    }

    /// Whether there is a coordinator to talk to.
    #[must_use]
    pub fn reachable(&self) -> bool {
        router(0).is_some()
    }

    /// Waits a moment for a coordinator to talk to: one that is restarted is back sooner.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when none appears.
    pub async fn present(&self) -> Result<(), Error> {
        let (started, mut pause) = (Instant::now(), PAUSE.0);
        while !self.reachable() {
            if started.elapsed() >= NO_ROUTER_PATIENCE {
                return Err(Error::Unavailable);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
        }
        Ok(())
    }

    /// One attempt; `None` when no understandable answer came.
    async fn ask(&self, router: &ActorRef<RouterMessage>, command: &[u8], started: Instant) -> Option<Answer> {
        let left = self.deadline.saturating_sub(started.elapsed()).min(ATTEMPT);
        let command = command.to_vec();
        let reply = router.call(|port| RouterMessage::Command(command, port), Some(left)).await.ok()?;
        match reply {
            ractor::rpc::CallResult::Success(bytes) => match codec::decode::<Answer>(&bytes) {
                Ok(answer) => Some(answer),
                Err(error) => {
                    warn!(%error, "a router's answer is not understood");
                    None
                }
            },
            ractor::rpc::CallResult::Timeout | ractor::rpc::CallResult::SenderError => None,
        }
    }
}

/// A router, another one for each attempt when there are several.
fn router(attempt: usize) -> Option<ActorRef<RouterMessage>> {
    let members = ractor::pg::get_members(&ROUTERS.to_owned());
    if members.is_empty() {
        return None;
    }
    let cell = members.into_iter().cycle().nth(attempt)?;
    Some(cell.into())
}

//! What a task's actor is told, and what it answers.

use chrono::{DateTime, Utc};
use protocol::ids::UserId;
use protocol::wire::message::Progress;
use ractor::RpcReplyPort;
use ractor_cluster::RactorMessage;

use super::machine::{Input, Refused};
use crate::supervise::Letter;

#[derive(Debug, RactorMessage)]
pub enum TaskMsg {
    Input {
        user: Option<UserId>,
        input: Input,
        reply: Option<RpcReplyPort<Applied>>,
    },
    /// A passing figure from the agent.
    Progress(Progress),
    /// Do again what is owed to the world: the actor was activated, or the agent is back.
    Owed,
    /// The same, by its own timer: what it owes is a plan that could not be made.
    PlanAgain,
    /// Leave memory if nothing came since the given count of messages.
    IdleSince(u64),
    /// Leave the review in its row if nothing came for a while.
    Rest,
    /// Asks nothing; see [`crate::inspect::watchdog`].
    Probe,
}

impl Letter for TaskMsg {
    /// A person, an agent and a timer each send one at a time; far more than this means that the actor is stuck.
    const WAITING_MAX: usize = 64;

    fn kind(&self) -> &'static str {
        match self {
            Self::Input { input, .. } => input.kind(),
            Self::Progress(_) => "progress",
            Self::Owed | Self::PlanAgain => "owed",
            Self::IdleSince(_) => "idle",
            Self::Rest => "rest",
            Self::Probe => "probe",
        }
    }

    fn counted(&self) -> bool {
        match self {
            // Its own planner's answer has nobody who waits.
            Self::Input { reply, .. } => reply.is_some(),
            Self::IdleSince(_) | Self::Rest | Self::PlanAgain => false,
            Self::Progress(_) | Self::Owed | Self::Probe => true,
        }
    }
}

/// The answer to an input.
#[derive(Debug)]
pub enum Applied {
    /// Durable (or it already was).
    Done {
        held_until: Option<DateTime<Utc>>,
    },
    Refused(Refused),
    NotFound,
    NoPlace,
}

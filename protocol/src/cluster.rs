//! Messages from gateways to the coordinator that owns a user, through the process group [`ROUTERS`].
//!
//! Only one actor per node (the router) speaks them. Their payloads are bytes, decoded inside the handler: a payload
//! type that fails to decode inside the cluster library would kill the receiving actor.

use std::collections::BTreeMap;

use ractor::RpcReplyPort;
use ractor_cluster::RactorClusterMessage;
use serde::{Deserialize, Serialize};

use crate::ids::{CommandId, FieldId, PermitId, ResumeId, TaskId, UserId};

/// Process group of the coordinators' routers.
pub const ROUTERS: &str = "valet.routers";

/// How long a caller waits for an answer, in milliseconds. A command commits in a few; a takeover takes seconds.
pub const ANSWER_TIMEOUT_MS: u64 = 10_000;

/// What a router takes.
#[derive(RactorClusterMessage)]
pub enum RouterMessage {
    /// An encoded [`Command`]; the answer is an encoded [`Answer`].
    #[rpc]
    Command(Vec<u8>, RpcReplyPort<Vec<u8>>),
    /// From another coordinator, for a task this one owns; sealed, as is the answer.
    #[rpc]
    Peer(Vec<u8>, RpcReplyPort<Vec<u8>>),
    /// From another coordinator, sealed; no answer.
    Note(Vec<u8>),
    /// An encoded [`crate::inspect::Request`]; the answer is an encoded [`crate::inspect::Answer`]. Every node answers
    /// for its own actors.
    #[rpc]
    Inspect(Vec<u8>, RpcReplyPort<Vec<u8>>),
}

/// A command about one user's things. The id makes it safe to send again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Command {
    pub id: CommandId,
    pub user: UserId,
    pub action: Action,
}

/// Nodes of two versions speak to each other while a fleet is updated: a variant never changes, a new one stands at the
/// end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Action {
    /// A task was inserted by the gateway: take it up.
    TaskCreated {
        task: TaskId,
    },
    Cancel {
        task: TaskId,
    },
    Retry {
        task: TaskId,
    },
    /// Edits of an open review.
    Edit {
        task: TaskId,
        revision: i64,
        edits: Vec<Edit>,
    },
    /// The person has read the review and wants it sent.
    Approve {
        task: TaskId,
        revision: Option<i64>,
        overrides: BTreeMap<String, String>,
        remember: Vec<FieldId>,
    },
    /// The person dealt with a blocker.
    ResolveBlocker {
        task: TaskId,
        /// `human` or `system`, as the caller says.
        by: String,
        /// The person's own words, for the application's history.
        note: Option<String>,
    },
    /// The person says whether a click nobody saw the end of did send, and not which click they mean: taken only while
    /// there has been no other.
    AnswerOutcome {
        task: TaskId,
        sent: bool,
        /// As for a blocker.
        note: Option<String>,
    },
    ExtendHold {
        task: TaskId,
        minutes: u32,
    },
    /// Somebody opened (or the last one closed) the live view.
    Watch {
        task: TaskId,
        on: bool,
    },
    /// A resume was stored and wants parsing.
    ParseResume {
        resume: ResumeId,
    },
    /// As [`Action::AnswerOutcome`], about the click made with this permit.
    AnswerOutcomeOf {
        task: TaskId,
        permit: PermitId,
        sent: bool,
        note: Option<String>,
    },
}

/// One edit of a reviewed value, as a person enters it: choices by their labels, several joined with "; ".
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Edit {
    pub field: FieldId,
    /// `None` clears the field.
    pub value: Option<String>,
    /// Keep the answer in the bank for the next form.
    pub remember: bool,
}

pub type Answer = Result<Done, Rejected>;

/// The command is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Done {
    Ok,
    HeldUntil { at_ms: i64 },
}

/// The command was understood and refused; nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}")]
pub struct Rejected {
    pub code: RejectCode,
    /// For the person.
    pub message: String,
    /// Fields concerned, for `NEEDS_YOU`.
    pub fields: Vec<FieldId>,
}

impl Rejected {
    pub fn new(code: RejectCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new() }
    }
}

crate::named_enum! {
    /// Codes of refused commands, the gateway's error codes.
    pub enum RejectCode {
        NotFound = "TASK_NOT_FOUND",
        NotCancellable = "TASK_NOT_CANCELLABLE",
        NotRetryable = "TASK_NOT_RETRYABLE",
        NotReviewable = "NOT_REVIEWABLE",
        NotResolvable = "TASK_NOT_RESOLVABLE",
        StaleReview = "STALE_REVIEW",
        NeedsYou = "NEEDS_YOU",
        InvalidEdit = "INVALID_EDIT",
        OutcomeUnknown = "OUTCOME_UNKNOWN",
        /// The coordinator could not make it durable; sending the same command again is safe.
        Unavailable = "UNAVAILABLE",
        /// It is asked about another click than the one that is answered for.
        StaleOutcome = "STALE_OUTCOME",
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::wire::codec::encode;

    /// Gateways of one version meet coordinators of another on every rollout: these bytes must never change.
    #[test]
    fn golden_bytes() {
        let id = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);
        // An id has its length before it.
        let uuid = [&[16], &id.as_bytes()[..]].concat();
        let (task, permit) = (TaskId(id), PermitId(id));
        let answer = encode(&Action::AnswerOutcome { task, sent: true, note: None }).unwrap();
        assert_eq!(answer, [&[6], &uuid[..], &[1, 0]].concat());
        let about = Action::AnswerOutcomeOf { task, permit, sent: false, note: Some("no".into()) };
        assert_eq!(encode(&about).unwrap(), [&[10], &uuid[..], &uuid[..], &[0, 1, 2, b'n', b'o']].concat());
        let codes = [RejectCode::NotFound, RejectCode::Unavailable, RejectCode::StaleOutcome];
        assert_eq!(codes.map(|code| encode(&code).unwrap()), [[0], [9], [10]]);
    }
}

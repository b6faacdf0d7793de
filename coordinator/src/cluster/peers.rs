//! Messages between coordinators: inputs for tasks that another node owns, words for sandboxes that another node has.
//!
//! They travel through the nodes' routers ([`crate::router`]) as bytes with a code that only coordinators can make:
//! gateways share the links but must not speak for a coordinator. Routers are looked up for every message, because one
//! that came back is another actor. A [`Request`] is answered; a [`Note`] may be lost: what is owed is repeated.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};
use protocol::cluster::{Action, ROUTERS, Rejected, RouterMessage};
use protocol::ids::{CommandId, LeaseId, NodeId, PermitId, SandboxId, UserId};
use protocol::task::Confirmation;
use protocol::wire::codec;
use protocol::wire::message::{JobDown, Progress, Report};
use ractor::ActorRef;
use ractor::rpc::CallResult;
use serde::{Deserialize, Serialize};
use store::tasks::TaskAt;
use tracing::{debug, warn};

use super::owner::OwnerMsg;
use crate::core::Core;
use crate::sandbox::actor::SandboxMsg;
use crate::task::handle::{TaskError, Tasks};
use crate::task::machine::{Input, Refused};

/// Longest message between nodes: the largest from an agent, and what is put around it.
const MESSAGE_MAX: usize = codec::BODY_MAX + (4 << 10);
/// Bytes of the code before each message.
const CODE_LEN: usize = 32;

/// Makes and checks the codes.
#[derive(Clone)]
pub struct Seal(hmac::Key);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(***)")
    }
}

impl Seal {
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    fn close<T: Serialize>(&self, message: &T) -> Result<Vec<u8>, codec::Error> {
        let body = codec::encode_up_to::<T, MESSAGE_MAX>(message)?;
        let mut sealed = hmac::sign(&self.0, &body).as_ref().to_vec();
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// The message, if a coordinator made it.
    pub(crate) fn open<T: serde::de::DeserializeOwned>(&self, sealed: &[u8]) -> Option<T> {
        let (code, body) = sealed.split_at_checked(CODE_LEN)?;
        hmac::verify(&self.0, body, code).ok()?;
        codec::decode_up_to::<T, MESSAGE_MAX>(body).ok()
    }
}

/// Asked of the node that owns a task.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    at: TaskAt,
    user: Option<UserId>,
    input: Passed,
}

/// Inputs that come from other nodes; the others arise where the task is.
#[derive(Debug, Serialize, Deserialize)]
enum Passed {
    Claimed { sandbox: SandboxId, epoch: i64, lease: LeaseId },
    Report { lease: LeaseId, number: u64, report: Box<Report> },
    Person { id: CommandId, action: Action },
    LeaseLost { lease: LeaseId, permit_used: Option<bool> },
    Confirmed { permit: PermitId, confirmation: Confirmation },
    Park,
    Wake,
    Drained,
    PermitFound { permit: PermitId, confirmation: Option<Confirmation> },
}

/// The answer to a [`Request`].
#[derive(Debug, Serialize, Deserialize)]
enum Answered {
    Done { held_until_ms: Option<i64> },
    Rejected(Rejected),
    StaleLease,
    Gap,
    Unfitting { input: String, state: String },
    NotFound,
    NotOwner,
    NoPlace,
    Overloaded,
    Unanswered,
}

/// Told to another node, without an answer.
#[derive(Debug, Serialize, Deserialize)]
pub enum Note {
    /// A field was filled.
    Progress { at: TaskAt, progress: Progress },
    /// The task's agent is back.
    Owed { at: TaskAt },
    /// For the sandbox that has its session with that node.
    Sandbox { sandbox: SandboxId, word: Word },
    /// The sandbox has a later session elsewhere.
    Superseded { sandbox: SandboxId, epoch: i64 },
    /// A task waits for a place, or a place became free.
    Dispatch,
    /// Shards were given: look for yours.
    Look,
}

/// What a task has to say to its sandbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Word {
    OpenJob { at: TaskAt, lease: LeaseId },
    Send { at: TaskAt, lease: LeaseId, message: Box<JobDown> },
    Release { lease: LeaseId },
}

/// The process group of one node's router.
#[must_use]
pub fn group(node: NodeId) -> String {
    format!("{ROUTERS}.{node}")
}

fn router(node: NodeId) -> Option<ActorRef<RouterMessage>> {
    ractor::pg::get_members(&group(node)).into_iter().next().map(Into::into)
}

/// Has the node that owns the task take the input.
///
/// # Errors
/// As the task says; [`TaskError::NotOwner`] when the node is not there or owns it no more, [`TaskError::Unreachable`] when
/// it does not answer.
pub async fn ask(
    core: &Core,
    node: NodeId,
    at: TaskAt,
    user: Option<UserId>,
    input: Input,
    patience: Duration,
) -> Result<Option<DateTime<Utc>>, TaskError> {
    let Some(input) = Passed::of(input) else { return Err(TaskError::Unanswered) };
    let request = match core.seal.close(&Request { at, user, input }) {
        Ok(request) => request,
        Err(error) => {
            warn!(task.id = %at.id, %error, "an input is too large to be passed on");
            return Err(TaskError::Unanswered);
        }
    };
    let router = router(node).ok_or(TaskError::NotOwner)?;
    match router.call(|reply| RouterMessage::Peer(request, reply), Some(patience)).await {
        Ok(CallResult::Success(bytes)) => {
            core.seal.open::<Answered>(&bytes).map_or(Err(TaskError::Unanswered), Answered::into_result)
        }
        // The link broke: the same again is safe, with whoever owns it then.
        Ok(CallResult::SenderError) | Err(_) => Err(TaskError::NotOwner),
        Ok(CallResult::Timeout) => Err(TaskError::Unreachable),
    }
}

/// Answers another node's request; `None` when it was none of a coordinator's.
pub async fn answer(tasks: &Tasks, core: &Core, request: &[u8]) -> Option<Vec<u8>> {
    let Request { at, user, input } = core.seal.open(request)?;
    let answered = match tasks.input_here(at, user, input.into()).await {
        Ok(held_until) => Answered::Done { held_until_ms: held_until.map(|until| until.timestamp_millis()) },
        Err(error) => error.into(),
    };
    core.seal.close(&answered).ok()
}

/// Tells one node.
pub fn tell(core: &Core, node: NodeId, note: &Note) {
    let (Some(router), Ok(sealed)) = (router(node), core.seal.close(note)) else {
        debug!(node.id = %node, "node {node} cannot be told");
        return;
    };
    let _ = router.cast(RouterMessage::Note(sealed));
}

/// Tells every other node.
pub fn tell_all(core: &Core, note: &Note) {
    for node in core.cluster.view().nodes.iter().filter(|node| node.id != core.node) {
        tell(core, node.id, note);
    }
}

/// The node where the sandbox has its session; this one when there is none.
pub async fn node_of(core: &Core, sandbox: SandboxId) -> NodeId {
    if core.sessions.contains_key(&sandbox) || core.cluster.view().nodes.len() <= 1 {
        return core.node;
    }
    let whereabouts = async {
        let mut tx = core.store.begin().await?;
        store::agents::whereabouts(&mut tx, sandbox).await
    };
    match whereabouts.await {
        Ok(node) => node.unwrap_or(core.node),
        Err(error) => {
            warn!(sandbox.id = %sandbox, %error, "a sandbox was not found; what is owed is repeated");
            core.node
        }
    }
}

/// Passes a word on to the node where the sandbox has its session. Without one it is dropped: what is owed is repeated
/// when the agent is back.
pub fn say(core: &Arc<Core>, node: NodeId, sandbox: SandboxId, word: Word) {
    if node == core.node {
        deliver(core, sandbox, word);
    } else {
        tell(core, node, &Note::Sandbox { sandbox, word });
    }
}

/// To the sandbox's actor of this node, if there is one.
fn deliver(core: &Arc<Core>, sandbox: SandboxId, word: Word) {
    let message = match word {
        Word::OpenJob { at, lease } => {
            let core = Arc::clone(core);
            tokio::spawn(async move {
                if let Err(error) = crate::jobs::open(&core, at, sandbox, lease).await {
                    warn!(task.id = %at.id, %error, "a job could not be opened; its deadline will repeat it");
                }
            });
            return;
        }
        Word::Send { at, lease, message } => SandboxMsg::Send { at, lease, message },
        Word::Release { lease } => SandboxMsg::Release { lease },
    };
    if let Some(actor) = core.sandboxes.get(&sandbox) {
        let _ = actor.cast(message);
    }
}

/// Takes another node's note; `false` when it was none of a coordinator's.
pub fn take(tasks: &Tasks, core: &Arc<Core>, sealed: &[u8]) -> bool {
    let Some(note) = core.seal.open(sealed) else { return false };
    match note {
        Note::Progress { at, progress } => tasks.progress_here(at, progress),
        Note::Owed { at } => {
            let tasks = tasks.clone();
            tokio::spawn(async move {
                if let Err(error) = tasks.repeat_owed_here(at).await {
                    warn!(task.id = %at.id, %error, "task {} was not told that its agent is back", at.id);
                }
            });
        }
        Note::Sandbox { sandbox, word } => deliver(core, sandbox, word),
        Note::Superseded { sandbox, epoch } => {
            if let Some(actor) = core.sandboxes.get(&sandbox) {
                let _ = actor.cast(SandboxMsg::Superseded { epoch });
            }
        }
        Note::Dispatch => core.dispatch.notify_one(),
        Note::Look => {
            if let Some(owner) = core.owner() {
                let _ = owner.cast(OwnerMsg::Look);
            }
        }
    }
    true
}

impl Passed {
    fn of(input: Input) -> Option<Self> {
        Some(match input {
            Input::Claimed { sandbox, epoch, lease } => Self::Claimed { sandbox, epoch, lease },
            Input::Report { lease, number, report } => Self::Report { lease, number, report },
            Input::Person { id, action } => Self::Person { id, action },
            Input::LeaseLost { lease, permit_used } => Self::LeaseLost { lease, permit_used },
            Input::Confirmed { permit, confirmation } => Self::Confirmed { permit, confirmation },
            Input::PermitFound { permit, confirmation } => Self::PermitFound { permit, confirmation },
            Input::Park => Self::Park,
            Input::Drained => Self::Drained,
            Input::Wake => Self::Wake,
            Input::Planned { .. } | Input::Unwritable | Input::Crashing => return None,
        })
    }
}

impl From<Passed> for Input {
    fn from(passed: Passed) -> Self {
        match passed {
            Passed::Claimed { sandbox, epoch, lease } => Self::Claimed { sandbox, epoch, lease },
            Passed::Report { lease, number, report } => Self::Report { lease, number, report },
            Passed::Person { id, action } => Self::Person { id, action },
            Passed::LeaseLost { lease, permit_used } => Self::LeaseLost { lease, permit_used },
            Passed::Confirmed { permit, confirmation } => Self::Confirmed { permit, confirmation },
            Passed::PermitFound { permit, confirmation } => Self::PermitFound { permit, confirmation },
            Passed::Park => Self::Park,
            Passed::Drained => Self::Drained,
            Passed::Wake => Self::Wake,
        }
    }
}

impl Answered {
    fn into_result(self) -> Result<Option<DateTime<Utc>>, TaskError> {
        Err(match self {
            Self::Done { held_until_ms } => return Ok(held_until_ms.and_then(DateTime::from_timestamp_millis)),
            Self::Rejected(rejected) => TaskError::Refused(rejected.into()),
            Self::StaleLease => TaskError::Refused(Refused::StaleLease),
            Self::Gap => TaskError::Refused(Refused::Gap),
            Self::Unfitting { input, state } => TaskError::Refused(Refused::Unfitting { input: input.into(), state }),
            Self::NotFound => TaskError::NotFound,
            Self::NotOwner => TaskError::NotOwner,
            Self::NoPlace => TaskError::NoPlace,
            Self::Overloaded => TaskError::Overloaded,
            Self::Unanswered => TaskError::Unanswered,
        })
    }
}

impl From<TaskError> for Answered {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::Refused(Refused::Rejected(rejected)) => Self::Rejected(rejected),
            TaskError::Refused(Refused::StaleLease) => Self::StaleLease,
            TaskError::Refused(Refused::Gap) => Self::Gap,
            TaskError::Refused(Refused::Unfitting { input, state }) => {
                Self::Unfitting { input: input.into_owned(), state }
            }
            TaskError::NotFound => Self::NotFound,
            TaskError::NotOwner => Self::NotOwner,
            TaskError::NoPlace => Self::NoPlace,
            TaskError::Overloaded => Self::Overloaded,
            TaskError::Unanswered | TaskError::Unreachable => Self::Unanswered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_coordinators_message_is_opened() {
        let (ours, theirs) = (Seal::new(&[1; 32]), Seal::new(&[2; 32]));
        let sealed = ours.close(&Note::Dispatch).unwrap();
        assert!(matches!(ours.open(&sealed), Some(Note::Dispatch)));
        assert!(theirs.open::<Note>(&sealed).is_none());
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(ours.open::<Note>(&changed).is_none());
        assert!(ours.open::<Note>(&sealed[..8]).is_none());
    }
}

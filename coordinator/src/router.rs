//! Takes commands from gateways and brings each to the actor of its task.
//!
//! The only actor of this node that speaks cluster messages: commands of gateways, and what other coordinators say
//! ([`crate::cluster::peers`]). Handlers never wait: each command runs on its own, up to
//! a bound, and answers its caller.

use std::sync::Arc;

use protocol::cluster::{Action, Answer, Command, Done, ROUTERS, RejectCode, Rejected, RouterMessage};
use protocol::ids::TaskId;
use protocol::inspect::{self, Ask, Reply, Request};
use protocol::wire::codec;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use store::shards::shard_of;
use store::tasks::TaskAt;
use tokio::sync::Semaphore;
use tracing::warn;

use crate::cluster::peers;
use crate::core::Core;
use crate::inspect::{ROUTER, steer};
use crate::resume_work::ResumeWork;
use crate::supervise::Mailbox;
use crate::task::handle::{TaskError, Tasks};
use crate::task::machine::{Input, Refused};

/// Commands under way at a time. Each waits for a commit of a few milliseconds; beyond this the database is what is
/// slow, and the caller is told to come again.
const COMMANDS_MAX: usize = 1_024;

pub struct Router;

pub struct RouterArgs {
    pub core: Arc<Core>,
    pub resumes: ResumeWork,
}

pub struct RouterState {
    core: Arc<Core>,
    mailbox: Arc<Mailbox>,
    tasks: Tasks,
    resumes: ResumeWork,
    under_way: Arc<Semaphore>,
}

impl Actor for Router {
    type Msg = RouterMessage;
    type State = RouterState;
    type Arguments = RouterArgs;

    async fn pre_start(
        &self,
        me: ActorRef<RouterMessage>,
        args: RouterArgs,
    ) -> Result<RouterState, ActorProcessingErr> {
        ractor::pg::join(ROUTERS.to_owned(), vec![me.get_cell()]);
        ractor::pg::join(peers::group(args.core.node), vec![me.get_cell()]);
        Ok(RouterState {
            mailbox: args.core.inspect.mailbox(ROUTER),
            tasks: Tasks::new(Arc::clone(&args.core)),
            core: args.core,
            resumes: args.resumes,
            under_way: Arc::new(Semaphore::new(COMMANDS_MAX)),
        })
    }

    async fn handle(
        &self,
        _: ActorRef<RouterMessage>,
        message: RouterMessage,
        state: &mut RouterState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RouterMessage::Command(bytes, reply) => state.command(&bytes, reply),
            RouterMessage::Inspect(bytes, reply) => state.inspect(&bytes, reply),
            RouterMessage::Peer(bytes, reply) => state.peer(bytes, reply),
            RouterMessage::Note(bytes) => {
                if !peers::take(&state.tasks, &state.core, &bytes) {
                    forged();
                }
            }
        }
        Ok(())
    }
}

impl RouterState {
    fn command(&self, bytes: &[u8], reply: RpcReplyPort<Vec<u8>>) {
        let _in_hand = self.mailbox.handling("command", false);
        let command: Command = match codec::decode(bytes) {
            Ok(command) => command,
            Err(error) => {
                warn!(%error, "a command could not be decoded");
                return answer(reply, &Answer::Err(unavailable("The command was not understood.")));
            }
        };
        let Ok(permit) = Arc::clone(&self.under_way).try_acquire_owned() else {
            return answer(reply, &Answer::Err(unavailable("Too much is going on at the moment; please try again.")));
        };
        let (tasks, resumes) = (self.tasks.clone(), self.resumes.clone());
        let under_way = self.mailbox.under_way("command");
        tokio::spawn(async move {
            let _under_way = under_way;
            let done = run(&tasks, &resumes, command).await;
            answer(reply, &done);
            drop(permit);
        });
    }

    /// Another coordinator's request. Without an answer it asks again.
    fn peer(&self, bytes: Vec<u8>, reply: RpcReplyPort<Vec<u8>>) {
        let _in_hand = self.mailbox.handling("peer", false);
        let Ok(permit) = Arc::clone(&self.under_way).try_acquire_owned() else { return };
        let (tasks, core) = (self.tasks.clone(), Arc::clone(&self.core));
        tokio::spawn(async move {
            match peers::answer(&tasks, &core, &bytes).await {
                Some(answer) => drop(reply.send(answer)),
                None => forged(),
            }
            drop(permit);
        });
    }
}

fn forged() {
    metrics::counter!("valet_peer_messages_refused_total").increment(1);
    warn!("a message between coordinators was not made by one of them");
}

impl RouterState {
    /// Answers for this node's actors. A request that is not understood or one too many is not answered: the asker
    /// names this node as unreachable.
    fn inspect(&self, bytes: &[u8], reply: RpcReplyPort<Vec<u8>>) {
        let request: Request = match codec::decode(bytes) {
            Ok(request) => request,
            Err(error) => {
                warn!(%error, "a question about actors could not be decoded");
                return;
            }
        };
        let node = self.core.node;
        if let (None, Ask::Probe { tasks, sandboxes }) = (&request.caller, &request.ask) {
            let _in_hand = self.mailbox.handling("probe", true);
            self.mailbox.probed();
            steer::probe(&self.core, tasks, sandboxes);
            return answer(reply, &inspect::Answer { node, reply: Reply::Done });
        }
        let _in_hand = self.mailbox.handling("inspect", false);
        let Ok(permit) = Arc::clone(&self.under_way).try_acquire_owned() else { return };
        let core = Arc::clone(&self.core);
        tokio::spawn(async move {
            let told = steer::answer(&core, request).await;
            answer(reply, &inspect::Answer { node, reply: told });
            drop(permit);
        });
    }
}

fn answer(reply: RpcReplyPort<Vec<u8>>, answer: &impl serde::Serialize) {
    match codec::encode(answer) {
        Ok(bytes) => {
            let _ = reply.send(bytes);
        }
        Err(error) => warn!(%error, "an answer could not be encoded"),
    }
}

fn unavailable(message: &str) -> Rejected {
    Rejected::new(RejectCode::Unavailable, message)
}

fn task_of(action: &Action) -> Option<TaskId> {
    match action {
        Action::TaskCreated { task }
        | Action::Cancel { task }
        | Action::Retry { task }
        | Action::Edit { task, .. }
        | Action::Approve { task, .. }
        | Action::ResolveBlocker { task, .. }
        | Action::AnswerOutcome { task, .. }
        | Action::AnswerOutcomeOf { task, .. }
        | Action::ExtendHold { task, .. }
        | Action::Watch { task, .. } => Some(*task),
        Action::ParseResume { .. } => None,
    }
}

async fn run(tasks: &Tasks, resumes: &ResumeWork, command: Command) -> Answer {
    let Command { id, user, action } = command;
    if let Action::ParseResume { resume } = action {
        resumes.parse(resume);
        return Ok(Done::Ok);
    }
    let Some(task) = task_of(&action) else { return Err(unavailable("The command was not understood.")) };
    let holds = matches!(action, Action::ExtendHold { .. });
    let at = TaskAt { id: task, shard: shard_of(user) };
    match tasks.input(at, Some(user), Input::Person { id, action }).await {
        Ok(Some(until)) if holds => Ok(Done::HeldUntil { at_ms: until.timestamp_millis() }),
        Ok(_) => Ok(Done::Ok),
        Err(TaskError::NotFound) => Err(Rejected::new(RejectCode::NotFound, "There is no such application.")),
        Err(TaskError::Refused(Refused::Rejected(rejected))) => Err(rejected),
        Err(error) => {
            warn!(task.id = %task, %error, "a command for task {task} was not taken");
            Err(unavailable("This could not be saved just now; please try again."))
        }
    }
}

//! Owns one sandbox's session: the agent's link, the job streams, and the judgement of its silence.
//!
//! Talks to: the agent (through its link), tasks (leases found again, lost, or to be let go by a host that stops), the
//! store (session epochs). Spoken to by:
//! the sessions (hello, heartbeats, the end), task actors (messages for their jobs). A message for a job without a
//! stream is dropped, and one may be lost on its way from another node: what is owed is repeated when the agent is back,
//! and when the rows and what was said disagree.

mod hello;
mod leave;
mod record;
mod watch;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use protocol::form::FileRef;
use protocol::ids::{LeaseId, SandboxId};
use protocol::wire::close;
use protocol::wire::message::{ControlDown, Hello, JobDown, JobStart};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use ractor_cluster::RactorMessage;
use store::agents::Standing;
use store::drains::Drain;
use store::tasks::TaskAt;
use tokio::task::AbortHandle;
use tracing::{info, warn};

use super::rows::Recorded;
use super::session::Session;
use super::silence::LOST_AFTER;
use crate::core::{Core, Leaseholder};
use crate::inspect::tree;
use crate::listener::AgentLink;
use crate::supervise::{Letter, Mailbox, Shown};
use crate::task::handle::Tasks;

#[derive(Debug, RactorMessage)]
pub enum SandboxMsg {
    /// An authenticated agent opened a session; replies with its epoch.
    Hello {
        hello: Box<Hello>,
        link: AgentLink,
        reply: RpcReplyPort<Result<i64, Unopened>>,
    },
    /// The agent lives, and names the leases it holds. Ignored under an old epoch.
    Heartbeat {
        epoch: i64,
        leases: Vec<LeaseId>,
    },
    /// The agent lives: it said something else.
    Heard {
        epoch: i64,
    },
    /// The rows may be those of a while ago: the agent is to say anew what it holds.
    SayHello,
    /// A report under this lease does not follow those that are known.
    Gap {
        lease: LeaseId,
    },
    /// The agent wants no new work.
    Draining {
        epoch: i64,
    },
    /// The session of this epoch is over.
    Gone {
        epoch: i64,
    },
    /// The sandbox has a later session at another node.
    Superseded {
        epoch: i64,
    },
    OpenJob {
        at: TaskAt,
        start: Box<JobStart>,
        files: Vec<(FileRef, Bytes)>,
    },
    Send {
        at: TaskAt,
        lease: LeaseId,
        message: Box<JobDown>,
    },
    /// The lease is over: the agent is to forget it.
    Release {
        lease: LeaseId,
    },
    Tick,
    /// A drain or its end was committed: read the row.
    ReadDrain,
    /// What the rows say, as read beside a heartbeat.
    Recorded(Box<Recorded>),
    /// The sandbox was revoked, and its row shows a session here.
    Revoked,
    /// Asks nothing; see [`crate::inspect::watchdog`].
    Probe,
}

/// Why a session was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unopened {
    /// The sandbox is in no good standing.
    Standing(Standing),
    /// The database did not take it, or nobody knows.
    Unavailable,
}

impl Letter for SandboxMsg {
    /// A host has at most a hundred jobs; each has a message or two on its way, and heartbeats are handled in
    /// microseconds.
    const WAITING_MAX: usize = 1_024;

    fn kind(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Heartbeat { .. } => "heartbeat",
            Self::Heard { .. } => "heard",
            Self::SayHello => "say_hello",
            Self::Gap { .. } => "gap",
            Self::Draining { .. } => "agent_draining",
            Self::Gone { .. } => "gone",
            Self::Superseded { .. } => "superseded",
            Self::OpenJob { .. } => "open_job",
            Self::Send { .. } => "send",
            Self::Release { .. } => "release",
            Self::Tick => "tick",
            Self::ReadDrain => "read_drain",
            Self::Recorded(_) => "recorded",
            Self::Revoked => "revoked",
            Self::Probe => "probe",
        }
    }

    fn counted(&self) -> bool {
        !matches!(self, Self::Tick | Self::Recorded(_))
    }

    /// The end of a session is told once, and so is that of the database's history.
    fn bounded(&self) -> bool {
        !matches!(self, Self::Draining { .. } | Self::Gone { .. } | Self::Superseded { .. } | Self::SayHello)
    }
}

pub struct SandboxActor;

pub struct SandboxArgs {
    pub core: Arc<Core>,
    pub id: SandboxId,
    pub mailbox: Arc<Mailbox>,
}

pub struct SandboxState {
    core: Arc<Core>,
    tasks: Tasks,
    id: SandboxId,
    mailbox: Arc<Mailbox>,
    session: Option<Session>,
    /// When the agent was last heard, or when we began to wait for it.
    heard: Instant,
    recorded_at: Instant,
    /// It was silent for so long that it gets no more work.
    suspected: bool,
    /// The next look at its silence.
    look: Option<AbortHandle>,
    /// The agent stops: what is held for people is parked, now and as it comes to be held, so that it need not wait
    /// for them.
    stopping: bool,
    /// An admin drains the host, as committed in its row: held browsers are parked in the same way.
    drain: Option<Drain>,
    /// What the row does not say yet, so that the dispatcher would place work on it.
    unnoted: Option<End>,
    /// Leases whose reports cannot be taken any more: they end at the next hello, which says first what the agent knows of
    /// permits.
    gaps: HashSet<LeaseId>,
}

/// The end of a session, of this epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The agent stops; what it holds is still talked about.
    Stopping(i64),
    Over(i64),
}

impl Actor for SandboxActor {
    type Msg = SandboxMsg;
    type State = SandboxState;
    type Arguments = SandboxArgs;

    async fn pre_start(&self, me: ActorRef<SandboxMsg>, args: SandboxArgs) -> Result<SandboxState, ActorProcessingErr> {
        me.cast(SandboxMsg::Tick)?;
        Ok(SandboxState {
            tasks: Tasks::new(Arc::clone(&args.core)),
            core: args.core,
            id: args.id,
            mailbox: args.mailbox,
            session: None,
            heard: Instant::now(),
            recorded_at: Instant::now(),
            suspected: false,
            look: None,
            stopping: false,
            drain: None,
            unnoted: None,
            gaps: HashSet::new(),
        })
    }

    async fn handle(
        &self,
        me: ActorRef<SandboxMsg>,
        message: SandboxMsg,
        state: &mut SandboxState,
    ) -> Result<(), ActorProcessingErr> {
        let _in_hand = state.mailbox.handling(message.kind(), message.counted());
        // What changes when its silence means something. Words and heartbeats only put it off: the look set before finds
        // that out.
        let looks = matches!(
            message,
            SandboxMsg::Hello { .. }
                | SandboxMsg::Gone { .. }
                | SandboxMsg::Draining { .. }
                | SandboxMsg::Revoked
                | SandboxMsg::Recorded(_)
                | SandboxMsg::ReadDrain
                | SandboxMsg::OpenJob { .. }
                | SandboxMsg::Tick
        );
        match message {
            SandboxMsg::Hello { hello, link, reply } => {
                // What is long is boxed: an actor at rest keeps room for the largest of these futures.
                let answer = Box::pin(state.hello(*hello, link)).await;
                // Whoever asked has given up, and the connection with it.
                let over = answer.ok().filter(|_| reply.is_closed());
                let _ = reply.send(answer);
                if let Some(epoch) = over {
                    state.session = None;
                    Box::pin(state.note_end(End::Over(epoch))).await;
                }
            }
            SandboxMsg::Heartbeat { epoch, leases } => state.heartbeat(&me, epoch, Some(leases)),
            SandboxMsg::Heard { epoch } => state.heartbeat(&me, epoch, None),
            SandboxMsg::SayHello => {
                if let Some(session) = &state.session {
                    session.link.close(close::GOING_DOWN);
                }
            }
            SandboxMsg::Gap { lease } => drop(state.gaps.insert(lease)),
            SandboxMsg::Draining { epoch } => {
                if state.session.as_ref().is_some_and(|session| session.epoch == epoch) {
                    state.stopping = true;
                    state.park_held();
                    Box::pin(state.note_end(End::Stopping(epoch))).await;
                }
            }
            SandboxMsg::Gone { epoch } => {
                if state.session.as_ref().is_some_and(|session| session.epoch == epoch) {
                    state.session = None;
                    state.stopping = false;
                    Box::pin(state.note_end(End::Over(epoch))).await;
                    info!(sandbox.id = %state.id, "agent of sandbox {} disconnected", state.id);
                }
            }
            SandboxMsg::Superseded { epoch } => {
                if state.session.as_ref().is_some_and(|session| session.epoch < epoch) {
                    state.session = None;
                    info!(sandbox.id = %state.id, "agent of sandbox {} went to another node", state.id);
                    me.stop(None);
                }
            }
            SandboxMsg::OpenJob { at, start, files } => state.open_job(at, *start, files),
            SandboxMsg::Send { at, lease, message } => state.send(at, lease, *message),
            SandboxMsg::Release { lease } => {
                if let Some(session) = &mut state.session {
                    session.forget(lease);
                    let _ = session.link.send(ControlDown::Release { leases: vec![lease] });
                }
            }
            SandboxMsg::Tick => match Box::pin(state.tick()).await {
                Ok(true) => {}
                Ok(false) => me.stop(None),
                Err(error) => {
                    warn!(sandbox.id = %state.id, %error, "a sandbox's leases could not be looked after; the next look does");
                }
            },
            SandboxMsg::ReadDrain => match Box::pin(state.read_drain()).await {
                Ok(drain) => state.set_drain(drain),
                Err(error) => {
                    warn!(sandbox.id = %state.id, %error, "a drain could not be read; the next heartbeat's record does");
                }
            },
            SandboxMsg::Recorded(recorded) => state.recorded(*recorded),
            SandboxMsg::Revoked => Box::pin(state.revoked()).await,
            SandboxMsg::Probe => state.mailbox.probed(),
        }
        if looks {
            state.look_again(&me);
        }
        state.show();
        Ok(())
    }
}

impl SandboxState {
    /// What the actor tree shows of the sandbox.
    fn show(&self) {
        let jobs = self.session.as_ref().map(|session| session.jobs.len());
        let state = match jobs {
            None => "disconnected",
            Some(_) if self.stopping => "stopping",
            Some(0) if self.drain.is_some() => "drained",
            Some(_) if self.drain.is_some() => "draining",
            Some(0) => "idle",
            Some(_) => "working",
        };
        let left = LOST_AFTER.saturating_sub(self.heard.elapsed());
        let deadline = Some(("lost", chrono::Utc::now() + left));
        if self.mailbox.show(Shown { state, lease: None, deadline }) {
            self.core.inspect.note(&tree::sandbox(self.id), protocol::inspect::What::State, state);
        }
    }

    fn open_job(&mut self, at: TaskAt, start: JobStart, files: Vec<(FileRef, Bytes)>) {
        let Some(session) = &mut self.session else { return };
        let lease = start.lease;
        // The files were read meanwhile: the job may have begun already.
        if session.jobs.contains_key(&lease) {
            return;
        }
        self.core.leases.insert(lease, Leaseholder { task: at, sandbox: self.id });
        let opened = session.link.open_job(JobDown::Start(start)).and_then(|job| {
            for (file, bytes) in files {
                session.link.send_file(lease, file, bytes)?;
            }
            Ok(job)
        });
        match opened {
            Ok(job) => session.insert(lease, at, job),
            Err(error) => {
                self.core.leases.remove(&lease);
                warn!(sandbox.id = %self.id, %error, "a job could not be opened");
            }
        }
    }

    fn send(&mut self, at: TaskAt, lease: LeaseId, message: JobDown) {
        let Some(session) = &mut self.session else { return };
        let (ends, command) = (matches!(message, JobDown::End { .. }), message.command());
        let job = session.jobs.get_mut(&lease);
        if command.is_some() && job.as_ref().is_some_and(|job| job.said == command) {
            return;
        }
        match job.and_then(|job| job.link.as_ref().map(|link| link.send(message)).map(|sent| (job, sent))) {
            Some((job, Ok(()))) => job.said = command.or(job.said),
            Some((job, Err(error))) => {
                warn!(sandbox.id = %self.id, %error, "a job's stream is over");
                job.link = None;
            }
            // Its job has not even been opened, or its stream broke: there is no page to close that could be asked.
            None if ends => {
                let tasks = self.tasks.clone();
                tokio::spawn(async move {
                    if let Err(error) = tasks.lease_lost(at, lease, None).await {
                        warn!(task.id = %at.id, %error, "a lease without a job was not ended; its deadline will");
                    }
                });
            }
            None => {}
        }
    }
}

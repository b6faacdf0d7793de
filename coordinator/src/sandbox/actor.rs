//! Owns one sandbox's session: the agent's link, the job streams, and the judgement of its silence.
//!
//! Talks to: the agent (through its link), tasks (leases found again, lost, or to be let go by a host that stops), the
//! store (session epochs). Spoken to by:
//! the sessions (hello, heartbeats, the end), task actors (messages for their jobs). A message for a job without a
//! stream is dropped: what is owed is repeated when the agent is back.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use protocol::form::FileRef;
use protocol::ids::{LeaseId, PermitId, SandboxId, TaskId};
use protocol::task::Confirmation;
use protocol::wire::close;
use protocol::wire::message::{ControlDown, HeldLease, Hello, JobDown, JobStart, Refusal};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use ractor_cluster::RactorMessage;
use store::agents::{self, SessionFacts};
use store::drains::{self, Drain};
use store::tasks::{self, Leased, TaskAt};
use tokio::task::AbortHandle;
use tracing::{info, warn};

use super::reconcile::{Reconciled, reconcile};
use super::session::Session;
use super::silence::{AGAIN, Heard, LOST_AFTER, Silence, judge};
use crate::cluster::peers::{self, Note};
use crate::core::{Core, Leaseholder};
use crate::inspect::tree;
use crate::listener::{AgentLink, Refused};
use crate::supervise::{Letter, Mailbox, Shown};
use crate::task::handle::{TaskError, Tasks};
use crate::task::machine::Input;

/// A heartbeat is written to the row this often: often enough for people, seldom enough for the database.
const RECORD_EVERY: Duration = Duration::from_secs(10);
/// How long a revoked agent has to read why before its connection is closed.
const CUT_WITHIN: Duration = Duration::from_millis(500);
/// Losses of one sandbox reported at a time; each is a commit of its task.
const LOSSES_AT_ONCE: usize = 16;

#[derive(Debug, RactorMessage)]
pub enum SandboxMsg {
    /// An authenticated agent opened a session; replies with its epoch.
    Hello {
        hello: Box<Hello>,
        link: AgentLink,
        reply: RpcReplyPort<Result<i64, Refused>>,
    },
    /// The agent lives. Ignored under an old epoch.
    Heartbeat {
        epoch: i64,
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
    /// What the row says of a drain, as read beside a heartbeat.
    Drain(Option<Drain>),
    /// The sandbox was revoked, and its row shows a session here.
    Revoked,
    /// Asks nothing; see [`crate::inspect::watchdog`].
    Probe,
}

impl Letter for SandboxMsg {
    /// A host has at most a hundred jobs; each has a message or two on its way, and heartbeats are handled in
    /// microseconds.
    const WAITING_MAX: usize = 1_024;

    fn kind(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Heartbeat { .. } => "heartbeat",
            Self::Draining { .. } => "agent_draining",
            Self::Gone { .. } => "gone",
            Self::Superseded { .. } => "superseded",
            Self::OpenJob { .. } => "open_job",
            Self::Send { .. } => "send",
            Self::Release { .. } => "release",
            Self::Tick => "tick",
            Self::ReadDrain => "read_drain",
            Self::Drain(_) => "drain",
            Self::Revoked => "revoked",
            Self::Probe => "probe",
        }
    }

    fn counted(&self) -> bool {
        !matches!(self, Self::Tick | Self::Drain(_))
    }

    /// The end of a session is told once.
    fn bounded(&self) -> bool {
        !matches!(self, Self::Draining { .. } | Self::Gone { .. } | Self::Superseded { .. })
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
    recorded: Instant,
    /// It was silent for so long that it gets no more work.
    suspected: bool,
    /// The next look at its silence.
    look: Option<AbortHandle>,
    /// The agent stops: what is held for people is parked, now and as it comes to be held, so that it need not wait
    /// for them.
    stopping: bool,
    /// An admin drains the host, as committed in its row: held browsers are parked in the same way.
    drain: Option<Drain>,
    /// A session that is over but still stands in its row, so that the dispatcher would place work on it.
    unclosed: Option<i64>,
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
            recorded: Instant::now(),
            suspected: false,
            look: None,
            stopping: false,
            drain: None,
            unclosed: None,
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
                | SandboxMsg::Drain(_)
                | SandboxMsg::ReadDrain
                | SandboxMsg::OpenJob { .. }
                | SandboxMsg::Tick
        );
        match message {
            SandboxMsg::Hello { hello, link, reply } => {
                let answer = state.hello(*hello, link).await;
                let _ = reply.send(answer);
            }
            SandboxMsg::Heartbeat { epoch } => state.heartbeat(&me, epoch),
            SandboxMsg::Draining { epoch } => {
                if state.session.as_ref().is_some_and(|session| session.epoch == epoch) {
                    state.stopping = true;
                    state.park_held();
                    state.close_session_row(epoch).await;
                }
            }
            SandboxMsg::Gone { epoch } => {
                if state.session.as_ref().is_some_and(|session| session.epoch == epoch) {
                    state.session = None;
                    state.stopping = false;
                    state.close_session_row(epoch).await;
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
            SandboxMsg::Tick => match state.tick().await {
                Ok(true) => {}
                Ok(false) => me.stop(None),
                Err(error) => {
                    warn!(sandbox.id = %state.id, %error, "a sandbox's leases could not be looked after; the next look does");
                }
            },
            SandboxMsg::ReadDrain => match state.read_drain().await {
                Ok(drain) => state.set_drain(drain),
                Err(error) => {
                    warn!(sandbox.id = %state.id, %error, "a drain could not be read; the next heartbeat's record does");
                }
            },
            SandboxMsg::Drain(drain) => state.set_drain(drain),
            SandboxMsg::Revoked => state.revoked().await,
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
    /// Opens the session and reconciles: leases the agent still has go on, leases it lost are lost, leases we do not
    /// know are to be forgotten. Nothing new is placed before that.
    async fn hello(&mut self, hello: Hello, link: AgentLink) -> Result<i64, Refused> {
        let unavailable = |_| Refused::new(Refusal::Busy, "the database does not answer; try again");
        let facts = SessionFacts {
            node: self.core.node,
            build: hello.build.chars().take(50).collect(),
            boot: hello.boot,
            capacity: i32::from(hello.capacity),
        };
        let mut tx = self.core.store.begin().await.map_err(unavailable)?;
        let opened = agents::open_session(&mut tx, self.id, &facts)
            .await
            .map_err(unavailable)?
            .ok_or_else(|| Refused::new(Refusal::Revoked, "this sandbox is not in good standing"))?;
        let leased = tasks::leased(&mut tx, self.id).await.map_err(unavailable)?;
        let drain = drains::read(&mut tx, self.id).await.map_err(unavailable)?;
        store::db::commit(tx, "opening a session").await.map_err(unavailable)?;
        let epoch = opened.epoch;
        if let Some(node) = opened.before.filter(|node| *node != self.core.node) {
            // Before the tasks are told: what they say from here on is for this session.
            peers::tell(&self.core, node, &Note::Superseded { sandbox: self.id, epoch });
        }

        if let Some(old) = self.session.take() {
            old.link.close(close::SUPERSEDED);
        }
        self.heard = Instant::now();
        self.stopping = false;
        self.drain = None;
        self.unclosed = None;
        self.suspected = false;
        let mut session = Session::new(Arc::clone(&self.core), self.id, epoch, link);
        let Reconciled { attached, lost, over, confirmed } = reconcile(&hello, &leased);
        for lease in attached {
            self.attach(&mut session, lease);
        }
        self.settle_over(&session.link, over, confirmed);
        info!(
            sandbox.id = %self.id, epoch, attached = session.jobs.len(), lost = lost.len(),
            "agent of sandbox {} connected", self.id
        );
        self.session = Some(session);
        self.set_drain(drain);
        self.report_lost(lost);
        self.core.ring();
        Ok(epoch)
    }

    /// The job goes on: the agent repeats what was not acknowledged, we repeat what is owed.
    fn attach(&self, session: &mut Session, leased: Leased) {
        self.core.leases.insert(leased.lease, Leaseholder { task: leased.task, sandbox: self.id });
        let first = JobDown::Attach { lease: leased.lease, acked: leased.last_report.unsigned_abs() };
        match session.link.open_job(first) {
            Ok(job) => {
                session.insert(leased.lease, leased.task, job);
                let tasks = self.tasks.clone();
                tokio::spawn(async move {
                    if let Err(error) = tasks.repeat_owed(leased.task).await {
                        let task = leased.task.id;
                        warn!(task.id = %task, %error, "task {task} was not told that its agent is back");
                    }
                });
            }
            Err(error) => warn!(sandbox.id = %self.id, %error, "a job could not be attached"),
        }
    }

    /// Tells the tasks what their employers confirmed, then has the agent let go of what is over here. In this order:
    /// with its lease the agent forgets the confirmation. A task that did not take it hears it at the next hello.
    fn settle_over(&self, link: &AgentLink, over: Vec<HeldLease>, confirmed: Vec<(TaskId, PermitId, Confirmation)>) {
        let (tasks, link) = (self.tasks.clone(), link.clone());
        tokio::spawn(async move {
            let unheard: HashSet<TaskId> = futures::stream::iter(confirmed)
                .map(|(task, permit, confirmation)| {
                    let tasks = tasks.clone();
                    async move {
                        let confirmed = async {
                            let at = tasks.find(task).await?;
                            tasks.input(at, None, Input::Confirmed { permit, confirmation }).await
                        };
                        match confirmed.await {
                            // Refused: the task has another permit by now, or knew it.
                            Ok(_) | Err(TaskError::Refused(_) | TaskError::NotFound) => None,
                            Err(error) => {
                                warn!(task.id = %task, %error, "task {task} did not take a confirmation; the next hello repeats it");
                                Some(task)
                            }
                        }
                    }
                })
                .buffer_unordered(LOSSES_AT_ONCE)
                .filter_map(std::future::ready)
                .collect()
                .await;
            let leases: Vec<LeaseId> =
                over.iter().filter(|held| !unheard.contains(&held.task)).map(|held| held.lease).collect();
            if !leases.is_empty() {
                let _ = link.send(ControlDown::Release { leases });
            }
        });
    }

    /// Tells the tasks, a few at a time, until each has taken it.
    fn report_lost(&self, lost: Vec<(Leased, Option<bool>)>) {
        let tasks = self.tasks.clone();
        tokio::spawn(async move {
            futures::stream::iter(lost)
                .for_each_concurrent(LOSSES_AT_ONCE, |(leased, permit_used)| {
                    let tasks = tasks.clone();
                    async move {
                        if let Err(error) = tasks.lease_lost(leased.task, leased.lease, permit_used).await {
                            warn!(task.id = %leased.task.id, %error, "a lost lease was not taken; the deadline will");
                        }
                    }
                })
                .await;
        });
    }

    /// Has every task on this sandbox that only waits for its person let go of its page; the others refuse.
    fn park_held(&self) {
        let Some(session) = &self.session else { return };
        // One that is seen at work here would only refuse.
        let waits =
            |task: &TaskId| self.core.tasks.get(task).is_none_or(|live| live.mailbox.shown().state == "waiting_human");
        for at in session.jobs.values().map(|job| job.task).filter(|at| waits(&at.id)) {
            let (tasks, task) = (self.tasks.clone(), at.id);
            tokio::spawn(async move {
                match tasks.input(at, None, Input::Drained).await {
                    Ok(_) | Err(TaskError::Refused(_) | TaskError::NotFound) => {}
                    Err(error) => warn!(task.id = %task, %error, "task {task} could not be parked"),
                }
            });
        }
    }

    /// Ends the session of a revoked agent. Nothing more is said to it; what it says within the moment it has to read
    /// why is still taken, because it may be how a click ended. Its leases end when it was silent long enough, as
    /// always.
    async fn revoked(&mut self) {
        let Some(session) = self.session.take() else {
            if let Err(error) = crate::revocations::close_row(&self.core, self.id).await {
                warn!(sandbox.id = %self.id, %error, "a revoked sandbox's row was not closed; the next look does");
            }
            return;
        };
        info!(sandbox.id = %self.id, jobs = session.jobs.len(), "sandbox {} was revoked: its agent is cut off", self.id);
        metrics::counter!("valet_sandboxes_cut_total").increment(1);
        session.link.refuse(Refused::new(Refusal::Revoked, "this sandbox was revoked by an admin"));
        let epoch = session.epoch;
        tokio::spawn(async move {
            let _ = tokio::time::timeout(CUT_WITHIN, session.link.closed()).await;
            drop(session);
        });
        self.close_session_row(epoch).await;
    }

    async fn read_drain(&self) -> Result<Option<Drain>, store::StoreError> {
        let mut tx = self.core.store.begin().await?;
        drains::read(&mut tx, self.id).await
    }

    /// Follows the row: a drain that began is told to the agent, and what is held for people is parked.
    fn set_drain(&mut self, drain: Option<Drain>) {
        if self.drain == drain {
            return;
        }
        if let (Some(drain), Some(session)) = (&drain, &self.session) {
            info!(sandbox.id = %self.id, jobs = session.jobs.len(), "sandbox {} is drained", self.id);
            if let Err(error) = session.link.send(ControlDown::Drain { reason: drain.reason.clone() }) {
                warn!(sandbox.id = %self.id, %error, "an agent was not told of its drain; nothing is placed there all the same");
            }
        }
        self.drain = drain;
        if self.drain.is_some() {
            self.park_held();
        }
    }

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

    fn heartbeat(&mut self, me: &ActorRef<SandboxMsg>, epoch: i64) {
        if self.session.as_ref().is_none_or(|session| session.epoch != epoch) {
            return;
        }
        self.heard = Instant::now();
        let suspected = std::mem::take(&mut self.suspected);
        if suspected {
            info!(sandbox.id = %self.id, "agent of sandbox {} is heard again", self.id);
            self.look_again(me);
        }
        if suspected || self.recorded.elapsed() >= RECORD_EVERY {
            self.recorded = Instant::now();
            // Not waited for: a slow database must not look like a silent agent.
            let (store, sandbox, me) = (self.core.store.clone(), self.id, me.clone());
            tokio::spawn(async move {
                if let Ok(mut tx) = store.begin().await
                    && agents::record_heartbeat(&mut tx, sandbox, epoch).await.is_ok()
                    && let Ok(drain) = drains::read(&mut tx, sandbox).await
                {
                    let _ = store::db::commit(tx, "recording a heartbeat").await;
                    // Should nobody have told us of a drain, here it is.
                    let _ = me.cast(SandboxMsg::Drain(drain));
                }
            });
        }
    }

    fn silence(&self) -> Heard {
        Heard {
            ago: self.heard.elapsed(),
            connected: self.session.is_some(),
            busy: self.session.as_ref().is_some_and(|session| !session.jobs.is_empty()),
            suspected: self.suspected,
            unfinished: self.unclosed.is_some() || self.stopping || self.drain.is_some(),
        }
    }

    /// Sets the next look to when there may be something to conclude.
    fn look_again(&mut self, me: &ActorRef<SandboxMsg>) {
        if let Some(look) = self.look.take() {
            look.abort();
        }
        let after = match judge(self.silence()) {
            Silence::Fine(after) => after,
            Silence::Suspect => Duration::ZERO,
            // Its rows could not be read; or it is about to end.
            Silence::Lost => AGAIN,
        };
        self.look = Some(me.send_after(after, || SandboxMsg::Tick).abort_handle());
    }

    /// No new work for it until it is heard again. Not waited for: a slow database must not look like a silent agent.
    fn suspect(&mut self) {
        let Some(epoch) = self.session.as_ref().map(|session| session.epoch) else { return };
        self.suspected = true;
        metrics::counter!("valet_sandboxes_suspected_total").increment(1);
        warn!(sandbox.id = %self.id, ago = ?self.heard.elapsed(), "agent of sandbox {} is silent", self.id);
        let (store, sandbox) = (self.core.store.clone(), self.id);
        tokio::spawn(async move {
            if let Ok(mut tx) = store.begin().await
                && agents::suspect(&mut tx, sandbox, epoch).await.is_ok()
            {
                let _ = store::db::commit(tx, "suspecting a sandbox").await;
            }
        });
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
        let ends = matches!(message, JobDown::End { .. });
        let job = session.jobs.get_mut(&lease);
        match job.and_then(|job| job.link.as_ref().map(|link| link.send(message)).map(|sent| (job, sent))) {
            Some((_, Ok(()))) => {}
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

    /// Takes the session out of the row. When the database does not answer, the next tick tries again: a session that
    /// seems to be there would draw work that nobody takes.
    async fn close_session_row(&mut self, epoch: i64) {
        self.unclosed = Some(epoch);
        let closed = async {
            let mut tx = self.core.store.begin().await?;
            agents::close_session(&mut tx, self.id, epoch).await?;
            store::db::commit(tx, "closing a session").await
        };
        match closed.await {
            Ok(()) => self.unclosed = None,
            Err(error) => warn!(sandbox.id = %self.id, %error, "a session's end was not noted; the next tick does"),
        }
    }

    /// Silence: after [`LOST_AFTER`] every lease is over, because the agent has frozen its pages by then. `false` when
    /// there is nothing left to look after.
    async fn tick(&mut self) -> Result<bool, store::StoreError> {
        if let Some(epoch) = self.unclosed {
            self.close_session_row(epoch).await;
        }
        if self.stopping || self.drain.is_some() {
            self.park_held();
        }
        match judge(self.silence()) {
            Silence::Fine(_) => return Ok(true),
            Silence::Suspect => {
                self.suspect();
                return Ok(true);
            }
            Silence::Lost => {}
        }
        if let Some(session) = self.session.take() {
            session.link.close(close::TOO_SLOW);
            self.close_session_row(session.epoch).await;
        }
        let mut tx = self.core.store.begin().await?;
        let elsewhere = agents::whereabouts(&mut tx, self.id).await?.is_some();
        let leased = if elsewhere { Vec::new() } else { tasks::leased(&mut tx, self.id).await? };
        drop(tx);
        if !leased.is_empty() {
            warn!(sandbox.id = %self.id, leases = leased.len(), "sandbox {} is silent, its leases are over", self.id);
        }
        self.report_lost(leased.into_iter().map(|lease| (lease, None)).collect());
        // Should a task not take it: the sandbox is found again, left alone with its leases.
        Ok(self.unclosed.is_some())
    }
}

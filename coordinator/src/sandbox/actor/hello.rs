//! What a hello does: the session is opened in the row, what the agent says it holds is held against what the database
//! knows, and the tasks concerned are told.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt as _;
use protocol::ids::{LeaseId, PermitId, TaskId};
use protocol::task::Confirmation;
use protocol::wire::close;
use protocol::wire::message::{ControlDown, HeldLease, Hello, JobDown, Refusal};
use store::agents::{self, SessionFacts};
use store::drains;
use store::tasks::{self, Leased};
use tracing::{info, warn};

use super::SandboxState;
use crate::cluster::peers::{self, Note};
use crate::core::Leaseholder;
use crate::listener::{AgentLink, Refused};
use crate::sandbox::reconcile::{Reconciled, reconcile};
use crate::sandbox::session::Session;
use crate::task::handle::TaskError;
use crate::task::machine::Input;

/// Losses of one sandbox reported at a time; each is a commit of its task.
const LOSSES_AT_ONCE: usize = 16;

impl SandboxState {
    /// Opens the session and reconciles: leases the agent still has go on, leases it lost are lost, leases we do not
    /// know are to be forgotten. Nothing new is placed before that.
    pub(super) async fn hello(&mut self, hello: Hello, link: AgentLink) -> Result<i64, Refused> {
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
        self.unnoted = None;
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
    pub(super) fn report_lost(&self, lost: Vec<(Leased, Option<bool>)>) {
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
}

//! What a hello does: the session is opened in the row, what the agent says it holds is held against what the database
//! knows, and the tasks concerned are told.

use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt as _;
use protocol::ids::{LeaseId, PermitId, TaskId};
use protocol::task::Confirmation;
use protocol::wire::close;
use protocol::wire::message::{ControlDown, HeldLease, Hello, JobDown};
use store::agents::Opening;
use store::tasks::Leased;
use tracing::{info, warn};

use super::{SandboxState, Unopened};
use crate::cluster::peers::{self, Note};
use crate::core::Leaseholder;
use crate::listener::AgentLink;
use crate::sandbox::reconcile::{Reconciled, reconcile};
use crate::sandbox::rows::{Greeted, Said};
use crate::sandbox::session::Session;
use crate::task::handle::TaskError;
use crate::task::machine::Input;

/// Losses of one sandbox reported at a time; each is a commit of its task.
const LOSSES_AT_ONCE: usize = 16;
/// Characters that are kept of the name of an agent's build.
const BUILD_MAX: usize = 50;

/// What an employer confirmed.
type Confirmed = (TaskId, PermitId, Confirmation);
/// A permit that was used and not recorded, and what the employer confirmed of it.
type Found = (TaskId, PermitId, Option<Confirmation>);

impl SandboxState {
    /// Opens the session and reconciles: leases the agent still has go on, leases it lost are lost, leases we do not
    /// know are to be forgotten. Nothing new is placed before that.
    pub(super) async fn hello(&mut self, hello: Hello, link: AgentLink) -> Result<i64, Unopened> {
        let opening = Opening {
            sandbox: self.id,
            // The database takes no text with a zero in it, and with this one would refuse those of others.
            build: hello.build.chars().filter(|char| !char.is_control()).take(BUILD_MAX).collect(),
            boot: hello.boot,
            capacity: i32::from(hello.capacity),
        };
        let certificate = link.identity().fingerprint.0;
        let used = hello.permits.iter().filter(|seen| seen.used).map(|seen| (seen.permit, seen.task)).collect();
        let opened = self.core.rows.open(Said { opening, certificate, used }).await.ok_or(Unopened::Unavailable)?;
        let Greeted { opened, unrecorded, leased } = opened.map_err(Unopened::Standing)?;
        let (epoch, drain) = (opened.epoch, opened.drain);
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
        let gaps = std::mem::take(&mut self.gaps);
        let Reconciled { attached, lost, over, confirmed, found } = reconcile(&hello, &leased, &unrecorded, &gaps);
        let speaks = |held: &&HeldLease| {
            let mut known = confirmed.iter().map(|(task, ..)| task).chain(found.iter().map(|(task, ..)| task));
            known.any(|task| *task == held.task)
        };
        session.withheld = over.iter().filter(speaks).map(|held| held.lease).collect();
        for lease in attached {
            self.attach(&mut session, lease);
        }
        self.settle_over(&session.link, over, confirmed, found);
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

    /// Tells the tasks what their employers confirmed and which permits were found, then has the agent let go of what is
    /// over here. In this order: with its lease the agent forgets the confirmation. A task that did not take it hears it at
    /// the next hello; for a permit that was found, that comes at once.
    fn settle_over(&self, link: &AgentLink, over: Vec<HeldLease>, confirmed: Vec<Confirmed>, found: Vec<Found>) {
        let (tasks, link) = (self.tasks.clone(), link.clone());
        let confirmed =
            confirmed.into_iter().map(|(task, permit, confirmation)| (task, Input::Confirmed { permit, confirmation }));
        let found = found.into_iter().map(|(task, permit, confirmation)| {
            warn!(task.id = %task, permit.id = %permit, "a permit was used that the database knew nothing of");
            metrics::counter!("valet_permits_found_total").increment(1);
            (task, Input::PermitFound { permit, confirmation })
        });
        let inputs: Vec<(TaskId, Input)> = found.chain(confirmed).collect();
        tokio::spawn(async move {
            let unheard: Vec<(TaskId, bool)> = futures::stream::iter(inputs)
                .map(|(task, input)| {
                    let tasks = tasks.clone();
                    async move {
                        let found = matches!(input, Input::PermitFound { .. });
                        let taken = async { tasks.input(tasks.find(task).await?, None, input).await };
                        match taken.await {
                            // Refused: the task has another permit by now, or knew it, or has ended.
                            Ok(_) | Err(TaskError::Refused(_) | TaskError::NotFound) => None,
                            Err(error) => {
                                warn!(task.id = %task, %error, "task {task} did not take what its agent knows of a permit; the next hello repeats it");
                                Some((task, found))
                            }
                        }
                    }
                })
                .buffer_unordered(LOSSES_AT_ONCE)
                .filter_map(std::future::ready)
                .collect()
                .await;
            if unheard.iter().any(|(_, found)| *found) {
                return link.close(close::INTERNAL);
            }
            let heard = |held: &&HeldLease| unheard.iter().all(|(task, _)| *task != held.task);
            let leases: Vec<LeaseId> = over.iter().filter(heard).map(|held| held.lease).collect();
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

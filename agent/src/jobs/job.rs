//! What the streams of a lease and its runner share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use protocol::ids::{LeaseId, PermitId, TaskId};
use protocol::wire::message::{JobDown, JobUp, Progress};
use quinn::SendStream;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::files::JobFiles;
use super::spool::Spool;
use crate::session::io::Up;

/// Commands that may wait for the runner. The coordinator has at most a few outstanding.
const COMMANDS_MAX: usize = 64;
/// Progress that may wait for the stream; older is dropped.
const PROGRESS_MAX: usize = 64;
/// Revocations remembered; a task has one permit, a person may grant another.
const REVOKED_MAX: usize = 16;

#[derive(Debug)]
pub(crate) struct Job {
    pub lease: LeaseId,
    /// None for a lease this agent does not know.
    pub task: Option<TaskId>,
    pub(super) spool: Spool,
    pub files: Arc<JobFiles>,
    pub(super) progress: broadcast::Sender<Progress>,
    /// Somebody watches.
    pub(super) watched: watch::Sender<bool>,
    /// An `End` has arrived: whatever runs is broken off.
    pub(super) ending: CancellationToken,
    /// The coordinator does not know the lease any more: go without a word.
    pub(super) released: CancellationToken,
    /// The page can be worked on.
    pub(super) alive: AtomicBool,
    commands: mpsc::Sender<JobDown>,
    revoked: Mutex<VecDeque<PermitId>>,
    /// Which stream carries the job: the newest.
    stream: watch::Sender<u64>,
}

impl Job {
    pub(super) fn new(
        lease: LeaseId,
        task: Option<TaskId>,
        spool: Spool,
        files: Arc<JobFiles>,
    ) -> (Arc<Self>, mpsc::Receiver<JobDown>) {
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let job = Self {
            lease,
            task,
            spool,
            files,
            progress: broadcast::Sender::new(PROGRESS_MAX),
            watched: watch::Sender::new(false),
            ending: CancellationToken::new(),
            released: CancellationToken::new(),
            alive: AtomicBool::new(true),
            commands,
            revoked: Mutex::default(),
            stream: watch::Sender::new(0),
        };
        (Arc::new(job), inbox)
    }

    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    pub fn last_report(&self) -> u64 {
        self.spool.last()
    }

    /// Takes a command from the stream. What must reach a runner that is busy reaches it here.
    pub fn take(&self, command: JobDown) {
        match &command {
            JobDown::Ack { report } => return self.spool.ack(*report),
            JobDown::Watch { on } => {
                self.watched.send_replace(*on);
                return;
            }
            JobDown::Revoke { permit, .. } => self.revoke(*permit),
            JobDown::End { .. } => self.ending.cancel(),
            JobDown::Start(_) | JobDown::Attach { .. } => return,
            JobDown::Fill { .. } | JobDown::Prepare { .. } | JobDown::Submit { .. } | JobDown::Recheck { .. } => {}
        }
        if self.commands.try_send(command).is_err() {
            metrics::counter!("valet_commands_dropped_total").increment(1);
            warn!(lease = %self.lease, "a command was dropped: the job does not take any more");
        }
    }

    pub fn is_revoked(&self, permit: PermitId) -> bool {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner).contains(&permit)
    }

    fn revoke(&self, permit: PermitId) {
        let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        if revoked.len() == REVOKED_MAX {
            revoked.pop_front();
        }
        revoked.push_back(permit);
    }

    /// Sends the reports after `acked`, then new ones and progress, until the stream breaks, another one takes
    /// over, or the job is gone.
    pub async fn write_reports(&self, stream: SendStream, acked: u64) {
        let mut up = Up::new(stream);
        let mut mine = 0;
        self.stream.send_modify(|newest| {
            *newest += 1;
            mine = *newest;
        });
        let mut newest = self.stream.subscribe();
        let (mut changed, mut progress) = (self.spool.subscribe(), self.progress.subscribe());
        let mut sent = acked;
        loop {
            changed.borrow_and_update();
            // Before the reports, so that the steps of a command are not told after its result.
            while let Some(step) = waiting(&mut progress) {
                if up.write(&JobUp::Progress(step)).await.is_err() {
                    return;
                }
            }
            while let Some((number, frame)) = self.spool.next_after(sent) {
                if up.write_bytes(&frame).await.is_err() {
                    return;
                }
                sent = number;
            }
            let step = tokio::select! {
                _ = changed.changed() => None,
                () = another(&mut newest, mine) => return,
                () = self.commands.closed() => return up.finish(),
                step = progress.recv() => step.ok(),
            };
            if let Some(step) = step
                && up.write(&JobUp::Progress(step)).await.is_err()
            {
                return;
            }
        }
    }
}

/// Progress that has not been told yet; what was overtaken by newer is skipped.
fn waiting(progress: &mut broadcast::Receiver<Progress>) -> Option<Progress> {
    loop {
        match progress.try_recv() {
            Ok(step) => return Some(step),
            Err(broadcast::error::TryRecvError::Lagged(_)) => {}
            Err(_) => return None,
        }
    }
}

/// Resolves when another stream than `mine` carries the job.
async fn another(newest: &mut watch::Receiver<u64>, mine: u64) {
    // The sender is the job's.
    let _ = newest.wait_for(|newest| *newest != mine).await;
}

//! Heartbeats, and what follows from their absence; [`crate::sandbox::silence`] judges.

use std::time::{Duration, Instant};

use protocol::ids::LeaseId;
use protocol::wire::close;
use ractor::ActorRef;
use store::StoreError;
use store::agents;
use store::tasks::{self, Leased};
use tracing::{debug, info, warn};

use super::record::RECORD_EVERY;
use super::{End, SandboxMsg, SandboxState};
use crate::sandbox::silence::{AGAIN, Heard, Silence, judge};

impl SandboxState {
    /// The agent lives; with a heartbeat it names its `leases`.
    pub(super) fn heartbeat(&mut self, me: &ActorRef<SandboxMsg>, epoch: i64, leases: Option<Vec<LeaseId>>) {
        if self.session.as_ref().is_none_or(|session| session.epoch != epoch) {
            return;
        }
        self.heard = Instant::now();
        let suspected = std::mem::take(&mut self.suspected);
        if suspected {
            info!(sandbox.id = %self.id, "agent of sandbox {} is heard again", self.id);
            self.look_again(me);
        }
        if suspected || (leases.is_some() && self.recorded_at.elapsed() >= RECORD_EVERY) {
            self.recorded_at = Instant::now();
            self.record(me, epoch, leases);
        }
    }

    fn silence(&self) -> Heard {
        Heard {
            ago: self.heard.elapsed(),
            connected: self.session.is_some(),
            busy: self.session.as_ref().is_some_and(|session| !session.jobs.is_empty()),
            suspected: self.suspected,
            unfinished: self.unnoted.is_some() || self.stopping || self.drain.is_some(),
        }
    }

    /// Sets the next look to when there may be something to conclude.
    pub(super) fn look_again(&mut self, me: &ActorRef<SandboxMsg>) {
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
            let suspected = async {
                let mut tx = store.begin().await?;
                agents::suspect(&mut tx, sandbox, epoch).await?;
                store::db::commit(tx, "suspecting a sandbox").await
            };
            if let Err(error) = store::db::in_time("suspecting a sandbox", suspected).await {
                debug!(sandbox.id = %sandbox, %error, "a silence was not noted; no heartbeat is recorded either");
            }
        });
    }

    /// Writes into the row that nothing more is to be placed here. When the database does not answer, the next tick tries
    /// again: a session that seems to be there would draw work that nobody takes.
    pub(super) async fn note_end(&mut self, end: End) {
        self.unnoted = Some(end);
        let noted = async {
            let mut tx = self.core.store.begin().await?;
            match end {
                End::Stopping(epoch) => agents::stopping(&mut tx, self.id, epoch).await?,
                End::Over(epoch) => agents::close_session(&mut tx, self.id, epoch).await?,
            }
            store::db::commit(tx, "noting a session's end").await
        };
        match store::db::in_time("noting a session's end", noted).await {
            Ok(()) => self.unnoted = None,
            Err(error) => warn!(sandbox.id = %self.id, %error, "a session's end was not noted; the next tick does"),
        }
    }

    /// The leases of a sandbox that is silent here; none when it has its session elsewhere.
    async fn left(&self) -> Result<Vec<Leased>, StoreError> {
        let mut tx = self.core.store.begin().await?;
        let whereabouts = agents::whereabouts(&mut tx, self.id).await?;
        let elsewhere = whereabouts.is_some_and(|node| node != self.core.node);
        let leased = if elsewhere { Vec::new() } else { tasks::leased(&mut tx, self.id).await? };
        // A session of an earlier life of this actor, or one whose opening was in doubt.
        if whereabouts == Some(self.core.node) {
            agents::close_left(&mut tx, self.core.node, self.id).await?;
            store::db::commit(tx, "closing a session that nobody has").await?;
        }
        Ok(leased)
    }

    /// Silence: after [`crate::sandbox::silence::LOST_AFTER`] every lease is over, because the agent has frozen its pages by then. `false` when
    /// there is nothing left to look after.
    pub(super) async fn tick(&mut self) -> Result<bool, StoreError> {
        if let Some(end) = self.unnoted {
            self.note_end(end).await;
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
            self.note_end(End::Over(session.epoch)).await;
        }
        let leased = store::db::in_time("reading a silent sandbox's leases", self.left()).await?;
        if !leased.is_empty() {
            warn!(sandbox.id = %self.id, leases = leased.len(), "sandbox {} is silent, its leases are over", self.id);
        }
        self.report_lost(leased.into_iter().map(|lease| (lease, None)).collect());
        // Should a task not take it: the sandbox is found again, left alone with its leases.
        Ok(self.unnoted.is_some())
    }
}

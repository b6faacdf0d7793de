//! Keeps the planner's index true to the rows: all of it is read when the dispatcher starts (or takes over), from then on
//! what changed since the reading before.
//!
//! A sweep behind that goes over the whole queue a page at a time and finds what leaves no change behind: rows that were
//! deleted, subscriptions and profiles that are others now.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use protocol::ids::TaskId;
use store::queue::{self, Marks};
use store::{Store, StoreError};
use uuid::Uuid;

use super::plan::Planner;
use super::sites::WINDOW;

/// Tasks read at a time: tens of milliseconds.
const PAGE: i64 = 2_000;
/// Before every id.
const BEGINNING: TaskId = TaskId(Uuid::nil());

/// How far reading has come.
#[derive(Debug, Default)]
pub(super) struct Feed {
    /// Where the next reading of changes begins; `None` before the first full one.
    from: Option<i64>,
    /// The sweep has seen the ids up to this one.
    swept: Option<TaskId>,
}

impl Feed {
    /// Brings the index up to date. `sweep`: also looks at the next page of everything.
    ///
    /// # Errors
    /// When the database does not answer; what was read until then is in the index, and is read again.
    pub async fn read(
        &mut self,
        store: &Store,
        planner: &mut Planner,
        now: DateTime<Utc>,
        sweep: bool,
    ) -> Result<(), StoreError> {
        let mut tx = store.begin().await?;
        let marks = queue::marks(&mut tx).await?;
        match self.from {
            Some(from) => {
                changes(&mut tx, planner, from, marks, now).await?;
                if sweep {
                    let after = self.swept.unwrap_or(BEGINNING);
                    self.swept = page(&mut tx, planner, after, now).await?;
                }
                let whole = sweep && self.swept.is_none();
                sandboxes(&mut tx, planner, if whole { 0 } else { from }).await?;
            }
            None => {
                *planner = Planner::default();
                for (site, at) in queue::recent_starts(&mut tx, now - WINDOW).await? {
                    planner.note_start(&site, at);
                }
                let mut after = Some(BEGINNING);
                while let Some(last) = after {
                    after = page(&mut tx, planner, last, now).await?;
                }
                sandboxes(&mut tx, planner, 0).await?;
            }
        }
        planner.apply_sites(&queue::sites(&mut tx, now).await?, now);
        self.from = Some(marks.oldest);
        Ok(())
    }
}

async fn changes(
    tx: &mut store::Tx,
    planner: &mut Planner,
    from: i64,
    marks: Marks,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let changed = queue::changed(tx, from, marks.next, after, PAGE).await?;
        after = changed.last().copied();
        let ids: Vec<TaskId> = changed.iter().map(|change| change.id).collect();
        apply(tx, planner, &ids, now).await?;
        if ids.len() < PAGE as usize {
            return Ok(());
        }
    }
}

/// The next page of everything; returns the last id seen, `None` at the end.
async fn page(
    tx: &mut store::Tx,
    planner: &mut Planner,
    after: TaskId,
    now: DateTime<Utc>,
) -> Result<Option<TaskId>, StoreError> {
    let ids = queue::page(tx, after, PAGE).await?;
    let last = ids.last().copied().filter(|_| ids.len() == PAGE as usize);
    let seen: HashSet<TaskId> = ids.iter().copied().collect();
    let gone: Vec<TaskId> = planner.known_within(after, last).filter(|task| !seen.contains(task)).collect();
    apply(tx, planner, &ids, now).await?;
    // Asked for once more: what is placed at this moment is in the database, but was not yet on this page.
    apply(tx, planner, &gone, now).await?;
    Ok(last)
}

async fn apply(
    tx: &mut store::Tx,
    planner: &mut Planner,
    ids: &[TaskId],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let facts = queue::facts(tx, ids).await?;
    let found: HashSet<TaskId> = facts.iter().map(|fact| fact.id).collect();
    facts.iter().for_each(|fact| planner.apply(fact, now));
    ids.iter().filter(|id| !found.contains(id)).for_each(|id| planner.remove(*id, now));
    Ok(())
}

async fn sandboxes(tx: &mut store::Tx, planner: &mut Planner, from: i64) -> Result<(), StoreError> {
    let facts = queue::sandboxes(tx, from).await?;
    if from == 0 {
        planner.retain_sandboxes(&facts.iter().map(|fact| fact.id).collect::<BTreeSet<_>>());
    }
    facts.into_iter().for_each(|fact| planner.apply_sandbox(fact));
    Ok(())
}

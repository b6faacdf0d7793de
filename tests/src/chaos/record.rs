//! What the database says at every moment: where each task is, and whether slots are conserved.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::Row as _;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::fleet::Fleet;
use super::people::Asked;

/// Phases last for milliseconds; more looks would be felt by the database.
const LOOK: Duration = Duration::from_millis(8);
/// A database that hangs is asked anew.
const PATIENCE: Duration = Duration::from_secs(3);
/// At rest means that nothing has changed for so long.
const STILL: Duration = Duration::from_secs(6);

/// Where a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Now {
    pub status: String,
    pub phase: Option<String>,
    pub sandbox: Option<uuid::Uuid>,
    /// Why it waits, or why it failed.
    pub reason: Option<String>,
    pub outcome: String,
}

impl Now {
    #[must_use]
    pub fn over(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed" | "cancelled")
    }
}

pub type Tasks = Arc<BTreeMap<uuid::Uuid, Now>>;

pub struct Record {
    tasks: watch::Receiver<Tasks>,
    leaks: Arc<AtomicU64>,
    samples: Arc<AtomicU64>,
    _open: DropGuard,
}

const TASKS: &str =
    "SELECT id, status::text, phase, sandbox_id, coalesce(interaction_type, error_code), outcome::text FROM tasks";
/// One statement is one instant.
const SLOTS: &str = "SELECT count(*) FROM sandboxes s
    WHERE s.current_load <> (SELECT count(*) FROM tasks t WHERE t.sandbox_id = s.id AND t.lease_id IS NOT NULL)";

async fn look(database: &sqlx::PgPool) -> Result<(Tasks, i64), sqlx::Error> {
    let mut connection = database.acquire().await?;
    let rows = sqlx::query(TASKS).fetch_all(&mut *connection).await?;
    let leaks: i64 = sqlx::query_scalar(SLOTS).fetch_one(&mut *connection).await?;
    let tasks = rows.iter().map(|row| {
        let now =
            Now { status: row.get(1), phase: row.get(2), sandbox: row.get(3), reason: row.get(4), outcome: row.get(5) };
        (row.get(0), now)
    });
    Ok((Arc::new(tasks.collect()), leaks))
}

impl Record {
    /// Begins to look.
    ///
    /// # Errors
    /// When the database does not answer at all.
    pub async fn start(fleet: &Fleet) -> anyhow::Result<Self> {
        let database = fleet.database.clone();
        let (tell, tasks) = watch::channel(look(&database).await?.0);
        let (leaks, samples, open) =
            (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default(), CancellationToken::new());
        let (leaking, sampled, stop) = (Arc::clone(&leaks), Arc::clone(&samples), open.clone());
        tokio::spawn(async move {
            while !stop.is_cancelled() {
                if let Ok(Ok((tasks, leaks))) = tokio::time::timeout(PATIENCE, look(&database)).await {
                    sampled.fetch_add(1, Ordering::Relaxed);
                    if leaks > 0 {
                        leaking.fetch_add(leaks.unsigned_abs(), Ordering::Relaxed);
                        tracing::error!(leaks, "slots are not conserved");
                    }
                    tell.send_if_modified(|known| {
                        let changed = *known != tasks;
                        *known = tasks;
                        changed
                    });
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        Ok(Self { tasks, leaks, samples, _open: open.drop_guard() })
    }

    #[must_use]
    pub fn tasks(&self) -> Tasks {
        self.tasks.borrow().clone()
    }

    /// Follows the tasks.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Tasks> {
        self.tasks.clone()
    }

    /// How many of these are not over.
    #[must_use]
    pub fn under_way(&self, of: BTreeMap<uuid::Uuid, Asked>) -> usize {
        let tasks = self.tasks();
        of.keys().filter(|id| tasks.get(id).is_none_or(|now| !now.over())).count()
    }

    /// Sandboxes whose load was not the number of leases on it, summed over all samples, and how many samples there
    /// were.
    #[must_use]
    pub fn leaks(&self) -> (u64, u64) {
        (self.leaks.load(Ordering::Relaxed), self.samples.load(Ordering::Relaxed))
    }

    /// Waits until every one of these is over, or nothing has changed for a while and nothing is under way. Whether it
    /// came to that in time.
    pub async fn rest(&self, of: BTreeMap<uuid::Uuid, Asked>, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut tasks = self.follow();
        let mut still = Instant::now();
        while Instant::now() < deadline {
            let now = tasks.borrow_and_update().clone();
            let waits = |now: &Now| now.over() || now.status == "waiting_human";
            let settled = of.keys().all(|id| now.get(id).is_some_and(waits));
            // A failed one may be asked for again, a waiting one answered: both take a person some moments.
            if settled && still.elapsed() >= STILL {
                return true;
            }
            if tokio::time::timeout(Duration::from_millis(500), tasks.changed()).await.is_ok() {
                still = Instant::now();
            }
        }
        false
    }
}

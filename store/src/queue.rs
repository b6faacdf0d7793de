//! What the dispatcher plans from, and why a task waits.
//!
//! The dispatcher keeps an index of these facts in memory and reads only what changed: every row it depends on carries
//! the id of the transaction that last changed it (`placement_mark`, set by triggers, whoever writes). A reader remembers
//! the oldest transaction that was still open when it read, and next time reads everything from there on: a commit that
//! became visible late is never missed, and reading a row twice does no harm.

use chrono::{DateTime, TimeDelta, Utc};
use protocol::ids::{SandboxId, TaskId, UserId};
use protocol::site::{self, Limit};
use protocol::task::Status;
use protocol::waiting::{AtSite, Hosts, Waiting};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::journal::USER_CAP;
use crate::{StoreError, Transaction};

/// Tags read of one row; more are left out. A host has a handful.
const TAGS_MAX: usize = 32;
/// Sites with limits of their own, or paused, that are read at a time.
const SITES_MAX: i64 = 10_000;
/// Starts of the last minute that are read at a take-over: more than a fleet begins in one.
const STARTS_MAX: i64 = 100_000;

/// Places in a row at one turn, by subscription. More than the cap would mean nothing.
const WEIGHTS: [(&str, u32); 3] = [("starter", 2), ("pro", 3), ("enterprise", 3)];
/// For every other subscription.
const WEIGHT: u32 = 1;

/// Places in a row that a person of this subscription gets at one turn.
#[must_use]
pub fn weight(tier: &str) -> u32 {
    WEIGHTS.iter().find(|(name, _)| *name == tier).map_or(WEIGHT, |(_, weight)| *weight)
}

/// Where reading stands: transactions from `oldest` on may still change what was read, those from `next` on had not
/// begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    pub oldest: i64,
    pub next: i64,
}

/// # Errors
/// When the database does not answer.
pub async fn marks(db: &mut Transaction<'_>) -> Result<Marks, StoreError> {
    sqlx::query_as!(
        Marks,
        r#"SELECT pg_snapshot_xmin(s)::text::bigint AS "oldest!", pg_snapshot_xmax(s)::text::bigint AS "next!"
             FROM pg_current_snapshot() s"#
    )
    .fetch_one(db)
    .await
    .map_err(StoreError::during("reading where the queue stands"))
}

/// A task with the mark of its last change: the cursor of [`changed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub mark: i64,
    pub id: TaskId,
}

/// Tasks that changed from transaction `from` on and before `below`, in order; those `after` a cursor.
///
/// # Errors
/// When the database does not answer.
pub async fn changed(
    db: &mut Transaction<'_>,
    from: i64,
    below: i64,
    after: Option<Change>,
    limit: i64,
) -> Result<Vec<Change>, StoreError> {
    let after = after.unwrap_or(Change { mark: from, id: TaskId(Uuid::nil()) });
    let rows = sqlx::query!(
        "SELECT placement_mark, id FROM tasks
          WHERE (placement_mark, id) > ($1, $2) AND placement_mark < $3 ORDER BY placement_mark, id LIMIT $4",
        after.mark,
        after.id.0,
        below,
        limit
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("reading what changed in the queue"))?;
    Ok(rows.into_iter().map(|row| Change { mark: row.placement_mark, id: TaskId(row.id) }).collect())
}

/// Tasks that wait for a place or have one, by id; those after `after`.
///
/// # Errors
/// When the database does not answer.
pub async fn page(db: &mut Transaction<'_>, after: TaskId, limit: i64) -> Result<Vec<TaskId>, StoreError> {
    let rows = sqlx::query_scalar!(
        "SELECT id FROM tasks WHERE (status = 'queued' OR lease_id IS NOT NULL) AND id > $1 ORDER BY id LIMIT $2",
        after.0,
        limit
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("reading the queue"))?;
    Ok(rows.into_iter().map(TaskId).collect())
}

/// A task as the dispatcher sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFact {
    pub id: TaskId,
    pub user: UserId,
    /// The person's subscription, by name.
    pub tier: String,
    /// The engine its host must have, if any.
    pub engine: Option<String>,
    /// Tags its host must have, sorted.
    pub tags: Vec<String>,
    pub site: Option<String>,
    /// The host that holds the person's browser profile for this platform.
    pub profile_host: Option<SandboxId>,
    /// The host where its last attempt failed, while it waits for another.
    pub failed_host: Option<SandboxId>,
    /// When it was placed last, whether it still has that place or not.
    pub placed_at: Option<DateTime<Utc>>,
    pub stand: Stand,
}

/// Where a task stands with regard to places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// It waits for one; not to be placed before `since`, and after those of its person that are older.
    Queued { since: DateTime<Utc> },
    /// It has one. `running` when it is being worked on, not held for its person.
    Placed { sandbox: SandboxId, running: bool },
    /// Neither: it ended, or waits for its person without a browser.
    Neither,
}

/// What is known of these tasks now; those that are gone are left out.
///
/// # Errors
/// When the database does not answer.
pub async fn facts(db: &mut Transaction<'_>, tasks: &[TaskId]) -> Result<Vec<TaskFact>, StoreError> {
    let ids: Vec<Uuid> = tasks.iter().map(|task| task.0).collect();
    let rows = sqlx::query_file!("sql/queue/facts.sql", &ids)
        .fetch_all(db)
        .await
        .map_err(StoreError::during("reading queued tasks"))?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let stand = match (row.lease_id.and(row.sandbox_id), row.queued_at) {
                (Some(sandbox), _) => {
                    Stand::Placed { sandbox: SandboxId(sandbox), running: row.status == Status::InProgress.as_str() }
                }
                (None, Some(since)) if row.status == Status::Queued.as_str() => Stand::Queued { since },
                _ => Stand::Neither,
            };
            TaskFact {
                id: TaskId(row.id),
                user: UserId(row.user_id),
                tier: row.subscription_tier,
                engine: row.engine,
                tags: tags(row.tags.as_ref()),
                site: row.site,
                profile_host: row.profile_host.map(SandboxId),
                // Attempts count from anew when its person says so.
                failed_host: row
                    .sandbox_id
                    .filter(|_| row.attempt > 0 && matches!(stand, Stand::Queued { .. }))
                    .map(SandboxId),
                placed_at: row.placed_at,
                stand,
            }
        })
        .collect())
}

/// Tags are an array of strings; anything else has none.
fn tags(json: Option<&Json>) -> Vec<String> {
    let mut tags: Vec<String> =
        json.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect();
    tags.sort();
    tags.dedup();
    tags.truncate(TAGS_MAX);
    tags
}

/// A sandbox as the dispatcher sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxFact {
    pub id: SandboxId,
    /// Of its agent's present session; a claim names it.
    pub epoch: i64,
    pub capacity: i32,
    pub load: i32,
    pub engine: String,
    /// Sorted.
    pub tags: Vec<String>,
    /// Connected, healthy, in good standing and not draining.
    pub ready: bool,
}

/// Sandboxes that changed from transaction `from` on; 0 for all of them.
///
/// # Errors
/// When the database does not answer.
pub async fn sandboxes(db: &mut Transaction<'_>, from: i64) -> Result<Vec<SandboxFact>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, connection_epoch, capacity, current_load, browser_engine::text AS "engine!", tags,
                  connected AND NOT draining AND revoked_at IS NULL AND status = 'active' AND health_status = 'healthy'
                      AS "ready!"
             FROM sandboxes WHERE placement_mark >= $1 ORDER BY id"#,
        from
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("reading sandboxes"))?;
    Ok(rows
        .into_iter()
        .map(|row| SandboxFact {
            id: SandboxId(row.id),
            epoch: row.connection_epoch,
            capacity: row.capacity,
            load: row.current_load,
            engine: row.engine,
            tags: tags(row.tags.as_ref()),
            ready: row.ready,
        })
        .collect())
}

/// A site whose limit is not the built-in one, or that asked for a pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteFact {
    pub site: String,
    pub limit: Limit,
    pub paused_until: Option<DateTime<Utc>>,
}

/// # Errors
/// When the database does not answer.
pub async fn sites(db: &mut Transaction<'_>, now: DateTime<Utc>) -> Result<Vec<SiteFact>, StoreError> {
    let rows = sqlx::query!(
        "SELECT site, running_max, starts_per_minute, paused_until FROM site_limits
          WHERE running_max IS NOT NULL OR starts_per_minute IS NOT NULL OR paused_until > $1 ORDER BY site LIMIT $2",
        now,
        SITES_MAX
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("reading sites' limits"))?;
    Ok(rows
        .into_iter()
        .map(|row| SiteFact {
            limit: limit(&row.site, row.running_max, row.starts_per_minute),
            site: row.site,
            paused_until: row.paused_until,
        })
        .collect())
}

fn limit(site: &str, running: Option<i32>, starts: Option<i32>) -> Limit {
    let usual = site::limit(site);
    let set = |own: Option<i32>, usual| own.and_then(|own| u32::try_from(own).ok()).unwrap_or(usual);
    Limit { running: set(running, usual.running), starts: set(starts, usual.starts) }
}

/// Sets a site's limits; `None` for the built-in figure.
///
/// # Errors
/// When the database does not answer, or a limit is 0.
pub async fn set_limit(
    db: &mut Transaction<'_>,
    site: &str,
    running_max: Option<i32>,
    starts_per_minute: Option<i32>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO site_limits (site, running_max, starts_per_minute) VALUES ($1, $2, $3)
         ON CONFLICT (site) DO UPDATE SET running_max = EXCLUDED.running_max,
             starts_per_minute = EXCLUDED.starts_per_minute, updated_at = now()",
        site,
        running_max,
        starts_per_minute
    )
    .execute(db)
    .await
    .map_err(StoreError::during("setting a site's limits"))?;
    Ok(())
}

/// Starts at sites after `since` by tasks that have their place no more: for a dispatcher that takes over.
///
/// # Errors
/// When the database does not answer.
pub async fn recent_starts(
    db: &mut Transaction<'_>,
    since: DateTime<Utc>,
) -> Result<Vec<(String, DateTime<Utc>)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT site AS "site!", placed_at AS "placed_at!" FROM tasks
            WHERE placed_at > $1 AND site IS NOT NULL AND lease_id IS NULL ORDER BY placed_at LIMIT $2"#,
        since,
        STARTS_MAX
    )
    .fetch_all(db)
    .await
    .map_err(StoreError::during("reading recent starts"))?;
    Ok(rows.into_iter().map(|row| (row.site, row.placed_at)).collect())
}

/// What a queued task waits for; `None` when it is not queued. Costs a pass over the queue's index: for a person who
/// asks, not for a loop.
///
/// # Errors
/// When the database does not answer.
pub async fn waiting(
    db: &mut Transaction<'_>,
    task: TaskId,
    now: DateTime<Utc>,
) -> Result<Option<Waiting>, StoreError> {
    let tiers = WEIGHTS.map(|(tier, _)| tier.to_owned());
    let weights = WEIGHTS.map(|(_, weight)| weight.cast_signed());
    let usual = WEIGHT.cast_signed();
    let row = sqlx::query_file!("sql/queue/waiting.sql", task.0, now, USER_CAP, &tiers, &weights, usual)
        .fetch_optional(db)
        .await
        .map_err(StoreError::during("asking why a task waits"))?;
    let count = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(row.map(|row| Waiting {
        not_before: row.queued_at,
        ahead: count(row.ahead),
        own_ahead: count(row.own_ahead),
        running: count(row.running),
        cap: count(USER_CAP),
        site: row.site.map(|name| AtSite {
            limit: limit(&name, row.running_max, row.starts_per_minute),
            name,
            running: count(row.site_running),
            started: count(row.site_started),
            next_start: row.oldest_start.map(|oldest| oldest + TimeDelta::minutes(1)),
            paused_until: row.paused_until,
        }),
        hosts: Hosts {
            known: count(row.known),
            ready: count(row.ready),
            fitting: count(row.fitting),
            draining: count(row.draining),
            places: count(row.places),
            taken: count(row.taken),
        },
    }))
}

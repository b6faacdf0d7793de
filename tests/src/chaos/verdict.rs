//! What came of it all: the database against what the employer received, screens against the stream, processes
//! against their owners.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::Value as Json;
use sqlx::Row as _;
use tokio::time::Instant;

use super::fleet::Fleet;
use super::people::{Crowd, is_of};
use super::record::Record;
use super::screens::{Screens, Streams};
use super::strikes::Struck;
use super::tally::{self, Hits};
use crate::process::Process;

/// For agents to clear away what their dead browsers left.
const SWEEP: Duration = Duration::from_secs(20);
/// Share of tasks that must be completed.
const COMPLETED_MIN: f64 = 0.95;

/// The result. Displayed as the one line.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    pub tasks: usize,
    pub completed: usize,
    pub waiting: usize,
    pub failed: usize,
    pub unknown: usize,
    pub kills: u32,
    /// Taken in, and neither over nor waiting for a stated reason; or completed and never received.
    pub lost: usize,
    /// Received more often than the task's end allows.
    pub duplicate_submissions: usize,
    pub slot_leaks: u64,
    pub event_gaps: u64,
    pub event_duplicates: u64,
    pub orphans: usize,
    /// Kills that fell while a click was under way.
    pub kills_in_click_window: u32,
    /// Kills by the kind of process and the phase of the task they were aimed at.
    pub hits: Hits,
    /// Failed tasks that their people had tried again.
    pub retried: u32,
    /// Applications that were never taken in.
    pub refused: usize,
    /// Processes that were told to end and serve again, and those that did not do so as they should.
    pub restarts: u32,
    pub troubles: usize,
    /// Lines for whoever wants to know more.
    pub details: Vec<String>,
}

impl Verdict {
    /// Whether nothing was lost, doubled, leaked or left behind.
    #[must_use]
    pub fn sound(&self) -> bool {
        let counts = [self.slot_leaks, self.event_gaps, self.event_duplicates];
        self.lost + self.duplicate_submissions + self.orphans == 0 && counts.iter().all(|count| *count == 0)
    }

    /// Whether enough tasks came to their end.
    #[must_use]
    pub fn enough(&self) -> bool {
        self.completed as f64 >= self.tasks as f64 * COMPLETED_MIN
    }

    /// Whether no more people were asked how it ended than kills, at most one each, can account for.
    #[must_use]
    pub fn accounted(&self) -> bool {
        self.unknown <= self.kills_in_click_window as usize
    }

    /// Whether nobody noticed anything: what a roll-out of a new version is to be.
    #[must_use]
    pub fn smooth(&self) -> bool {
        let marred = [self.failed, self.unknown, self.waiting, self.refused, self.troubles, self.retried as usize];
        self.sound() && self.completed == self.tasks && marred.iter().all(|count| *count == 0)
    }

    pub(super) fn with_left_behind(mut self, left: Vec<Process>) -> Self {
        for process in &left {
            self.details.push(format!("left running: {} {}", process.pid, process.command));
        }
        self.orphans += left.len();
        self
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "tasks={} completed={} waiting={} failed={} unknown={} kills={} lost={} duplicate_submissions={} \
             slot_leaks={} event_gaps={} event_duplicates={} orphans={}",
            self.tasks,
            self.completed,
            self.waiting,
            self.failed,
            self.unknown,
            self.kills,
            self.lost,
            self.duplicate_submissions,
            self.slot_leaks,
            self.event_gaps,
            self.event_duplicates,
            self.orphans
        )
    }
}

/// Weighs everything once it rests.
///
/// # Errors
/// When the database or the employer cannot be asked.
pub(super) async fn weigh(
    fleet: &Fleet,
    record: &Record,
    crowd: &Crowd,
    screens: Screens,
    struck: Struck,
) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict { kills: struck.kills, ..Verdict::default() };
    let received = fleet.practice.submissions().await;
    judge_tasks(&mut verdict, record, crowd, &received);
    let streams = screens.close(async || told(&fleet.database).await).await;
    (verdict.event_gaps, verdict.event_duplicates) = (streams.gaps, streams.duplicates);
    let (leaks, samples) = record.leaks();
    let at_rest: i64 = sqlx::query_scalar("SELECT coalesce(sum(current_load), 0)::bigint FROM sandboxes")
        .fetch_one(&fleet.database)
        .await?;
    let held: i64 =
        sqlx::query_scalar("SELECT count(*) FROM tasks WHERE lease_id IS NOT NULL").fetch_one(&fleet.database).await?;
    verdict.slot_leaks = leaks + at_rest.abs_diff(held);
    let orphans = orphans(fleet).await;
    verdict.orphans = orphans.len();
    verdict.details.extend(orphans);
    describe(&mut verdict, crowd, &struck, streams, samples);
    Ok(verdict)
}

fn judge_tasks(verdict: &mut Verdict, record: &Record, crowd: &Crowd, received: &Json) {
    let (asked, rows, unknown) = (crowd.tasks(), record.tasks(), crowd.unknown());
    let submissions = received["submissions"].as_array().map(Vec::as_slice).unwrap_or_default();
    (verdict.tasks, verdict.unknown) = (asked.len(), unknown.len());
    let mut matched = 0;
    for (id, asked) in &asked {
        let sent = submissions.iter().filter(|submission| is_of(submission, asked)).count();
        matched += sent;
        let Some(now) = rows.get(id) else {
            verdict.lost += 1;
            verdict.details.push(format!("lost: task {id} is not there"));
            continue;
        };
        let reason = now.reason.as_deref().unwrap_or_default();
        // A question that was answered "sent" ends as completed too; an unanswered one may have been sent.
        let allowed = match now.status.as_str() {
            "completed" => 1,
            _ if unknown.contains(id) || now.outcome == "unknown" => 1,
            _ => 0,
        };
        match now.status.as_str() {
            "completed" => verdict.completed += 1,
            "failed" | "cancelled" => verdict.failed += 1,
            "waiting_human" if !reason.is_empty() => verdict.waiting += 1,
            _ => {
                verdict.lost += 1;
                verdict.details.push(format!("lost: task {id} is {} ({:?})", now.status, now.phase));
            }
        }
        if now.status == "completed" && sent == 0 {
            verdict.lost += 1;
            verdict.details.push(format!("lost: task {id} is completed and was never received"));
        }
        if sent > allowed {
            verdict.duplicate_submissions += sent - allowed;
            verdict.details.push(format!("task {id} is {} and was received {sent} times", now.status));
        }
        if now.status == "failed" || now.status == "waiting_human" {
            verdict.details.push(format!("task {id} is {}: {reason}", now.status));
        }
    }
    let others = submissions.len().saturating_sub(matched);
    if others > 0 {
        verdict.duplicate_submissions += others;
        verdict.details.push(format!("{others} submissions are of no task"));
    }
}

/// How far each person's stream is, by their address.
async fn told(database: &sqlx::PgPool) -> BTreeMap<String, i64> {
    let query = "SELECT u.email, s.last_seq FROM user_streams s JOIN users u ON u.id = s.user_id";
    let rows = sqlx::query(query).fetch_all(database).await.unwrap_or_default();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Browsers and folders that no agent answers for, once agents had time to clear up.
async fn orphans(fleet: &Fleet) -> Vec<String> {
    let deadline = Instant::now() + SWEEP;
    loop {
        let mut found = Vec::new();
        for agent in 0..fleet.sandboxes.len() {
            let browsers = fleet.browsers(agent);
            for browser in browsers.iter().skip(1) {
                found.push(format!("orphan: a second browser of agent {agent}: {}", browser.pid));
            }
            for folder in fleet.profiles(agent) {
                let path = folder.display().to_string();
                if !browsers.iter().any(|browser| browser.command.contains(&path)) {
                    found.push(format!("orphan: a folder of agent {agent} without a browser: {path}"));
                }
            }
        }
        if found.is_empty() || Instant::now() >= deadline {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn describe(verdict: &mut Verdict, crowd: &Crowd, struck: &Struck, streams: Streams, samples: u64) {
    let (retried, refused) = crowd.notes();
    (verdict.retried, verdict.refused) = (retried, refused.len());
    (verdict.restarts, verdict.troubles) = (struck.restarts, struck.troubles.len());
    verdict.details.extend(struck.troubles.iter().cloned());
    let Streams { events, connections, .. } = streams;
    verdict.details.push(format!(
        "{} stops, {} spoiled ways, {retried} failed tasks asked for again, {events} events over {connections} \
         connections, {samples} samples of the slots",
        struck.stops, struck.cuts
    ));
    for refused in refused {
        verdict.details.push(format!("not taken in: {refused}"));
    }
    verdict.kills_in_click_window = struck.in_click_window;
    verdict.details.push(format!(
        "{} kills fell while a click was under way, of {} tasks; of {} the person was asked how it ended",
        struck.in_click_window,
        struck.clicked.len(),
        verdict.unknown
    ));
    for task in crowd.unknown().difference(&struck.clicked) {
        verdict.details.push(format!("task {task} was asked about, and no kill fell while its click was under way"));
    }
    for ((kind, phase), count) in &struck.hits {
        *verdict.hits.entry(((*kind).to_owned(), phase.clone())).or_default() += count;
    }
    verdict.details.extend(tally::lines(&verdict.hits));
}

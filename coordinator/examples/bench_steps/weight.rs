//! What live task actors weigh: each with a form of forty fields that its agent is filling.

use std::sync::Arc;
use std::time::Duration;

use coordinator::task::handle::Tasks;
use futures::StreamExt as _;
use protocol::form::{Choice, Field, FieldKind, FormModel, PageState, Value};
use protocol::ids::{CommandId, LeaseId, SandboxId, TaskId, UserId};
use protocol::plan::{FillPlan, PlannedField, Source};
use protocol::task::Ats;
use serde_json::json;
use store::Store;
use store::tasks::{Pending, TaskAt};

const ACTORS: usize = 10_000;
const FIELDS: usize = 40;
/// Started at a time.
const AT_ONCE: usize = 64;
/// Longer than all need to start and a review stays in memory unused, shorter than an actor does.
const REST: Duration = Duration::from_secs(25);
/// Characters of a typical answer and of a typical question.
const ANSWER: &str = "Five years in three teams";
const QUESTION: &str = "How many years of experience do you have with this?";

/// Prints the weight of an actor while its review is in memory, and once it rests in its row.
pub async fn measure(store: &Store, tasks: &Tasks, sandbox: SandboxId) -> anyhow::Result<()> {
    let all = rows(store, sandbox).await?;
    let (before, heap) = (resident_kb(), heap_kb());
    futures::stream::iter(all)
        .for_each_concurrent(AT_ONCE, |at| async move {
            if let Err(error) = tasks.repeat_owed(at).await {
                eprintln!("an actor was not started: {error}");
            }
        })
        .await;
    // What is asked of them waits in their mailboxes for a moment.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = |now: u64, before: u64| now.saturating_sub(before) as f64 / ACTORS as f64;
    let awake = each(heap_kb(), heap);
    tokio::time::sleep(REST).await;
    let (resting, resident) = (each(heap_kb(), heap), each(resident_kb(), before));
    println!(
        "live task actor, {FIELDS} fields being filled: {resting:.1} KB of heap, one of {ACTORS} (limit 16); \
         {awake:.1} KB in its first seconds; {resident:.1} KB resident after those"
    );
    Ok(())
}

/// Tasks whose agents are filling, straight into their tables.
async fn rows(store: &Store, sandbox: SandboxId) -> anyhow::Result<Vec<TaskAt>> {
    let (form, plan) = sheet();
    let pending = json!(Pending::Fill { command: CommandId::new(), round: 0 });
    let users: Vec<UserId> = (0..ACTORS).map(|_| UserId::new()).collect();
    let ids: Vec<TaskId> = (0..ACTORS).map(|_| TaskId::new()).collect();
    let shards: Vec<i16> = users.iter().map(|user| store::shards::shard_of(*user)).collect();
    let uuids = |ids: &[TaskId]| ids.iter().map(|id| id.0).collect::<Vec<_>>();
    let people: Vec<uuid::Uuid> = users.iter().map(|user| user.0).collect();
    let leases: Vec<uuid::Uuid> = (0..ACTORS).map(|_| LeaseId::new().0).collect();
    let mut tx = store.begin().await?;
    sqlx::query(
        "INSERT INTO users (id, email, name) SELECT u, u || '@example.com', 'Ada' FROM unnest($1::uuid[]) AS n (u)",
    )
    .bind(&people)
    .execute(&mut tx)
    .await?;
    sqlx::query(
        "INSERT INTO tasks (id, user_id, job_url, mode, shard, status, phase, lease_id, sandbox_id, pending, wake_at)
         SELECT t, u, 'https://jobs.example/1', 'copilot', s, 'in_progress', 'filling', l, $5, $6, now() + interval '1 hour'
           FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::uuid[]) AS n (t, u, s, l)",
    )
    .bind(uuids(&ids))
    .bind(&people)
    .bind(&shards)
    .bind(&leases)
    .bind(sandbox.0)
    .bind(pending)
    .execute(&mut tx)
    .await?;
    sqlx::query(
        "INSERT INTO task_reviews (task_id, revision, status, form, plan, results, form_digest, values_digest)
         SELECT t, 0, 'closed', $2, $3, '[]', $4, $4 FROM unnest($1::uuid[]) AS n (t)",
    )
    .bind(uuids(&ids))
    .bind(json!(form))
    .bind(json!(plan))
    .bind(vec![0_u8; 32])
    .execute(&mut tx)
    .await?;
    store::db::commit(tx, "writing tasks").await?;
    Ok(ids.into_iter().zip(shards).map(|(id, shard)| TaskAt { id, shard }).collect())
}

fn sheet() -> (Arc<FormModel>, Arc<FillPlan>) {
    let choices =
        || ["Yes", "No", "I would rather not say"].map(|label| Choice { value: label.into(), label: label.into() });
    let fields = (0..FIELDS).map(|number| {
        let id = format!("question_{number}");
        let field = Field::new(id.as_str(), FieldKind::Text, QUESTION);
        if number % 2 == 0 { field } else { Field { kind: FieldKind::Select, options: choices().into(), ..field } }
    });
    let planned = (0..FIELDS).map(|number| PlannedField {
        field: format!("question_{number}").as_str().into(),
        value: Some(Value::Text(ANSWER.into())),
        source: Some(Source::Resume),
        source_detail: "Resume: first job".into(),
        confidence: 0.95,
        note: String::new(),
        qa_entry: None,
        sensitive: false,
        ask: false,
    });
    let page = PageState {
        url: "https://jobs.example/1/apply".into(),
        ats: Ats::Greenhouse,
        title: "Apply".into(),
        job_title: Some("Baker".into()),
        company: Some("Crumb".into()),
        job_location: None,
        blocker: None,
        closed: false,
        already_applied: false,
        errors: Vec::new(),
        confirmation: None,
        can_submit: true,
        can_advance: false,
    };
    (Arc::new(FormModel { page, fields: fields.collect() }), Arc::new(FillPlan { fields: planned.collect() }))
}

/// What this process has allocated and not freed.
fn heap_kb() -> u64 {
    // SAFETY: takes nothing and only reads the allocator's own counters.
    let info = unsafe { libc::mallinfo2() };
    ((info.uordblks + info.hblkhd) / 1024) as u64
}

/// Of this process, once what was freed has gone back.
fn resident_kb() -> u64 {
    // SAFETY: takes a number and touches nothing of ours.
    unsafe { libc::malloc_trim(0) };
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or_default()
}

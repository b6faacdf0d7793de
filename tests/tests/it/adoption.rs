//! `kill -9` of the agent leaves its browsers; the next agent goes on with them, and whoever stops for good ends them.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use system_tests::process::{naming, signal, wait_until};
use system_tests::{Person, Valet};

/// For the agent to be started again and to be welcome.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the database says of a task and of the session of its host.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct Held {
    lease: Option<uuid::Uuid>,
    attempt: i32,
    review_revision: i64,
    last_report: i64,
    held: bool,
    epoch: i64,
    connected: bool,
}

async fn held(database: &sqlx::PgPool, task: &str) -> Held {
    let query = "SELECT t.lease_id AS lease, t.attempt, t.review_revision, t.last_report, \
                 t.held_until IS NOT NULL AS held, s.connection_epoch AS epoch, s.connected \
                 FROM tasks t JOIN sandboxes s ON s.id = t.sandbox_id WHERE t.id = $1";
    let query = sqlx::query_as(query).bind(task.parse::<uuid::Uuid>().expect("an id"));
    query.fetch_one(database).await.expect("the database answers")
}

/// Waits for a session after that of `epoch`.
async fn returned(database: &sqlx::PgPool, task: &str, epoch: i64) -> Held {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let now = held(database, task).await;
        if now.connected && now.epoch > epoch {
            return now;
        }
        assert!(tokio::time::Instant::now() < deadline, "the agent does not come back: {now:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// First processes of browsers on the agent's data.
fn browsers(valet: &Valet) -> BTreeSet<i32> {
    let all = naming(&valet.data_dir().display().to_string());
    all.iter()
        .filter(|p| p.command.contains("--remote-debugging-port") && !p.command.contains("--type="))
        .map(|p| p.pid)
        .collect()
}

/// A review that is held with its page open.
async fn reviewed() -> (Valet, Person, String) {
    let valet = Valet::start().await;
    let person = Person::first(&valet).await;
    let resume = person.with_resume().await;
    let task = person.apply(&valet.job("/lever/product-designer"), &resume).await;
    person.wait_for(&task, &["waiting_human"]).await;
    (valet, person, task)
}

#[tokio::test]
async fn a_held_review_survives_its_agent_and_is_sent_from_the_same_page() {
    let (valet, person, task) = reviewed().await;
    let (database, page) = (valet.database().await, browsers(&valet));
    // Twice: the next life leaves as much as the first one did.
    for _ in 0..2 {
        let (before, review) = (held(&database, &task).await, person.review(&task).await);
        assert!(before.held && before.lease.is_some() && before.connected, "{before:?}");
        signal(valet.agent_pid(), libc::SIGKILL);
        let after = returned(&database, &task, before.epoch).await;
        assert_eq!(Held { epoch: before.epoch, ..after }, before, "held as before");
        assert_eq!(person.review(&task).await["fields"], review["fields"]);
        assert_eq!(browsers(&valet), page, "the same browser");
    }
    assert_eq!(person.task(&task).await["status"], "waiting_human");
    let before = held(&database, &task).await;

    let (status, body) = person.approve(&task).await;
    assert_eq!(status, StatusCode::OK, "{body:#}");
    let done = person.wait_for(&task, &["completed", "failed", "waiting_human"]).await;
    assert_eq!((&done["status"], &done["outcome"]), (&json!("completed"), &json!("sent")), "{done:#}");
    assert_eq!(valet.submission_count().await, 1);
    let query = sqlx::query_scalar("SELECT attempt FROM tasks WHERE id = $1");
    let attempt: i32 =
        query.bind(task.parse::<uuid::Uuid>().expect("an id")).fetch_one(&database).await.expect("a row");
    assert_eq!(attempt, before.attempt, "nothing was begun anew");
    // What the employer has is what was reviewed, resume included.
    let sent = valet.submissions().await;
    assert!(sent["submissions"][0].to_string().contains(".pdf"), "{sent:#}");
}

#[tokio::test]
async fn a_stop_leaves_no_browser_whether_or_not_the_agent_came_back() {
    for back in [false, true] {
        let (mut valet, _, task) = reviewed().await;
        let database = valet.database().await;
        let before = held(&database, &task).await;
        signal(valet.agent_pid(), libc::SIGKILL);
        if back {
            returned(&database, &task, before.epoch).await;
        }
        database.close().await;
        assert!(valet.stop().await, "it ends well");
        let left = naming(&valet.data_dir().display().to_string());
        assert!(left.is_empty(), "left running (agent back: {back}): {left:#?}");
        let folders = std::fs::read_dir(valet.data_dir().join("agent/browsers")).map_or(0, Iterator::count);
        assert_eq!(folders, 0, "profiles left (agent back: {back})");
    }
}

#[tokio::test]
async fn a_start_after_everything_was_killed_leaves_one_browser() {
    let (mut valet, _, task) = reviewed().await;
    let first = browsers(&valet);
    // Both at once: nobody sweeps.
    signal(valet.agent_pid(), libc::SIGKILL);
    valet.crash_and_restart().await;
    wait_until("one browser runs", PATIENCE, || browsers(&valet).len() == 1).await;
    let person = Person::first(&valet).await;
    let (status, body) = person.approve(&task).await;
    assert_eq!(status, StatusCode::OK, "{body:#}");
    let done = person.wait_for(&task, &["completed", "failed", "waiting_human"]).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(valet.submission_count().await, 1);
    assert_eq!(browsers(&valet), first, "it went on");
}

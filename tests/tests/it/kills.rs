//! `kill -9` of every process in every phase of an application.
//!
//! Whatever dies, nothing that was accepted is lost and nothing is sent twice: the task ends completed with exactly
//! one submission at the practice employer, or, when a click may have been made and nobody saw its end, with a
//! question to the person whose answer ends it.

use std::time::Duration;

use protocol::task::Phase;
use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};
use system_tests::process::{self, signal, wait_until};
use system_tests::{Person, Valet};
use tokio::time::Instant;

/// For a phase to be reached: the ones before it take a few seconds, a busy machine more.
const PHASE_PATIENCE: Duration = Duration::from_secs(45);
/// For the system to be whole again, and the task to come to its next stop: the longest of its own limits is the 90 s
/// an attempt may go without a report.
const RECOVERY_PATIENCE: Duration = Duration::from_secs(150);
/// Some phases last for milliseconds.
const LOOK: Duration = Duration::from_millis(1);
/// Reviews a person may be shown for one application: once more after the browser was lost.
const REVIEWS_MAX: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Agent,
    Chromium,
    /// The process of coordinator and gateway.
    Coordinator,
    Postgres,
}

impl Victim {
    async fn kill(self, valet: &mut Valet) {
        match self {
            Self::Agent => signal(valet.agent_pid(), libc::SIGKILL),
            Self::Chromium => signal(valet.chromium_pid(), libc::SIGKILL),
            Self::Coordinator => valet.crash_and_restart().await,
            Self::Postgres => signal(valet.postgres_pid(), libc::SIGKILL),
        }
    }
}

/// Looks at a task where it is written, so closely that no phase is missed.
struct Watch {
    database: sqlx::PgPool,
    task: uuid::Uuid,
}

impl Watch {
    async fn new(valet: &Valet, task: &str) -> Self {
        Self { database: valet.database().await, task: task.parse().expect("an id") }
    }

    async fn phase(&self) -> Option<String> {
        let query = sqlx::query_scalar("SELECT phase::text FROM tasks WHERE id = $1");
        query.bind(self.task).fetch_one(&self.database).await.expect("the database answers")
    }

    /// Returns at once when the phase begins. Says which phases were seen when it never does.
    async fn reaches(&self, wanted: Phase) {
        let deadline = Instant::now() + PHASE_PATIENCE;
        let mut seen: Vec<Option<String>> = Vec::new();
        loop {
            let phase = self.phase().await;
            if phase.as_deref() == Some(wanted.as_str()) {
                return;
            }
            if seen.last() != Some(&phase) {
                seen.push(phase);
            }
            assert!(Instant::now() < deadline, "{} was not seen; seen were {seen:?}", wanted.as_str());
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Kills `victim` in `phase` of an application, and sees it through to its end.
async fn killed_in(victim: Victim, phase: Phase) {
    let mut valet = Valet::start().await;
    let person = Person::first(&valet).await;
    let resume = person.with_resume().await;
    wait_until("a browser runs", PHASE_PATIENCE, || has_browser(&valet)).await;

    // The start of a browser is over at once when one is warm: the agent is kept from answering.
    let frozen = (phase == Phase::StartingBrowser).then(|| valet.agent_pid());
    if let Some(agent) = frozen {
        signal(agent, libc::SIGSTOP);
    }
    let url = match phase {
        // Long enough to kill after the employer has recorded the application and before anybody has seen its answer.
        Phase::Submitting => "/lever/product-designer?delay_submit_ms=4000",
        _ => "/lever/product-designer",
    };
    let task = person.apply(&valet.job(url), &resume).await;
    let watch = Watch::new(&valet, &task).await;
    if matches!(phase, Phase::Submitting | Phase::Verifying | Phase::Cleanup) {
        wait(&person, &task, &["waiting_human"]).await;
        let (status, body) = person.approve(&task).await;
        assert_eq!(status, StatusCode::OK, "{body:#}");
    }
    watch.reaches(phase).await;
    if phase == Phase::Submitting {
        let deadline = Instant::now() + PHASE_PATIENCE;
        while valet.submission_count().await == 0 {
            assert!(Instant::now() < deadline, "the employer never received anything");
            tokio::time::sleep(LOOK).await;
        }
        assert_eq!(watch.phase().await.as_deref(), Some(phase.as_str()), "the phase ended before the kill");
    }
    victim.kill(&mut valet).await;
    if let Some(agent) = frozen
        && victim != Victim::Agent
    {
        signal(agent, libc::SIGCONT);
    }
    watch.database.close().await;

    see_through(&valet, &person, &task, phase).await;
    everything_is_given_back(&valet, &task).await;
}

fn has_browser(valet: &Valet) -> bool {
    let is_browser = |command: &str| command.contains("--remote-debugging-port") && !command.contains("--type=");
    valet.processes().iter().any(|process| is_browser(&process.command))
        && valet.processes().iter().any(|process| process.command.contains("--type=renderer"))
}

async fn wait(person: &Person, task: &str, statuses: &[&str]) -> Json {
    let is = |task: &Json| statuses.contains(&task["status"].as_str().unwrap_or_default());
    person.wait_within(RECOVERY_PATIENCE, &format!("/tasks/{task}"), &statuses.join(" or "), is).await
}

/// Answers whatever the person is asked, and checks how the application ended.
async fn see_through(valet: &Valet, person: &Person, task: &str, phase: Phase) {
    let mut reviews = 0;
    loop {
        let now = wait(person, task, &["completed", "failed", "waiting_human"]).await;
        let count = valet.submission_count().await;
        assert!(count <= 1, "sent {count} times: {now:#}");
        match now["status"].as_str() {
            Some("completed") => {
                assert_eq!(now["outcome"], "sent", "{now:#}");
                assert_eq!(count, 1, "{now:#}");
                // Nothing but the page of the one submission confirms it.
                let number = valet.submissions().await["submissions"][0]["number"].as_str().map(str::to_owned);
                let url = now["confirmation"]["url"].as_str().unwrap_or_default();
                assert!(number.is_some_and(|number| url.ends_with(&number)), "{now:#}");
                return;
            }
            Some("waiting_human") if now["interaction"]["type"] == "outcome_unknown" => {
                let may = matches!(phase, Phase::Submitting | Phase::Verifying);
                assert!(may, "nothing was clicked when it was killed: {now:#}");
                return answer_outcome(valet, person, task, count).await;
            }
            Some("waiting_human") => {
                reviews += 1;
                assert!(reviews <= REVIEWS_MAX, "asked to review again and again: {now:#}");
                assert_eq!(count, 0, "sent, and yet to be reviewed: {now:#}");
                approve(person, task).await;
            }
            _ => panic!("{now:#}"),
        }
    }
}

/// Approves what stands there now. A gateway whose database is being started again is asked again.
async fn approve(person: &Person, task: &str) {
    let deadline = Instant::now() + RECOVERY_PATIENCE;
    loop {
        let review = person.try_call(Method::GET, &format!("/tasks/{task}/review"), None).await;
        if matches!(review, Ok((StatusCode::OK, _))) {
            let (status, body) = person.approve(task).await;
            if status == StatusCode::OK {
                break;
            }
            let again =
                status.is_server_error() || body["error"] == "STALE_REVIEW" || body["error"] == "NOT_REVIEWABLE";
            assert!(again, "{status} {body:#}");
        }
        assert!(Instant::now() < deadline, "the review could not be approved");
        tokio::time::sleep(Duration::from_millis(50)).await;
        if person.task(task).await["status"] != "waiting_human" {
            break;
        }
    }
}

/// The person looks into their mail, so to speak: the employer's record says how it ended.
async fn answer_outcome(valet: &Valet, person: &Person, task: &str, count: u64) {
    let (status, body) = person.call(Method::POST, &format!("/tasks/{task}/approve"), Some(json!({}))).await;
    assert_eq!((status, &body["error"]), (StatusCode::CONFLICT, &json!("OUTCOME_UNKNOWN")), "{body:#}");
    let (answer, status, outcome) =
        if count == 1 { ("sent", "completed", "sent") } else { ("not_sent", "failed", "none") };
    let permit = person.task(task).await["interaction"]["permit"].clone();
    let answer = json!({ "answer": answer, "permit": permit });
    let (code, body) = person.call(Method::POST, &format!("/tasks/{task}/outcome"), Some(answer)).await;
    assert_eq!(code, StatusCode::OK, "{body:#}");
    let end = wait(person, task, &["completed", "failed"]).await;
    assert_eq!((&end["status"], &end["outcome"]), (&json!(status), &json!(outcome)), "{end:#}");
    if count == 0 {
        assert_eq!(end["errorCode"], "NOT_SENT", "{end:#}");
    }
    assert_eq!(valet.submission_count().await, count);
}

/// The slot is free again, and the host can be used for the next application.
async fn everything_is_given_back(valet: &Valet, task: &str) {
    let database = valet.database().await;
    let deadline = Instant::now() + RECOVERY_PATIENCE;
    loop {
        let query = "SELECT (SELECT sum(current_load) FROM sandboxes)::bigint, \
                     (SELECT lease_id IS NULL AND phase IS NULL FROM tasks WHERE id = $1)";
        let row: (i64, bool) = sqlx::query_as(query)
            .bind(task.parse::<uuid::Uuid>().expect("an id"))
            .fetch_one(&database)
            .await
            .expect("the database answers");
        if row == (0, true) {
            break;
        }
        assert!(Instant::now() < deadline, "not given back (slots taken, free of lease and phase): {row:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let agents = |process: &process::Process| process.command.contains("valet-agent");
    wait_until("one agent runs", RECOVERY_PATIENCE, || {
        valet.processes().iter().filter(|process| agents(process)).count() == 1
    })
    .await;
}

/// One test for each victim and phase. All but a few run with `make test-full`.
macro_rules! kills {
    ($($name:ident: $victim:ident in $phase:ident $(, $only:literal)?;)*) => {$(
        #[tokio::test]
        $(#[ignore = $only])?
        async fn $name() {
            killed_in(Victim::$victim, Phase::$phase).await;
        }
    )*};
}

kills! {
    agent_killed_while_starting_browser: Agent in StartingBrowser, "every process in every phase: make test-full";
    agent_killed_while_navigating: Agent in Navigating, "every process in every phase: make test-full";
    agent_killed_while_analyzing: Agent in Analyzing, "every process in every phase: make test-full";
    agent_killed_while_filling: Agent in Filling, "every process in every phase: make test-full";
    agent_killed_while_reviewing: Agent in Reviewing, "every process in every phase: make test-full";
    agent_killed_while_submitting: Agent in Submitting, "every process in every phase: make test-full";
    agent_killed_while_verifying: Agent in Verifying;
    agent_killed_while_cleanup: Agent in Cleanup, "every process in every phase: make test-full";
    chromium_killed_while_starting_browser: Chromium in StartingBrowser, "every process in every phase: make test-full";
    chromium_killed_while_navigating: Chromium in Navigating, "every process in every phase: make test-full";
    chromium_killed_while_analyzing: Chromium in Analyzing, "every process in every phase: make test-full";
    chromium_killed_while_filling: Chromium in Filling;
    chromium_killed_while_reviewing: Chromium in Reviewing, "every process in every phase: make test-full";
    chromium_killed_while_submitting: Chromium in Submitting, "every process in every phase: make test-full";
    chromium_killed_while_verifying: Chromium in Verifying, "every process in every phase: make test-full";
    chromium_killed_while_cleanup: Chromium in Cleanup, "every process in every phase: make test-full";
    coordinator_killed_while_starting_browser: Coordinator in StartingBrowser, "every process in every phase: make test-full";
    coordinator_killed_while_navigating: Coordinator in Navigating, "every process in every phase: make test-full";
    coordinator_killed_while_analyzing: Coordinator in Analyzing, "every process in every phase: make test-full";
    coordinator_killed_while_filling: Coordinator in Filling, "every process in every phase: make test-full";
    coordinator_killed_while_reviewing: Coordinator in Reviewing, "every process in every phase: make test-full";
    coordinator_killed_while_submitting: Coordinator in Submitting;
    coordinator_killed_while_verifying: Coordinator in Verifying, "every process in every phase: make test-full";
    coordinator_killed_while_cleanup: Coordinator in Cleanup, "every process in every phase: make test-full";
    postgres_killed_while_starting_browser: Postgres in StartingBrowser, "every process in every phase: make test-full";
    postgres_killed_while_navigating: Postgres in Navigating, "every process in every phase: make test-full";
    postgres_killed_while_analyzing: Postgres in Analyzing;
    postgres_killed_while_filling: Postgres in Filling, "every process in every phase: make test-full";
    postgres_killed_while_reviewing: Postgres in Reviewing, "every process in every phase: make test-full";
    postgres_killed_while_submitting: Postgres in Submitting, "every process in every phase: make test-full";
    postgres_killed_while_verifying: Postgres in Verifying, "every process in every phase: make test-full";
    postgres_killed_while_cleanup: Postgres in Cleanup, "every process in every phase: make test-full";
}

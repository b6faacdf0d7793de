//! What is away for a while: Postgres, the answer to a commit, the coordinators. Nothing is lost, nothing is sent twice,
//! and people are told.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};
use system_tests::chaos::client::Client;
use system_tests::chaos::fleet::{Fleet, Part, pooler};
use system_tests::chaos::{Options, Trial, run};
use system_tests::faults::{Catch, Cut};
use tokio::time::{Instant, sleep, timeout};

/// Longer than the journal tries to write a step, and than a node's standing lasts.
const SHORT_OUTAGE: Duration = Duration::from_secs(9);
/// Longer than everything but the patience of frozen pages: agents' leases, callers, sessions of people.
const LONG_OUTAGE: Duration = Duration::from_secs(60);
/// An application with its review, on a busy machine; and whatever is waited for here.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(50);

async fn without_postgres(lasts: Duration, how: Cut, pooler: bool) {
    let trial = Trial::Outage { lasts, how };
    let options = Options { pooler, gateways: 1, rest: Duration::from_secs(180), ..Options::small(trial, 20, 5) };
    let verdict = run(options).await.expect("the fleet starts");
    assert!(verdict.smooth(), "{verdict}\n{}", verdict.details.join("\n"));
    assert_eq!(verdict.completed, 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coordinators_that_lose_postgres_lose_no_task_and_go_on_when_it_is_back() {
    without_postgres(SHORT_OUTAGE, Cut::Refused, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_falls_silent_costs_no_task_either() {
    without_postgres(SHORT_OUTAGE, Cut::Silent, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a whole minute without Postgres; eight seconds of it are in make test, this in make test-full"]
async fn coordinators_that_lose_postgres_for_a_minute_lose_no_task() {
    without_postgres(LONG_OUTAGE, Cut::Refused, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a whole minute without Postgres; eight seconds of it are in make test, this in make test-full"]
async fn a_postgres_that_is_silent_for_a_minute_costs_no_task_either() {
    without_postgres(LONG_OUTAGE, Cut::Silent, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_pooler_people_are_served_and_told_of_an_outage_as_without_one() {
    if pooler().is_none() {
        eprintln!("skipped: PgBouncer is not installed");
        return;
    }
    without_postgres(SHORT_OUTAGE, Cut::Refused, true).await;
}

/// A small fleet with one person who has a resume.
struct World {
    fleet: Fleet,
    person: Client,
    resume: String,
}

impl World {
    async fn start(coordinators: usize) -> Self {
        let options = Options { coordinators, gateways: 1, standins: 1, chromium: 0, kills: 0, ..Options::default() };
        let fleet = Fleet::start(&options).await.expect("the fleet starts");
        let person = Client::register(fleet.doors(), "robin@example.com".to_owned()).await.expect("an account");
        let resume = person.upload(system_tests::resume::pdf(), PATIENCE).await.expect("a resume");
        Self { fleet, person, resume }
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Json>) -> (StatusCode, Json) {
        self.person.insist(method, path, body, None, PATIENCE).await.expect("the gateway answers")
    }

    async fn apply(&self) -> String {
        let url = self.fleet.practice.job("/greenhouse/platform-engineer");
        let body = json!({ "jobUrl": url, "resumeId": self.resume, "mode": "copilot" });
        let (status, task) = self.call(Method::POST, "/tasks", Some(&body)).await;
        assert_eq!(status, StatusCode::CREATED, "{task:#}");
        task["id"].as_str().expect("an id").to_owned()
    }

    async fn until(&self, task: &str, statuses: &[&str]) -> Json {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (_, now) = self.call(Method::GET, &format!("/tasks/{task}"), None).await;
            if now["status"].as_str().is_some_and(|status| statuses.contains(&status)) {
                return now;
            }
            assert!(Instant::now() < deadline, "never {statuses:?}: {now:#}");
            sleep(LOOK).await;
        }
    }

    /// Approves what is reviewed, with an answer to whatever is missing.
    async fn approve(&self, task: &str) {
        let (status, review) = self.call(Method::GET, &format!("/tasks/{task}/review"), None).await;
        assert_eq!(status, StatusCode::OK, "{review:#}");
        let body = json!({ "revision": review["revision"], "fieldOverrides": system_tests::person::missing(&review) });
        let (status, body) = self.call(Method::POST, &format!("/tasks/{task}/approve"), Some(&body)).await;
        assert_eq!(status, StatusCode::OK, "{body:#}");
    }

    async fn received(&self) -> u64 {
        self.fleet.practice.submissions().await["count"].as_u64().expect("a count")
    }

    async fn stop(self) {
        let left = self.fleet.stop(false).await;
        assert!(left.is_empty(), "left running: {left:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_read_afresh_and_never_guessed() {
    let world = World::start(1).await;
    let way = world.fleet.ways(Part::Postgres).remove(0);
    let snare = way.snare();
    // What the rows say when the permit goes out, and when the employer has it.
    let steps = [("the permit", r#""kind":"submit""#), ("the outcome", "Application submitted")];
    let catches = [Catch::AnswerLost, Catch::Lost, Catch::Late(Duration::from_secs(2)), Catch::Unanswered];
    let mut sent = 0;
    for (step, bait) in steps {
        for catch in catches {
            let mut caught = snare.caught();
            let before = *caught.borrow_and_update();
            let task = world.apply().await;
            world.until(&task, &["waiting_human"]).await;
            snare.set(bait, catch);
            world.approve(&task).await;
            let seen = timeout(PATIENCE, caught.wait_for(|count| *count > before)).await;
            assert!(seen.is_ok_and(|seen| seen.is_ok()), "{step}: no commit was caught");
            let end = world.until(&task, &["completed", "failed", "waiting_human"]).await;
            sent += 1;
            assert_eq!(
                (&end["status"], &end["outcome"]),
                (&json!("completed"), &json!("sent")),
                "{step} {catch:?}: {end:#}"
            );
            assert_eq!(world.received().await, sent, "{step} {catch:?}");
            let permits: Vec<String> =
                sqlx::query_scalar("SELECT state::text FROM permits WHERE task_id = $1 AND state <> 'returned'")
                    .bind(task.parse::<uuid::Uuid>().expect("an id"))
                    .fetch_all(&world.fleet.database)
                    .await
                    .expect("the database answers");
            assert_eq!(permits, ["sent"], "{step} {catch:?}");
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_without_a_coordinator_serve_reads_and_say_when_to_come_again() {
    let world = World::start(2).await;
    let task = world.apply().await;
    world.until(&task, &["waiting_human"]).await;
    let links = [world.fleet.ways(Part::Coordinator(0)), world.fleet.ways(Part::Coordinator(1))].concat();
    links.iter().for_each(|way| way.cut(Cut::Silent));
    coordinator_is(&world, "unavailable").await;

    let path = |of: &str| format!("/tasks/{task}{of}");
    for read in ["/tasks".to_owned(), path(""), path("/review"), path("/events"), "/resumes".to_owned()] {
        let answer = world.person.once(Method::GET, &read, None, None).await;
        assert!(matches!(answer, Some((StatusCode::OK, _))), "{read}: {answer:?}");
    }
    let url = world.fleet.practice.job("/greenhouse/platform-engineer?second=1");
    let another = json!({ "jobUrl": url, "resumeId": world.resume, "mode": "copilot" });
    let http = reqwest::Client::new();
    let door = world.person.door();
    for (method, of, body) in [
        (Method::POST, "/tasks".to_owned(), another.clone()),
        (Method::POST, path("/approve"), json!({})),
        (Method::POST, path("/hold"), json!({ "minutes": 5 })),
        (Method::DELETE, path(""), json!({})),
    ] {
        let write = http.request(method.clone(), format!("{door}/api/v1{of}")).bearer_auth(world.person.token());
        let answer = write.json(&body).timeout(PATIENCE).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{method} {of}");
        assert!(answer.headers().contains_key("retry-after"), "{method} {of}");
    }
    let taken_in: i64 =
        sqlx::query_scalar("SELECT count(*) FROM tasks").fetch_one(&world.fleet.database).await.expect("an answer");
    assert_eq!(taken_in, 1, "what was refused is not there");

    links.iter().for_each(|way| way.heal());
    coordinator_is(&world, "ok").await;
    world.approve(&task).await;
    let end = world.until(&task, &["completed", "failed"]).await;
    assert_eq!((&end["status"], world.received().await), (&json!("completed"), 1), "{end:#}");
    world.stop().await;
}

async fn coordinator_is(world: &World, wanted: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let health = world.person.once(Method::GET, "/health", None, None).await;
        if health.as_ref().is_some_and(|(_, health)| health["checks"]["coordinator"] == wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "never {wanted}: {health:?}");
        sleep(LOOK).await;
    }
}

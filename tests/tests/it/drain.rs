//! Taking a browser host out of work: by an admin's drain, and by the signal that stops its agent.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};
use system_tests::process::{self, wait_until};
use system_tests::{Person, Valet};

/// What an agent that is told to stop may take, with a held review.
const AGENT_STOPS_WITHIN: Duration = Duration::from_secs(60);

/// The only host's id.
async fn host(valet: &Valet) -> String {
    let database = valet.database().await;
    let id: uuid::Uuid = sqlx::query_scalar("SELECT id FROM sandboxes").fetch_one(&database).await.expect("a host");
    database.close().await;
    id.to_string()
}

async fn explained(person: &Person, task: &str) -> Json {
    let (status, body) = person.call(Method::GET, &format!("/tasks/{task}/explain"), None).await;
    assert_eq!(status, StatusCode::OK, "{body:#}");
    body
}

fn code(explanation: &Json) -> &str {
    explanation["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn the_only_host_is_drained_with_a_held_review_and_the_application_is_finished_afterwards() {
    let valet = Valet::start().await;
    let person = Person::first(&valet).await;
    let resume = person.with_resume().await;
    let task = person.apply(&valet.job("/greenhouse/platform-engineer"), &resume).await;
    person.wait_for(&task, &["waiting_human"]).await;
    let held = explained(&person, &task).await;
    assert_eq!(code(&held), "waiting_for_you", "{held:#}");
    let actor = format!("/admin/actors/task:{task}");
    let (status, body) = person.call(Method::GET, &actor, None).await;
    assert_eq!((status, &body["state"]), (StatusCode::OK, &json!("waiting_human")), "{body:#}");

    // Work that nobody reviews yet goes on; what is held is parked, and says why.
    let host = host(&valet).await;
    let drain = format!("/admin/sandboxes/{host}/drain");
    let (status, body) = person.call(Method::POST, &drain, Some(json!({ "reason": "new kernel" }))).await;
    assert_eq!((status, &body["draining"]), (StatusCode::OK, &json!(true)), "{body:#}");
    person.wait(&drain, "released", |drain| drain["released"] == true && drain["blockers"] == json!([])).await;
    let parked = explained(&person, &task).await;
    assert_eq!((code(&parked), &parked["facts"]["parked"]), ("parked", &json!("host_draining")), "{parked:#}");
    let sentence = parked["sentence"].as_str().unwrap_or_default();
    assert!(sentence.contains("your review") && sentence.contains("its host is drained"), "{sentence}");

    // Approved meanwhile, it waits for a host, and says that.
    let (status, body) = person.approve(&task).await;
    assert_eq!(status, StatusCode::OK, "{body:#}");
    let draining = |explanation: &Json| code(explanation) == "hosts_draining";
    person.wait(&format!("/tasks/{task}/explain"), "waiting for a host", draining).await;
    assert_eq!(valet.submission_count().await, 0);
    let (status, body) = person.call(Method::GET, &format!("/admin/actors/sandbox:{host}"), None).await;
    assert_eq!((status, &body["state"]), (StatusCode::OK, &json!("drained")), "{body:#}");

    // A restarted dispatcher keeps to it.
    let (status, body) = person.call(Method::POST, "/admin/actors/dispatcher/restart", None).await;
    assert_eq!(status, StatusCode::OK, "{body:#}");
    assert_eq!(code(&explained(&person, &task).await), "hosts_draining");

    let (status, body) = person.call(Method::POST, &format!("/admin/sandboxes/{host}/undrain"), None).await;
    assert_eq!((status, &body["draining"]), (StatusCode::OK, &json!(false)), "{body:#}");
    let mut done = person.wait_for(&task, &["completed", "failed", "waiting_human"]).await;
    if done["status"] == "waiting_human" {
        // The form that was opened again is not quite the one that was reviewed: it is reviewed once more.
        let (status, body) = person.approve(&task).await;
        assert_eq!(status, StatusCode::OK, "{body:#}");
        done = person.wait_for(&task, &["completed", "failed"]).await;
    }
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(valet.submission_count().await, 1);
    assert_eq!(code(&explained(&person, &task).await), "completed");
    let database = valet.database().await;
    let actions: Vec<String> = sqlx::query_scalar("SELECT action FROM audit_trail ORDER BY created_at")
        .fetch_all(&database)
        .await
        .expect("the audit trail");
    assert_eq!(
        actions,
        ["sandbox.enrolment_token", "agent.enrolled", "sandbox.drain", "actor.restart", "sandbox.undrain"]
    );
    database.close().await;
}

#[tokio::test]
async fn an_agent_that_is_told_to_stop_parks_what_is_held_and_is_gone_within_a_minute() {
    let valet = Valet::start().await;
    let person = Person::first(&valet).await;
    let resume = person.with_resume().await;
    let task = person.apply(&valet.job("/greenhouse/platform-engineer"), &resume).await;
    person.wait_for(&task, &["waiting_human"]).await;
    let agent = valet.agent_pid();
    process::signal(agent, libc::SIGTERM);
    let gone = || valet.processes().iter().all(|process| process.pid != agent);
    wait_until("the agent stops", AGENT_STOPS_WITHIN, gone).await;
    let parked = explained(&person, &task).await;
    assert_eq!((code(&parked), &parked["facts"]["parked"]), ("parked", &json!("host_draining")), "{parked:#}");
    // The next agent of the host finishes it.
    let (status, body) = person.approve(&task).await;
    assert_eq!(status, StatusCode::OK, "{body:#}");
    let mut done = person.wait_for(&task, &["completed", "failed", "waiting_human"]).await;
    if done["status"] == "waiting_human" {
        let (status, body) = person.approve(&task).await;
        assert_eq!(status, StatusCode::OK, "{body:#}");
        done = person.wait_for(&task, &["completed", "failed"]).await;
    }
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(valet.submission_count().await, 1);
}

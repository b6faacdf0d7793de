//! A pause is not a death: an agent that stalls keeps its lease, one that is silent loses it. These wait for real
//! seconds.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use system_tests::chaos::Options;
use system_tests::chaos::client::Client;
use system_tests::chaos::fleet::{Fleet, Part};
use system_tests::faults::Faults;
use system_tests::silence::{SILENCE, STALL, Silences};
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(60);

async fn lease(fleet: &Fleet) -> Option<uuid::Uuid> {
    let lease = sqlx::query_scalar("SELECT lease_id FROM tasks").fetch_one(&fleet.database).await;
    lease.expect("the database answers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "waits for real silences: make test-full"]
async fn a_stopped_agent_keeps_its_lease_for_8_s_and_not_for_12() {
    let options = Options { standins: 1, chromium: 0, ..Options::default() };
    let fleet = Fleet::start(&options).await.expect("the fleet starts");
    let person = Client::register(fleet.doors(), "robin.example@example.com".into()).await.expect("an account");
    let resume = person.upload(system_tests::resume::pdf(), PATIENCE).await.expect("a resume");
    let url = fleet.practice.job("/greenhouse/platform-engineer");
    let body = json!({ "jobUrl": url, "resumeId": resume, "mode": "copilot" });
    let (status, body) = person.once(Method::POST, "/tasks", Some(&body), None).await.expect("an answer");
    assert!(status.is_success(), "{body}");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let waiting: bool = sqlx::query_scalar("SELECT status = 'waiting_human' AND lease_id IS NOT NULL FROM tasks")
            .fetch_one(&fleet.database)
            .await
            .expect("the database answers");
        if waiting {
            break;
        }
        assert!(Instant::now() < deadline, "no review with its browser held");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let held = lease(&fleet).await;
    for way in fleet.ways(Part::Agent(0)) {
        way.set(Faults { loss: 0.2, ..Faults::default() });
    }
    let agent = fleet.pid(Part::Agent(0)).expect("it runs");
    for (lasts, kept) in [(STALL, true), (STALL, true), (SILENCE + Duration::from_secs(1), false)] {
        agent.signal(libc::SIGSTOP);
        tokio::time::sleep(lasts).await;
        agent.signal(libc::SIGCONT);
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!(lease(&fleet).await == held, kept, "stopped for {lasts:?}");
    }
    let left = fleet.stop(false).await;
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "waits for real silences: make test-full"]
async fn stalls_lose_no_lease_and_silences_every_one() {
    let silences = Silences::start(9, 1).await.expect("the agents have their jobs");
    let stalls = silences.silent_for(STALL).await.expect("leases");
    assert_eq!((stalls.leases, stalls.lost), (9, 0));
    let silent = silences.silent_for(SILENCE).await.expect("leases");
    assert_eq!((silent.leases, silent.lost), (9, 9));
}

//! Who is let in, and who is not any more: the agent's own sessions against the real coordinator and database.

use std::time::{Duration, SystemTime};

use agent::identity::NewKey;
use coordinator::pki::{AGENT_CERTIFICATE_TTL, Authority, AuthorityPem};
use protocol::ids::SandboxId;
use reqwest::{Method, StatusCode};
use serde_json::json;
use system_tests::fleet::{Employer, Light, authority_fingerprint, places};
use system_tests::storm::Storm;
use system_tests::{Options, Person, Valet};

const PATIENCE: Duration = Duration::from_secs(60);

async fn until(what: &str, database: &sqlx::PgPool, query: &'static str) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !sqlx::query_scalar::<_, bool>(query).fetch_one(database).await.expect("the database answers") {
        assert!(tokio::time::Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_slept_past_its_certificate_comes_back_by_itself_and_a_revoked_one_does_not() {
    let valet = Valet::start_with(Options { no_agent: true, ..Options::default() }).await;
    let database = valet.database().await;
    let fingerprint = authority_fingerprint(&valet.data_dir()).expect("an authority");
    let place = places(&database, &fingerprint, 1, 1).await.expect("a host").remove(0);
    let (folder, employer) = (tempfile::tempdir().expect("a folder"), Employer::new(3));

    // Its certificate ran out two days ago.
    let stored = std::fs::read(valet.data_dir().join("authority.json")).expect("an authority");
    let stored: serde_json::Value = serde_json::from_slice(&stored).expect("JSON");
    let text = |name: &str| stored[name].as_str().unwrap_or_default().to_owned();
    let authority = Authority::from_pem(&AuthorityPem { certificate: text("certificate"), key: text("key") });
    let (authority, key) = (authority.expect("an authority"), NewKey::generate().expect("a key"));
    let then = SystemTime::now() - Duration::from_secs(48 * 3600);
    let old = authority.sign_agent(key.csr(), SandboxId(place.sandbox), then, AGENT_CERTIFICATE_TTL).expect("signed");
    let chain = old.chain.iter().map(|certificate| certificate.to_vec()).collect();
    let identity = key.certified(chain, authority.certificate().to_vec()).expect("an identity");
    let own = folder.path().join(place.sandbox.simple().to_string());
    std::fs::create_dir(&own).expect("a folder");
    identity.store(&own).expect("stored");

    let start = || Light::start(&place, vec![valet.ready.quic.clone()], folder.path(), 1, &employer);
    let light = start().expect("it starts");
    until("it is connected", &database, "SELECT connected FROM sandboxes").await;
    let spent: bool = sqlx::query_scalar("SELECT used_at IS NOT NULL FROM enrolment_tokens")
        .fetch_one(&database)
        .await
        .expect("an answer");
    assert!(!spent, "its old key was enough");

    let admin = Person::first(&valet).await;
    let path = format!("/admin/sandboxes/{}/revoke", place.sandbox);
    let asked = tokio::time::Instant::now();
    let (status, body) = admin.call(Method::POST, &path, Some(json!({ "reason": "the host was sold" }))).await;
    assert_eq!((status, &body["connected"]), (StatusCode::OK, &json!(true)), "{body:#}");
    until("it is cut off", &database, "SELECT NOT connected FROM sandboxes").await;
    let cut_off = asked.elapsed();
    light.ended(PATIENCE).await.expect("it gives up");
    // A figure for people: how long it may take is a promise of the design, not of a machine that is busy with tests.
    println!(
        "revocation: asked to cut off in {} ms, its agent gone in {} ms",
        cut_off.as_millis(),
        asked.elapsed().as_millis()
    );
    // It is not let in again: neither by its certificate, nor by a token that was made before.
    start().expect("it starts").ended(PATIENCE).await.expect("it gives up");
    std::fs::remove_file(own.join("identity.pem")).expect("removed");
    start().expect("it starts").ended(PATIENCE).await.expect("it gives up");
    let connected: i64 =
        sqlx::query_scalar("SELECT connection_epoch FROM sandboxes").fetch_one(&database).await.expect("an answer");
    assert_eq!(connected, 1);
    let actions: Vec<String> = sqlx::query_scalar("SELECT action FROM audit_trail ORDER BY created_at")
        .fetch_all(&database)
        .await
        .expect("an answer");
    assert_eq!(actions, ["agent.renewed_lapsed", "sandbox.revoke", "agent.refused", "agent.enrol_refused"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_agents_come_back_to_a_killed_coordinator() {
    let mut storm = Storm::start(300).await.expect("they are connected");
    let figures = storm.kill().await.expect("they come back, and nobody is refused meanwhile");
    assert_eq!(figures.agents, 300);
    assert!(!figures.requests.is_empty());
    assert!(!figures.answers.is_empty());
    assert_eq!(figures.lost, 0, "every held browser is held by the same lease");
}

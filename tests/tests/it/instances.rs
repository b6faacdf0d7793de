//! EC2 instances that auto-scaling starts: the agent's own program, its metadata service, the real coordinator.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};
use system_tests::ec2::{ACCOUNT, Metadata, REGION, Signer};
use system_tests::fleet::authority_fingerprint;
use system_tests::valet::program;
use system_tests::{Options, Person, Valet, process};
use tokio::process::{Child, Command};

const PATIENCE: Duration = Duration::from_secs(60);
const INSTANCE: &str = "i-0123456789abcdef0";

/// An agent as its host starts it, with what is its own.
fn agent(valet: &Valet, dir: &Path, own: &[&str], env: &[(&str, &str)]) -> Child {
    Command::new(program("valet-agent"))
        .args(["--coordinator", &valet.ready.quic, "--data-dir"])
        .arg(dir)
        .args(own)
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the agent starts")
}

async fn connected(database: &sqlx::PgPool, epoch: i64) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let query = "SELECT EXISTS (SELECT FROM sandboxes WHERE instance_id = $1 AND connected AND connection_epoch = $2)";
    while !sqlx::query_scalar::<_, bool>(query).bind(INSTANCE).bind(epoch).fetch_one(database).await.expect("an answer")
    {
        assert!(tokio::time::Instant::now() < deadline, "no session {epoch}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn ended(agent: Child) -> Output {
    tokio::time::timeout(PATIENCE, agent.wait_with_output()).await.expect("it ends").expect("an exit code")
}

async fn stop(agent: Child) {
    process::signal(agent.id().expect("it runs").cast_signed(), libc::SIGTERM);
    let output = ended(agent).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn refused(agent: Child, why: &str) {
    let output = ended(agent).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(why), "{why:?} is not in {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_enrols_once_with_its_document() {
    let (amazon, somebody) = (Signer::new().expect("a key"), Signer::new().expect("a key"));
    let folder = tempfile::tempdir().expect("a folder");
    let certificate = folder.path().join("region.pem");
    std::fs::write(&certificate, &amazon.certificate_pem).expect("written");
    let env = [
        ("EC2_CERTIFICATES", certificate.to_str().expect("a path")),
        ("EC2_ACCOUNTS", ACCOUNT),
        ("EC2_REGIONS", REGION),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let valet = Valet::start_with(Options { no_agent: true, env }).await;
    let database = valet.database().await;
    let fingerprint = authority_fingerprint(&valet.data_dir()).expect("an authority");
    let (now, dir) = (Utc::now(), |name: &str| folder.path().join(name));
    let metadata = Metadata::start(&amazon.document(INSTANCE, now).expect("signed")).await.expect("it serves");
    let by = |metadata: &Metadata| -> [String; 2] { ["--ec2-metadata".to_owned(), metadata.address.clone()] };
    let start = |name: &str, metadata: &Metadata| {
        let [option, address] = by(metadata);
        let env = [("VALET_ENROL_EC2", "1"), ("VALET_AUTHORITY", fingerprint.as_str())];
        agent(&valet, &dir(name), &[&option, &address], &env)
    };

    let first = start("first", &metadata);
    connected(&database, 1).await;
    // Everybody on the host can read the document: the one with another key comes too late.
    refused(start("thief", &metadata), "has enrolled with another key").await;
    stop(first).await;
    let again = start("first", &metadata);
    connected(&database, 2).await;
    stop(again).await;

    // Nor does a document help that somebody else signed, or one of an instance that runs for long.
    let forged =
        Metadata::start(&somebody.document("i-0aaaaaaaaaaaaaaa1", now).expect("signed")).await.expect("it serves");
    refused(start("forged", &forged), "is for the document's signature").await;
    let long_ago = now - TimeDelta::hours(1);
    let stale =
        Metadata::start(&amazon.document("i-0aaaaaaaaaaaaaaa2", long_ago).expect("signed")).await.expect("it serves");
    refused(start("stale", &stale), "was started too long ago").await;
    let hosts: i64 = sqlx::query_scalar("SELECT count(*) FROM sandboxes").fetch_one(&database).await.expect("a count");
    assert_eq!(hosts, 1, "what was refused is not kept");

    // Its disk was lost: an admin says that it may enrol again.
    std::fs::remove_dir_all(dir("first")).expect("removed");
    refused(start("first", &metadata), "has enrolled with another key").await;
    let admin = Person::first(&valet).await;
    let sandbox: uuid::Uuid =
        sqlx::query_scalar("SELECT id FROM sandboxes").fetch_one(&database).await.expect("the sandbox");
    let asked = json!({ "sandboxId": sandbox });
    let (status, body) = admin.call(Method::POST, "/admin/enrolment-tokens", Some(asked)).await;
    assert_eq!(status, StatusCode::CREATED, "{body:#}");
    let token = body["token"].as_str().expect("a token");
    let back = agent(&valet, &dir("back"), &["--enrol-token", token], &[]);
    connected(&database, 3).await;
    stop(back).await;

    let rows: Vec<(String, Json)> = sqlx::query_as("SELECT action, details FROM audit_trail ORDER BY created_at")
        .fetch_all(&database)
        .await
        .expect("the audit trail");
    let told: Vec<String> = rows
        .iter()
        .map(|(action, details)| {
            let word = |name: &str| details[name].as_str().unwrap_or("-").to_owned();
            format!("{action} {} {} {}", word("by"), word("reason"), word("instanceId"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "agent.enrolled document - -",
            "agent.enrol_refused - enrolled i-0123456789abcdef0",
            "agent.enrol_refused - signature -",
            "agent.enrol_refused - stale i-0aaaaaaaaaaaaaaa2",
            "agent.enrol_refused - enrolled i-0123456789abcdef0",
            "sandbox.enrolment_token - - -",
            "agent.enrolled token - -",
        ]
    );
}

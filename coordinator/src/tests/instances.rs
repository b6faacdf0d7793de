//! EC2 instances that enrol with their identity documents, on a real Postgres.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use protocol::ids::{SandboxId, UserId};
use protocol::wire::message::Refusal;
use serde_json::{Value as Json, json};
use sqlx::PgPool;
use store::enrolment_tokens::{self, NewToken, TTL_MAX};
use store::{Store, agents, instances};

use super::support::{Node, sandbox};
use crate::core::{Core, Settings};
use crate::ec2::{self, Instance, SIGNED_MAX, Trust};
use crate::listener::{Occasion, Sessions as _};
use crate::pki::{Fingerprint, Identity};
use crate::sessions::instances::Unfit;
use crate::sessions::{CoreSessions, token_hash};

const FIRST: [u8; 32] = [1; 32];
const SECOND: [u8; 32] = [2; 32];

fn instance(id: &str, pending: DateTime<Utc>) -> Instance {
    let (account, region) = ("123456789012".to_owned(), "eu-west-1".to_owned());
    Instance { id: id.to_owned(), kind: "m7i.large".to_owned(), account, region, pending }
}

async fn database_clock(pool: &PgPool) -> DateTime<Utc> {
    sqlx::query_scalar("SELECT now()").fetch_one(pool).await.unwrap()
}

async fn commit(node: &Node, change: impl AsyncFnOnce(&mut store::Tx)) {
    let mut tx = node.core.store.begin().await.unwrap();
    change(&mut tx).await;
    store::db::commit(tx, "a test").await.unwrap();
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn the_first_key_of_an_instance_is_the_only_one(pool: PgPool) {
    let (other, _) = sandbox(&pool, 1).await;
    let node = Node::start(&pool, other).await;
    let sessions = CoreSessions::new(Arc::clone(&node.core));
    let started = instance("i-0123456789abcdef0", database_clock(&pool).await);
    let id = sessions.admit(&started, &FIRST).await.unwrap().unwrap();
    let row: (String, String, i32) =
        sqlx::query_as("SELECT instance_id, instance_type, capacity FROM sandboxes WHERE id = $1")
            .bind(id.0)
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(row, (started.id.clone(), started.kind.clone(), 1));

    // Its answer was lost, so it asks again; whoever else has the document comes too late.
    assert_eq!(sessions.admit(&started, &FIRST).await, Ok(Ok(id)));
    let enrolled = Ok(Err(Unfit::Instance(instances::Unfit::Enrolled)));
    assert_eq!(sessions.admit(&started, &SECOND).await, enrolled);
    // Neither does a restart of the instance make another key good.
    let again = instance(&started.id, started.pending + chrono::Duration::minutes(5));
    assert_eq!(sessions.admit(&again, &SECOND).await, enrolled);
    assert_eq!(sessions.admit(&again, &FIRST).await, Ok(Ok(id)));
    let stays: Vec<i64> = sqlx::query_scalar("SELECT count(*) FROM sandboxes").fetch_all(&pool).await.unwrap();
    assert_eq!(stays, [2], "what was refused registered nothing");

    // A token of an admin makes room for another key, and no document counts from then on.
    let new = NewToken { hash: &token_hash("t"), sandbox: id, host_name: None, by: None::<UserId>, ttl: TTL_MAX };
    commit(&node, async |tx| assert!(enrolment_tokens::create(tx, &new).await.unwrap().is_some())).await;
    assert_eq!(sessions.admit(&started, &FIRST).await, Ok(Ok(id)), "until it is spent");
    assert_eq!(sessions.enrol("t", "elm", [7; 32]).await, Ok(id));
    assert_eq!(sessions.admit(&started, &FIRST).await, enrolled);
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn of_two_that_ask_at_once_one_is_let_in(pool: PgPool) {
    let (other, _) = sandbox(&pool, 1).await;
    let node = Node::start(&pool, other).await;
    let sessions = CoreSessions::new(Arc::clone(&node.core));
    let now = database_clock(&pool).await;
    for round in 0..10 {
        let started = instance(&format!("i-{round:017x}"), now);
        let (first, second) = tokio::join!(sessions.admit(&started, &FIRST), sessions.admit(&started, &SECOND));
        assert!(first.unwrap().is_ok() != second.unwrap().is_ok(), "round {round}");
    }
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_host_that_is_known_already_does_not_enrol_by_document(pool: PgPool) {
    let (known, _) = sandbox(&pool, 1).await;
    let node = Node::start(&pool, known).await;
    let sessions = CoreSessions::new(Arc::clone(&node.core));
    let named = async |sandbox: SandboxId, id: &str, epoch: i64| {
        sqlx::query("UPDATE sandboxes SET instance_id = $2, connection_epoch = $3 WHERE id = $1")
            .bind(sandbox.0)
            .bind(id)
            .bind(epoch)
            .execute(&pool)
            .await
            .unwrap();
    };
    let started = instance("i-0123456789abcdef0", database_clock(&pool).await);
    let enrolled = Ok(Err(Unfit::Instance(instances::Unfit::Enrolled)));
    // It had a session; then it has a certificate only; then nothing at all, as an admin announces a host.
    named(known, &started.id, 1).await;
    assert_eq!(sessions.admit(&started, &FIRST).await, enrolled);
    named(known, &started.id, 0).await;
    let not_after = SystemTime::now() + Duration::from_secs(3600);
    let certificate = Identity { sandbox: known, fingerprint: Fingerprint([3; 32]), not_after };
    sessions.issued(certificate, Occasion::Started).await.unwrap();
    assert_eq!(sessions.admit(&started, &FIRST).await, enrolled);
    sqlx::query("DELETE FROM agent_certificates").execute(&pool).await.unwrap();
    assert_eq!(sessions.admit(&started, &FIRST).await, Ok(Ok(known)));

    commit(&node, async |tx| assert!(agents::revoke(tx, known, "lost").await.unwrap().is_some())).await;
    let revoked = Ok(Err(Unfit::Instance(instances::Unfit::Revoked)));
    assert_eq!(sessions.admit(&started, &FIRST).await, revoked);
    let details: Json = sqlx::query_scalar("SELECT details FROM audit_trail WHERE action = 'agent.enrolled'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(details["by"], "document");
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn start_times_are_held_against_the_clock_of_the_database(pool: PgPool) {
    let (other, _) = sandbox(&pool, 1).await;
    let node = Node::start(&pool, other).await;
    let sessions = CoreSessions::new(Arc::clone(&node.core));
    let now = database_clock(&pool).await;
    let late = instance("i-0123456789abcdef0", now - ec2::RECENT - Duration::from_secs(1));
    assert_eq!(sessions.admit(&late, &FIRST).await, Ok(Err(Unfit::Document(ec2::Unfit::Stale))));
    let soon = instance(&late.id, now - ec2::RECENT + Duration::from_secs(60));
    assert!(sessions.admit(&soon, &FIRST).await.unwrap().is_ok());
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn each_bad_document_is_refused_for_its_own_reason(pool: PgPool) {
    let (other, _) = sandbox(&pool, 1).await;
    let node = Node::start(&pool, other).await;
    let sessions = |certificate: Option<&[u8]>, account: &str| {
        let trust = |pem: &[u8]| Trust::new(&[pem.to_vec()], vec![account.to_owned()], vec!["eu-west-1".to_owned()]);
        let ec2 = certificate.map(|pem| trust(pem).unwrap());
        let settings = Settings { ec2, ..node.core.settings.clone() };
        let (files, bus) = (node.core.files.clone(), node.core.bus.clone());
        let seal = crate::cluster::peers::Seal::new(&[7; 32]);
        CoreSessions::new(Core::new(node.core.node, Store::from_pool(pool.clone()), files, bus, settings, seal))
    };
    let (pem, account) = (include_bytes!("../ec2/fixtures/certificate.pem").as_slice(), "123456789012");
    let other = include_bytes!("../ec2/fixtures/other.pem").as_slice();
    let signed = include_bytes!("../ec2/fixtures/streamed.cms").as_slice();
    for (sessions, document) in [
        (sessions(None, account), signed),
        (sessions(Some(pem), account), &[0; SIGNED_MAX + 1]),
        (sessions(Some(pem), account), b"nothing"),
        (sessions(Some(other), account), signed),
        (sessions(Some(pem), "210987654321"), signed),
        // Signed when this test was written.
        (sessions(Some(pem), account), signed),
    ] {
        let refused = sessions.enrol_instance(document, FIRST).await.unwrap_err();
        assert_eq!(refused.code, Refusal::Document, "{}", refused.message);
    }
    let rows: Vec<(String, String, Json)> =
        sqlx::query_as("SELECT user_id, action, details FROM audit_trail ORDER BY created_at")
            .fetch_all(&pool)
            .await
            .unwrap();
    let reasons: Vec<Json> = rows
        .into_iter()
        .map(|(who, action, details)| {
            assert_eq!((who.as_str(), action.as_str()), ("agents", "agent.enrol_refused"));
            details
        })
        .collect();
    let strange = |reason: &str| json!({ "reason": reason, "instanceId": null });
    let expected = ["off", "too_large", "malformed", "signature", "account"].map(strange);
    let stale = json!({ "reason": "stale", "instanceId": "i-0123456789abcdef0" });
    assert_eq!(reasons, [expected.as_slice(), &[stale]].concat());
    node.kill().await;
}

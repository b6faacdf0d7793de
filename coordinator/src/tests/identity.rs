//! Tokens, certificates and revocations, on a real Postgres.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use protocol::ids::{SandboxId, UserId};
use protocol::task::Phase;
use protocol::wire::message::{Refusal, Report};
use ractor::Actor as _;
use serde_json::Value as Json;
use sqlx::PgPool;
use store::agents::{self, Standing};
use store::enrolment_tokens::{self, NewToken, TTL_MAX};

use super::support::{Node, at_phase, sandbox};
use crate::listener::{Occasion, Refused, ReportRefused, Sessions as _};
use crate::pki::{Fingerprint, Identity};
use crate::revocations::Revocations;
use crate::sandbox::actor::SandboxMsg;
use crate::sessions::{CoreSessions, token_hash};

/// Digests of hosts' keys.
const ELM: [u8; 32] = [1; 32];
const OAK: [u8; 32] = [2; 32];
const STRANGER: [u8; 32] = [3; 32];

async fn token(node: &Node, sandbox: SandboxId, token: &str, host_name: Option<&str>) -> bool {
    let hash = token_hash(token);
    let new = NewToken { hash: &hash, sandbox, host_name, by: None::<UserId>, ttl: TTL_MAX * 100 };
    let mut tx = node.core.store.begin().await.unwrap();
    let made = enrolment_tokens::create(&mut tx, &new).await.unwrap();
    store::db::commit(tx, "making a token").await.unwrap();
    made.is_some_and(|until| until <= chrono::Utc::now() + TTL_MAX + Duration::from_secs(5))
}

fn certificate(sandbox: SandboxId, mark: u8) -> Identity {
    let not_after = SystemTime::now() + Duration::from_secs(3600);
    Identity { sandbox, fingerprint: Fingerprint([mark; 32]), not_after }
}

async fn audit(pool: &PgPool) -> Vec<(String, String, Json)> {
    let rows = sqlx::query_as("SELECT user_id, action, details FROM audit_trail ORDER BY created_at");
    rows.fetch_all(pool).await.unwrap()
}

async fn revoke(node: &Node, sandbox: SandboxId) {
    let mut tx = node.core.store.begin().await.unwrap();
    assert!(agents::revoke(&mut tx, sandbox, "lost").await.unwrap().is_some());
    store::db::commit(tx, "revoking").await.unwrap();
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn each_bad_token_is_refused_for_its_own_reason(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 1).await;
    let node = Node::start(&pool, sandbox).await;
    let sessions = CoreSessions::new(Arc::clone(&node.core));
    let refused =
        async |token: &str, host: &str| -> Refused { sessions.enrol(token, host, STRANGER).await.unwrap_err() };
    for (name, host) in [("good", None), ("old", None), ("bound", Some("oak"))] {
        assert!(token(&node, sandbox, name, host).await, "and no longer than ten minutes");
    }
    sqlx::query("UPDATE enrolment_tokens SET expires_at = now() WHERE hash = $1")
        .bind(token_hash("old").to_vec())
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(sessions.enrol("good", "elm", ELM).await, Ok(sandbox));
    let mut messages = Vec::new();
    for (token, host, code) in [
        ("good", "elm", Refusal::Token),
        ("old", "elm", Refusal::Token),
        ("forged", "elm", Refusal::Token),
        ("bound", "elm", Refusal::Token),
    ] {
        let refused = refused(token, host).await;
        assert_eq!(refused.code, code, "{token}");
        messages.push(refused.message);
    }
    messages.sort();
    messages.dedup();
    assert_eq!(messages.len(), 4, "{messages:?}");
    // What another host tried does not spend it.
    assert_eq!(sessions.enrol("bound", "OAK", OAK).await, Ok(sandbox));
    assert!(token(&node, sandbox, "late", None).await);
    revoke(&node, sandbox).await;
    assert_eq!(refused("late", "elm").await.code, Refusal::Revoked);
    assert!(!token(&node, sandbox, "never", None).await, "no token is made for a revoked sandbox");
    let reasons: Vec<_> = audit(&pool)
        .await
        .into_iter()
        .map(|(who, action, details)| {
            assert_eq!((who.as_str(), action.as_str()), ("agents", "agent.enrol_refused"));
            details["reason"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(reasons, ["used", "expired", "unknown", "other_host", "revoked"]);
    // A guesser does not fill the table.
    for guess in 0..120 {
        refused(&format!("guess {guess}"), "elm").await;
    }
    assert_eq!(audit(&pool).await.len(), 100);
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn the_host_that_enrols_replaces_the_one_before(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 1).await;
    let node = Node::start(&pool, sandbox).await;
    let sessions = CoreSessions::new(Arc::clone(&node.core));
    let (first, second) = (certificate(sandbox, 1), certificate(sandbox, 2));
    assert!(token(&node, sandbox, "one", None).await && token(&node, sandbox, "two", None).await);
    sessions.enrol("one", "elm", ELM).await.unwrap();
    sessions.issued(first, Occasion::Enrolled).await.unwrap();
    assert_eq!(sessions.standing(first).await, Ok(()));
    sessions.enrol("two", "oak", OAK).await.unwrap();
    sessions.issued(second, Occasion::Enrolled).await.unwrap();
    assert_eq!(sessions.standing(first).await.unwrap_err().code, Refusal::Revoked);
    assert_eq!(sessions.standing(second).await, Ok(()));
    sessions.issued(certificate(sandbox, 3), Occasion::Renewed).await.unwrap();
    sessions.issued(certificate(sandbox, 4), Occasion::Lapsed).await.unwrap();
    let actions: Vec<_> = audit(&pool).await.into_iter().map(|(_, action, _)| action).collect();
    assert_eq!(actions, ["agent.enrolled", "agent.enrolled", "agent.refused", "agent.renewed", "agent.renewed_lapsed"]);
    revoke(&node, sandbox).await;
    assert_eq!(sessions.standing(second).await.unwrap_err().code, Refusal::Revoked);
    let mut tx = node.core.store.begin().await.unwrap();
    let stranger = agents::standing(&mut tx, SandboxId::new(), &[9; 32]).await.unwrap();
    assert_eq!(stranger, Standing::Revoked, "a certificate of ours for a sandbox that never was");
    drop(tx);
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_host_that_had_no_answer_enrols_again_with_its_key(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 1).await;
    let node = Node::start(&pool, sandbox).await;
    let sessions = CoreSessions::new(Arc::clone(&node.core));
    assert!(token(&node, sandbox, "one", None).await && token(&node, sandbox, "two", None).await);
    // The coordinator dies before it answers; another one is asked, or its next life.
    assert_eq!(sessions.enrol("one", "elm", ELM).await, Ok(sandbox));
    assert_eq!(sessions.enrol("one", "elm", ELM).await, Ok(sandbox));
    let certificate = certificate(sandbox, 1);
    sessions.issued(certificate, Occasion::Enrolled).await.unwrap();
    assert_eq!(sessions.enrol("one", "elm", ELM).await, Ok(sandbox));
    assert_eq!(sessions.standing(certificate).await, Ok(()), "what arrived after all stays good");
    assert_eq!(sessions.enrol("one", "elm", STRANGER).await.unwrap_err().code, Refusal::Token, "nobody else's");
    // Another host took its place meanwhile, and keeps it.
    assert_eq!(sessions.enrol("two", "oak", OAK).await, Ok(sandbox));
    assert_eq!(sessions.enrol("one", "elm", ELM).await.unwrap_err().code, Refusal::Token);
    assert_eq!(sessions.enrol("two", "oak", OAK).await, Ok(sandbox));
    sqlx::query("UPDATE enrolment_tokens SET expires_at = now()").execute(&pool).await.unwrap();
    assert_eq!(sessions.enrol("two", "oak", OAK).await.unwrap_err().code, Refusal::Token, "and not for ever");
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_report_counts_only_from_the_sandbox_that_holds_the_lease(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut node = Node::start(&pool, sandbox).await;
    let task = at_phase(&mut node, &pool, sandbox, epoch, Phase::Navigating).await;
    let before = node.row(task).await;
    let (lease, number) = (before.lease_id.unwrap(), before.last_report.unsigned_abs() + 1);
    let holder = crate::core::Leaseholder { task: super::support::at(task), sandbox };
    node.core.leases.insert(lease, holder);
    let sessions = CoreSessions::new(Arc::clone(&node.core));
    let report = || Report::Phase(Phase::Analyzing);
    let thief = SandboxId::new();
    assert_eq!(sessions.report(thief, epoch, lease, number, report()).await, Err(ReportRefused::Stale));
    let nobodys = protocol::ids::LeaseId::new();
    assert_eq!(sessions.report(sandbox, epoch, nobodys, number, report()).await, Err(ReportRefused::Stale));
    let row = node.row(task).await;
    assert_eq!((row.generation, row.phase, row.last_report), (before.generation, before.phase, before.last_report));
    assert_eq!(sessions.report(sandbox, epoch, lease, number, report()).await, Ok(()));
    assert_eq!(node.row(task).await.phase, Some(Phase::Analyzing));
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_revocation_reaches_its_sandbox_told_or_not(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 1).await;
    let mut node = Node::start(&pool, sandbox).await;
    let here = |pool: PgPool, node| async move {
        sqlx::query("UPDATE sandboxes SET node_id = $1, connected = true, revoked_at = NULL")
            .bind(node)
            .execute(&pool)
            .await
            .unwrap();
    };
    here(pool.clone(), node.core.node.0).await;
    let (actor, _) = Revocations::spawn(None, Revocations, Arc::clone(&node.core)).await.unwrap();
    revoke(&node, sandbox).await;
    assert!(matches!(node.told().await, SandboxMsg::Revoked));
    // Somebody at the database's own prompt tells nobody.
    here(pool.clone(), node.core.node.0).await;
    while !node.is_quiet() {}
    sqlx::query("UPDATE sandboxes SET revoked_at = now()").execute(&pool).await.unwrap();
    assert!(matches!(node.told().await, SandboxMsg::Revoked));
    // A row that speaks of a session nobody has is put right.
    node.core.sandboxes.remove(&sandbox);
    let connected =
        async || -> bool { sqlx::query_scalar("SELECT connected FROM sandboxes").fetch_one(&pool).await.unwrap() };
    let closed = tokio::time::timeout(Duration::from_secs(20), async {
        while connected().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    closed.await.expect("the row is put right");
    actor.stop(None);
    node.kill().await;
}

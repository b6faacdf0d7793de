//! Drains, revocations and explanations over HTTP.

use protocol::ids::{NodeId, SandboxId, TaskId};
use protocol::inspect::{Answer, Ask, Reply};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::actors::admin;
use crate::site::{JOB, Person, Router, Site, no_router};

async fn sandbox(site: &Site) -> SandboxId {
    let id = SandboxId::new();
    sqlx::query(
        "INSERT INTO sandboxes (id, name, environment, instance_id, instance_type, status, connected,
                                health_status, capacity)
         VALUES ($1, 'oak', 'dev', 'oak', 'local', 'active', true, 'healthy', 2)",
    )
    .bind(id.0)
    .execute(&site.pool)
    .await
    .unwrap();
    id
}

/// Puts the task on the host as the coordinator would.
async fn place(site: &Site, task: TaskId, sandbox: SandboxId, columns: &'static str) {
    let sql = format!("UPDATE tasks SET sandbox_id = $2, lease_id = $3, {columns} WHERE id = $1");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(task.0).bind(sandbox.0).bind(Uuid::now_v7());
    query.execute(&site.pool).await.unwrap();
    sqlx::query("UPDATE sandboxes SET current_load = current_load + 1").execute(&site.pool).await.unwrap();
}

#[tokio::test]
async fn a_drain_is_committed_told_and_shows_its_blockers() {
    let (router, _turn) = Router::start().await;
    let here = NodeId::new();
    router.shows(move |_| Answer { node: here, reply: Reply::Done });
    let site = Site::start().await;
    let root = admin(&site).await;
    let host = sandbox(&site).await;
    let (held, working) = (root.task(JOB).await, root.task("https://8.8.8.8/jobs/2").await);
    place(&site, held, host, "status = 'waiting_human', phase = 'reviewing', held_until = now()").await;
    place(&site, working, host, "status = 'in_progress', phase = 'filling', pending = '{\"kind\": \"fill\"}'").await;

    let path = format!("/admin/sandboxes/{host}/drain");
    assert_eq!(root.post(&path, json!({})).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(root.post(&path, json!({ "reason": "x".repeat(201) })).await.0, StatusCode::BAD_REQUEST);
    let nowhere = format!("/admin/sandboxes/{}/drain", SandboxId::new());
    let (status, body) = root.post(&nowhere, json!({ "reason": "new kernel" })).await;
    assert_eq!((status, &body["error"]), (StatusCode::NOT_FOUND, &json!("SANDBOX_NOT_FOUND")));

    let (status, body) = root.post(&path, json!({ "reason": "new kernel" })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(
        (&body["draining"], &body["reason"], &body["released"]),
        (&json!(true), &json!("new kernel"), &json!(false))
    );
    let code_of = |task: TaskId| -> Value {
        let blockers = body["blockers"].as_array().unwrap();
        blockers.iter().find(|blocker| blocker["taskId"] == json!(task)).unwrap()["code"].clone()
    };
    assert_eq!((code_of(held), code_of(working)), (json!("parking"), json!("working")));
    let draining: bool = sqlx::query_scalar("SELECT draining FROM sandboxes").fetch_one(&site.pool).await.unwrap();
    assert!(draining);
    assert!(router.requests().iter().any(|request| matches!(request.ask, Ask::Drained { sandbox } if sandbox == host)));

    sqlx::query("UPDATE tasks SET lease_id = NULL").execute(&site.pool).await.unwrap();
    sqlx::query("UPDATE sandboxes SET current_load = 0").execute(&site.pool).await.unwrap();
    let (_, body) = root.get(&path).await;
    assert_eq!((&body["released"], &body["blockers"]), (&json!(true), &json!([])));
    let (status, body) = root.post(&format!("/admin/sandboxes/{host}/undrain"), json!({})).await;
    assert_eq!((status, &body["draining"], &body["reason"]), (StatusCode::OK, &json!(false), &Value::Null));

    let lines: Vec<(String, Value)> = sqlx::query_as("SELECT action, details FROM audit_trail ORDER BY created_at")
        .fetch_all(&site.pool)
        .await
        .unwrap();
    let details = json!({ "sandboxId": host });
    assert_eq!(lines, [("sandbox.drain".to_owned(), details.clone()), ("sandbox.undrain".to_owned(), details)]);
    site.stop().await;
    router.stop().await;
}

#[tokio::test]
async fn a_host_is_drained_while_no_coordinator_is_there() {
    let _turn = no_router().await;
    let site = Site::start().await;
    let root = admin(&site).await;
    let host = sandbox(&site).await;
    let (status, body) = root.post(&format!("/admin/sandboxes/{host}/drain"), json!({ "reason": "r" })).await;
    assert_eq!((status, &body["released"]), (StatusCode::OK, &json!(true)), "{body}");
    site.stop().await;
}

async fn explained(person: &Person<'_>, path: String) -> (Value, String) {
    let (status, body) = person.get(&path).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    (body["code"].clone(), body["sentence"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_task_is_explained_to_its_owner_and_to_admins() {
    let (router, _turn) = Router::start().await;
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let task = ada.task(JOB).await;
    let own = || format!("/tasks/{task}/explain");
    assert_eq!(explained(&ada, own()).await.0, "starting");
    sqlx::query("UPDATE tasks SET status = 'queued', queued_at = now()").execute(&site.pool).await.unwrap();
    assert_eq!(explained(&ada, own()).await.0, "no_host");
    let host = sandbox(&site).await;
    assert_eq!(explained(&ada, own()).await.0, "next");
    sqlx::query("UPDATE sandboxes SET draining = true, drain_reason = 'secret'").execute(&site.pool).await.unwrap();
    let (code, sentence) = explained(&ada, own()).await;
    assert_eq!(code, "hosts_draining");
    assert!(!sentence.contains("secret"), "{sentence}");
    let (_, body) = ada.get(&own()).await;
    assert_eq!((&body["facts"]["queue"]["hostsDraining"], &body["position"]), (&json!(1), &json!(1)), "{body}");
    sqlx::query("UPDATE sandboxes SET draining = false").execute(&site.pool).await.unwrap();
    sqlx::query("UPDATE tasks SET tags = '[\"gpu\"]'").execute(&site.pool).await.unwrap();
    assert_eq!(explained(&ada, own()).await.0, "no_fitting_host");
    sqlx::query("UPDATE tasks SET tags = NULL, site = 'crumb.example'").execute(&site.pool).await.unwrap();
    sqlx::query("INSERT INTO site_limits (site, paused_until) VALUES ('crumb.example', now() + interval '10 minutes')")
        .execute(&site.pool)
        .await
        .unwrap();
    let (code, sentence) = explained(&ada, own()).await;
    assert_eq!(code, "site_paused");
    assert_eq!(sentence, "crumb.example asked for a pause; it goes on in 10 minutes.");
    let (_, body) = ada.get(&own()).await;
    assert_eq!((&body["facts"]["queue"]["site"], &body["position"]), (&json!("crumb.example"), &json!(1)), "{body}");
    place(
        &site,
        task,
        host,
        "status = 'waiting_human', phase = 'reviewing', held_until = now() + interval '9 minutes'",
    )
    .await;
    let (code, sentence) = explained(&ada, own()).await;
    assert_eq!(code, "waiting_for_you");
    assert_eq!(ada.get(&own()).await.1["position"], Value::Null);
    assert!(
        sentence.starts_with("It waits for your review; its browser on oak is kept open for 9 minutes"),
        "{sentence}"
    );

    // Nobody else's.
    let eve = site.person("eve@example.com").await;
    assert_eq!(eve.get(&own()).await.0, StatusCode::NOT_FOUND);
    router.shows(|_| Answer { node: NodeId::new(), reply: Reply::Done });
    let root = admin(&site).await;
    assert_eq!(root.get(&own()).await.0, StatusCode::NOT_FOUND);
    let (code, sentence) = explained(&root, format!("/admin{}", own())).await;
    assert_eq!(code, "waiting_for_you");
    assert!(sentence.contains("its person's review"), "{sentence}");
    assert_eq!(root.get(&format!("/admin/tasks/{}/explain", TaskId::new())).await.0, StatusCode::NOT_FOUND);
    site.stop().await;
    router.stop().await;
}

#[tokio::test]
async fn a_revocation_is_committed_noted_and_told_to_the_coordinators() {
    let site = Site::start().await;
    let root = admin(&site).await;
    let host = sandbox(&site).await;
    let mut heard = sqlx::postgres::PgListener::connect_with(&site.pool).await.unwrap();
    heard.listen(store::agents::REVOKED).await.unwrap();
    let path = format!("/admin/sandboxes/{host}/revoke");
    assert_eq!(root.post(&path, json!({})).await.0, StatusCode::BAD_REQUEST);
    let nowhere = format!("/admin/sandboxes/{}/revoke", SandboxId::new());
    assert_eq!(root.post(&nowhere, json!({ "reason": "lost" })).await.0, StatusCode::NOT_FOUND);
    let person = site.person("eve@example.com").await;
    assert_eq!(person.post(&path, json!({ "reason": "lost" })).await.0, StatusCode::FORBIDDEN);

    let (status, body) = root.post(&path, json!({ "reason": "lost" })).await;
    assert_eq!((status, &body["connected"], &body["reason"]), (StatusCode::OK, &json!(true), &json!("lost")), "{body}");
    let told = tokio::time::timeout(std::time::Duration::from_secs(20), heard.recv()).await.expect("it is told");
    assert_eq!(told.unwrap().payload(), host.to_string());
    // Its connection is of the pool, which waits for it at the end.
    drop(heard);
    // Once is for good, and the first word counts.
    let (status, again) = root.post(&path, json!({ "reason": "again" })).await;
    assert_eq!((status, &again["revokedAt"], &again["reason"]), (StatusCode::OK, &body["revokedAt"], &json!("lost")));
    let (status, _) = root.post("/admin/enrolment-tokens", json!({ "sandboxId": host })).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, body) = root.post("/admin/enrolment-tokens", json!({ "name": "elm", "hostName": "elm-1" })).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let only: Option<String> =
        sqlx::query_scalar("SELECT host_name FROM enrolment_tokens").fetch_one(&site.pool).await.unwrap();
    assert_eq!(only.as_deref(), Some("elm-1"));
    let actions: Vec<String> =
        sqlx::query_scalar("SELECT action FROM audit_trail ORDER BY created_at").fetch_all(&site.pool).await.unwrap();
    assert_eq!(actions, ["sandbox.revoke", "sandbox.revoke", "sandbox.enrolment_token"]);
    site.stop().await;
}

//! Applications: taking in, reading, acting.

use protocol::cluster::{Action, Command, Done, RejectCode};
use protocol::ids::{FieldId, PermitId, TaskId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::site::{JOB, Router, Site, read};

#[tokio::test]
async fn a_task_is_taken_in_and_the_coordinator_told() {
    let (router, _turn) = Router::start().await;
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let resume = ada.resume().await;
    let body =
        json!({ "jobUrl": format!("{JOB}?utm_source=x#apply"), "resumeId": resume, "notes": "please", "extra": 1 });
    let (status, task) = ada.post("/tasks", body).await;
    assert_eq!(status, StatusCode::CREATED, "{task}");
    assert_eq!(
        (&task["status"], &task["mode"], &task["platform"]),
        (&json!("created"), &json!("copilot"), &json!("unknown"))
    );
    assert_eq!((&task["progress"], &task["outcome"], &task["notes"]), (&json!(0), &json!("none"), &json!("please")));
    let id: TaskId = task["id"].as_str().unwrap().parse().unwrap();
    router.wait("the creation", |c| matches!(c.action, Action::TaskCreated { task } if task == id)).await;

    let row: (String, i16, bool) =
        sqlx::query_as("SELECT canonical_job, shard, wake_at IS NOT NULL FROM tasks WHERE id = $1")
            .bind(id.0)
            .fetch_one(&site.pool)
            .await
            .unwrap();
    assert_eq!(row, (JOB.to_owned(), store::shards::shard_of(ada.id), true));
    let (_, events) = ada.get(&format!("/tasks/{id}/events")).await;
    assert_eq!(
        (&events["data"][0]["eventType"], &events["data"][0]["toStatus"]),
        (&json!("state_change"), &json!("created"))
    );

    let (_, one) = ada.get(&format!("/tasks/{id}")).await;
    assert_eq!((&one["interaction"], &one["ghJob"], &one["review"]), (&Value::Null, &Value::Null, &Value::Null));
    assert!(one.as_object().unwrap().contains_key("ghJob"));
    site.stop().await;
    router.stop().await;
}

#[tokio::test]
async fn addresses_that_lead_nowhere_good_are_refused() {
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let resume = ada.resume().await;
    for (url, reason) in [
        ("file:///etc/passwd", "scheme"),
        ("http://127.0.0.1:5432/", "private_address"),
        ("http://localhost/", "private_address"),
        ("http://169.254.169.254/latest/meta-data", "private_address"),
        ("http://[::ffff:10.0.0.1]/", "private_address"),
        ("http://2130706433/", "private_address"),
        ("https://me:secret@8.8.8.8/", "credentials"),
        ("https://no-such-host.invalid/", "unresolvable"),
    ] {
        let (status, body) = ada.post("/tasks", json!({ "jobUrl": url, "resumeId": resume })).await;
        assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("URL_REFUSED")), "{url}");
        assert_eq!(body["details"]["reason"], reason, "{url}");
        assert!(!body.to_string().contains("secret"));
    }
    let (status, body) = ada.post("/tasks", json!({ "jobUrl": "not a url", "resumeId": "x", "mode": "manual" })).await;
    assert_eq!((status, body["bodyErrors"]["issues"].as_array().unwrap().len()), (StatusCode::BAD_REQUEST, 3));
    site.stop().await;
}

#[tokio::test]
async fn somebody_elses_things_look_absent() {
    let (router, _turn) = Router::start().await;
    let site = Site::start().await;
    let (ada, bob) = (site.person("ada@example.com").await, site.person("bob@example.com").await);
    let resume = ada.resume().await;
    let task = ada.task(JOB).await;
    let (status, body) = bob.post("/tasks", json!({ "jobUrl": JOB, "resumeId": resume })).await;
    assert_eq!((status, &body["error"]), (StatusCode::NOT_FOUND, &json!("NOT_FOUND")));
    for (method, path) in [
        (Method::GET, String::new()),
        (Method::DELETE, String::new()),
        (Method::GET, "/events".to_owned()),
        (Method::GET, "/review".to_owned()),
        (Method::POST, "/approve".to_owned()),
        (Method::POST, "/retry".to_owned()),
        (Method::POST, "/resolve-blocker".to_owned()),
    ] {
        let (status, body) = read(bob.request(method.clone(), &format!("/tasks/{task}{path}"))).await;
        assert_eq!((status, &body["error"]), (StatusCode::NOT_FOUND, &json!("TASK_NOT_FOUND")), "{method} {path}");
    }
    assert_eq!(bob.get("/tasks").await.1["pagination"]["total"], 0);
    assert_eq!(ada.get("/tasks/not-an-id").await.0, StatusCode::BAD_REQUEST);
    site.stop().await;
    router.stop().await;
}

#[tokio::test]
async fn the_same_key_is_the_same_task_however_often_and_at_once() {
    let (router, _turn) = Router::start().await;
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let resume = ada.resume().await;
    let send = |key: &'static str, url: &'static str| {
        let body = json!({ "jobUrl": url, "resumeId": resume });
        read(ada.request(Method::POST, "/tasks").header("idempotency-key", key).json(&body))
    };
    let all = futures::future::join_all((0..6).map(|_| send("k1", JOB))).await;
    let ids: std::collections::HashSet<_> =
        all.iter().map(|(_, body)| body["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 1, "{all:?}");
    let created = all.iter().filter(|(status, _)| *status == StatusCode::CREATED).count();
    assert_eq!(created, 1);
    assert!(all.iter().all(|(status, _)| [StatusCode::CREATED, StatusCode::OK].contains(status)));
    let (status, body) = send("k1", "https://8.8.8.8/jobs/other").await;
    assert_eq!((status, &body["error"]), (StatusCode::CONFLICT, &json!("IDEMPOTENCY_KEY_REUSED")));
    assert_eq!(send("k2", JOB).await.0, StatusCode::CREATED);
    site.stop().await;
    router.stop().await;
}

#[tokio::test]
async fn autopilot_asks_for_consent_and_applies_once() {
    let (router, _turn) = Router::start().await;
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let resume = ada.resume().await;
    let auto = |url: &str| json!({ "jobUrl": url, "resumeId": resume, "mode": "autopilot" });
    let (status, body) = ada.post("/tasks", auto(JOB)).await;
    assert_eq!((status, &body["error"]), (StatusCode::FORBIDDEN, &json!("CONSENT_REQUIRED")));
    ada.post("/consent", json!({ "type": "autopilot_consent", "version": "1.0" })).await;
    let tracked: Vec<String> = (0..6).map(|n| format!("{JOB}?utm_source={n}")).collect();
    let all = futures::future::join_all(tracked.iter().map(|url| ada.post("/tasks", auto(url)))).await;
    assert_eq!(all.iter().filter(|(status, _)| *status == StatusCode::CREATED).count(), 1, "{all:?}");
    assert_eq!(all.iter().filter(|(status, _)| *status == StatusCode::CONFLICT).count(), 5, "{all:?}");
    // Copilot may: its review will say so.
    let copilot = json!({ "jobUrl": JOB, "resumeId": resume });
    assert_eq!(ada.post("/tasks", copilot).await.0, StatusCode::CREATED);
    // What failed unsent does not count; what may have been sent does.
    sqlx::query("UPDATE tasks SET status = 'failed'").execute(&site.pool).await.unwrap();
    let (status, again) = ada.post("/tasks", auto(JOB)).await;
    assert_eq!(status, StatusCode::CREATED);
    sqlx::query("UPDATE tasks SET status = 'cancelled', outcome = 'unknown'").execute(&site.pool).await.unwrap();
    let (status, body) = ada.post("/tasks", auto(JOB)).await;
    assert_eq!((status, &body["error"]), (StatusCode::CONFLICT, &json!("ALREADY_APPLIED")));
    assert!(again["id"].is_string() && body["details"]["taskId"].is_string());
    site.stop().await;
    router.stop().await;
}

#[tokio::test]
async fn a_failed_autopilot_task_is_not_tried_again_when_another_was_sent() {
    let (router, _turn) = Router::start().await;
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let (failed, other) = (ada.task(&format!("{JOB}?utm_source=a")).await, ada.task(JOB).await);
    let set = async |task: TaskId, values: &str| {
        let update = format!("UPDATE tasks SET {values} WHERE id = $1");
        sqlx::query(sqlx::AssertSqlSafe(update)).bind(task.0).execute(&site.pool).await.unwrap();
    };
    set(failed, "status = 'failed', mode = 'autopilot'").await;
    let again = format!("/tasks/{failed}/retry");
    for rival in
        ["status = 'in_progress'", "status = 'completed', outcome = 'sent'", "status = 'failed', outcome = 'unknown'"]
    {
        set(other, rival).await;
        let (status, body) = ada.post(&again, json!({})).await;
        assert_eq!((status, &body["error"]), (StatusCode::CONFLICT, &json!("ALREADY_APPLIED")), "{rival}");
        assert_eq!(body["details"]["taskId"], json!(other));
    }
    let retried = || router.commands().iter().filter(|command| matches!(command.action, Action::Retry { .. })).count();
    assert_eq!(retried(), 0, "the coordinator was not asked");
    // Alone it is tried again; and copilot's own review is what prevents a second application there.
    set(other, "status = 'failed', outcome = 'none'").await;
    assert_eq!(ada.post(&again, json!({})).await.0, StatusCode::OK);
    set(other, "status = 'completed', outcome = 'sent'").await;
    set(failed, "mode = 'copilot'").await;
    assert_eq!(ada.post(&again, json!({})).await.0, StatusCode::OK);
    assert_eq!(retried(), 2);
    router.stop().await;
    site.stop().await;
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_paged() {
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    for (n, title) in ["Alpha 100%", "Beta", "Gamma"].into_iter().enumerate() {
        sqlx::query("INSERT INTO tasks (user_id, job_url, job_title, status, created_at) VALUES ($1, 'https://x.example/j', $2, 'queued', now() + make_interval(secs => $3))")
            .bind(ada.id.0)
            .bind(title)
            .bind(n as f64)
            .execute(&site.pool)
            .await
            .unwrap();
    }
    let titles = |body: &Value| {
        body["data"].as_array().unwrap().iter().map(|t| t["jobTitle"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(titles(&ada.get("/tasks").await.1), ["Gamma", "Beta", "Alpha 100%"]);
    assert_eq!(titles(&ada.get("/tasks?sortBy=jobTitle&sortOrder=asc").await.1), ["Alpha 100%", "Beta", "Gamma"]);
    assert_eq!(titles(&ada.get("/tasks?search=0%25").await.1), ["Alpha 100%"]);
    assert_eq!(titles(&ada.get("/tasks?search=_").await.1), Vec::<String>::new());
    assert_eq!(titles(&ada.get("/tasks?search=BETA").await.1), ["Beta"]);
    let (_, second) = ada.get("/tasks?pageSize=2&page=2").await;
    assert_eq!(titles(&second), ["Alpha 100%"]);
    assert_eq!(second["pagination"], json!({ "page": 2, "pageSize": 2, "total": 3, "totalPages": 2 }));
    assert_eq!(
        ada.get("/tasks?status=completed").await.1["pagination"],
        json!({ "page": 1, "pageSize": 20, "total": 0, "totalPages": 0 })
    );
    for bad in ["pageSize=101", "pageSize=0", "page=x", "status=nope", "sortBy=password"] {
        let (status, body) = ada.get(&format!("/tasks?{bad}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}");
        assert!(body["queryParameterErrors"]["issues"].is_array(), "{bad}");
    }
    let (_, csv) = ada.get("/tasks/export").await;
    let csv = csv.as_str().unwrap();
    assert!(csv.starts_with("Date,Job Title,Company,Platform,Status,External Status,URL\n"), "{csv}");
    assert_eq!(csv.lines().count(), 4);
    assert!(!csv.ends_with('\n'));
    assert_eq!(
        ada.get("/tasks/stats").await.1,
        json!({ "total": 3, "completed": 0, "inProgress": 3, "needsReview": 0 })
    );
    site.stop().await;
}

#[tokio::test]
async fn actions_are_commands_and_refusals_have_their_codes() {
    let (router, _turn) = Router::start().await;
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let task = ada.task(JOB).await;
    let path = |rest: &str| format!("/tasks/{task}{rest}");

    let approve = json!({ "fieldOverrides": { "City": "Berlin" }, "remember": ["f1"], "revision": 4 });
    assert_eq!(ada.post(&path("/approve"), approve).await.0, StatusCode::OK);
    let command = router.wait("the approval", |c| matches!(c.action, Action::Approve { .. })).await;
    let Action::Approve { revision, overrides, remember, .. } = command.action else { unreachable!() };
    assert_eq!(
        (command.user, revision, overrides["City"].as_str(), remember),
        (ada.id, Some(4), "Berlin", vec![FieldId("f1".into())])
    );

    router.will(Ok(Done::HeldUntil { at_ms: 1_000 }));
    assert_eq!(
        ada.post(&path("/hold"), json!({ "minutes": 30 })).await.1,
        json!({ "heldUntil": "1970-01-01T00:00:01.000Z" })
    );
    assert_eq!(ada.post(&path("/hold"), json!({ "minutes": 31 })).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(ada.post(&path("/outcome"), json!({ "answer": "perhaps" })).await.0, StatusCode::BAD_REQUEST);
    let not_sent = json!({ "answer": "not_sent", "note": "no mail came" });
    assert_eq!(ada.post(&path("/outcome"), not_sent).await.0, StatusCode::OK);
    let noted = |note: &Option<String>| note.as_deref() == Some("no mail came");
    router
        .wait("the outcome", |c| matches!(&c.action, Action::AnswerOutcome { sent: false, note, .. } if noted(note)))
        .await;
    let permit = PermitId::new();
    assert_eq!(ada.post(&path("/outcome"), json!({ "answer": "sent", "permit": permit })).await.0, StatusCode::OK);
    let about =
        |c: &Command| matches!(&c.action, Action::AnswerOutcomeOf { permit: of, sent: true, .. } if *of == permit);
    router.wait("the outcome of one click", about).await;
    let nonsense = json!({ "answer": "sent", "permit": "the first" });
    assert_eq!(ada.post(&path("/outcome"), nonsense).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(ada.post(&path("/resolve-blocker"), json!({ "notes": "no mail came" })).await.0, StatusCode::OK);
    let by_a_person =
        |c: &Command| matches!(&c.action, Action::ResolveBlocker { by, note, .. } if by == "human" && noted(note));
    router.wait("the blocker's end", by_a_person).await;

    for (method, rest, code, status, shown) in [
        (Method::POST, "/approve", RejectCode::OutcomeUnknown, 409, "OUTCOME_UNKNOWN"),
        (Method::POST, "/approve", RejectCode::NotReviewable, 409, "NOT_REVIEWABLE"),
        (Method::POST, "/approve", RejectCode::StaleReview, 409, "STALE_REVIEW"),
        (Method::POST, "/retry", RejectCode::NotRetryable, 409, "TASK_NOT_CANCELLABLE"),
        (Method::POST, "/approve", RejectCode::StaleOutcome, 409, "STALE_OUTCOME"),
        (Method::POST, "/resolve-blocker", RejectCode::NotResolvable, 409, "TASK_NOT_RESOLVABLE"),
        (Method::DELETE, "", RejectCode::NotCancellable, 409, "TASK_NOT_CANCELLABLE"),
        (Method::DELETE, "", RejectCode::NotFound, 404, "TASK_NOT_FOUND"),
    ] {
        router.refuses(code);
        let (got, body) = read(ada.request(method, &path(rest))).await;
        assert_eq!((got.as_u16(), body["error"].as_str()), (status, Some(shown)), "{code}");
    }
    // A coordinator that could not commit is asked again, with the same command id.
    let cancels = || {
        router
            .commands()
            .into_iter()
            .filter(|c| c.user == ada.id && matches!(c.action, Action::Cancel { .. }))
            .map(|c| c.id)
            .collect::<Vec<_>>()
    };
    let before = cancels().len();
    router.refuses(RejectCode::Unavailable);
    assert_eq!(read(ada.request(Method::DELETE, &path(""))).await.0, StatusCode::NO_CONTENT);
    let ids = &cancels()[before..];
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);

    let (status, noted) =
        ada.send(Method::PATCH, &path("/external-status"), json!({ "externalStatus": "offer" })).await;
    assert_eq!((status, &noted["externalStatus"]), (StatusCode::OK, &json!("offer")));
    assert_eq!(
        ada.send(Method::PATCH, &path("/external-status"), json!({ "externalStatus": null })).await.1["externalStatus"],
        Value::Null
    );
    assert_eq!(ada.send(Method::PATCH, &path("/external-status"), json!({})).await.0, StatusCode::BAD_REQUEST);
    site.stop().await;
    router.stop().await;
}

#[tokio::test]
async fn without_a_coordinator_reads_are_served_and_writes_say_when_to_come_back() {
    let (router, _turn) = Router::start().await;
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let resume = ada.resume().await;
    let apply = |key: &'static str| {
        let body = json!({ "jobUrl": JOB, "resumeId": resume });
        ada.request(Method::POST, "/tasks").header("idempotency-key", key).json(&body)
    };
    let (status, task) = read(apply("taken in")).await;
    assert_eq!(status, StatusCode::CREATED, "{task}");
    let task: TaskId = task["id"].as_str().unwrap().parse().unwrap();
    let review = sqlx::query("UPDATE tasks SET status = 'waiting_human', interaction_type = 'review' WHERE id = $1");
    review.bind(task.0).execute(&site.pool).await.unwrap();
    router.stop().await;

    let of_task = |method: Method, path: &str| ada.request(method, &format!("/tasks/{task}{path}"));
    for read_of in ["", "/events", "/explain"] {
        assert_eq!(read(of_task(Method::GET, read_of)).await.0, StatusCode::OK, "{read_of}");
    }
    for path in ["/tasks", "/auth/me", "/resumes", "/dashboard/stats"] {
        assert_eq!(ada.get(path).await.0, StatusCode::OK, "{path}");
    }
    let edits = json!({ "revision": 1, "edits": [{ "fieldId": "f1", "value": "x" }] });
    let writes = [
        ("apply", apply("not taken in")),
        ("cancel", of_task(Method::DELETE, "")),
        ("approve", of_task(Method::POST, "/approve").json(&json!({}))),
        ("retry", of_task(Method::POST, "/retry").json(&json!({}))),
        ("edit", of_task(Method::PATCH, "/review").json(&edits)),
        ("resolve", of_task(Method::POST, "/resolve-blocker").json(&json!({}))),
        ("tell", of_task(Method::POST, "/outcome").json(&json!({ "answer": "sent" }))),
        ("hold", of_task(Method::POST, "/hold").json(&json!({ "minutes": 5 }))),
    ];
    let writes = writes.map(|(what, write)| async move { (what, write.send().await.unwrap()) });
    for (what, answer) in futures::future::join_all(writes).await {
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{what}");
        let seconds = answer.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap();
        assert!(seconds >= 1, "{what}");
        assert_eq!(answer.json::<Value>().await.unwrap()["error"], "SERVICE_UNAVAILABLE", "{what}");
    }
    // What needs none goes on: the person's own things, and an answer to a request that was taken in before.
    let entry = json!({ "category": "custom", "question": "Why?", "answer": "Because." });
    assert_eq!(ada.post("/qa-bank", entry).await.0, StatusCode::CREATED);
    let (status, again) = read(apply("taken in")).await;
    assert_eq!((status, again["id"].as_str()), (StatusCode::OK, Some(task.to_string().as_str())), "{again}");
    // Nothing of what was refused was written, and what was taken in stands, due for whichever coordinator comes.
    let rows: Vec<(uuid::Uuid, bool)> =
        sqlx::query_as("SELECT id, wake_at <= now() FROM tasks").fetch_all(&site.pool).await.unwrap();
    assert_eq!(rows, [(task.0, true)]);
    let (status, health) = read(site.request(Method::GET, "/health")).await;
    assert_eq!((status, &health["status"]), (StatusCode::OK, &json!("degraded")));
    assert_eq!(
        health["checks"],
        json!({ "database": "ok", "bus": "ok", "coordinator": "unavailable", "agents": "none" })
    );

    // One is back within the moment a write waits for it.
    let (applied, back) = tokio::join!(read(apply("not taken in")), Router::another());
    assert_eq!(applied.0, StatusCode::CREATED, "{}", applied.1);
    site.stop().await;
    back.stop().await;
}

#[tokio::test]
async fn a_coordinator_that_is_reached_and_does_not_renew_its_row_is_not_well() {
    let (router, _turn) = Router::start().await;
    let site = Site::start().await;
    let coordinator = async || read(site.request(Method::GET, "/health")).await.1["checks"]["coordinator"].clone();
    let node = uuid::Uuid::new_v4();
    sqlx::query(
        "INSERT INTO nodes (id, address, renewed_at) VALUES ($1, '127.0.0.1:1', clock_timestamp() + interval '1 hour')",
    )
    .bind(node)
    .execute(&site.pool)
    .await
    .unwrap();
    sqlx::query("UPDATE shards SET node_id = $1").bind(node).execute(&site.pool).await.unwrap();
    assert_eq!(coordinator().await, "ok");
    sqlx::query("UPDATE nodes SET renewed_at = clock_timestamp() - interval '1 hour'")
        .execute(&site.pool)
        .await
        .unwrap();
    assert_eq!(coordinator().await, "unavailable");
    site.stop().await;
    router.stop().await;
}

#[tokio::test]
async fn a_question_is_shown_and_a_review_is_not_one() {
    let (router, _turn) = Router::start().await;
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let task = ada.task(JOB).await;
    let ask = |kind: &'static str| {
        sqlx::query("UPDATE tasks SET status = 'waiting_human', interaction_type = $2, interaction_data = $3 WHERE id = $1")
            .bind(task.0)
            .bind(kind)
            .bind(json!({ "page_url": "https://x.example/", "message": "Please look", "paused_at": "2026-01-02T03:04:05.000Z" }))
            .execute(&site.pool)
    };
    ask("outcome_unknown").await.unwrap();
    let (_, one) = ada.get(&format!("/tasks/{task}")).await;
    assert_eq!(
        one["interaction"],
        json!({
            "type": "outcome_unknown", "screenshotUrl": null, "pageUrl": "https://x.example/", "timeoutSeconds": null,
            "message": "Please look", "pausedAt": "2026-01-02T03:04:05.000Z",
        })
    );
    // The question names the click it is about, other questions name none.
    let permit = Uuid::now_v7();
    let grant = sqlx::query("UPDATE tasks SET permit_id = $1, permit_state = 'unknown'").bind(permit);
    grant.execute(&site.pool).await.unwrap();
    assert_eq!(ada.get(&format!("/tasks/{task}")).await.1["interaction"]["permit"], json!(permit));
    ask("captcha").await.unwrap();
    assert_eq!(ada.get(&format!("/tasks/{task}")).await.1["interaction"].get("permit"), None);
    // A hold the person put off: who counts down from the pause arrives at its end.
    sqlx::query("UPDATE tasks SET held_until = '2026-01-02T03:34:05Z'").execute(&site.pool).await.unwrap();
    let (_, held) = ada.get(&format!("/tasks/{task}")).await;
    assert_eq!(held["heldUntil"], "2026-01-02T03:34:05.000Z");
    assert_eq!(held["interaction"]["timeoutSeconds"], 1_800);
    ask("review").await.unwrap();
    assert_eq!(ada.get(&format!("/tasks/{task}")).await.1["interaction"], Value::Null);
    site.stop().await;
    router.stop().await;
}

//! Reviews and the screenshots that belong to them.

use chrono::Utc;
use protocol::cluster::{Action, RejectCode};
use protocol::form::{Choice, Field, FieldKind, FormModel, PageState, Rect, Value as FieldValue};
use protocol::ids::{ArtifactId, TaskId};
use protocol::plan::{FillPlan, FillResult, FillStatus, PlannedField, Source};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::types::Json;

use crate::site::{JOB, Person, Router, Site};

fn field(id: &str, kind: FieldKind, required: bool) -> Field {
    Field {
        section: "About you".into(),
        name: id.into(),
        required,
        options: vec![Choice { value: "1".into(), label: "Yes".into() }],
        rect: Some(Rect { x: 1.0, y: 2.0, width: 3.0, height: 4.0 }),
        ..Field::new(id, kind, format!("Label {id}"))
    }
}

fn planned(id: &str, value: Option<FieldValue>, confidence: f32) -> PlannedField {
    PlannedField {
        field: id.into(),
        value,
        source: Some(Source::Resume),
        source_detail: "Resume: contact".into(),
        confidence,
        note: String::new(),
        qa_entry: None,
        sensitive: false,
        ask: false,
    }
}

/// Puts a review and its screenshot where the coordinator would.
async fn with_review(person: &Person<'_>, task: TaskId) -> ArtifactId {
    let form = FormModel {
        page: PageState::new(JOB, "Job"),
        fields: vec![
            field("name", FieldKind::Text, true),
            field("visa", FieldKind::Radio, true),
            field("city", FieldKind::Text, false),
            field("salary", FieldKind::Text, true),
        ],
    };
    let text = |text: &str| Some(FieldValue::Text(text.into()));
    let plan = FillPlan {
        fields: vec![
            planned("name", text("Ada"), 0.99),
            planned("visa", Some(FieldValue::Choices(vec!["Yes".into()])), 0.6),
            planned("city", text("Berlin"), 0.99),
            planned("salary", None, 0.0),
        ],
    };
    let results = vec![
        FillResult {
            field: "name".into(),
            status: FillStatus::Verified,
            value: FieldValue::Empty,
            message: String::new(),
        },
        FillResult {
            field: "city".into(),
            status: FillStatus::Mismatch,
            value: FieldValue::Empty,
            message: "cut off".into(),
        },
    ];
    let picture = ArtifactId::new();
    let key = format!("artifacts/{task}/{picture}");
    person.site.app.files.put(&key, b"picture".as_slice().into()).await.unwrap();
    sqlx::query(
        "INSERT INTO artifacts (id, task_id, lease_id, step, content_type, size_bytes, sha256, width, height, storage_key)
         VALUES ($1, $2, $1, 'filled', 'image/jpeg', 7, 'abc', 800, 600, $3)",
    )
    .bind(picture.0)
    .bind(task.0)
    .bind(key)
    .execute(&person.site.pool)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO task_reviews (task_id, revision, form, plan, results, form_digest, values_digest, screenshot_id)
         VALUES ($1, 3, $2, $3, $4, $5, $6, $7)",
    )
    .bind(task.0)
    .bind(Json(&form))
    .bind(Json(&plan))
    .bind(Json(&results))
    .bind(form.form_digest().0.as_slice())
    .bind(form.values_digest().0.as_slice())
    .bind(picture.0)
    .execute(&person.site.pool)
    .await
    .unwrap();
    picture
}

#[tokio::test]
async fn the_review_shows_each_value_with_its_source_and_edits_are_commands() {
    let (router, _turn) = Router::start().await;
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let (earlier, task) = (ada.task(&format!("{JOB}?utm_medium=x")).await, ada.task(JOB).await);
    let path = format!("/tasks/{task}/review");
    let (status, body) = ada.get(&path).await;
    assert_eq!((status, &body["error"]), (StatusCode::CONFLICT, &json!("NO_REVIEW")));
    let picture = with_review(&ada, task).await;
    assert_eq!(ada.get(&path).await.1["warnings"], json!([]));
    // Sent already, or being sent just now.
    for earlier_is in [
        "status = 'in_progress', permit_state = 'granted'",
        "status = 'completed', outcome = 'sent', permit_state = NULL",
    ] {
        let update = format!("UPDATE tasks SET {earlier_is} WHERE id = $1");
        sqlx::query(sqlx::AssertSqlSafe(update)).bind(earlier.0).execute(&site.pool).await.unwrap();
        let warnings = ada.get(&path).await.1["warnings"].clone();
        assert_eq!(warnings[0]["code"], "ALREADY_APPLIED", "{earlier_is}: {warnings}");
    }

    let (status, review) = ada.get(&path).await;
    assert_eq!(status, StatusCode::OK, "{review}");
    assert_eq!((&review["revision"], &review["status"], &review["pageUrl"]), (&json!(3), &json!("open"), &json!(JOB)));
    assert_eq!(review["counts"], json!({ "total": 4, "sure": 1, "worthALook": 2, "needsYou": 1 }));
    assert_eq!(review["screenshot"]["id"], json!(picture));
    assert_eq!(
        (&review["warnings"][0]["code"], &review["warnings"][0]["details"]["taskId"]),
        (&json!("ALREADY_APPLIED"), &json!(earlier))
    );
    let why = json!({ "message": "The form changed. Please look again." });
    sqlx::query("UPDATE tasks SET interaction_data = $1").bind(why).execute(&site.pool).await.unwrap();
    sqlx::query("UPDATE task_reviews SET form = jsonb_set(form, '{page,errors}', '[\"Please confirm that you are a person.\"]')")
        .execute(&site.pool)
        .await
        .unwrap();
    let warnings = ada.get(&path).await.1["warnings"].clone();
    let codes: Vec<&Value> = warnings.as_array().unwrap().iter().map(|warning| &warning["code"]).collect();
    assert_eq!(codes, ["WHY_REVIEW", "SITE_SAYS", "ALREADY_APPLIED"]);
    assert_eq!(warnings[0]["message"], "The form changed. Please look again.");
    assert_eq!(warnings[1]["message"], "The employer's site says: “Please confirm that you are a person.”");
    let visa = &review["fields"][1];
    assert_eq!(
        (&visa["value"], &visa["source"], &visa["band"]),
        (&json!("Yes"), &json!("resume"), &json!("worth_a_look"))
    );
    assert_eq!(visa["box"], json!({ "x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0 }));
    assert_eq!(
        (&review["fields"][2]["band"], &review["fields"][2]["note"]),
        (&json!("worth_a_look"), &json!("cut off"))
    );
    assert_eq!((&review["fields"][3]["band"], &review["fields"][3]["confidence"]), (&json!("needs_you"), &Value::Null));
    let (_, one) = ada.get(&format!("/tasks/{task}")).await;
    assert_eq!(one["review"], json!({ "revision": 3, "fields": 4, "needsYou": 1, "worthALook": 2 }));

    let edits = json!({ "revision": 3, "edits": [{ "fieldId": "salary", "value": "1", "remember": true }, { "fieldId": "city", "value": null }] });
    assert_eq!(ada.send(Method::PATCH, &path, edits.clone()).await.0, StatusCode::OK);
    let command = router.wait("the edit", |c| matches!(c.action, Action::Edit { .. })).await;
    let Action::Edit { revision, edits: sent, .. } = command.action else { unreachable!() };
    assert_eq!((revision, sent.len(), sent[0].remember, sent[1].value.is_none()), (3, 2, true, true));
    router.refuses(RejectCode::StaleReview);
    assert_eq!(ada.send(Method::PATCH, &path, edits).await.1["error"], "STALE_REVIEW");
    site.stop().await;
    router.stop().await;
}

#[tokio::test]
async fn a_screenshot_is_shown_to_whoever_has_its_link_and_nobody_else() {
    let (router, _turn) = Router::start().await;
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let task = ada.task(JOB).await;
    let picture = with_review(&ada, task).await;
    let (_, one) = ada.get(&format!("/tasks/{task}")).await;
    let link = one["screenshots"]["items"][0]["url"].as_str().unwrap().to_owned();
    assert_eq!(one["screenshots"]["items"][0]["label"], "The filled form");

    let answer = site.http.get(site.url(&link)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "image/jpeg");
    assert!(answer.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(answer.bytes().await.unwrap(), b"picture".as_slice());

    let other = link.replace(&picture.to_string(), &ArtifactId::new().to_string());
    let past = link.replacen("exp=", "exp=1", 1);
    for forged in [&other, &past, &format!("{link}x"), &format!("/api/v1/artifacts/{picture}?exp=99999999999&sig=AAAA")]
    {
        assert_eq!(site.http.get(site.url(forged)).send().await.unwrap().status(), StatusCode::FORBIDDEN, "{forged}");
    }
    assert_eq!(
        site.http.get(site.url(&format!("/api/v1/artifacts/{picture}"))).send().await.unwrap().status(),
        StatusCode::BAD_REQUEST
    );
    let old = gateway::artifacts::link(&site.app, picture, Utc::now() - chrono::Duration::hours(3));
    let answer = site.http.get(site.url(&old)).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["error"], "LINK_REFUSED");
    site.stop().await;
    router.stop().await;
}

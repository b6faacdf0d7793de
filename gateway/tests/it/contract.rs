//! Our description of the API against the contract's, member by member. Skipped where the contract is not at hand.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{JOB, Router, Site};

/// Beside the workspace, where it is kept for reference.
const CONTRACT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/contract/valet-rest.openapi.json");
/// The same, from a checkout one folder deeper.
const CONTRACT_DEEPER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/contract/valet-rest.openapi.json");

/// Parts of the contract that are built later.
const LATER: &[&str] = &[
    "/billing/",
    "/admin/sandboxes",
    "/admin/deploys",
    "/gdpr/",
    "/users/me/sessions",
    "/users/me/job-preferences",
    "/users/me/notification-preferences",
    "/auth/google",
    "/auth/verify-email",
    "/auth/forgot-password",
    "/auth/reset-password",
];

fn contract() -> Option<Value> {
    let found = [CONTRACT, CONTRACT_DEEPER].into_iter().find(|path| Path::new(path).is_file());
    let Some(path) = found else {
        println!("skipped: the contract is not at hand");
        return None;
    };
    Some(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
}

/// Follows references.
fn resolve<'a>(api: &'a Value, schema: &'a Value) -> &'a Value {
    let schema = schema.get("allOf").and_then(|all| all.get(0)).unwrap_or(schema);
    match schema["$ref"].as_str() {
        Some(name) => resolve(api, api.pointer(name.trim_start_matches('#')).unwrap()),
        None => schema,
    }
}

/// Everything in `value` that its schema forbids, or that it misses.
fn differences(api: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let nullable = schema["nullable"] == json!(true) || resolve(api, schema)["nullable"] == json!(true);
    let schema = resolve(api, schema);
    if value.is_null() {
        if !nullable && schema.get("type").is_some() {
            found.push(format!("{at} is null"));
        }
        return;
    }
    if let Some(names) = schema["enum"].as_array()
        && !names.contains(value)
    {
        found.push(format!("{at} is {value}, not one of {names:?}"));
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("number" | "integer") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    if !fits {
        found.push(format!("{at} is {value}, not a {}", schema["type"]));
        return;
    }
    if schema["format"] == "date-time" {
        let text = value.as_str().unwrap_or("");
        if text.len() != 24 || !text.ends_with('Z') {
            found.push(format!("{at} is {text}, not a date"));
        }
    }
    if let Some(members) = schema["properties"].as_object() {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if value.get(name).is_none() {
                found.push(format!("{at}.{name} is missing"));
            }
        }
        for (name, schema) in members {
            if let Some(value) = value.get(name) {
                differences(api, schema, value, &format!("{at}.{name}"), found);
            }
        }
    }
    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
        differences(api, &schema["items"], value, &format!("{at}[{index}]"), found);
    }
}

#[test]
fn every_operation_of_the_contract_is_there_or_comes_later() {
    let Some(contract) = contract() else { return };
    let ours = serde_json::to_value(gateway::openapi()).unwrap();
    let operations = |api: &Value| -> BTreeSet<String> {
        let paths = api["paths"].as_object().unwrap();
        let all =
            paths.iter().flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |m| format!("{m} {path}")));
        all.filter(|operation| !LATER.iter().any(|later| operation.contains(later))).collect()
    };
    let missing: Vec<_> = operations(&contract).difference(&operations(&ours)).cloned().collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[tokio::test]
async fn answers_have_the_contracts_shapes() {
    let Some(contract) = contract() else { return };
    let (router, _turn) = Router::start().await;
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let resume = ada.resume().await;
    let task = ada.task(JOB).await;
    let (_, entry) = ada.post("/qa-bank", json!({ "category": "custom", "question": "Q?", "answer": "A" })).await;
    let entry = entry["id"].as_str().unwrap().to_owned();
    ada.post("/consent", json!({ "type": "tos_acceptance", "version": "1.0" })).await;
    sqlx::query("INSERT INTO notifications (user_id, type, title, body) VALUES ($1, 'system', 't', 'b')")
        .bind(ada.id.0)
        .execute(&site.pool)
        .await
        .unwrap();
    sqlx::query(
        "UPDATE resumes SET parsed_data = '{\"fullName\": \"Ada\"}', parsed_at = now(), parsing_confidence = 0.5",
    )
    .execute(&site.pool)
    .await
    .unwrap();
    sqlx::query("UPDATE tasks SET interaction_type = 'captcha', interaction_data = '{}', started_at = now()")
        .execute(&site.pool)
        .await
        .unwrap();

    let none = || json!({});
    let calls: Vec<(Method, &str, String, Value)> = vec![
        (
            Method::POST,
            "/auth/register",
            "/auth/register".into(),
            json!({ "email": "x@y.zz", "password": "12345678", "name": "X" }),
        ),
        (Method::POST, "/auth/login", "/auth/login".into(), json!({ "email": "x@y.zz", "password": "12345678" })),
        (Method::GET, "/auth/me", "/auth/me".into(), none()),
        (Method::GET, "/users/me/profile", "/users/me/profile".into(), none()),
        (Method::PUT, "/users/me/profile", "/users/me/profile".into(), json!({ "phone": "1" })),
        (Method::GET, "/users/me/preferences", "/users/me/preferences".into(), none()),
        (Method::PUT, "/users/me/preferences", "/users/me/preferences".into(), json!({ "dailyLimit": 5 })),
        (Method::GET, "/resumes", "/resumes".into(), none()),
        (Method::GET, "/resumes/{id}", format!("/resumes/{resume}"), none()),
        (Method::PUT, "/resumes/{id}/default", format!("/resumes/{resume}/default"), none()),
        (Method::POST, "/resumes/{id}/retry", format!("/resumes/{resume}/retry"), none()),
        (Method::GET, "/qa-bank", "/qa-bank".into(), none()),
        (Method::PUT, "/qa-bank/{id}", format!("/qa-bank/{entry}"), json!({ "answer": "B" })),
        (
            Method::POST,
            "/qa-bank/discover",
            "/qa-bank/discover".into(),
            json!({ "questions": [{ "question": "N?", "category": "custom" }] }),
        ),
        (Method::POST, "/consent", "/consent".into(), json!({ "type": "privacy_policy", "version": "1" })),
        (Method::GET, "/consent", "/consent".into(), none()),
        (Method::GET, "/consent/check", "/consent/check?type=privacy_policy&version=1".into(), none()),
        (Method::GET, "/notifications", "/notifications".into(), none()),
        (Method::POST, "/notifications/read-all", "/notifications/read-all".into(), none()),
        (Method::GET, "/dashboard/stats", "/dashboard/stats".into(), none()),
        (Method::GET, "/dashboard/trends", "/dashboard/trends".into(), none()),
        (Method::GET, "/dashboard/breakdown", "/dashboard/breakdown".into(), none()),
        (Method::POST, "/tasks", "/tasks".into(), json!({ "jobUrl": JOB, "resumeId": resume })),
        (Method::GET, "/tasks", "/tasks".into(), none()),
        (Method::GET, "/tasks/stats", "/tasks/stats".into(), none()),
        (Method::GET, "/tasks/{id}", format!("/tasks/{task}"), none()),
        (Method::GET, "/tasks/{taskId}/events", format!("/tasks/{task}/events"), none()),
        (Method::POST, "/tasks/{id}/approve", format!("/tasks/{task}/approve"), none()),
        (Method::POST, "/tasks/{id}/retry", format!("/tasks/{task}/retry"), none()),
        (Method::POST, "/tasks/{id}/resolve-blocker", format!("/tasks/{task}/resolve-blocker"), none()),
        (
            Method::PATCH,
            "/tasks/{id}/external-status",
            format!("/tasks/{task}/external-status"),
            json!({ "externalStatus": "viewed" }),
        ),
        (Method::POST, "/auth/logout", "/auth/logout".into(), none()),
        (Method::POST, "/auth/revoke-all", "/auth/revoke-all".into(), none()),
    ];
    let mut found = Vec::new();
    for (method, path, call, body) in calls {
        let operation = &contract["paths"][format!("/api/v1{path}")][method.as_str().to_lowercase()];
        let (status, answer) =
            if method == Method::GET { ada.get(&call).await } else { ada.send(method.clone(), &call, body).await };
        let expected = &operation["responses"][status.as_str()];
        if expected.is_null() {
            found.push(format!("{method} {path} answers {status}: {answer}"));
            continue;
        }
        let schema = &expected["content"]["application/json"]["schema"];
        differences(&contract, schema, &answer, &format!("{method} {path}"), &mut found);
    }
    assert!(found.is_empty(), "{found:#?}");
    site.stop().await;
    router.stop().await;
}

//! Profile, answers, consents, notifications, figures.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::site::{Site, read};

#[tokio::test]
async fn preferences_are_merged_never_replaced() {
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let path = "/users/me/preferences";
    let (_, fresh) = ada.get(path).await;
    assert_eq!((&fresh["dailyLimit"], &fresh["acceptPrivacyNotices"]), (&json!(20), &json!(true)));
    sqlx::query("UPDATE users SET preferences = '{\"jobPreferences\": {\"remote\": true}}'")
        .execute(&site.pool)
        .await
        .unwrap();

    let (status, changed) = ada.send(Method::PUT, path, json!({ "acceptPrivacyNotices": false, "x": 1 })).await;
    assert_eq!((status, &changed["acceptPrivacyNotices"]), (StatusCode::OK, &json!(false)), "{changed}");
    ada.send(Method::PUT, path, json!({ "confidenceThreshold": 80, "minDelayMinutes": 0.5 })).await;
    let kept = ada.get(path).await.1;
    assert_eq!((&kept["acceptPrivacyNotices"], &kept["confidenceThreshold"]), (&json!(false), &json!(80)));
    assert_eq!((&kept["minDelayMinutes"], &kept["submissionMode"]), (&json!(0.5), &json!("review_before_submit")));
    assert!(kept.get("jobPreferences").is_none() && kept.get("x").is_none());
    let profile = ada.get("/users/me/profile").await.1;
    assert_eq!((&profile["preferences"], &profile["jobPreferences"]["remote"]), (&kept, &json!(true)));
    for bad in
        [json!({ "confidenceThreshold": 101 }), json!({ "dailyLimit": 1.5 }), json!({ "acceptPrivacyNotices": "yes" })]
    {
        assert_eq!(ada.send(Method::PUT, path, bad.clone()).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
    site.stop().await;
}

#[tokio::test]
async fn a_profile_is_changed_member_by_member() {
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let (status, profile) = ada.get("/users/me/profile").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(profile["preferences"]["confidenceThreshold"], 90);
    assert_eq!((&profile["workHistory"], &profile["phone"]), (&json!([]), &Value::Null));
    assert!(profile.get("jobPreferences").is_none() && profile.get("onboardingComplete").is_none());

    let change = json!({
        "phone": "+49 30 1234", "skills": ["Rust"], "unknown": 1,
        "workHistory": [{ "title": "Engineer", "company": "Acme", "startDate": "2020-01", "endDate": null, "x": 1 }],
    });
    let (status, profile) = ada.send(Method::PUT, "/users/me/profile", change).await;
    assert_eq!(status, StatusCode::OK, "{profile}");
    assert_eq!((&profile["phone"], &profile["skills"]), (&json!("+49 30 1234"), &json!(["Rust"])));
    assert_eq!(profile["workHistory"][0]["company"], "Acme");
    assert!(profile["workHistory"][0].get("x").is_none());
    let (_, profile) = ada.send(Method::PUT, "/users/me/profile", json!({ "phone": null, "location": "Berlin" })).await;
    assert_eq!((&profile["phone"], &profile["location"]), (&Value::Null, &json!("Berlin")));
    assert_eq!(profile["skills"], json!(["Rust"]));

    let bad = json!({ "githubUrl": "javascript:alert(1)", "workHistory": [{ "title": 1 }] });
    let (status, body) = ada.send(Method::PUT, "/users/me/profile", bad).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let paths: Vec<_> =
        body["bodyErrors"]["issues"].as_array().unwrap().iter().map(|issue| issue["path"].clone()).collect();
    assert_eq!(paths, [json!(["githubUrl"]), json!(["workHistory", 0, "title"]), json!(["workHistory", 0, "company"])]);
    site.stop().await;
}

#[tokio::test]
async fn the_bank_of_answers() {
    let site = Site::start().await;
    let (ada, bob) = (site.person("ada@example.com").await, site.person("bob@example.com").await);
    let new = json!({ "category": "availability", "question": "Notice period?", "answer": "One month" });
    let (status, entry) = ada.post("/qa-bank", new).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(
        (&entry["usageMode"], &entry["source"], &entry["timesUsed"]),
        (&json!("always_use"), &json!("user_input"), &json!(0))
    );
    let path = format!("/qa-bank/{}", entry["id"].as_str().unwrap());

    let change = json!({ "answer": "Two months", "question": "ignored" });
    let (status, changed) = ada.send(Method::PUT, &path, change).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&changed["answer"], &changed["question"]), (&json!("Two months"), &json!("Notice period?")));
    // Another person's entry looks absent.
    assert_eq!(bob.send(Method::PUT, &path, json!({})).await.0, StatusCode::NOT_FOUND);
    assert_eq!(read(bob.request(Method::DELETE, &path)).await.0, StatusCode::NOT_FOUND);

    let asked = json!({ "questions": [
        { "question": "Notice period?", "category": "custom" }, { "question": "Salary?", "category": "compensation" } ] });
    let (status, found) = ada.post("/qa-bank/discover", asked).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(found["data"][0]["id"], entry["id"]);
    assert_eq!((&found["data"][1]["usageMode"], &found["data"][1]["answer"]), (&json!("ask_each_time"), &json!("")));
    let bad = json!({ "questions": [{ "question": "?", "category": "nonsense" }] });
    assert_eq!(ada.post("/qa-bank/discover", bad).await.0, StatusCode::BAD_REQUEST);

    let (_, filtered) = ada.get("/qa-bank?category=compensation").await;
    assert_eq!(filtered["data"].as_array().unwrap().len(), 1);
    // No body, an empty JSON body and an empty object are all fine.
    assert_eq!(
        read(ada.request(Method::DELETE, &path).header("content-type", "application/json")).await.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(ada.get("/qa-bank/not-an-id").await.0, StatusCode::NOT_FOUND);
    let (status, body) = ada.send(Method::PUT, "/qa-bank/not-an-id", json!({})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body["pathParameterErrors"]["issues"][0]["path"], json!(["id"]));
    site.stop().await;
}

#[tokio::test]
async fn consents_are_records() {
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let check = "/consent/check?type=tos_acceptance&version=1.0";
    assert_eq!(ada.get(check).await.1, json!({ "accepted": false, "acceptedAt": null }));
    let given = json!({ "type": "tos_acceptance", "version": "1.0" });
    let (status, record) = read(ada.request(Method::POST, "/consent").header("user-agent", "tests").json(&given)).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!((&record["ipAddress"], &record["userAgent"]), (&json!("127.0.0.1"), &json!("tests")));
    let (_, checked) = ada.get(check).await;
    assert_eq!((&checked["accepted"], &checked["acceptedAt"]), (&json!(true), &record["createdAt"]));
    assert_eq!(ada.get("/consent/check?type=other&version=1.0").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(ada.get("/consent").await.1["data"].as_array().unwrap().len(), 1);
    site.stop().await;
}

#[tokio::test]
async fn notifications_are_read_one_by_one_or_all() {
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    for n in 0..3 {
        sqlx::query("INSERT INTO notifications (user_id, type, title, body) VALUES ($1, 'system', $2, 'b')")
            .bind(ada.id.0)
            .bind(n.to_string())
            .execute(&site.pool)
            .await
            .unwrap();
    }
    let (_, all) = ada.get("/notifications?pageSize=2").await;
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
    assert_eq!(all["pagination"], json!({ "page": 1, "pageSize": 2, "total": 3, "totalPages": 2 }));
    assert_eq!(all["unreadCount"], 3);
    let path = format!("/notifications/{}/read", all["data"][0]["id"].as_str().unwrap());
    assert_eq!(read(ada.request(Method::PUT, &path)).await, (StatusCode::OK, json!({ "success": true })));
    let (_, unread) = ada.get("/notifications?unreadOnly=true").await;
    assert_eq!((&unread["pagination"]["total"], &unread["unreadCount"]), (&json!(2), &json!(2)));
    // `false` means false.
    assert_eq!(ada.get("/notifications?unreadOnly=false").await.1["pagination"]["total"], 3);
    assert_eq!(ada.get("/notifications?pageSize=51").await.0, StatusCode::BAD_REQUEST);
    read(ada.request(Method::POST, "/notifications/read-all")).await;
    assert_eq!(ada.get("/notifications").await.1["unreadCount"], 0);
    site.stop().await;
}

#[tokio::test]
async fn figures() {
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    for (status, platform) in
        [("completed", "lever"), ("failed", "lever"), ("cancelled", "unknown"), ("queued", "lever")]
    {
        sqlx::query("INSERT INTO tasks (user_id, job_url, status, platform) VALUES ($1, 'https://x.example', $2::text::task_status, $3::text::platform)")
            .bind(ada.id.0)
            .bind(status)
            .bind(platform)
            .execute(&site.pool)
            .await
            .unwrap();
    }
    let (_, stats) = ada.get("/dashboard/stats").await;
    assert_eq!(stats, json!({ "total": 4, "completed": 1, "inProgress": 1, "needsReview": 0, "failed": 1 }));
    let (_, trends) = ada.get("/dashboard/trends").await;
    let trends = trends["trends"].as_array().unwrap();
    assert_eq!(trends.len(), 30);
    assert_eq!(trends[29], json!({ "date": chrono::Utc::now().date_naive().to_string(), "count": 4 }));
    let (_, breakdown) = ada.get("/dashboard/breakdown").await;
    assert_eq!(breakdown["breakdown"][0], json!({ "platform": "lever", "count": 3 }));
    site.stop().await;
}

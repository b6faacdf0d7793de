//! What every answer carries, the UI and the description of the API.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::site::{Site, options, read};

#[tokio::test]
async fn headers_for_safety_and_a_request_id() {
    let site = Site::start().await;
    let answer = site.request(Method::GET, "/health").header("x-request-id", "mine-1").send().await.unwrap();
    let headers = answer.headers();
    assert_eq!(headers["x-request-id"], "mine-1");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["x-frame-options"], "SAMEORIGIN");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("script-src 'self'") && policy.contains("ws:") && policy.contains("frame-ancestors 'none'")
    );
    let odd = site.request(Method::GET, "/health").header("x-request-id", "a b\"c").send().await.unwrap();
    assert_ne!(odd.headers()["x-request-id"], "a b\"c");
    site.stop().await;
}

#[tokio::test]
async fn listed_origins_are_let_in_and_others_are_not() {
    let mut options = options();
    options.cors_origins = vec!["http://localhost:5173".into()];
    let site = Site::with(options).await;
    let preflight = |origin: &'static str| {
        site.request(Method::OPTIONS, "/tasks")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .send()
    };
    let good = preflight("http://localhost:5173").await.unwrap();
    assert_eq!(good.status(), StatusCode::NO_CONTENT);
    assert_eq!(good.headers()["access-control-allow-origin"], "http://localhost:5173");
    assert_eq!(good.headers()["access-control-allow-credentials"], "true");
    let bad = preflight("https://evil.example").await.unwrap();
    assert!(!bad.headers().contains_key("access-control-allow-origin"));
    let same = site.request(Method::GET, "/health").header("origin", site.url("")).send().await.unwrap();
    assert_eq!(same.status(), StatusCode::OK);
    site.stop().await;
}

#[tokio::test]
async fn the_ui_answers_its_own_paths_and_the_api_never_does() {
    let site = Site::start().await;
    for path in ["/", "/tasks/some-id/review"] {
        let answer = site.http.get(site.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"), "{path}");
    }
    assert_eq!(site.http.get(site.url("/api/other")).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let docs = site.http.get(site.url("/docs")).send().await.unwrap();
    assert!(docs.text().await.unwrap().contains("/api/v1/tasks/{id}/review"));
    let (_, api) = read(site.http.get(site.url("/docs/json"))).await;
    assert_eq!(api["info"]["title"], Value::from("VALET"));
    site.stop().await;
}

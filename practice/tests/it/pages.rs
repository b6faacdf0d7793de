use std::collections::BTreeSet;

use axum::http::StatusCode;

use crate::support::{Form, get, site};

const FORMS: [&str; 9] = [
    "/greenhouse/platform-engineer",
    "/greenhouse/support-specialist",
    "/lever/product-designer",
    "/lever/data-engineer",
    "/ashby/frontend-engineer",
    "/ashby/office-manager",
    "/workday/operations-analyst",
    "/workday/operations-analyst/wizard",
    "/captcha/platform-engineer",
];

/// The values of the attributes that carry names.
fn names(html: &str) -> BTreeSet<&str> {
    let attributes = ["class=\"", "id=\"", "name=\"", "for=\""];
    let values = attributes.iter().flat_map(|attribute| html.split(attribute).skip(1));
    let values = values.filter_map(|rest| rest.split('"').next()).flat_map(|value| value.split(' '));
    values.filter(|value| !["viewport", "color-scheme", "robots", "authenticity_token"].contains(value)).collect()
}

#[tokio::test]
async fn no_name_survives_a_reload() {
    let site = site().await;
    for path in FORMS {
        let (first, second) = (get(&site, path).await, get(&site, path).await);
        assert_eq!(first.status, StatusCode::OK, "{path}");
        let (first_names, second_names) = (names(&first.text), names(&second.text));
        assert!(first_names.len() > 20, "{path}");
        let common: Vec<_> = first_names.intersection(&second_names).collect();
        assert!(common.is_empty(), "{path}: {common:?}");
    }
}

#[tokio::test]
async fn no_template_and_no_mark_for_machines_is_left_in_a_page() {
    let site = site().await;
    let others = ["/", "/submissions", "/mailbox", "/not-a-form", "/closed/platform-engineer"];
    for path in FORMS.iter().chain(&others) {
        let page = get(&site, path).await.text;
        for mark in ["«", "»", "NONCE", "WIZARD", "LISTS", " data-", "honeypot", "\u{2014}"] {
            assert!(!page.contains(mark), "{path} contains {mark:?}");
        }
    }
}

#[tokio::test]
async fn every_job_of_the_front_page_has_a_form() {
    let site = site().await;
    let front = get(&site, "/").await.text;
    let links: Vec<_> = front.split("<a href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.len() >= 15, "{links:?}");
    for link in links {
        assert_eq!(get(&site, link).await.status, StatusCode::OK, "{link}");
    }
}

#[tokio::test]
async fn labels_lead_to_controls() {
    let form = Form::read(&get(&site().await, "/greenhouse/platform-engineer").await.text);
    // The twenty-five questions, six boxes of the group, the label that looks like a button, and the
    // field that people cannot see.
    assert_eq!(form.names.len(), 25 + 6 + 1 + 1, "{:?}", form.names.keys());
    assert!(form.names.values().all(|name| !name.is_empty()), "{:?}", form.names);
}

#[tokio::test]
async fn bad_targets() {
    let site = site().await;
    let closed = get(&site, "/closed/platform-engineer").await;
    assert!(closed.status == StatusCode::OK && closed.text.contains("no longer accepting"));
    assert!(get(&site, "/login-wall/platform-engineer").await.text.contains("type=\"password\""));
    assert!(!get(&site, "/not-a-form").await.text.contains("<input"));
    for path in ["/gone", "/lever/platform-engineer", "/closed/none", "/lever/data-engineer/thanks/LV-222222"] {
        assert_eq!(get(&site, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let redirect = get(&site, "/redirect-private").await;
    assert_eq!((redirect.status, redirect.location.as_str()), (StatusCode::FOUND, "http://169.254.169.254/"));
    assert_eq!(get(&site, "/slow/platform-engineer?ms=1").await.status, StatusCode::OK);
    for path in ["/slow/platform-engineer?ms=30001", "/lever/data-engineer?fail=often"] {
        assert_eq!(get(&site, path).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn places_are_suggested() {
    let found = get(&site().await, "/places?q=portland").await.json();
    assert_eq!(found, serde_json::json!(["Portland, Maine, United States", "Portland, Oregon, United States"]));
}

//! Resumes: what is taken, what is refused, and with which status.

use protocol::cluster::Action;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::site::{PDF, Router, Site, read};

const PDF_TYPE: &str = "application/pdf";

#[tokio::test]
async fn upload_list_default_parse_again_delete() {
    let (router, _turn) = Router::start().await;
    let site = Site::start().await;
    let (ada, bob) = (site.person("ada@example.com").await, site.person("bob@example.com").await);
    let (status, made) = ada.upload("My CV (final).PDF", PDF_TYPE, PDF.to_vec()).await;
    assert_eq!((status, &made["status"]), (StatusCode::ACCEPTED, &json!("parsing")));
    let id = made["id"].as_str().unwrap().to_owned();
    router
        .wait("a parse", |c| {
            c.user == ada.id && matches!(&c.action, Action::ParseResume { resume } if resume.to_string() == id)
        })
        .await;

    let key: String = sqlx::query_scalar("SELECT file_key FROM resumes").fetch_one(&site.pool).await.unwrap();
    assert!(key.starts_with(&format!("resumes/{}/", ada.id)) && key.ends_with("My_CV__final_.PDF"), "{key}");
    assert_eq!(site.app.files.get(&key).await.unwrap(), PDF);

    let (_, list) = ada.get("/resumes").await;
    let resume = &list["data"][0];
    assert_eq!((&resume["filename"], &resume["fileSizeBytes"]), (&json!("My CV (final).PDF"), &json!(PDF.len())));
    assert_eq!((&resume["parsedData"], &resume["isDefault"]), (&Value::Null, &json!(true)), "the first is the default");
    assert_eq!(resume["parseError"], Value::Null);
    let path = format!("/resumes/{id}");
    assert_eq!(bob.get(&path).await.0, StatusCode::NOT_FOUND);
    assert_eq!(bob.send(Method::PUT, &format!("{path}/default"), json!({})).await.0, StatusCode::NOT_FOUND);

    let (status, chosen) = read(ada.request(Method::PUT, &format!("{path}/default"))).await;
    assert_eq!((status, &chosen["isDefault"]), (StatusCode::OK, &json!(true)));
    let failed =
        "UPDATE resumes SET status = 'parse_failed', parse_error_code = 'NO_TEXT', parse_error = 'Pictures only.'";
    sqlx::query(failed).execute(&site.pool).await.unwrap();
    let error = json!({ "code": "NO_TEXT", "message": "Pictures only." });
    assert_eq!(ada.get("/resumes").await.1["data"][0]["parseError"], error);
    assert_eq!(ada.get(&path).await.1["parseError"], error);
    let again = format!("{path}/retry");
    assert_eq!(ada.post(&again, json!({})).await.0, StatusCode::ACCEPTED);
    sqlx::query("UPDATE resumes SET status = 'parsed'").execute(&site.pool).await.unwrap();
    assert_eq!(ada.post(&again, json!({})).await.0, StatusCode::CONFLICT);

    assert_eq!(read(bob.request(Method::DELETE, &path)).await.0, StatusCode::NOT_FOUND);
    assert_eq!(read(ada.request(Method::DELETE, &path)).await.0, StatusCode::NO_CONTENT);
    assert!(site.app.files.get(&key).await.is_err());
    site.stop().await;
    router.stop().await;
}

#[tokio::test]
async fn what_is_not_a_resume_is_refused() {
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let big = {
        let mut bytes = PDF.to_vec();
        bytes.resize(11 << 20, b' ');
        bytes
    };
    for (name, mime, bytes, expected) in [
        ("cv.pdf", PDF_TYPE, big, StatusCode::PAYLOAD_TOO_LARGE),
        ("cv.pdf", PDF_TYPE, Vec::new(), StatusCode::BAD_REQUEST),
        ("cv.pdf", PDF_TYPE, b"MZ not a pdf".to_vec(), StatusCode::BAD_REQUEST),
        ("cv.exe", PDF_TYPE, PDF.to_vec(), StatusCode::BAD_REQUEST),
        ("cv.pdf", "image/png", PDF.to_vec(), StatusCode::BAD_REQUEST),
    ] {
        let (status, body) = ada.upload(name, mime, bytes).await;
        assert_eq!(status, expected, "{name} {mime}: {body}");
        assert!(body["message"].is_string());
    }
    let (status, _) = ada.post("/resumes/upload", json!({})).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let form = reqwest::multipart::Form::new().text("file", "only text");
    let (status, body) = read(ada.request(Method::POST, "/resumes/upload").multipart(form)).await;
    assert_eq!((status, &body["message"]), (StatusCode::BAD_REQUEST, &json!("No file provided")));
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM resumes").fetch_one(&site.pool).await.unwrap();
    assert_eq!(count, 0);
    site.stop().await;
}

#[tokio::test]
async fn five_are_kept_however_many_come_at_once() {
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let uploads = (0..8).map(|n| {
        let ada = &ada;
        async move { ada.upload(&format!("{n}.pdf"), PDF_TYPE, PDF.to_vec()).await.0 }
    });
    let statuses = futures::future::join_all(uploads).await;
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::ACCEPTED).count(), 5);
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::CONFLICT).count(), 3);
    site.stop().await;
}

#[tokio::test]
async fn uploads_are_limited_by_the_hour_refused_ones_included() {
    let site = Site::limited(|limits| limits.resume_upload.max = 2).await;
    let ada = site.person("ada@example.com").await;
    for _ in 0..2 {
        assert_eq!(ada.upload("cv.pdf", PDF_TYPE, Vec::new()).await.0, StatusCode::BAD_REQUEST);
    }
    let (status, body) = ada.upload("cv.pdf", PDF_TYPE, PDF.to_vec()).await;
    assert_eq!((status, &body["error"]), (StatusCode::TOO_MANY_REQUESTS, &json!("RATE_LIMIT_EXCEEDED")));
    site.stop().await;
}

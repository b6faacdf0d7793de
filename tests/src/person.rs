//! Somebody who uses the system, over its public API.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::valet::Valet;

/// An application with its retries; generous, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(90);

pub struct Person {
    http: Client,
    base: String,
    token: String,
}

impl Person {
    /// The first account, signed in.
    pub async fn first(valet: &Valet) -> Self {
        Self::sign_in(&valet.ready.http, &valet.ready.email, &valet.ready.password).await
    }

    pub async fn sign_in(http: &str, email: &str, password: &str) -> Self {
        let client = Client::new();
        let base = format!("{http}/api/v1");
        let body = json!({ "email": email, "password": password });
        let answer = client.post(format!("{base}/auth/login")).json(&body).send().await.expect("the gateway answers");
        assert_eq!(answer.status(), StatusCode::OK, "sign-in");
        let body: Json = answer.json().await.expect("JSON");
        let token = body["accessToken"].as_str().expect("a token").to_owned();
        Self { http: client, base, token }
    }

    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// One call; status and body.
    pub async fn call(&self, method: Method, path: &str, body: Option<Json>) -> (StatusCode, Json) {
        self.try_call(method, path, body).await.expect("the gateway answers")
    }

    /// One call that may meet a gateway that is down.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: Option<Json>,
    ) -> Result<(StatusCode, Json), reqwest::Error> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.timeout(Duration::from_secs(20)).send().await?;
        let status = answer.status();
        Ok((status, answer.json().await.unwrap_or(Json::Null)))
    }

    /// Uploads a file as a resume; the answer as it comes.
    pub async fn send_file(&self, name: &str, mime: &str, bytes: Vec<u8>) -> (StatusCode, Json) {
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name.to_owned()).mime_str(mime).expect("a type");
        let form = reqwest::multipart::Form::new().part("file", part);
        let url = format!("{}/resumes/upload", self.base);
        let answer = self.http.post(url).bearer_auth(&self.token).multipart(form).send().await.expect("an answer");
        (answer.status(), answer.json().await.expect("JSON"))
    }

    /// Uploads a resume and waits until it is read; returns its id.
    pub async fn upload(&self, name: &str, mime: &str, bytes: Vec<u8>) -> String {
        let (status, body) = self.send_file(name, mime, bytes).await;
        assert_eq!(status, StatusCode::ACCEPTED, "upload: {body}");
        let id = body["id"].as_str().expect("an id").to_owned();
        let status = |resume: &Json| resume["status"].as_str().unwrap_or_default().to_owned();
        let resume = self.wait(&format!("/resumes/{id}"), "read", |resume| status(resume) != "parsing").await;
        assert_eq!(status(&resume), "parsed", "{resume}");
        id
    }

    /// A resume of an invented person, uploaded and read.
    pub async fn with_resume(&self) -> String {
        self.upload("resume.pdf", "application/pdf", crate::resume::pdf()).await
    }

    pub async fn remember(&self, category: &str, question: &str, answer: &str) {
        let body = json!({ "category": category, "question": question, "answer": answer });
        let (status, body) = self.call(Method::POST, "/qa-bank", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
    }

    pub async fn apply(&self, url: &str, resume: &str) -> String {
        let body = json!({ "jobUrl": url, "resumeId": resume, "mode": "copilot" });
        let (status, body) = self.call(Method::POST, "/tasks", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["id"].as_str().expect("an id").to_owned()
    }

    pub async fn task(&self, id: &str) -> Json {
        let (status, body) = self.call(Method::GET, &format!("/tasks/{id}"), None).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// Waits until a resource is as wanted. A gateway that is down meanwhile is waited for.
    pub async fn wait(&self, path: &str, what: &str, wanted: impl Fn(&Json) -> bool) -> Json {
        self.wait_within(PATIENCE, path, what, wanted).await
    }

    /// [`Person::wait`] with a patience of its own.
    pub async fn wait_within(
        &self,
        patience: Duration,
        path: &str,
        what: &str,
        wanted: impl Fn(&Json) -> bool,
    ) -> Json {
        let deadline = tokio::time::Instant::now() + patience;
        let mut last = Json::Null;
        loop {
            if let Ok((StatusCode::OK, body)) = self.try_call(Method::GET, path, None).await {
                if wanted(&body) {
                    return body;
                }
                last = body;
            }
            assert!(tokio::time::Instant::now() < deadline, "{path} did not become {what} in {patience:?}: {last:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for one of these statuses.
    pub async fn wait_for(&self, task: &str, statuses: &[&str]) -> Json {
        let is = |task: &Json| statuses.contains(&task["status"].as_str().unwrap_or_default());
        self.wait(&format!("/tasks/{task}"), &statuses.join(" or "), is).await
    }

    pub async fn review(&self, task: &str) -> Json {
        let (status, body) = self.call(Method::GET, &format!("/tasks/{task}/review"), None).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// What the review says is missing, by label, with answers that fit.
    pub async fn missing_answers(&self, task: &str) -> Vec<(String, String)> {
        let review = self.review(task).await;
        let fields = review["fields"].as_array().expect("fields");
        fields
            .iter()
            .filter(|field| field["band"] == "needs_you" && field["value"].is_null())
            .map(|field| (field["label"].as_str().unwrap_or_default().to_owned(), some_answer(field)))
            .collect()
    }

    /// Approves, answering whatever the review says is missing with an answer that fits.
    pub async fn approve(&self, task: &str) -> (StatusCode, Json) {
        let review = self.review(task).await;
        let body = json!({ "revision": review["revision"], "fieldOverrides": missing(&review) });
        self.call(Method::POST, &format!("/tasks/{task}/approve"), Some(body)).await
    }

    /// From a posting to its confirmation.
    pub async fn apply_and_submit(&self, url: &str, resume: &str) -> Json {
        let task = self.apply(url, resume).await;
        self.wait_for(&task, &["waiting_human"]).await;
        let (status, body) = self.approve(&task).await;
        assert_eq!(status, StatusCode::OK, "{body:#}");
        self.wait_for(&task, &["completed", "failed", "waiting_human"]).await
    }
}

/// Answers that fit to what a review says is missing, by field id.
#[must_use]
pub fn missing(review: &Json) -> serde_json::Map<String, Json> {
    let fields = review["fields"].as_array().expect("fields").iter();
    fields
        .filter(|field| field["band"] == "needs_you" && field["value"].is_null())
        .map(|field| (field["id"].as_str().expect("an id").to_owned(), json!(some_answer(field))))
        .collect()
}

/// What a person might answer to a question of this kind.
pub(crate) fn some_answer(field: &Json) -> String {
    let options: Vec<&str> =
        field["options"].as_array().into_iter().flatten().filter_map(|option| option["label"].as_str()).collect();
    let meant = options.iter().find(|label| {
        let label = label.trim().to_lowercase();
        !label.is_empty() && !label.starts_with("select") && !label.starts_with("choose") && label != "-"
    });
    match (field["kind"].as_str().unwrap_or_default(), meant) {
        ("checkbox", _) => "Yes".to_owned(),
        (_, Some(label)) => (*label).to_owned(),
        ("number", None) => "3".to_owned(),
        ("date", None) => "2027-01-15".to_owned(),
        // Suggestions come while typing; of the questions asked that way, all are about where somebody lives.
        ("combobox", None) => "Portland".to_owned(),
        _ => "As discussed".to_owned(),
    }
}

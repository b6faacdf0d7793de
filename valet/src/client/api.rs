//! The calls that the terminal makes.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::{Value as Json, json};

const TIMEOUT: Duration = Duration::from_secs(30);
const COOKIE_NAME: &str = "valet_refresh";

/// A server, and who we are to it.
pub struct Api {
    http: reqwest::Client,
    server: String,
    access: String,
    refresh: Option<String>,
}

/// The server's own words for what is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{message} ({status}, {code})", code = code.as_deref().unwrap_or("no code"))]
pub struct Refused {
    pub status: u16,
    pub code: Option<String>,
    pub message: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    pub id: String,
    pub status: String,
    #[serde(default)]
    pub progress: f64,
    pub current_step: Option<String>,
    /// Of the employer's form.
    #[serde(default)]
    pub fields_filled: u32,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub confirmation: Option<Json>,
    pub submitted_at: Option<String>,
    pub interaction: Option<Interaction>,
    pub job_title: Option<String>,
    pub company_name: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resume {
    pub status: String,
    pub parse_error: Option<ParseError>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ParseError {
    pub message: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Interaction {
    pub message: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    pub revision: i64,
    pub fields: Vec<Field>,
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Warning {
    pub code: String,
    pub message: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Field {
    pub id: String,
    pub name: String,
    pub label: String,
    pub required: bool,
    pub value: Option<String>,
    pub source: Option<String>,
    pub confidence: Option<f64>,
    pub band: String,
    pub note: Option<String>,
    #[serde(default)]
    pub options: Vec<Choice>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Choice {
    pub label: String,
}

impl Api {
    pub fn new(server: &str) -> anyhow::Result<Self> {
        let server = server.trim_end_matches('/').to_owned();
        url::Url::parse(&server).with_context(|| format!("{server} is not an address"))?;
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self { http, server, access: String::new(), refresh: None })
    }

    pub fn server(&self) -> &str {
        &self.server
    }

    pub fn refresh_token(&self) -> Option<String> {
        self.refresh.clone()
    }

    pub async fn sign_in(&mut self, email: &str, password: &str) -> anyhow::Result<()> {
        let request = self.request(Method::POST, "/auth/login").json(&json!({ "email": email, "password": password }));
        self.take_session(request).await
    }

    pub async fn refresh(&mut self, token: &str) -> anyhow::Result<()> {
        let cookie = format!("{COOKIE_NAME}={token}");
        let request = self.request(Method::POST, "/auth/refresh").header(COOKIE, cookie).json(&json!({}));
        self.take_session(request).await
    }

    /// A command that outlives the access token goes on with a new one.
    async fn renew(&mut self) -> anyhow::Result<()> {
        let token = self.refresh.clone().context("the session has ended; run `valet login` again")?;
        self.refresh(&token).await
    }

    async fn take_session(&mut self, request: RequestBuilder) -> anyhow::Result<()> {
        let response = request
            .send()
            .await
            .with_context(|| format!("{} does not answer; is `valet up` running there?", self.server))?;
        let cookie = response
            .headers()
            .get_all(SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .filter_map(|text| text.split(';').next()?.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='))
            .map(str::to_owned)
            .find(|token| !token.is_empty());
        let body = answer(response).await?;
        let access = body.get("accessToken").and_then(Json::as_str).context("the server's answer has no token")?;
        self.access = access.to_owned();
        self.refresh = cookie.or(self.refresh.take());
        Ok(())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/v1{path}", self.server))
    }

    /// Sends with our token; once more with a new one when it had run out.
    async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Json>,
        key: Option<&str>,
    ) -> anyhow::Result<Json> {
        for renewed in [false, true] {
            let mut request = self.request(method.clone(), path).bearer_auth(&self.access);
            if let Some(body) = body {
                request = request.json(body);
            }
            if let Some(key) = key {
                request = request.header("Idempotency-Key", key);
            }
            let response = request
                .send()
                .await
                .with_context(|| format!("{} does not answer; is `valet up` running there?", self.server))?;
            if response.status() == StatusCode::UNAUTHORIZED && !renewed {
                self.renew().await?;
                continue;
            }
            return answer(response).await;
        }
        bail!("the session has ended; run `valet login` again")
    }

    pub async fn upload_resume(&mut self, file: &Path) -> anyhow::Result<String> {
        let bytes = tokio::fs::read(file).await.with_context(|| format!("{} cannot be read", file.display()))?;
        let name = file.file_name().and_then(|name| name.to_str()).context("the file's name is not text")?.to_owned();
        let mime = match file.extension().and_then(|extension| extension.to_str()).map(str::to_lowercase).as_deref() {
            Some("pdf") => "application/pdf",
            Some("docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            _ => bail!("{} is neither a .pdf nor a .docx", file.display()),
        };
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name).mime_str(mime)?;
        let form = reqwest::multipart::Form::new().part("file", part);
        let response =
            self.request(Method::POST, "/resumes/upload").bearer_auth(&self.access).multipart(form).send().await?;
        let body = answer(response).await?;
        Ok(body.get("id").and_then(Json::as_str).context("the server's answer has no id")?.to_owned())
    }

    pub async fn resume(&mut self, id: &str) -> anyhow::Result<Resume> {
        parsed(self.call(Method::GET, &format!("/resumes/{id}"), None, None).await?)
    }

    pub async fn consent(&mut self, kind: &str) -> anyhow::Result<bool> {
        let path = format!("/consent/check?type={kind}&version=1.0");
        let body = self.call(Method::GET, &path, None, None).await?;
        Ok(body.get("accepted").and_then(Json::as_bool).unwrap_or(false))
    }

    pub async fn give_consent(&mut self, kind: &str) -> anyhow::Result<()> {
        let body = json!({ "type": kind, "version": "1.0" });
        self.call(Method::POST, "/consent", Some(&body), None).await.map(|_| ())
    }

    pub async fn create_task(&mut self, url: &str, resume: &str, mode: &str, key: &str) -> anyhow::Result<Task> {
        let body = json!({ "jobUrl": url, "resumeId": resume, "mode": mode });
        parsed(self.call(Method::POST, "/tasks", Some(&body), Some(key)).await?)
    }

    pub async fn task(&mut self, id: &str) -> anyhow::Result<Task> {
        parsed(self.call(Method::GET, &format!("/tasks/{id}"), None, None).await?)
    }

    pub async fn review(&mut self, id: &str) -> anyhow::Result<Review> {
        parsed(self.call(Method::GET, &format!("/tasks/{id}/review"), None, None).await?)
    }

    pub async fn approve(&mut self, id: &str, revision: i64, overrides: &Json) -> anyhow::Result<()> {
        let body = json!({ "revision": revision, "fieldOverrides": overrides });
        self.call(Method::POST, &format!("/tasks/{id}/approve"), Some(&body), None).await.map(|_| ())
    }
}

fn parsed<T: serde::de::DeserializeOwned>(body: Json) -> anyhow::Result<T> {
    serde_json::from_value(body).context("the server's answer is not understood: is it of another version?")
}

/// The body of a good answer, or the server's own words for what is wrong.
async fn answer(response: reqwest::Response) -> anyhow::Result<Json> {
    let status = response.status();
    let text = response.text().await.context("the server's answer was cut off")?;
    let body: Json = serde_json::from_str(&text).unwrap_or(Json::Null);
    if status.is_success() {
        return Ok(body);
    }
    let told = |key: &str| body.get(key).and_then(Json::as_str).map(str::to_owned);
    let message = told("message").unwrap_or_else(|| "The server refused without a word".to_owned());
    Err(Refused { status: status.as_u16(), code: told("error"), message }.into())
}

//! A person's program: asks over REST, through whichever gateway answers, and comes again when none does.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::bail;
use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

/// One request; a gateway behind a way that was cut is left after this.
const REQUEST: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(150);
const PASSWORD: &str = "a password of nobody";

pub struct Client {
    http: reqwest::Client,
    doors: Vec<String>,
    /// Counts the doors that were left; the one after those is tried.
    at: AtomicUsize,
    pub email: String,
    token: Mutex<String>,
}

impl Client {
    /// Makes an account and signs in.
    ///
    /// # Errors
    /// When that is refused.
    pub async fn register(doors: Vec<String>, email: String) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(REQUEST).build()?;
        let client = Self { http, doors, at: AtomicUsize::new(0), email, token: Mutex::default() };
        let account = json!({ "email": client.email, "password": PASSWORD, "name": "Robin Example" });
        let (status, body) =
            client.insist(Method::POST, "/auth/register", Some(&account), None, Duration::from_secs(60)).await?;
        if !status.is_success() && status != StatusCode::CONFLICT {
            bail!("an account was refused: {status} {body}");
        }
        client.sign_in(Duration::from_secs(60)).await?;
        Ok(client)
    }

    async fn sign_in(&self, patience: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let login = json!({ "email": self.email, "password": PASSWORD });
            let answer = self.once(Method::POST, "/auth/login", Some(&login), None).await;
            if let Some((StatusCode::OK, body)) = answer {
                *self.token.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
                    body["accessToken"].as_str().unwrap_or_default().to_owned();
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("nobody can sign in");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    #[must_use]
    pub fn token(&self) -> String {
        self.token.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// The door to try now.
    #[must_use]
    pub fn door(&self) -> &str {
        &self.doors[self.at() % self.doors.len()]
    }

    /// Which try at doors this is: the number of those that were left before.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at.load(Ordering::Relaxed)
    }

    /// Tries another door next time than the one of [`Self::at`] then. Of several that found it shut at once, one turns:
    /// with two doors they would all come back to it.
    pub fn leave(&self, at: usize) {
        let _ = self.at.compare_exchange(at, at.wrapping_add(1), Ordering::Relaxed, Ordering::Relaxed);
    }

    /// One attempt; `None` when nobody answered.
    pub async fn once(
        &self,
        method: Method,
        path: &str,
        body: Option<&Json>,
        key: Option<&str>,
    ) -> Option<(StatusCode, Json)> {
        let at = self.at();
        let mut request = self.http.request(method, format!("{}/api/v1{path}", self.door())).bearer_auth(self.token());
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let answer = async {
            let answer = request.send().await?;
            let status = answer.status();
            anyhow::Ok((status, answer.json().await.unwrap_or(Json::Null)))
        };
        match answer.await {
            Ok(answer) => Some(answer),
            Err(_) => {
                self.leave(at);
                None
            }
        }
    }

    /// Asks until somebody answers with something that is not "come again". Requests that are not idempotent need a
    /// key for this.
    ///
    /// # Errors
    /// When nobody does in time.
    pub async fn insist(
        &self,
        method: Method,
        path: &str,
        body: Option<&Json>,
        key: Option<&str>,
        patience: Duration,
    ) -> anyhow::Result<(StatusCode, Json)> {
        let deadline = Instant::now() + patience;
        loop {
            let at = self.at();
            match self.once(method.clone(), path, body, key).await {
                Some((StatusCode::UNAUTHORIZED, _)) if !path.starts_with("/auth") => self.sign_in(patience).await?,
                Some((status, body)) if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                    return Ok((status, body));
                }
                // Unless it was left already, unanswered.
                _ => self.leave(at),
            }
            if Instant::now() >= deadline {
                bail!("nobody answered {path} within {patience:?}");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Uploads a resume and waits until it is read; its id.
    ///
    /// # Errors
    /// When it is not taken or not understood.
    pub async fn upload(&self, pdf: Vec<u8>, patience: Duration) -> anyhow::Result<String> {
        let part = reqwest::multipart::Part::bytes(pdf).file_name("resume.pdf").mime_str("application/pdf")?;
        let form = reqwest::multipart::Form::new().part("file", part);
        let url = format!("{}/api/v1/resumes/upload", self.door());
        let upload = self.http.post(url).bearer_auth(self.token()).timeout(patience).multipart(form);
        let body: Json = upload.send().await?.json().await?;
        let Some(id) = body["id"].as_str().map(str::to_owned) else { bail!("a resume was refused: {body}") };
        let deadline = Instant::now() + patience;
        loop {
            let (_, resume) = self.insist(Method::GET, &format!("/resumes/{id}"), None, None, patience).await?;
            match resume["status"].as_str() {
                Some("parsed") => return Ok(id),
                Some("uploading" | "parsing") if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                _ => bail!("a resume was not read: {resume}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Json as Body;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;

    async fn client() -> Client {
        // One door is shut, behind the other somebody answers.
        let shut = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let doors = [shut, open.local_addr().unwrap()].map(|door| format!("http://{door}"));
        let site = axum::Router::new().route("/api/v1/tasks", get(async || Body(json!({}))));
        tokio::spawn(async move { axum::serve(open, site).await });
        Client {
            http: reqwest::Client::new(),
            doors: doors.into(),
            at: AtomicUsize::new(0),
            email: String::new(),
            token: Mutex::default(),
        }
    }

    #[tokio::test]
    async fn whoever_finds_a_door_shut_tries_the_other_one() {
        let client = client().await;
        assert_eq!(client.once(Method::GET, "/tasks", None, None).await, None);
        let next = client.once(Method::GET, "/tasks", None, None).await;
        assert_eq!(next, Some((StatusCode::OK, json!({}))));
    }

    #[tokio::test]
    async fn however_many_knock_at_once_none_is_left_outside() {
        let client = client().await;
        // As many as are always in pairs: each that turned twice, or with another, would be back at the shut door.
        let all = (0..6).map(|_| client.insist(Method::GET, "/tasks", None, None, Duration::from_secs(5)));
        for answer in futures::future::join_all(all).await {
            assert_eq!(answer.unwrap().0, StatusCode::OK);
        }
    }
}

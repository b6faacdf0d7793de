//! People with a resume each, who apply and review.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::chaos::client::Client;
use crate::valet::Valet;

pub const PATIENCE: Duration = Duration::from_secs(60);

/// Each with their resume's id.
#[derive(Default)]
pub struct Crowd(Vec<(Client, String)>);

impl Crowd {
    /// Has at least so many people.
    ///
    /// # Errors
    /// When one is refused.
    pub async fn grow(&mut self, valet: &Valet, count: usize) -> anyhow::Result<()> {
        let doors = vec![valet.ready.http.clone()];
        for index in self.0.len()..count {
            let client = Client::register(doors.clone(), format!("person.{index}@example.com")).await?;
            let resume = client.upload(crate::resume::pdf(), PATIENCE).await?;
            self.0.push((client, resume));
        }
        Ok(())
    }

    #[must_use]
    pub fn client(&self, person: usize) -> &Client {
        &self.0[person].0
    }

    /// An application that waits for its review.
    ///
    /// # Errors
    /// When it is refused, or does not come that far.
    pub async fn review(&self, valet: &Valet, person: usize, number: usize) -> anyhow::Result<String> {
        let (client, resume) = &self.0[person];
        let url = valet.job(&format!("/greenhouse/platform-engineer?path={person}-{number}"));
        let body = json!({ "jobUrl": url, "resumeId": resume, "mode": "copilot" });
        let key = uuid::Uuid::new_v4().to_string();
        let (status, body) = client.insist(Method::POST, "/tasks", Some(&body), Some(&key), PATIENCE).await?;
        let id = body["id"].as_str().with_context(|| format!("a task was refused: {status} {body}"))?.to_owned();
        self.until(person, &id, "waiting_human").await?;
        Ok(id)
    }

    /// Waits until the application is in this state.
    ///
    /// # Errors
    /// When that does not come.
    pub async fn until(&self, person: usize, task: &str, wanted: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let path = format!("/tasks/{task}");
            let (_, body) = self.client(person).insist(Method::GET, &path, None, None, PATIENCE).await?;
            if body["status"] == wanted {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{wanted} never came: {body}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

//! The users: each applies, reviews, answers, and says what became of an application nobody saw the end of.
//!
//! They know what the employer received, as a person knows by their mail. Every application carries its own number in
//! an answer, so that a submission is told from all others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::fleet::Fleet;
use super::record::Record;
use super::{Options, Rng, Trial};
use crate::person::some_answer;

/// Setting up an account, with its resume read, on a machine where twenty do so.
const SET_UP: Duration = Duration::from_secs(120);
/// One request under fire. Outages last seconds; the longest that is tried lasts a minute.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a person looks for questions.
const LOOK: Duration = Duration::from_millis(700);
/// A person looks into their mail this long after they were asked; what is still under way then is told another time.
const MAIL: Duration = Duration::from_secs(4);
/// Applications under way at a time, so that strikes meet work and work meets strikes.
const UNDER_WAY: usize = 30;
/// How often it is seen whether there is room for another.
const PACE: Duration = Duration::from_millis(50);
/// Nobody applies any more when there was no room for another for so long: something is stuck for good.
const STUCK: Duration = Duration::from_secs(300);
/// Failed applications are asked for again so often, as a person would.
const RETRIES: u32 = 3;

/// Copilot applications go to this form; the question carries the application's number.
const COPILOT: (&str, &str) = ("/greenhouse/platform-engineer", "Website");
const AUTOPILOT: &str = "/greenhouse/support-specialist";

/// One application.
#[derive(Debug, Clone)]
pub struct Asked {
    pub number: usize,
    pub email: String,
    pub autopilot: bool,
}

#[derive(Default)]
struct Shared {
    tasks: BTreeMap<uuid::Uuid, Asked>,
    unknown: BTreeSet<uuid::Uuid>,
    retried: u32,
    refused: Vec<String>,
}

/// Everybody.
pub struct Crowd {
    pub people: Vec<Arc<Client>>,
    resumes: Vec<String>,
    jobs: String,
    shared: Arc<Mutex<Shared>>,
    stop: CancellationToken,
    answering: tokio::sync::Mutex<JoinSet<()>>,
}

fn marker(number: usize) -> String {
    format!("https://robin.example/applications/{number}")
}

/// Whether a submission is the one of an application.
#[must_use]
pub fn is_of(submission: &Json, asked: &Asked) -> bool {
    if submission["email"].as_str() != Some(asked.email.as_str()) {
        return false;
    }
    let path = format!(
        "/{}/{}",
        submission["style"].as_str().unwrap_or_default(),
        submission["job"].as_str().unwrap_or_default()
    );
    if asked.autopilot {
        return path == AUTOPILOT;
    }
    path == COPILOT.0 && submission["fields"][COPILOT.1] == marker(asked.number).as_str()
}

impl Crowd {
    /// Makes the accounts, each with a resume and some answers, and begins to look for questions.
    ///
    /// # Errors
    /// When an account cannot be made: before the first strike nothing may fail.
    pub async fn gather(fleet: &Fleet, options: &Options) -> anyhow::Result<Self> {
        let made = (0..options.users).map(|index| {
            let doors = fleet.doors();
            async move {
                let email = format!("robin.{index}@example.com");
                let client = Client::register(doors, email.clone()).await?;
                for (category, question, answer) in ANSWERS {
                    let entry = json!({ "category": category, "question": question, "answer": answer });
                    client.insist(Method::POST, "/qa-bank", Some(&entry), None, SET_UP).await?;
                }
                let consent = json!({ "type": "autopilot_consent", "version": "1.0" });
                client.insist(Method::POST, "/consent", Some(&consent), None, SET_UP).await?;
                let resume = client.upload(crate::resume::pdf_of(&email), SET_UP).await?;
                anyhow::Ok((Arc::new(client), resume))
            }
        });
        let made: Vec<_> = futures::future::try_join_all(made).await?;
        let (people, resumes): (Vec<_>, Vec<_>) = made.into_iter().unzip();
        let crowd = Self {
            people,
            resumes,
            jobs: fleet.practice.job(""),
            shared: Arc::default(),
            stop: CancellationToken::new(),
            answering: tokio::sync::Mutex::default(),
        };
        let mut answering = crowd.answering.lock().await;
        for person in &crowd.people {
            let answers = Answers {
                person: Arc::clone(person),
                shared: Arc::clone(&crowd.shared),
                submissions: format!("{}/submissions.json", crowd.jobs),
                asked_at: BTreeMap::new(),
                retries: BTreeMap::new(),
            };
            let stop = crowd.stop.clone();
            answering.spawn(async move {
                tokio::select! {
                    () = answers.run() => {}
                    () = stop.cancelled() => {}
                }
            });
        }
        drop(answering);
        Ok(crowd)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }

    /// Applies for all the jobs. `struck` is the share of strikes that is over: applications keep pace with it.
    pub async fn apply(&self, options: &Options, record: &Record, struck: watch::Receiver<f64>) {
        let mut rng = Rng::new(options.seed.wrapping_mul(31));
        for number in 0..options.tasks {
            let index = if number < self.people.len() { number } else { rng.below(self.people.len()) };
            // Each person's first application is left to autopilot; more could not be told apart.
            let autopilot = number < self.people.len() && number % 2 == 0;
            let mut struck = struck.clone();
            let waits_since = tokio::time::Instant::now();
            loop {
                if waits_since.elapsed() > STUCK {
                    let left = options.tasks - number;
                    return self.shared().refused.push(format!("{left} applications: nothing moved for {STUCK:?}"));
                }
                let ahead = number as f64 / options.tasks as f64 - *struck.borrow();
                let under_way = record.under_way(self.tasks());
                let room = under_way < UNDER_WAY.min(options.tasks);
                // Strikes that miss their aim must not leave the fleet without work; a roll-out waits for work.
                let few = options.trial == Trial::Strikes && under_way < UNDER_WAY / 4;
                if room && (ahead < 0.15 || few) {
                    break;
                }
                let _ = tokio::time::timeout(PACE, struck.changed()).await;
                tokio::time::sleep(PACE).await;
            }
            self.ask(number, index, autopilot).await;
        }
    }

    async fn ask(&self, number: usize, index: usize, autopilot: bool) {
        let (person, resume) = (&self.people[index], &self.resumes[index]);
        let path = if autopilot { AUTOPILOT } else { COPILOT.0 };
        let body = json!({
            "jobUrl": format!("{}{path}?application={number}", self.jobs), "resumeId": resume,
            "mode": if autopilot { "autopilot" } else { "copilot" },
        });
        let key = format!("application {number}");
        match person.insist(Method::POST, "/tasks", Some(&body), Some(&key), PATIENCE).await {
            Ok((status, body)) if status.is_success() => {
                let Some(id) = body["id"].as_str().and_then(|id| id.parse().ok()) else { return };
                let asked = Asked { number, email: person.email.clone(), autopilot };
                self.shared().tasks.insert(id, asked);
            }
            Ok((status, body)) => self.shared().refused.push(format!("{status} {body}")),
            Err(error) => self.shared().refused.push(error.to_string()),
        }
    }

    /// Every application that was taken in.
    #[must_use]
    pub fn tasks(&self) -> BTreeMap<uuid::Uuid, Asked> {
        self.shared().tasks.clone()
    }

    /// Applications of which a person was asked whether they were sent.
    #[must_use]
    pub fn unknown(&self) -> BTreeSet<uuid::Uuid> {
        self.shared().unknown.clone()
    }

    /// How many failed applications were asked for again, and which requests were never taken in.
    #[must_use]
    pub fn notes(&self) -> (u32, Vec<String>) {
        let shared = self.shared();
        (shared.retried, shared.refused.clone())
    }

    /// Nobody answers any more.
    pub async fn stop(&self) {
        self.stop.cancel();
        let mut answering = self.answering.lock().await;
        while answering.join_next().await.is_some() {}
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What everybody has answered once.
const ANSWERS: [(&str, &str, &str); 6] = [
    ("work_authorization", "Are you legally authorized to work in the United States?", "Yes"),
    ("work_authorization", "Will you require visa sponsorship?", "No"),
    ("availability", "What is your notice period?", "2 weeks"),
    ("availability", "When can you start?", "2027-01-11"),
    ("custom", "What drew you to this role?", "The people and their books."),
    ("availability", "Are you able to work on every second Saturday?", "Yes"),
];

/// One person's answers.
struct Answers {
    person: Arc<Client>,
    shared: Arc<Mutex<Shared>>,
    submissions: String,
    asked_at: BTreeMap<uuid::Uuid, tokio::time::Instant>,
    retries: BTreeMap<uuid::Uuid, u32>,
}

impl Answers {
    async fn run(mut self) {
        loop {
            for status in ["waiting_human", "failed"] {
                let path = format!("/tasks?status={status}&pageSize=50");
                let Some((StatusCode::OK, page)) = self.person.once(Method::GET, &path, None, None).await else {
                    // A token that has run out is renewed by whoever insists.
                    let _ = self.person.insist(Method::GET, "/auth/me", None, None, PATIENCE).await;
                    continue;
                };
                for task in page["data"].as_array().into_iter().flatten() {
                    let Some(id) = task["id"].as_str().and_then(|id| id.parse().ok()) else { continue };
                    let asked = lock(&self.shared).tasks.get(&id).cloned();
                    let Some(asked) = asked else { continue };
                    match (status, task["interactionType"].as_str()) {
                        ("failed", _) => self.retry(id).await,
                        (_, Some("outcome_unknown")) => self.tell(id, &asked).await,
                        _ => self.review(id, &asked).await,
                    }
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Reads a review, completes it and approves it. Whatever has changed meanwhile is met again.
    async fn review(&self, id: uuid::Uuid, asked: &Asked) {
        let path = format!("/tasks/{id}");
        let review = self.person.once(Method::GET, &format!("{path}/review"), None, None).await;
        let Some((StatusCode::OK, review)) = review else { return };
        let fields = review["fields"].as_array().cloned().unwrap_or_default();
        let mut overrides = Map::new();
        for field in &fields {
            let Some(field_id) = field["id"].as_str() else { continue };
            let number = field["label"].as_str().is_some_and(|label| label.starts_with(COPILOT.1));
            if number && !asked.autopilot {
                overrides.insert(field_id.to_owned(), json!(marker(asked.number)));
            } else if field["band"] == "needs_you" && field["value"].is_null() {
                overrides.insert(field_id.to_owned(), json!(some_answer(field)));
            }
        }
        let body = json!({ "revision": review["revision"], "fieldOverrides": overrides });
        let _ = self.person.once(Method::POST, &format!("{path}/approve"), Some(&body), None).await;
    }

    /// Says whether an application was sent, once the mail has had its time.
    async fn tell(&mut self, id: uuid::Uuid, asked: &Asked) {
        lock(&self.shared).unknown.insert(id);
        if self.asked_at.entry(id).or_insert_with(tokio::time::Instant::now).elapsed() < MAIL {
            return;
        }
        // The question is read before the mail is looked into: an answer is about the click it asks about.
        let task = self.person.once(Method::GET, &format!("/tasks/{id}"), None, None).await;
        let Some((StatusCode::OK, task)) = task else { return };
        let permit = &task["interaction"]["permit"];
        let Ok(answer) = reqwest::get(&self.submissions).await else { return };
        let Ok(received) = answer.json::<Json>().await else { return };
        let sent = received["submissions"].as_array().into_iter().flatten().any(|one| is_of(one, asked));
        let body = json!({ "answer": if sent { "sent" } else { "not_sent" }, "permit": permit });
        let _ = self.person.once(Method::POST, &format!("/tasks/{id}/outcome"), Some(&body), None).await;
    }

    async fn retry(&mut self, id: uuid::Uuid) {
        let tried = self.retries.entry(id).or_default();
        if *tried >= RETRIES {
            return;
        }
        let answer = self.person.once(Method::POST, &format!("/tasks/{id}/retry"), Some(&json!({})), None).await;
        if answer.is_some_and(|(status, _)| status.is_success()) {
            *tried += 1;
            self.asked_at.remove(&id);
            lock(&self.shared).retried += 1;
        }
    }
}

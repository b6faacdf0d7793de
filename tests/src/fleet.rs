//! Many agents in one process: the agent's own sessions, ledgers, jobs and certificates, on pages that are made of
//! nothing.
//!
//! Everything between coordinator and page is the product's code; only the browser is missing. A page shows a form of a
//! few fields, takes what it is given and confirms what is submitted, which [`Employer`] counts. For figures and tests
//! that need more agents than this machine could run browsers for: 10,000 sessions, 200 silences at once.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent::config::{Config, LogFormat};
use agent::page::{Browsers, Click, Files, Page, Photo, Tab};
use agent::session::Agent;
use agent::session::clock::Moment;
use anyhow::Context as _;
use protocol::form::{Choice, Field, FieldKind, FormModel, PageState, Value};
use protocol::ids::TaskId;
use protocol::plan::{FillResult, FillStatus};
use protocol::task::{Confirmation, ErrorCode, Failure, FailureClass};
use protocol::wire;
use protocol::wire::message::{Evidence, FillItem, Permit, Progress, ReturnReason, SubmitOutcome};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// For an agent to end when it is told to: it drains first.
const STOP_PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks of whoever measures.
const ASKED: usize = 1_024;
/// The start of a JPEG of one dot, as far as anybody here looks at it.
const PICTURE: &[u8] = &[0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, 1, 0, 1, 1, 1, 0x11, 0, 0xff, 0xd9];

/// An agent had a page of the task opened, read or filled.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub task: TaskId,
    pub at: Instant,
}

/// Where what was submitted arrives, and what holds pages back.
pub struct Employer {
    received: Mutex<BTreeMap<TaskId, u32>>,
    /// Pages open only while this is true.
    open: watch::Sender<bool>,
    /// What pages are asked for, for whoever measures when.
    asked: broadcast::Sender<Asked>,
    /// Fields of the form beside the name.
    pub fields: usize,
}

impl Employer {
    #[must_use]
    pub fn new(fields: usize) -> Arc<Self> {
        Arc::new(Self {
            received: Mutex::default(),
            open: watch::Sender::new(true),
            asked: broadcast::Sender::new(ASKED),
            fields,
        })
    }

    /// Hears from now on when an agent has a page do something.
    #[must_use]
    pub fn hear(&self) -> broadcast::Receiver<Asked> {
        self.asked.subscribe()
    }

    fn tell(&self, task: TaskId) {
        // Nobody may be measuring.
        let _ = self.asked.send(Asked { task, at: Instant::now() });
    }

    /// Keeps pages from opening: their jobs hold their leases meanwhile.
    pub fn hold(&self, held: bool) {
        self.open.send_replace(!held);
    }

    fn received(&self) -> MutexGuard<'_, BTreeMap<TaskId, u32>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often each task was submitted.
    #[must_use]
    pub fn submissions(&self) -> BTreeMap<TaskId, u32> {
        self.received().clone()
    }
}

/// A page made of nothing.
pub struct NoPage {
    task: TaskId,
    employer: Arc<Employer>,
    model: FormModel,
    _alive: watch::Sender<()>,
}

/// Pages made of nothing, as many as are asked for.
#[derive(Clone)]
pub struct NoBrowsers(pub Arc<Employer>);

impl Browsers for NoBrowsers {
    type Page = NoPage;

    async fn lease(&self, task: TaskId) -> Result<NoPage, Failure> {
        let model = form(self.0.fields);
        self.0.tell(task);
        Ok(NoPage { task, employer: Arc::clone(&self.0), model, _alive: watch::Sender::new(()) })
    }

    async fn adopt(&self, _: &Tab, _: &[u8]) -> Result<NoPage, Failure> {
        // No page names a tab, so none is ever looked for.
        Err(Failure::new(FailureClass::BrowserLost, ErrorCode::BrowserLost, "there is no page to be found again"))
    }
}

/// A form: a required name, then choices and texts in turn.
fn form(fields: usize) -> FormModel {
    let mut all = vec![Field { required: true, ..Field::new("name", FieldKind::Text, "Full name") }];
    all.extend((0..fields).map(|number| {
        let id = format!("field-{number}");
        if number % 2 == 0 {
            return Field::new(id.as_str(), FieldKind::Text, format!("Anything to say about part {number}?"));
        }
        let options = ["One", "Two", "Three"].map(|label| Choice { value: label.into(), label: label.into() });
        Field {
            options: options.into(),
            ..Field::new(id.as_str(), FieldKind::Select, format!("Choose for part {number}"))
        }
    }));
    let page = PageState {
        job_title: Some("Tester".to_owned()),
        company: Some("Nobody".to_owned()),
        ..PageState::new("", "An application")
    };
    FormModel { page, fields: all }
}

impl Page for NoPage {
    async fn open(&mut self, url: &str) -> Result<(), Failure> {
        url.clone_into(&mut self.model.page.url);
        // The employer lives as long as we hold it.
        let _ = self.employer.open.subscribe().wait_for(|open| *open).await;
        Ok(())
    }

    async fn observe(&mut self) -> Result<FormModel, Failure> {
        self.employer.tell(self.task);
        Ok(self.model.clone())
    }

    async fn fill(
        &mut self,
        items: &[FillItem],
        _: &dyn Files,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Vec<FillResult>, Failure> {
        self.employer.tell(self.task);
        let total = items.len() as u32;
        let mut results = Vec::with_capacity(items.len());
        for (done, item) in (1..).zip(items) {
            let field = self.model.fields.iter_mut().find(|field| field.id == item.field);
            let status = if field.is_some() { FillStatus::Verified } else { FillStatus::Missing };
            if let Some(field) = field {
                field.value = item.value.clone();
            }
            let value = if status == FillStatus::Verified { item.value.clone() } else { Value::Empty };
            progress(Progress { done, total, field: item.field.clone(), status });
            results.push(FillResult { field: item.field.clone(), status, value, message: String::new() });
        }
        Ok(results)
    }

    async fn photo(&mut self) -> Result<Photo, Failure> {
        Ok(Photo { jpeg: bytes::Bytes::from_static(PICTURE), width: 1, height: 1 })
    }

    async fn check(&mut self, permit: &Permit) -> Result<(), ReturnReason> {
        if self.model.form_digest() != permit.form {
            return Err(ReturnReason::FormChanged);
        }
        if self.model.values_digest() != permit.values {
            return Err(ReturnReason::ValuesChanged);
        }
        Ok(())
    }

    async fn aftermath(&mut self, _: Duration) -> SubmitOutcome {
        SubmitOutcome::Unknown { evidence: Evidence::default() }
    }

    fn tab(&self) -> Option<Tab> {
        None
    }

    fn memory(&self) -> Vec<u8> {
        Vec::new()
    }

    async fn submit(&mut self, deadline: Moment, _: Duration) -> Click {
        if deadline.left().is_zero() {
            return Click::NotMade(ReturnReason::Expired);
        }
        let number = {
            let mut received = self.employer.received();
            let count = received.entry(self.task).or_default();
            *count += 1;
            format!("NB-{}-{count}", self.task)
        };
        let said = Confirmation {
            text: "Thank you for applying".to_owned(),
            number: Some(number),
            url: self.model.page.url.clone(),
        };
        Click::Made(Box::new(SubmitOutcome::Confirmed(said)))
    }

    async fn watch(&mut self, _: Option<mpsc::Sender<Photo>>) {}

    fn dead(&self) -> impl Future<Output = Failure> + Send + 'static {
        std::future::pending()
    }

    async fn close(&mut self) {}
}

/// A host that may enrol.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Place {
    pub sandbox: uuid::Uuid,
    token: String,
}

/// Makes hosts and a one-time token for each, straight in the database: an administrator would take an afternoon.
///
/// # Errors
/// When the database does not answer.
pub async fn places(
    database: &sqlx::PgPool,
    authority_fingerprint: &str,
    count: usize,
    capacity: u16,
) -> anyhow::Result<Vec<Place>> {
    let ids: Vec<uuid::Uuid> = (0..count).map(|_| uuid::Uuid::new_v4()).collect();
    let secrets: Vec<String> = ids.iter().map(|_| uuid::Uuid::new_v4().simple().to_string()).collect();
    let hashes: Vec<Vec<u8>> = secrets.iter().map(|secret| coordinator::token_hash(secret).to_vec()).collect();
    sqlx::query(
        "INSERT INTO sandboxes (id, name, environment, instance_id, instance_type, browser_engine, capacity, status)
         SELECT id, 'light ' || id, 'dev', id::text, 'light', 'chromium', $2, 'active' FROM unnest($1::uuid[]) AS t (id)",
    )
    .bind(&ids)
    .bind(i32::from(capacity))
    .execute(database)
    .await
    .context("making hosts")?;
    sqlx::query(
        "INSERT INTO enrolment_tokens (hash, sandbox_id, expires_at)
         SELECT hash, id, now() + interval '10 minutes' FROM unnest($1::bytea[], $2::uuid[]) AS t (hash, id)",
    )
    .bind(&hashes)
    .bind(&ids)
    .execute(database)
    .await
    .context("making enrolment tokens")?;
    let places = ids.into_iter().zip(secrets);
    Ok(places.map(|(sandbox, secret)| Place { sandbox, token: format!("{secret}.{authority_fingerprint}") }).collect())
}

/// The fingerprint of the authority in a `valet up`'s data folder, as tokens carry it.
///
/// # Errors
/// When there is none.
pub fn authority_fingerprint(data: &Path) -> anyhow::Result<String> {
    let stored: serde_json::Value = serde_json::from_slice(&std::fs::read(data.join("authority.json"))?)?;
    let text = |name: &str| stored[name].as_str().unwrap_or_default().to_owned();
    let pem = coordinator::pki::AuthorityPem { certificate: text("certificate"), key: text("key") };
    Ok(coordinator::pki::Authority::from_pem(&pem)?.fingerprint_hex())
}

/// One running agent.
pub struct Light {
    pub sandbox: uuid::Uuid,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Light {
    /// Starts an agent in a folder of its own; it enrols, connects and works.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn start(
        place: &Place,
        coordinators: Vec<String>,
        folder: &Path,
        capacity: u16,
        employer: &Arc<Employer>,
    ) -> anyhow::Result<Self> {
        let config = Config {
            command: None,
            coordinators,
            server_name: wire::SERVER_NAME.to_owned(),
            data_dir: folder.join(place.sandbox.simple().to_string()),
            enrol_token: Some(place.token.parse()?),
            enrol_ec2: false,
            authority: None,
            ec2_metadata: String::new(),
            ca: None,
            capacity,
            chromium: None,
            allow_private: Vec::new(),
            metrics: None,
            ready_file: None,
            log_format: LogFormat::Text,
        };
        let agent = Agent::open(config)?;
        let stop = CancellationToken::new();
        let (stopping, browsers) = (stop.clone(), NoBrowsers(Arc::clone(employer)));
        let sandbox = place.sandbox;
        let task = tokio::spawn(async move {
            if let Err(error) = agent.run(browsers, stopping).await {
                tracing::error!(%error, %sandbox, "a light agent gave up");
            }
        });
        Ok(Self { sandbox, stop, task })
    }

    /// Waits until it gave up by itself.
    ///
    /// # Errors
    /// When it does not within that time.
    pub async fn ended(self, within: Duration) -> anyhow::Result<()> {
        tokio::time::timeout(within, self.task).await.context("it goes on")?.context("it panicked")
    }

    /// Asks it to end and waits for a bounded time.
    pub async fn stop(self) {
        self.stop.cancel();
        let mut task = self.task;
        if tokio::time::timeout(STOP_PATIENCE, &mut task).await.is_err() {
            task.abort();
        }
    }
}

/// Allows this process as many open files as the system lets it: each agent has a socket, a ledger and a lock.
pub fn raise_file_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls take a valid pointer to a plain structure that outlives them.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

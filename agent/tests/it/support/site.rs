//! An employer's site in a script: every page given to the agent is of it.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use protocol::form::{Field, FieldKind, FormModel, PageState};
use protocol::ids::TaskId;
use protocol::plan::{FillResult, FillStatus};
use protocol::task::{Confirmation, Failure};
use protocol::wire::message::{Evidence, FillItem, Permit, Progress, ReturnReason, SubmitOutcome};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use valet_agent::page::{Browsers, Click, Files, Page, Photo, Tab};
use valet_agent::session::clock::Moment;

use super::PATIENCE;

/// The agent gives up by its own clock, after a second or two of the tests' settings.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Open,
    Fill,
    Check,
    Click,
    Closed,
    /// A page of an earlier life was taken over.
    Adopted,
}

/// An employer's site in a script. Every page given to the agent is of this one site.
#[derive(Clone)]
pub struct Site(Arc<State>);

struct State {
    steps: UnboundedSender<Step>,
    seen: Mutex<Option<UnboundedReceiver<Step>>>,
    /// A step that never ends.
    hang: Mutex<Option<Step>>,
    panic: Mutex<Option<Step>>,
    check: Mutex<Result<(), ReturnReason>>,
    /// Removed while the page is checked, after the permit was received.
    remove: Mutex<Option<std::path::PathBuf>>,
    /// The step that was given up last.
    broken_off: watch::Sender<Option<Step>>,
    fills: AtomicI64,
    form: Mutex<FormModel>,
    dead: Mutex<CancellationToken>,
    clicks: AtomicI64,
    /// Pages outlive their agent.
    outlives: AtomicBool,
    /// What a page of an earlier life says of the click that may have been made then.
    aftermath: Mutex<SubmitOutcome>,
}

pub struct TestPage(Site);

struct BrokenOff<'a>(&'a watch::Sender<Option<Step>>, Step);

impl Drop for BrokenOff<'_> {
    fn drop(&mut self) {
        self.0.send_replace(Some(self.1));
    }
}

impl Site {
    pub fn new() -> Self {
        let (steps, seen) = mpsc::unbounded_channel();
        Self(Arc::new(State {
            steps,
            seen: Mutex::new(Some(seen)),
            hang: Mutex::default(),
            panic: Mutex::default(),
            check: Mutex::new(Ok(())),
            remove: Mutex::default(),
            broken_off: watch::Sender::new(None),
            fills: AtomicI64::new(0),
            form: Mutex::new(form()),
            dead: Mutex::default(),
            clicks: AtomicI64::new(0),
            outlives: AtomicBool::new(false),
            aftermath: Mutex::new(SubmitOutcome::Unknown { evidence: Evidence::default() }),
        }))
    }

    pub fn hang(&self, step: Option<Step>) {
        *self.0.hang.lock().unwrap() = step;
    }
    pub fn panic(&self, step: Step) {
        *self.0.panic.lock().unwrap() = Some(step);
    }
    pub fn check(&self, result: Result<(), ReturnReason>) {
        *self.0.check.lock().unwrap() = result;
    }
    pub fn remove_at_check(&self, path: std::path::PathBuf) {
        *self.0.remove.lock().unwrap() = Some(path);
    }
    pub fn fills(&self) -> i64 {
        self.0.fills.load(Ordering::SeqCst)
    }
    pub fn form(&self, form: FormModel) {
        *self.0.form.lock().unwrap() = form;
    }
    pub fn die(&self) {
        self.0.dead.lock().unwrap().cancel();
    }
    /// Pages go on without their agent, and are found again by the next.
    pub fn outlives(&self, yes: bool) {
        self.0.outlives.store(yes, Ordering::SeqCst);
    }
    pub fn aftermath(&self, outcome: SubmitOutcome) {
        *self.0.aftermath.lock().unwrap() = outcome;
    }
    pub fn clicks(&self) -> i64 {
        self.0.clicks.load(Ordering::SeqCst)
    }

    /// Waits until the agent does `step`.
    pub async fn reached(&self, step: Step) {
        let mut seen = self.0.seen.lock().unwrap().take().expect("one waits at a time");
        let found = async { while seen.recv().await.expect("the site is alive") != step {} };
        timeout(PATIENCE, found).await.expect("the page is asked for it");
        *self.0.seen.lock().unwrap() = Some(seen);
    }

    /// Waits until a step that does not end was given up.
    pub async fn broken_off(&self, step: Step) {
        let mut broken = self.0.broken_off.subscribe();
        let given_up = broken.wait_for(|broken| *broken == Some(step));
        timeout(GIVEN_UP_WITHIN, given_up).await.expect("it is given up").unwrap();
    }

    async fn pass(&self, step: Step) {
        // Read before the step is told: whoever waits for it may change it then.
        let hang = *self.0.hang.lock().unwrap();
        let _ = self.0.steps.send(step);
        let panic = self.0.panic.lock().unwrap().take_if(|asked| *asked == step);
        assert_eq!(panic, None, "asked to panic");
        if hang == Some(step) {
            let _broken_off = BrokenOff(&self.0.broken_off, step);
            std::future::pending::<()>().await;
        }
    }
}

impl Browsers for Site {
    type Page = TestPage;
    async fn lease(&self, _: TaskId) -> Result<TestPage, Failure> {
        Ok(TestPage(self.clone()))
    }
    async fn adopt(&self, tab: &Tab, memory: &[u8]) -> Result<TestPage, Failure> {
        assert_eq!((Some(tab), memory), (TestPage(self.clone()).tab().as_ref(), &b"memory"[..]));
        self.pass(Step::Adopted).await;
        Ok(TestPage(self.clone()))
    }
}

impl Page for TestPage {
    async fn open(&mut self, _: &str) -> Result<(), Failure> {
        self.0.pass(Step::Open).await;
        Ok(())
    }
    async fn observe(&mut self) -> Result<FormModel, Failure> {
        Ok(self.0.0.form.lock().unwrap().clone())
    }
    async fn fill(
        &mut self,
        items: &[FillItem],
        files: &dyn Files,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Vec<FillResult>, Failure> {
        self.0.pass(Step::Fill).await;
        self.0.0.fills.fetch_add(1, Ordering::SeqCst);
        let total = items.len() as u32;
        let results = items.iter().zip(1..).map(|(item, done)| {
            progress(Progress { done, total, field: item.field.clone(), status: FillStatus::Verified });
            let message = match &item.value {
                protocol::form::Value::File(file) => {
                    std::fs::read_to_string(files.path(&file.sha256).expect("the file has arrived")).unwrap()
                }
                _ => String::new(),
            };
            FillResult { field: item.field.clone(), status: FillStatus::Verified, value: item.value.clone(), message }
        });
        Ok(results.collect())
    }
    async fn photo(&mut self) -> Result<Photo, Failure> {
        Ok(Photo { jpeg: Bytes::from_static(b"a jpeg"), width: 800, height: 600 })
    }
    async fn check(&mut self, _: &Permit) -> Result<(), ReturnReason> {
        self.0.pass(Step::Check).await;
        if let Some(path) = self.0.0.remove.lock().unwrap().take() {
            std::fs::remove_file(path).unwrap();
        }
        *self.0.0.check.lock().unwrap()
    }
    async fn submit(&mut self, deadline: Moment, _: Duration) -> Click {
        if deadline.left().is_zero() {
            return Click::NotMade(ReturnReason::Expired);
        }
        self.0.pass(Step::Click).await;
        self.0.0.clicks.fetch_add(1, Ordering::SeqCst);
        Click::Made(Box::new(confirmed()))
    }
    async fn aftermath(&mut self, _: Duration) -> SubmitOutcome {
        self.0.0.aftermath.lock().unwrap().clone()
    }
    fn tab(&self) -> Option<Tab> {
        // A browser that lives as long as the test.
        let pid = std::process::id();
        let started = valet_agent::browser::start_time(pid)?;
        let outlives = self.0.0.outlives.load(Ordering::SeqCst);
        outlives.then(|| Tab { pid, started, context: "context".into(), target: "target".into(), way: 1 })
    }
    fn memory(&self) -> Vec<u8> {
        b"memory".to_vec()
    }
    async fn watch(&mut self, frames: Option<mpsc::Sender<Photo>>) {
        if let Some(frames) = frames {
            let photo = self.photo().await.unwrap();
            frames.send(photo).await.unwrap();
        }
    }
    fn dead(&self) -> impl Future<Output = Failure> + Send + 'static {
        use protocol::task::{ErrorCode, FailureClass};
        let dead = self.0.0.dead.lock().unwrap().clone();
        async move {
            dead.cancelled().await;
            Failure::new(FailureClass::BrowserLost, ErrorCode::BrowserLost, "the renderer died")
        }
    }
    async fn close(&mut self) {
        let _ = self.0.0.steps.send(Step::Closed);
    }
}

pub fn confirmed() -> SubmitOutcome {
    SubmitOutcome::Confirmed(Confirmation {
        text: "Thank you".into(),
        number: None,
        url: "https://employer.example".into(),
    })
}

pub fn form() -> FormModel {
    let page = PageState::new("https://employer.example/job", "Engineer");
    FormModel { page, fields: vec![Field::new("f1", FieldKind::File, "Resume")] }
}

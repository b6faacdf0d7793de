//! A core that writes down what it is told, a page that does what it is told, and an agent between them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use clap::Parser as _;
use coordinator::listener::{
    AgentLink, ArtifactRefused, Config as ListenerConfig, Gone, JobLink, Limits, Listener, Occasion, Refused,
    ReportRefused, Sessions,
};
use coordinator::pki::{Authority, EndpointSecrets, Identity};
use protocol::clock::WallClock;
use protocol::form::{Digest, Field, FieldKind, FormModel, PageState};
use protocol::ids::{CommandId, LeaseId, PermitId, SandboxId, TaskId};
use protocol::plan::{FillResult, FillStatus};
use protocol::task::{Ats, Confirmation, Failure, Mode};
use protocol::wire::message::{
    AgentSettings, ArtifactHeader, Evidence, FillItem, Heartbeat, Hello, JobDown, JobStart, LiveFrameHeader, Permit,
    Progress, Refusal, Report, ReturnReason, SubmitOutcome, Welcome,
};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use valet_agent::config::Config;
use valet_agent::page::{Browsers, Click, Files, Page, Photo, Tab};
use valet_agent::session::{Agent, Error};

/// Only reached when something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

// === the core ===

#[derive(Debug)]
pub enum Event {
    Hello(Hello, AgentLink),
    Heartbeat(Heartbeat),
    Draining(Vec<LeaseId>),
    Report(u64, Report),
    Progress,
    Artifact(ArtifactHeader, Bytes),
    LiveFrame,
    Issued(Identity, Occasion),
    Gone(Gone),
}

pub struct Core {
    events: UnboundedSender<Event>,
    pub tokens: Mutex<HashMap<String, SandboxId>>,
    pub settings: Mutex<AgentSettings>,
    /// Tokens that were used, and for which key.
    burnt: Mutex<HashMap<(String, [u8; 32]), SandboxId>>,
    pub refuse: Mutex<Option<Refused>>,
    /// The next certificate is not handed out.
    pub refuse_certificate: Mutex<Option<Refused>>,
    pub refuse_artifacts: Mutex<Option<ArtifactRefused>>,
    pub refuse_reports: Mutex<Option<ReportRefused>>,
    /// Whether heartbeats are answered.
    hears: AtomicBool,
}

/// Of all cores together, as with coordinators on one database.
static EPOCH: AtomicI64 = AtomicI64::new(1);

pub struct Events(UnboundedReceiver<Event>);

impl Core {
    pub fn new() -> (Arc<Self>, Events) {
        let (events, receiver) = mpsc::unbounded_channel();
        let settings = AgentSettings {
            heartbeat_busy_ms: 100,
            heartbeat_idle_ms: 200,
            lease_ttl_ms: 10_000,
            allowed_private_hosts: vec!["localhost:1".into()],
        };
        let core = Self {
            events,
            tokens: Mutex::default(),
            settings: Mutex::new(settings),
            burnt: Mutex::default(),
            refuse: Mutex::default(),
            refuse_certificate: Mutex::default(),
            refuse_artifacts: Mutex::default(),
            refuse_reports: Mutex::default(),
            hears: AtomicBool::new(true),
        };
        (Arc::new(core), Events(receiver))
    }

    /// A token that is good once.
    pub fn token(&self, sandbox: SandboxId) -> String {
        let token = uuid::Uuid::new_v4().to_string();
        self.tokens.lock().unwrap().insert(token.clone(), sandbox);
        token
    }

    pub fn hear(&self, yes: bool) {
        self.hears.store(yes, Ordering::SeqCst);
    }

    fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    fn standing(&self) -> Result<(), Refused> {
        self.refuse.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

impl Sessions for Core {
    async fn enrol(&self, token: &str, _: &str, key: [u8; 32]) -> Result<SandboxId, Refused> {
        let burnt = self.tokens.lock().unwrap().remove(token);
        if let Some(sandbox) = burnt {
            self.burnt.lock().unwrap().insert((token.to_owned(), key), sandbox);
        }
        let own = self.burnt.lock().unwrap().get(&(token.to_owned(), key)).copied();
        own.ok_or_else(|| Refused::new(Refusal::Token, "the token is wrong, used or too old"))
    }
    async fn standing(&self, _: Identity) -> Result<(), Refused> {
        self.standing()
    }
    async fn issued(&self, identity: Identity, occasion: Occasion) -> Result<(), Refused> {
        self.tell(Event::Issued(identity, occasion));
        self.refuse_certificate.lock().unwrap().take().map_or(Ok(()), Err)
    }
    async fn hello(&self, sandbox: SandboxId, hello: Hello, link: AgentLink) -> Result<Welcome, Refused> {
        self.standing()?;
        self.tell(Event::Hello(hello, link));
        let epoch = EPOCH.fetch_add(1, Ordering::SeqCst);
        Ok(Welcome { version: 0, sandbox, epoch, settings: self.settings.lock().unwrap().clone() })
    }
    async fn heartbeat(&self, _: SandboxId, _: i64, heartbeat: Heartbeat) -> Result<(), Refused> {
        self.tell(Event::Heartbeat(heartbeat));
        if !self.hears.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
    async fn draining(&self, _: SandboxId, _: i64, leases: Vec<LeaseId>) {
        self.tell(Event::Draining(leases));
    }
    async fn report(&self, _: SandboxId, _: i64, _: LeaseId, n: u64, report: Report) -> Result<(), ReportRefused> {
        if let Some(refused) = *self.refuse_reports.lock().unwrap() {
            return Err(refused);
        }
        self.tell(Event::Report(n, report));
        Ok(())
    }
    fn progress(&self, _: SandboxId, _: LeaseId, _: Progress) {
        self.tell(Event::Progress);
    }
    async fn artifact(&self, _: SandboxId, header: ArtifactHeader, bytes: Bytes) -> Result<(), ArtifactRefused> {
        if let Some(refused) = *self.refuse_artifacts.lock().unwrap() {
            return Err(refused);
        }
        self.tell(Event::Artifact(header, bytes));
        Ok(())
    }
    fn live_frame(&self, _: SandboxId, _: LeaseId, header: LiveFrameHeader, jpeg: Bytes) {
        assert_eq!(header.size as usize, jpeg.len());
        self.tell(Event::LiveFrame);
    }
    fn gone(&self, _: SandboxId, _: i64, why: Gone) {
        self.tell(Event::Gone(why));
    }
}

impl Events {
    /// The next event that `pick` takes; others before it are dropped.
    pub async fn next<T>(&mut self, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = pick(self.0.recv().await.expect("the core is alive")) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, found).await.expect("the event does not come")
    }

    pub async fn hello(&mut self) -> (Hello, AgentLink) {
        self.next(|event| match event {
            Event::Hello(hello, link) => Some((hello, link)),
            _ => None,
        })
        .await
    }

    pub async fn report(&mut self) -> (u64, Report) {
        self.next(|event| match event {
            Event::Report(number, report) => Some((number, report)),
            _ => None,
        })
        .await
    }

    /// The next report that is not about a phase.
    pub async fn news(&mut self) -> (u64, Report) {
        self.next(|event| match event {
            Event::Report(_, Report::Phase(_)) => None,
            Event::Report(number, report) => Some((number, report)),
            _ => None,
        })
        .await
    }

    /// What has come by now.
    pub fn so_far(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}

// === the listener ===

pub struct Fleet {
    pub authority: Arc<Authority>,
    pub limits: Limits,
    pub clock: WallClock,
}

impl Fleet {
    pub fn new() -> Self {
        Self {
            authority: Arc::new(Authority::create(SystemTime::now()).unwrap()),
            limits: Limits::default(),
            clock: WallClock::default(),
        }
    }

    pub fn listen(&self, core: &Arc<Core>, address: SocketAddr) -> Listener {
        let config = ListenerConfig {
            addresses: vec![address],
            authority: self.authority.clone(),
            names: vec![],
            secrets: EndpointSecrets::derive(&[7; 32]).unwrap(),
            limits: self.limits.clone(),
            clock: self.clock.clone(),
        };
        Listener::start(config, core.clone()).unwrap()
    }

    /// What an operator hands to a host.
    pub fn token(&self, core: &Core, sandbox: SandboxId) -> String {
        format!("{}.{}", core.token(sandbox), self.authority.fingerprint_hex())
    }
}

pub fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

// === the agent ===

pub fn config(dir: &Path, address: SocketAddr, token: Option<&str>) -> Config {
    let (dir, address) = (dir.to_str().unwrap(), address.to_string());
    let mut words = vec!["valet-agent", "--coordinator", &address, "--data-dir", dir];
    words.extend(token.iter().flat_map(|token| ["--enrol-token", *token]));
    Config::try_parse_from(words).unwrap()
}

pub struct Running {
    pub stop: CancellationToken,
    pub done: tokio::task::JoinHandle<Result<(), Error>>,
}

pub fn run(config: Config, site: &Site) -> Running {
    let stop = CancellationToken::new();
    let agent = Agent::open(config).unwrap();
    let done = tokio::spawn(agent.run(site.clone(), stop.clone()));
    Running { stop, done }
}

/// An agent that judges certificates by a clock of its own.
pub fn run_by(config: Config, site: &Site, clock: &WallClock) -> Running {
    let stop = CancellationToken::new();
    let agent = Agent::open(config).unwrap().with_clock(clock.clone());
    let done = tokio::spawn(agent.run(site.clone(), stop.clone()));
    Running { stop, done }
}

/// Listens where a killed coordinator did, as soon as the system lets go of the port.
pub async fn listen_again(fleet: &Fleet, core: &Arc<Core>, address: SocketAddr) -> Listener {
    let free = async {
        while std::net::UdpSocket::bind(address).is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, free).await.expect("the port is free again");
    fleet.listen(core, address)
}

/// Opens the data directory of a killed agent, as soon as the last of its tasks has let go of it.
pub async fn open_again(config: &Config) -> Agent {
    let opened = async {
        loop {
            match Agent::open(config.clone()) {
                Ok(agent) => return agent,
                Err(Error::Taken { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    timeout(PATIENCE, opened).await.expect("the directory is free again")
}

impl Running {
    pub async fn stop(self) {
        self.stop.cancel();
        self.done().await.unwrap();
    }

    pub async fn done(self) -> Result<(), Error> {
        timeout(PATIENCE, self.done).await.expect("the agent ends").unwrap()
    }
}

/// A fleet with one agent on it, welcome, with one page to give.
pub struct World {
    pub core: Arc<Core>,
    pub events: Events,
    pub fleet: Fleet,
    pub address: SocketAddr,
    pub dir: tempfile::TempDir,
    pub site: Site,
    pub agent: Running,
    pub link: AgentLink,
    pub listener: Listener,
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&Core)) -> Self {
        let (core, mut events) = Core::new();
        change(&core);
        let fleet = Fleet::new();
        let listener = fleet.listen(&core, loopback());
        let address = listener.addresses()[0];
        let (dir, site) = (tempfile::tempdir().unwrap(), Site::new());
        let token = fleet.token(&core, SandboxId::new());
        let agent = run(config(dir.path(), address, Some(&token)), &site);
        let (_, link) = events.hello().await;
        Self { core, events, fleet, address, dir, site, agent, link, listener }
    }

    /// Starts a job and waits until its form has been seen.
    pub async fn observed(&mut self) -> (JobStart, JobLink) {
        let start = start();
        let job = self.link.open_job(JobDown::Start(start.clone())).unwrap();
        let (_, report) = self.events.news().await;
        assert!(matches!(report, Report::Observed { .. }), "{report:?}");
        (start, job)
    }

    /// A job whose form is ready to be sent.
    pub async fn ready(&mut self) -> (JobStart, JobLink) {
        let (start, job) = self.observed().await;
        job.send(JobDown::Prepare { command: CommandId::new(), items: vec![] }).unwrap();
        let (_, report) = self.events.news().await;
        assert!(matches!(report, Report::Ready { .. }), "{report:?}");
        (start, job)
    }

    /// Asks to submit and answers what is said of it.
    pub async fn submit(&mut self, job: &JobLink, permit: Permit) -> Report {
        job.send(JobDown::Submit { command: CommandId::new(), permit }).unwrap();
        self.events.news().await.1
    }
}

pub fn start() -> JobStart {
    JobStart {
        lease: LeaseId::new(),
        task: TaskId::new(),
        url: "https://employer.example/job".into(),
        mode: Mode::Copilot,
        files: vec![],
    }
}

pub fn permit() -> Permit {
    Permit { id: PermitId::new(), form: Digest([1; 32]), values: Digest([2; 32]), ttl_ms: 30_000 }
}

// === the page ===

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
        timeout(PATIENCE, broken.wait_for(|broken| *broken == Some(step))).await.expect("it is given up").unwrap();
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
    async fn submit(&mut self, deadline: Instant, _: Duration) -> Click {
        if Instant::now() >= deadline {
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
    let page = PageState {
        url: "https://employer.example/job".into(),
        title: "Engineer".into(),
        ats: Ats::Unknown,
        job_title: None,
        company: None,
        job_location: None,
        blocker: None,
        closed: false,
        already_applied: false,
        errors: vec![],
        confirmation: None,
        can_submit: true,
        can_advance: false,
    };
    FormModel { page, fields: vec![Field::new("f1", FieldKind::File, "Resume")] }
}

//! A core that writes down what it is told, a page that does what it is told ([`site`]), and an agent between them.

mod site;

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
use protocol::form::Digest;
use protocol::ids::{CommandId, LeaseId, PermitId, SandboxId, TaskId};
use protocol::task::Mode;
use protocol::wire::message::{
    AgentSettings, ArtifactHeader, Heartbeat, Hello, JobDown, JobStart, LiveFrameHeader, Permit, Progress, Refusal,
    Report, Welcome,
};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use valet_agent::config::Config;
use valet_agent::session::{Agent, Error};

pub use self::site::{Site, Step, confirmed, form};

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
    /// The keys that came with a document.
    pub instance_keys: Mutex<Vec<[u8; 32]>>,
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
            instance_keys: Mutex::default(),
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
        // As a database takes: those who come meanwhile meet.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let burnt = self.tokens.lock().unwrap().remove(token);
        if let Some(sandbox) = burnt {
            self.burnt.lock().unwrap().insert((token.to_owned(), key), sandbox);
        }
        let own = self.burnt.lock().unwrap().get(&(token.to_owned(), key)).copied();
        own.ok_or_else(|| Refused::new(Refusal::Token, "the token is wrong, used or too old"))
    }
    async fn enrol_instance(&self, document: &[u8], key: [u8; 32]) -> Result<SandboxId, Refused> {
        self.instance_keys.lock().unwrap().push(key);
        self.standing()?;
        let burnt =
            std::str::from_utf8(document).ok().and_then(|document| self.tokens.lock().unwrap().remove(document));
        burnt.ok_or_else(|| Refused::new(Refusal::Document, "the document is none of ours"))
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

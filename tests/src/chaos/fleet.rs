//! The programs of the fleet, each kept running, with fault proxies between them.
//!
//! ```text
//! people ── TCP proxy ──> gateway (── PgBouncer, if wanted) ── TCP proxies ──> Postgres, Redis
//! agents ── UDP proxies (one per agent and coordinator) ──> coordinator ── the same TCP proxies
//! gateways, coordinators ── UDP proxy (one per coordinator) ──> coordinator
//! browsers ──> practice employer (never struck: it is what the truth is read from)
//! ```

mod servers;
mod settings;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value as Json, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::process::Command;

pub use self::servers::pooler;
use self::settings::Settings;
use super::clocks::Clock;
use super::keeper::{Keeper, Pid};
use super::{Options, Trial};
use crate::faults::{Control, TcpProxy, UdpProxy, Upstream};
use crate::practice::{Practice, free_port};
use crate::process;
use crate::valet::{Ready, program};

/// For one program to serve, on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// Pages at a time of one agent.
const CAPACITY: u16 = 4;

/// One thing that can be struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// `valet up`: coordinator and gateway in one.
    Valet,
    Coordinator(usize),
    Gateway(usize),
    Postgres,
    Redis,
    Pooler,
    Agent(usize),
    /// The browser of an agent.
    Browser(usize),
}

impl Part {
    /// The kind, without which one of them.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Valet => "valet",
            Self::Coordinator(_) => "coordinator",
            Self::Gateway(_) => "gateway",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Pooler => "pooler",
            Self::Agent(_) => "agent",
            Self::Browser(_) => "browser",
        }
    }
}

pub struct Fleet {
    dir: tempfile::TempDir,
    pub practice: Practice,
    keepers: BTreeMap<Part, Keeper>,
    tcp: BTreeMap<Part, TcpProxy>,
    udp: BTreeMap<Part, Vec<UdpProxy>>,
    /// Where agents connect: each coordinator.
    quic: Vec<SocketAddr>,
    /// The agents' sandboxes, in their order.
    pub sandboxes: Vec<uuid::Uuid>,
    /// Of `valet up`.
    admin: Option<Ready>,
    settings: Settings,
    /// The database itself, past the proxy.
    pub database: sqlx::PgPool,
}

fn command(name: &str) -> Command {
    Command::new(program(name))
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl Fleet {
    /// Starts everything and waits until it serves.
    ///
    /// # Errors
    /// When something does not start.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("valet-chaos-").tempdir()?;
        // The database's own user must be able to enter.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711))?;
        let root = dir.path().to_owned();
        let practice = Practice::start(&root).await;
        let mut keepers = BTreeMap::new();
        let (postgres, redis) = (free_port(), free_port());
        keepers.insert(Part::Postgres, servers::postgres(&root, postgres).await?);
        keepers.insert(Part::Redis, servers::redis(&root, redis)?);
        let direct = PgConnectOptions::new().host("127.0.0.1").port(postgres).username("postgres").database("postgres");
        let database =
            PgPoolOptions::new().max_connections(4).acquire_timeout(Duration::from_secs(2)).connect_lazy_with(direct);
        wait("Postgres", async || sqlx::query("SELECT 1").execute(&database).await.is_ok()).await?;

        let mut tcp = BTreeMap::new();
        for (part, port) in [(Part::Postgres, postgres), (Part::Redis, redis)] {
            tcp.insert(part, TcpProxy::start(options.seed ^ u64::from(port), Upstream::Tcp(local(port))).await?);
        }
        let url = |address: SocketAddr| format!("postgres://postgres@{address}/postgres?sslmode=disable");
        let postgres = tcp[&Part::Postgres].address();
        let mut settings = Settings {
            root: root.clone(),
            practice: practice.address.clone(),
            database: url(postgres),
            direct: None,
            redis: format!("redis://{}", tcp[&Part::Redis].address()),
        };
        if options.pooler {
            let pooler = free_port();
            keepers.insert(Part::Pooler, servers::pgbouncer(&root, pooler, postgres)?);
            settings.direct = Some(std::mem::replace(&mut settings.database, url(local(pooler))));
        }
        let mut fleet = Self {
            dir,
            practice,
            keepers,
            tcp,
            udp: BTreeMap::new(),
            quic: Vec::new(),
            sandboxes: Vec::new(),
            admin: None,
            settings,
            database,
        };
        if options.coordinators == 0 {
            fleet.add_valet(options).await?;
        } else {
            fleet.add_nodes(options).await?;
        }
        for index in 0..options.standins + options.chromium {
            fleet.add_agent(options, index).await?;
        }
        let connected = "SELECT count(*) FROM sandboxes WHERE connected";
        wait("every agent", async || {
            let count: Result<i64, _> = sqlx::query_scalar(connected).fetch_one(&fleet.database).await;
            count.is_ok_and(|count| usize::try_from(count).unwrap_or_default() == fleet.sandboxes.len())
        })
        .await?;
        Ok(fleet)
    }

    async fn add_valet(&mut self, options: &Options) -> anyhow::Result<()> {
        let (http, quic) = (free_port(), free_port());
        let (settings, addresses) = (self.settings.clone(), [http, quic, free_port()].map(local));
        let log = self.folder().join("valet.log");
        let ready_file = self.folder().join("ready.json");
        let keeper = Keeper::start(log.clone(), libc::SIGINT, move || settings.up(addresses));
        self.keepers.insert(Part::Valet, keeper);
        wait("valet", async || ready_file.exists()).await.with_context(|| tail(&log))?;
        self.admin = Some(serde_json::from_slice(&std::fs::read(&ready_file)?)?);
        self.tcp.insert(Part::Valet, TcpProxy::start(options.seed, Upstream::Tcp(local(http))).await?);
        self.quic = vec![local(quic)];
        Ok(())
    }

    /// Coordinators and gateways as processes of their own.
    async fn add_nodes(&mut self, options: &Options) -> anyhow::Result<()> {
        let keys = self.folder().join("keys");
        self.settings.once(&["migrate"]).await?;
        self.settings.once(&["admin", "keys", "--out", &keys.display().to_string()]).await?;
        for index in 0..options.coordinators {
            let part = Part::Coordinator(index);
            let (quic, links) = (local(free_port()), local(free_port()));
            let way = UdpProxy::start(options.seed ^ (1_000 + index as u64), links).await?;
            let (settings, advertise) = (self.settings.clone(), way.address());
            let log = self.folder().join(format!("coordinator-{index}.log"));
            let ready = self.folder().join(format!("coordinator-{index}.json"));
            let clock = self.clock(options, part)?;
            let keeper = Keeper::start(log.clone(), libc::SIGTERM, move || {
                let mut coordinator = settings.coordinator(index, quic, links, advertise);
                clock.iter().for_each(|clock| clock.give(&mut coordinator));
                coordinator
            });
            self.keepers.insert(part, keeper);
            self.udp.insert(part, vec![way]);
            self.quic.push(quic);
            wait("a coordinator", async || ready.exists()).await.with_context(|| tail(&log))?;
        }
        for index in 0..options.gateways.max(1) {
            let part = Part::Gateway(index);
            let identity = self.folder().join(format!("gateway-{index}.identity")).display().to_string();
            let (name, keys) = (format!("gateway-{index}"), keys.display().to_string());
            self.settings.once(&["admin", "gateway", "--keys", &keys, "--name", &name, "--out", &identity]).await?;
            let (settings, http) = (self.settings.clone(), local(free_port()));
            let log = self.folder().join(format!("gateway-{index}.log"));
            let ready = self.folder().join(format!("gateway-{index}.json"));
            let keeper = Keeper::start(log.clone(), libc::SIGTERM, move || settings.gateway(index, http));
            self.keepers.insert(part, keeper);
            self.tcp.insert(part, TcpProxy::start(options.seed ^ (index as u64), Upstream::Tcp(http)).await?);
            wait("a gateway", async || ready.exists()).await.with_context(|| tail(&log))?;
        }
        Ok(())
    }

    async fn add_agent(&mut self, options: &Options, index: usize) -> anyhow::Result<()> {
        let mut ways = Vec::new();
        for (at, coordinator) in self.quic.iter().enumerate() {
            ways.push(UdpProxy::start(options.seed ^ ((at as u64) << 32) ^ (index as u64 + 1), *coordinator).await?);
        }
        let (token, sandbox) = self.enrolment(index).await?;
        let root = self.folder().to_owned();
        let data = root.join(format!("agent-{index}"));
        let standin = (index < options.standins).then(|| program("standin-browser"));
        let practice = self.practice.address.clone();
        // Each agent knows every coordinator, and begins with another one.
        let mut addresses: Vec<String> = ways.iter().map(|way| way.address().to_string()).collect();
        let first = index % addresses.len();
        addresses.rotate_left(first);
        let log = root.join(format!("agent-{index}.log"));
        let clock = self.clock(options, Part::Agent(index))?;
        let keeper = Keeper::start(log, libc::SIGTERM, move || {
            let mut agent = command("valet-agent");
            clock.iter().for_each(|clock| clock.give(&mut agent));
            agent.args(addresses.iter().flat_map(|address| ["--coordinator", address]));
            agent.args(["--capacity", &CAPACITY.to_string()]);
            agent.args(["--allow-private", &practice]).arg("--data-dir").arg(&data);
            if let Some(standin) = &standin {
                agent.arg("--chromium").arg(standin);
            }
            if !data.join("identity.pem").exists() {
                agent.args(["--enrol-token", &token]);
            }
            agent
        });
        self.keepers.insert(Part::Agent(index), keeper);
        self.udp.insert(Part::Agent(index), ways);
        self.sandboxes.push(sandbox);
        Ok(())
    }

    /// A one-time token for a new browser host, as an administrator makes it.
    async fn enrolment(&self, index: usize) -> anyhow::Result<(String, uuid::Uuid)> {
        let Some(admin) = &self.admin else {
            let (keys, name) = (self.folder().join("keys").display().to_string(), format!("host {index}"));
            let capacity = CAPACITY.to_string();
            let host = ["admin", "host", "--keys", &keys, "--name", &name, "--capacity", &capacity];
            let token = self.settings.once(&host).await?;
            let sandbox = sqlx::query_scalar("SELECT id FROM sandboxes WHERE instance_id = $1")
                .bind(&name)
                .fetch_one(&self.database)
                .await?;
            return Ok((token, sandbox));
        };
        let http = reqwest::Client::new();
        let base = format!("{}/api/v1", admin.http);
        let login = json!({ "email": admin.email, "password": admin.password });
        let answer: Json = http.post(format!("{base}/auth/login")).json(&login).send().await?.json().await?;
        let access = answer["accessToken"].as_str().context("the administrator cannot sign in")?;
        let asked = json!({ "name": format!("host {index}"), "capacity": CAPACITY });
        let url = format!("{base}/admin/enrolment-tokens");
        let made: Json = http.post(url).bearer_auth(access).json(&asked).send().await?.json().await?;
        let token = made["token"].as_str().with_context(|| format!("no enrolment token: {made}"))?;
        Ok((token.to_owned(), made["sandboxId"].as_str().unwrap_or_default().parse()?))
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// Where people reach the gateways, through proxies.
    #[must_use]
    pub fn doors(&self) -> Vec<String> {
        let doors = self.tcp.iter().filter(|(part, _)| matches!(part, Part::Valet | Part::Gateway(_)));
        doors.map(|(_, proxy)| format!("http://{}", proxy.address())).collect()
    }

    /// The clock of a part, when parts have clocks of their own.
    fn clock(&self, options: &Options, part: Part) -> anyhow::Result<Option<Clock>> {
        let Trial::Clocks = options.trial else { return Ok(None) };
        Clock::of(self.folder(), part).map(Some)
    }

    /// Everything there is to strike.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let browsers = (0..self.sandboxes.len()).map(Part::Browser);
        self.keepers.keys().copied().chain(browsers).collect()
    }

    /// The process of a part, when it runs.
    #[must_use]
    pub fn pid(&self, part: Part) -> Option<Pid> {
        match part {
            Part::Browser(index) => self.browsers(index).first().and_then(|browser| Pid::of(browser.pid)),
            part => self.keepers.get(&part)?.pid(),
        }
    }

    /// Whether a part that was told to end, and did, serves again. Coordinators and gateways say so in their ready
    /// files, which they take away when they end; an agent's session has an epoch later than `epoch`.
    pub async fn serves(&self, part: Part, epoch: i64) -> bool {
        match part {
            Part::Coordinator(index) => self.folder().join(format!("coordinator-{index}.json")).exists(),
            Part::Gateway(index) => self.folder().join(format!("gateway-{index}.json")).exists(),
            Part::Valet => self.folder().join("ready.json").exists(),
            Part::Agent(index) => self.session(index).await.is_some_and(|(now, connected)| connected && now > epoch),
            Part::Postgres | Part::Redis | Part::Pooler | Part::Browser(_) => self.pid(part).is_some(),
        }
    }

    /// The epoch of an agent's last session, and whether it stands.
    pub async fn session(&self, agent: usize) -> Option<(i64, bool)> {
        let query = sqlx::query_as("SELECT connection_epoch, connected FROM sandboxes WHERE id = $1");
        query.bind(self.sandboxes[agent]).fetch_one(&self.database).await.ok()
    }

    /// The first processes of an agent's browsers: one, but for orphans.
    #[must_use]
    pub fn browsers(&self, agent: usize) -> Vec<process::Process> {
        let folder = format!("--user-data-dir={}", self.folder().join(format!("agent-{agent}/")).display());
        let first = |process: &process::Process| {
            process.command.contains("--remote-debugging-port") && !process.command.contains("--type=")
        };
        process::naming(&folder).into_iter().filter(first).collect()
    }

    /// Folders of browsers that an agent has, whether or not a browser uses them.
    #[must_use]
    pub fn profiles(&self, agent: usize) -> Vec<PathBuf> {
        let folder = self.folder().join(format!("agent-{agent}/browsers"));
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    }

    /// The proxies that a part can be cut off by.
    #[must_use]
    pub fn ways(&self, part: Part) -> Vec<Control> {
        let udp = self.udp.get(&part).into_iter().flatten().map(UdpProxy::control);
        udp.chain(self.tcp.get(&part).map(TcpProxy::control)).cloned().collect()
    }

    /// Ends everything, the outer parts first; returns what ran on although it should not.
    pub async fn stop(mut self, keep: bool) -> Vec<process::Process> {
        let folder = self.folder().display().to_string();
        for proxy in self.tcp.values() {
            proxy.control().heal();
        }
        let order = |part: &Part| match part {
            Part::Agent(_) | Part::Browser(_) => 0,
            Part::Valet | Part::Coordinator(_) | Part::Gateway(_) => 1,
            Part::Pooler => 2,
            Part::Postgres | Part::Redis => 3,
        };
        for stage in 0..4 {
            let now: Vec<Part> = self.keepers.keys().copied().filter(|part| order(part) == stage).collect();
            let stopping = now.iter().filter_map(|part| self.keepers.remove(part).map(Keeper::stop));
            futures::future::join_all(stopping).await;
        }
        self.database.close().await;
        drop(self.practice);
        let left: Vec<process::Process> =
            process::naming(&folder).into_iter().filter(|process| !process.command.contains("practice")).collect();
        for process in &left {
            process::signal(process.pid, libc::SIGKILL);
        }
        if keep {
            let folder = self.dir.keep();
            tracing::info!(folder = %folder.display(), "the logs are kept");
        }
        left
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

async fn wait(what: &str, mut ready: impl AsyncFnMut() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_PATIENCE;
    while !ready().await {
        if Instant::now() >= deadline {
            bail!("{what} does not serve within {START_PATIENCE:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

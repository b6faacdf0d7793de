//! The agent's life: one identity, one session to a coordinator at a time, jobs that outlive sessions.
//!
//! [`Agent::run`] enrols when it must, dials, says hello, serves the session ([`serve`]) and dials again. Jobs
//! ([`crate::jobs`]) learn of the session only through their streams, the lease clock and the uplink.

pub mod backoff;
pub mod clock;
pub(crate) mod dial;
mod host;
pub(crate) mod io;
mod serve;
mod streams;
pub mod uplink;

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protocol::clock::WallClock;
use protocol::ids::{LeaseId, SandboxId};
use protocol::wire::message::{AgentSettings, Refusal};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::backoff::Backoff;
use self::clock::LeaseClock;
use self::uplink::Uplink;
use crate::config::{Config, Token};
use crate::enrol;
use crate::identity::{self, Identity, NewKey};
use crate::jobs::Jobs;
use crate::jobs::adopt::{self, Adoptable};
use crate::ledger::{self, Ledger};
use crate::page::{Browsers, Tab};

/// A certificate with less left than this counts as run out: a handshake and a renewal must fit.
const LEAST_LEFT: Duration = Duration::from_secs(2);
/// A session that lasted this long was a good one: the next attempt follows soon.
const GOOD_SESSION: Duration = Duration::from_secs(2);
/// How long the last words of a connection may take to leave.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// One agent on one data directory.
pub struct Agent {
    config: Config,
    ledger: Arc<Ledger>,
    settings: watch::Sender<AgentSettings>,
    /// Jobs of an earlier life that go on.
    adoptable: HashMap<LeaseId, Adoptable>,
    /// What certificates are judged by.
    clock: WallClock,
    /// Held while the agent runs: two on one directory would share a key and a ledger.
    _lock: File,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path} cannot be {doing}", path = path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("another agent runs on {path}", path = path.display())]
    Taken { path: PathBuf },
    #[error(transparent)]
    Config(#[from] crate::config::Error),
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    #[error(transparent)]
    Identity(#[from] identity::Error),
    #[error("this agent is not enrolled: start it once with --enrol-token, or on EC2 with --enrol-ec2")]
    NotEnrolled,
    #[error("the enrolment failed")]
    Enrol(#[from] enrol::Error),
    #[error("the coordinator does not want this agent any more: {message}")]
    Revoked { message: String },
}

/// How a session ended.
#[derive(Debug)]
enum Ended {
    /// We were told to stop, and did.
    Stopped,
    Lost,
    /// More come to the coordinator than may wait there.
    TurnedAway,
    /// Our certificate is not good at the coordinator's date, whatever ours says.
    Lapsed,
    Refused {
        code: Refusal,
        message: String,
    },
}

impl Agent {
    /// Takes the data directory: creates it (0700), locks it, opens the ledger, finds the jobs that go on and removes
    /// what the others left.
    ///
    /// # Errors
    /// When it is taken, or cannot be written.
    pub fn open(config: Config) -> Result<Self, Error> {
        config.check()?;
        let dir = &config.data_dir;
        let io = |doing| move |source| Error::Io { doing, path: dir.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io("created"))?;
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(io("made private"))?;
        let lock = File::create(dir.join("lock")).map_err(io("written"))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => Error::Taken { path: dir.clone() },
            fs::TryLockError::Error(source) => io("locked")(source),
        })?;
        let ledger = Arc::new(Ledger::open(&dir.join("ledger"))?);
        let adoptable = adopt::find(&ledger, &jobs_folder(&config)).map_err(io("cleared"))?;
        Ok(Self {
            config,
            ledger,
            settings: watch::Sender::new(before_welcome()),
            adoptable,
            clock: WallClock::default(),
            _lock: lock,
        })
    }

    /// Judges certificates by this clock instead of the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: WallClock) -> Self {
        self.clock = clock;
        self
    }

    /// The pages of an earlier life that its jobs go on with: their browsers are not to be ended.
    #[must_use]
    pub fn adoptable(&self) -> Vec<Tab> {
        self.adoptable.values().map(|adoptable| adoptable.tab.clone()).collect()
    }

    /// Where browsers record their processes before they use them.
    #[must_use]
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the coordinator decided for this agent; changes with each welcome.
    #[must_use]
    pub fn settings(&self) -> watch::Receiver<AgentSettings> {
        self.settings.subscribe()
    }

    /// Works for the coordinator until `stop` is cancelled; then drains for a bounded time, closes pages and returns.
    ///
    /// # Errors
    /// When nothing but a person can help: not enrolled, token refused, revoked, disk.
    pub async fn run<B: Browsers>(mut self, browsers: B, stop: CancellationToken) -> Result<(), Error> {
        let (uplink, clock) = (Uplink::new(), LeaseClock::new());
        let folder = jobs_folder(&self.config);
        let adoptable = std::mem::take(&mut self.adoptable);
        let jobs = Jobs::new(browsers, self.ledger.clone(), uplink.clone(), clock.clone(), folder, adoptable);
        let done = self.sessions(&jobs, &uplink, &clock, &stop).await;
        jobs.stop().await;
        done
    }

    async fn sessions<B: Browsers>(
        &self,
        jobs: &Jobs<B>,
        uplink: &Uplink,
        clock: &LeaseClock,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let Some(identity) = stop.run_until_cancelled(self.enrol()).await.transpose()? else { return Ok(()) };
        let mut session = serve::Sessions {
            config: &self.config,
            ledger: &self.ledger,
            settings: &self.settings,
            wall: &self.clock,
            jobs,
            uplink,
            clock,
            identity,
            boot: uuid::Uuid::new_v4(),
            epoch: i64::MIN,
            coordinator: 0,
            host: host::Host::new(&self.config.data_dir),
            announced: false,
        };
        let mut backoff = Backoff::new();
        let mut lapsed = false;
        while !stop.is_cancelled() {
            if std::mem::take(&mut lapsed) || session.identity.has_run_out(self.clock.now(), LEAST_LEFT) {
                let Some(renewed) = stop.run_until_cancelled(self.renew(&session.identity)).await else { break };
                session.identity = renewed?;
            }
            let began = tokio::time::Instant::now();
            let ended = session.one(stop).await;
            let turned_away = matches!(ended, Ended::TurnedAway);
            match ended {
                Ended::Stopped => break,
                Ended::Refused { code: Refusal::Revoked, message } => return Err(Error::Revoked { message }),
                Ended::Refused { code, message } => warn!(%code, message, "the coordinator refused the session"),
                Ended::Lapsed => lapsed = true,
                Ended::Lost | Ended::TurnedAway => {}
            }
            if began.elapsed() > GOOD_SESSION {
                backoff.reset();
            }
            let pause = if jobs.leases().is_empty() { backoff.idle_pause(turned_away) } else { backoff.pause() };
            info!(pause_ms = pause.as_millis() as u64, "connecting again");
            metrics::counter!("valet_agent_reconnects_total").increment(1);
            stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
        Ok(())
    }

    /// The stored identity, or a new one for the token or the instance's document.
    async fn enrol(&self) -> Result<Identity, Error> {
        let stored = Identity::load(&self.config.data_dir)?;
        let token = self.config.enrol_token.as_ref();
        if let Some(identity) = stored {
            let other = token
                .and_then(Token::authority)
                .is_some_and(|sha256| Sha256::digest(identity.authority())[..] != sha256);
            if !other {
                return Ok(identity);
            }
            info!("the token is for another fleet than the stored identity: enrolling anew");
        }
        let identity = match token {
            Some(token) => self.spend(token).await?,
            None if self.config.enrol_ec2 => {
                let key = NewKey::pending(&self.config.data_dir)?;
                insist(|| enrol::with_document(&self.config, &self.clock, &key)).await?
            }
            None => return Err(Error::NotEnrolled),
        };
        identity.store(&self.config.data_dir)?;
        info!(sandbox = %identity.sandbox(), "enrolled");
        Ok(identity)
    }

    async fn spend(&self, token: &Token) -> Result<Identity, Error> {
        let key = NewKey::generate()?;
        Ok(insist(|| enrol::with_token(&self.config, &self.clock, token, &key)).await?)
    }

    /// A new certificate for one that ran out.
    async fn renew(&self, identity: &Identity) -> Result<Identity, Error> {
        info!("the certificate has run out: asking for a new one with its key");
        let renewed = insist(|| enrol::with_lapsed(&self.config, &self.clock, identity)).await;
        let renewed = match (renewed, &self.config.enrol_token) {
            (Err(error), Some(token)) => {
                warn!(%error, "no new certificate for the old one: trying the token");
                self.spend(token).await?
            }
            (Err(error), None) if self.config.enrol_ec2 => {
                warn!(%error, "no new certificate for the old one: trying the instance's document with its key");
                let key = NewKey::same_as(identity)?;
                insist(|| enrol::with_document(&self.config, &self.clock, &key)).await?
            }
            (renewed, _) => renewed?,
        };
        renewed.store(&self.config.data_dir)?;
        Ok(renewed)
    }
}

/// Until the coordinator has said anything nothing private may be opened.
fn before_welcome() -> AgentSettings {
    AgentSettings {
        heartbeat_busy_ms: 500,
        heartbeat_idle_ms: 2_000,
        lease_ttl_ms: 10_000,
        allowed_private_hosts: Vec::new(),
    }
}

/// Tries until it is done or cannot be.
async fn insist<F: Future<Output = Result<Identity, enrol::Error>>>(
    attempt: impl Fn() -> F,
) -> Result<Identity, enrol::Error> {
    let mut backoff = Backoff::new();
    loop {
        match attempt().await {
            Err(error) if error.is_passing() => {
                let pause = backoff.pause();
                warn!(%error, pause_ms = pause.as_millis() as u64, "no certificate yet");
                tokio::time::sleep(pause).await;
            }
            decided => return decided,
        }
    }
}

fn jobs_folder(config: &Config) -> PathBuf {
    config.data_dir.join("jobs")
}

/// Writes the ready file: who this agent is, once it is welcome.
fn announce(config: &Config, sandbox: SandboxId) {
    let Some(path) = &config.ready_file else { return };
    let ready = serde_json::json!({ "sandbox": sandbox, "pid": std::process::id() });
    if let Err(error) = identity::write_private(path, ready.to_string().as_bytes()) {
        warn!(%error, "the ready file could not be written");
    }
}

//! The local browser agent: a child process, enrolled once, started again when it dies.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use coordinator::pki::Authority;
use store::Store;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::config::Config;
use crate::datadir::DataDir;
use crate::enrol;

/// The agent closes its pages and its browser.
const STOP_PATIENCE: Duration = Duration::from_secs(15);
/// A browser that does not listen is given five seconds, and five more after a harder word.
const SWEEP_PATIENCE: Duration = Duration::from_secs(12);
const RESTART_FIRST: Duration = Duration::from_millis(200);
const RESTART_MAX: Duration = Duration::from_secs(5);
/// Where an agent keeps its certificate and key, in its data folder.
const IDENTITY: &str = "identity.pem";
/// An agent that ran this long did not fail at its start.
const SETTLED: Duration = Duration::from_secs(10);

/// A one-time token for an agent that has no certificate yet; `None` when it has one.
///
/// # Errors
/// When the database cannot be used.
pub async fn enrolment_token(
    store: &Store,
    data: &DataDir,
    authority: &Authority,
    capacity: u16,
) -> anyhow::Result<Option<String>> {
    if agent_dir(data)?.join(IDENTITY).exists() {
        return Ok(None);
    }
    enrol::host(store, authority, "This machine", "local", capacity, None).await.map(Some)
}

fn agent_dir(data: &DataDir) -> anyhow::Result<PathBuf> {
    data.private("agent")
}

pub struct LocalAgent {
    stop: CancellationToken,
    keeper: tokio::task::JoinHandle<()>,
}

struct Launch {
    program: PathBuf,
    dir: PathBuf,
    coordinator: SocketAddr,
    capacity: u16,
    chromium: Option<PathBuf>,
    token: Option<String>,
}

impl LocalAgent {
    /// # Errors
    /// When the agent's program is not beside this one.
    pub fn start(
        data: &DataDir,
        config: &Config,
        coordinator: SocketAddr,
        token: Option<String>,
    ) -> anyhow::Result<Self> {
        let program = program()?;
        let chromium = Some(config.chromium.clone()).filter(|path| path != Path::new(""));
        let dir = agent_dir(data)?;
        let launch = Launch { program, dir, coordinator, capacity: config.agent_capacity, chromium, token };
        let stop = CancellationToken::new();
        let child = launch.spawn()?;
        let keeper = tokio::spawn(launch.keep(child, stop.clone()));
        Ok(Self { stop, keeper })
    }

    pub async fn stop(self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(STOP_PATIENCE + SWEEP_PATIENCE + Duration::from_secs(1), self.keeper).await;
    }
}

fn program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("this program's own path is not known")?;
    let beside = own.with_file_name("valet-agent");
    if beside.exists() {
        return Ok(beside);
    }
    anyhow::bail!("valet-agent is not beside {}; `make up` builds both, --no-agent does without", own.display())
}

impl Launch {
    fn spawn(&self) -> anyhow::Result<Child> {
        let mut command = Command::new(&self.program);
        command
            .arg("--coordinator")
            .arg(self.coordinator.to_string())
            .arg("--data-dir")
            .arg(&self.dir)
            .args(["--capacity", &self.capacity.to_string()])
            .stdin(Stdio::null())
            // Ctrl-C goes to us; we stop the agent in its turn.
            .process_group(0);
        if let Some(chromium) = &self.chromium {
            command.arg("--chromium").arg(chromium);
        }
        if let Some(token) = &self.token {
            // Not on the command line, which everybody on the machine can read.
            command.env("VALET_ENROL_TOKEN", token);
        }
        // The database's address and our secrets are none of the agent's business.
        for name in ["DATABASE_URL", "DIRECT_DATABASE_URL", "REDIS_URL", "JWT_SECRET", "JWT_REFRESH_SECRET"] {
            command.env_remove(name);
        }
        // SAFETY: prctl is async-signal-safe and touches no memory of the parent.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
                Ok(())
            });
        }
        command.spawn().context("the agent cannot be started")
    }

    /// An agent that died leaves its browsers to the next one. There will be none, so they are ended.
    async fn sweep(&self) {
        let mut command = Command::new(&self.program);
        command.arg("--data-dir").arg(&self.dir).arg("sweep").stdin(Stdio::null()).kill_on_drop(true);
        match tokio::time::timeout(SWEEP_PATIENCE, command.status()).await {
            Ok(Ok(status)) if status.success() => {}
            ended => warn!(?ended, "the browsers of the local agent could not be ended"),
        }
    }

    async fn keep(self, mut child: Child, stop: CancellationToken) {
        let mut pause = RESTART_FIRST;
        loop {
            let began = std::time::Instant::now();
            tokio::select! {
                status = child.wait() => warn!(?status, "the local agent ended, starting it again"),
                () = stop.cancelled() => {
                    if !stop_child(&mut child).await {
                        self.sweep().await;
                    }
                    return;
                }
            }
            pause = if began.elapsed() > SETTLED { RESTART_FIRST } else { (pause * 2).min(RESTART_MAX) };
            loop {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => return self.sweep().await,
                }
                match self.spawn() {
                    Ok(started) => {
                        child = started;
                        break;
                    }
                    Err(error) => warn!(%error, "the local agent cannot be started"),
                }
            }
        }
    }
}

/// Whether it ended in order, and so left nothing.
async fn stop_child(child: &mut Child) -> bool {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // SAFETY: the child has not been waited for, so the id is still its own.
        unsafe { libc::kill(pid, libc::SIGTERM) };
    }
    match tokio::time::timeout(STOP_PATIENCE, child.wait()).await {
        Ok(status) => status.is_ok_and(|status| status.success()),
        Err(_) => {
            warn!("the local agent does not stop, ending it");
            let _ = child.kill().await;
            false
        }
    }
}

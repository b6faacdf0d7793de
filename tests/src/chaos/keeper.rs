//! One process that is started again whenever it ends, as a service manager would.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::process;

/// Pause before a process is started again.
const PAUSE: Duration = Duration::from_millis(200);
/// One that ended at once is given longer.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
const LIVED: Duration = Duration::from_secs(1);
/// From being asked to end to being ended.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// A process as of one moment. Its number alone may be another's by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pid {
    pub pid: i32,
    started: u64,
}

impl Pid {
    /// `None` when there is no such process.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        let started = agent::browser::start_time(u32::try_from(pid).ok()?)?;
        Some(Self { pid, started })
    }

    /// Sends a signal, when it is still the same process.
    pub fn signal(self, signal: i32) -> bool {
        let same = Self::of(self.pid) == Some(self);
        if same {
            process::signal(self.pid, signal);
        }
        same
    }
}

/// Keeps one process running. Killed when dropped.
pub struct Keeper {
    pid: watch::Receiver<Option<Pid>>,
    stop: CancellationToken,
    signal: i32,
    task: tokio::task::JoinHandle<()>,
}

impl Keeper {
    /// Starts what `make` describes, its output going to `log`; `signal` asks it to end.
    pub fn start(log: PathBuf, signal: i32, make: impl Fn() -> Command + Send + 'static) -> Self {
        let (tell, pid) = watch::channel(None);
        let stop = CancellationToken::new();
        let task = tokio::spawn(keep(log, make, tell, stop.clone()));
        Self { pid, stop, signal, task }
    }

    /// The process as of now; `None` between two.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        *self.pid.borrow()
    }

    /// Asks it to end and waits; kills it when it takes too long. Whether it ended by itself.
    pub async fn stop(self) -> bool {
        self.stop.cancel();
        let Some(pid) = self.pid() else { return true };
        pid.signal(libc::SIGCONT);
        pid.signal(self.signal);
        let mut gone = self.pid.clone();
        let ended = tokio::time::timeout(STOP_PATIENCE, gone.wait_for(Option::is_none)).await.is_ok();
        if !ended {
            pid.signal(libc::SIGKILL);
        }
        ended
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(pid) = self.pid() {
            pid.signal(libc::SIGKILL);
        }
        self.task.abort();
    }
}

async fn keep(
    log: PathBuf,
    make: impl Fn() -> Command + Send,
    tell: watch::Sender<Option<Pid>>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        let began = Instant::now();
        let spawned = std::fs::OpenOptions::new().create(true).append(true).open(&log).and_then(|file| {
            let mut command = make();
            command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).kill_on_drop(true);
            command.spawn()
        });
        match spawned {
            Ok(mut child) => {
                tell.send_replace(child.id().and_then(|pid| Pid::of(pid.cast_signed())));
                let _ = child.wait().await;
                tell.send_replace(None);
            }
            Err(error) => tracing::warn!(%error, log = %log.display(), "a process cannot be started"),
        }
        let pause = if began.elapsed() < LIVED { PAUSE_AFTER_FAILURE } else { PAUSE };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

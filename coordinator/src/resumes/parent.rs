//! The parent's side: starts a child per file, bounds it, and reads its [`Outcome`].

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::Once;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use super::child::Outcome;
use super::{BYTES_MAX, Code, Error, Extracted};

/// Children at once: reading is CPU-bound and must leave the coordinator's cores to its actors.
const CHILDREN_MAX: usize = 2;

/// How long a file may wait for its turn before it is refused: four full turns.
const TURN_WAIT: Duration = Duration::from_secs(60);

/// Most bytes of an answer; text is bounded to less than a quarter of it by the child.
const ANSWER_MAX: u64 = 4 * 1024 * 1024;

static CHILDREN: Semaphore = Semaphore::const_new(CHILDREN_MAX);

/// What one child may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Address space, bytes. A 10 MiB PDF unpacks to a few times its size.
    pub memory: u64,
    /// Processor time, seconds.
    pub cpu_s: u64,
    /// Time by the clock, from start to answer.
    pub wall: Duration,
    /// Open files: the three pipes, the executable's libraries, a little to spare.
    pub files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 512 * 1024 * 1024, cpu_s: 10, wall: Duration::from_secs(15), files: 16 }
    }
}

/// Text of a file. `exe` is an executable whose `resume-child` subcommand runs
/// [`super::child_main`]; `declared` is the content type the upload claims, empty when it claims none.
///
/// # Errors
/// Any [`Code`] but `LowConfidence`.
pub async fn extract(exe: &Path, bytes: Vec<u8>, declared: &str) -> Result<Extracted, Error> {
    extract_within(exe, bytes, declared, Limits::default()).await
}

/// [`extract`] with limits of the caller's choice.
///
/// # Errors
/// As [`extract`].
pub async fn extract_within(exe: &Path, bytes: Vec<u8>, declared: &str, limits: Limits) -> Result<Extracted, Error> {
    if bytes.is_empty() {
        return Err(Code::Empty.into());
    }
    if bytes.len() > BYTES_MAX {
        return Err(Code::TooLarge.into());
    }
    let _turn = tokio::time::timeout(TURN_WAIT, CHILDREN.acquire())
        .await
        .map_err(|_| Code::Timeout)?
        .map_err(|_| Code::Crashed)?;
    let mut child = spawn(exe, declared, limits).map_err(|error| {
        tracing::error!(kind = ?error.kind(), "the resume reader could not be started");
        Code::Crashed
    })?;
    // Dropping the child on any way out of here kills it.
    let answer = tokio::time::timeout(limits.wall, converse(&mut child, &bytes)).await.map_err(|_| Code::Timeout)??;
    if !answer.isolated {
        static SAID: Once = Once::new();
        SAID.call_once(|| {
            tracing::warn!("this host does not let resume readers leave the network (user namespaces are off)");
        });
    }
    Ok(answer.result?)
}

/// Feeds the file and takes the answer, both at once: a child that answers before it has read
/// everything must not block on a full pipe, nor we.
async fn converse(child: &mut Child, bytes: &[u8]) -> Result<Outcome, Code> {
    let (mut stdin, stdout) = (child.stdin.take().ok_or(Code::Crashed)?, child.stdout.take().ok_or(Code::Crashed)?);
    let feed = async move {
        // A child that stopped reading has its reason in its answer or its exit.
        let _ = stdin.write_all(bytes).await;
        let _ = stdin.shutdown().await;
    };
    let mut answer = Vec::new();
    let mut bounded = stdout.take(ANSWER_MAX + 1);
    let (_, read) = tokio::join!(feed, bounded.read_to_end(&mut answer));
    read.map_err(|_| Code::Crashed)?;
    if answer.len() as u64 > ANSWER_MAX {
        return Err(Code::Crashed);
    }
    let status = child.wait().await.map_err(|_| Code::Crashed)?;
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    if signal == Some(libc::SIGXCPU) {
        return Err(Code::Timeout); // out of processor time
    }
    serde_json::from_slice(&answer).map_err(|_| Code::Crashed)
}

fn spawn(exe: &Path, declared: &str, limits: Limits) -> io::Result<Child> {
    // SAFETY: getpid has no preconditions.
    let parent = unsafe { libc::getpid() };
    let mut command = Command::new(exe);
    command
        .args(["resume-child", declared])
        .env_clear() // the coordinator's environment holds keys
        .env("MALLOC_ARENA_MAX", "1") // each arena reserves 64 MiB of the address space allowed
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    // SAFETY: runs between fork and exec, where only async-signal-safe calls are allowed:
    // `confine` makes plain system calls and allocates nothing.
    unsafe { command.pre_exec(move || confine(limits, parent)) };
    command.spawn()
}

/// Gives up, in the child and before `exec`, what it does not need.
fn confine(limits: Limits, parent: libc::pid_t) -> io::Result<()> {
    let caps = [
        (libc::RLIMIT_AS, limits.memory),
        (libc::RLIMIT_CPU, limits.cpu_s),
        (libc::RLIMIT_NOFILE, limits.files),
        (libc::RLIMIT_FSIZE, 0),
    ];
    for (resource, cap) in caps {
        let cap = libc::rlimit {
            rlim_cur: cap,
            // One above, so that running out of processor time is SIGXCPU and not an unexplained SIGKILL.
            rlim_max: cap + 1,
        };
        // SAFETY: `cap` is a valid rlimit for the length of the call.
        if unsafe { libc::setrlimit(resource, &cap) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    // Core dumps are given up in the child, where `PR_SET_DUMPABLE` survives.
    // SAFETY: prctl with integer arguments; getppid has no preconditions.
    unsafe {
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0
        {
            return Err(io::Error::last_os_error());
        }
        if libc::getppid() != parent {
            // The parent died before the death signal was set.
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
    }
    Ok(())
}

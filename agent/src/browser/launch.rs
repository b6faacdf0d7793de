//! Starting one Chromium, and leaving nothing of it behind.

use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::browser::CloseParams;
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::time::Instant;

use super::process::{self, ProcessRecord, ProcessRecorder, alive, end_group, gone_within, start_time};
use crate::cdp::{Cdp, Error, Gone, NetworkPath};

/// Names under which distributions install it, first found first taken.
const PROGRAMS: [&str; 5] = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/usr/bin/google-chrome-stable",
    "/snap/bin/chromium",
];
/// From start to a listening DevTools port: 0.3 s on an idle host, many times that when several compile beside it.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the port file is looked for meanwhile.
const START_POLL: Duration = Duration::from_millis(20);
/// For closing on request, and again for each signal after it.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// The file that says whose a browser's folder is.
const OWNER_FILE: &str = "owner.json";
/// The folder below a browser's folder that Chromium writes.
const PROFILE: &str = "profile";

/// How to start a browser.
#[derive(Debug, Clone)]
pub struct LaunchOptions {
    /// The program; `None` looks in the usual places.
    pub program: Option<PathBuf>,
    /// The agent's data folder; browsers live in `browsers/` below it.
    pub data: PathBuf,
    /// The port of the agent's own proxy on loopback.
    pub egress_port: u16,
    /// Whether the browser dies with the agent. Otherwise a restarted agent adopts it.
    pub tie_to_agent: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error("no Chromium found: set its path, or install it as {}", PROGRAMS[0])]
    NotFound,
    #[error("{doing}")]
    Io {
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("the browser ended while starting ({0})")]
    Exited(std::process::ExitStatus),
    #[error("the browser was not ready within {START_TIMEOUT:?}")]
    Slow,
    #[error("the browser process of the record runs no more")]
    NotThere,
    #[error(transparent)]
    Cdp(#[from] Error),
}

fn io_error(doing: &'static str) -> impl FnOnce(io::Error) -> LaunchError {
    move |source| LaunchError::Io { doing, source }
}

/// Who a browser's folder belongs to: the agent that made it, and the browser once it runs.
#[derive(Debug, Serialize, Deserialize)]
struct Owner {
    agent: (u32, u64),
    browser: Option<(u32, u64)>,
}

/// A running Chromium. Dropping it leaves it running; [`Browser::stop`] ends it.
pub struct Browser {
    cdp: Cdp,
    record: ProcessRecord,
    sandboxed: bool,
    recorder: Arc<dyn ProcessRecorder>,
}

impl Browser {
    /// Starts a browser and connects to it. Its process is recorded before it is used.
    ///
    /// # Errors
    /// See [`LaunchError`]; nothing stays behind then.
    pub async fn launch(
        options: &LaunchOptions,
        recorder: Arc<dyn ProcessRecorder>,
        path: Option<Arc<dyn NetworkPath>>,
    ) -> Result<Self, LaunchError> {
        let program = find(options.program.as_deref())?;
        let folder = make_folder(&options.data)?;
        let started = Self::start(&program, &folder, options, recorder, path).await;
        if started.is_err() {
            remove_folder(&folder).await;
        }
        started
    }

    async fn start(
        program: &Path,
        folder: &Path,
        options: &LaunchOptions,
        recorder: Arc<dyn ProcessRecorder>,
        path: Option<Arc<dyn NetworkPath>>,
    ) -> Result<Self, LaunchError> {
        let agent = (std::process::id(), start_time(std::process::id()).unwrap_or_default());
        write_owner(folder, &Owner { agent, browser: None })?;
        let sandboxed = sandbox_works();
        if !sandboxed {
            tracing::warn!("Chromium runs without its own sandbox: the agent is root, or user namespaces are off");
        }
        let mut child =
            command(program, folder, options, sandboxed).spawn().map_err(io_error("starting the browser"))?;
        // It cannot have been collected yet: nobody waited.
        let pid = child.id().unwrap_or_default();
        let result = async {
            let Some(started) = start_time(pid) else {
                let status = child.wait().await.map_err(io_error("waiting for the browser"))?;
                return Err(LaunchError::Exited(status));
            };
            write_owner(folder, &Owner { agent, browser: Some((pid, started)) })?;
            let (port, url) = listening(folder, &mut child).await?;
            let record =
                ProcessRecord { pid, started, port, egress_port: options.egress_port, folder: folder.to_owned() };
            recorder.started(&record).map_err(io_error("recording the browser"))?;
            let cdp = Cdp::connect_through(&url, path).await?;
            Ok(Self { cdp, record, sandboxed, recorder })
        }
        .await;
        if let Err(error) = result {
            process::signal_group(pid, libc::SIGKILL);
            let _ = child.wait().await;
            gone_within(pid, STOP_TIMEOUT).await;
            return Err(error);
        }
        // Collects the process when it ends; its death is noticed on the socket.
        tokio::spawn(async move { child.wait().await });
        result
    }

    /// Takes over a browser that an earlier run of the agent started and recorded.
    ///
    /// # Errors
    /// [`LaunchError::NotThere`] when that process is gone, others when it does not answer.
    pub async fn adopt(
        record: ProcessRecord,
        recorder: Arc<dyn ProcessRecorder>,
        path: Option<Arc<dyn NetworkPath>>,
    ) -> Result<Self, LaunchError> {
        if !alive(record.pid, record.started) {
            return Err(LaunchError::NotThere);
        }
        let (_, url) = active_port(&record.folder).ok_or(LaunchError::NotThere)?;
        let cdp = Cdp::connect_through(&url, path).await?;
        // Not before it is ours: what does not answer is swept as the dead agent's.
        let agent = (std::process::id(), start_time(std::process::id()).unwrap_or_default());
        write_owner(&record.folder, &Owner { agent, browser: Some((record.pid, record.started)) })?;
        Ok(Self { cdp, record, sandboxed: sandbox_works(), recorder })
    }

    #[must_use]
    pub fn cdp(&self) -> &Cdp {
        &self.cdp
    }

    #[must_use]
    pub fn record(&self) -> &ProcessRecord {
        &self.record
    }

    /// Whether Chromium's own sandbox is on.
    #[must_use]
    pub fn sandboxed(&self) -> bool {
        self.sandboxed
    }

    /// Ends the browser with all its processes and removes its folder: on request, else by signals. Also for one that
    /// is dead already.
    pub async fn stop(self) {
        let pid = self.record.pid;
        // The process may have been collected and its number given away; the group is ours while its leader is, and
        // orphans of a dead leader keep the group's number taken.
        if alive(pid, self.record.started) {
            let asked = self.cdp.root().run_within(CloseParams::default(), STOP_TIMEOUT).await;
            let closing = matches!(asked, Ok(_) | Err(Error::Gone(Gone::Closed)));
            let ended = closing && gone_within(pid, STOP_TIMEOUT).await;
            if !ended && !end_group(pid, STOP_TIMEOUT).await {
                tracing::error!(browser.pid = pid, "the browser's processes could not be ended");
            }
        } else if start_time(pid).is_none() && !end_group(pid, STOP_TIMEOUT).await {
            tracing::error!(browser.pid = pid, "processes of a dead browser could not be ended");
        }
        self.cdp.close().await;
        remove_folder(&self.record.folder).await;
        self.recorder.ended(&self.record);
    }
}

/// Ends browsers and removes folders whose agent is gone, except those in `keep` (about to be adopted). Returns how many
/// folders were removed.
///
/// # Errors
/// When the folder of browsers cannot be read.
pub async fn sweep(data: &Path, keep: &[PathBuf]) -> Result<usize, LaunchError> {
    let entries = match std::fs::read_dir(data.join("browsers")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries.map_err(io_error("reading the folder of browsers"))?,
    };
    let mut removed = 0;
    for folder in entries.flatten().map(|entry| entry.path()).filter(|folder| !keep.contains(folder)) {
        let owner: Option<Owner> =
            std::fs::read(folder.join(OWNER_FILE)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(owner) = owner {
            if alive(owner.agent.0, owner.agent.1) {
                continue;
            }
            if let Some((pid, started)) = owner.browser
                && alive(pid, started)
            {
                end_group(pid, STOP_TIMEOUT).await;
            }
        }
        // Its agent may have died before it could write down the browser, or the browser before its helpers.
        for group in process::groups_with(&profile_argument(&folder)) {
            end_group(group, STOP_TIMEOUT).await;
        }
        remove_folder(&folder).await;
        removed += 1;
    }
    Ok(removed)
}

fn find(program: Option<&Path>) -> Result<PathBuf, LaunchError> {
    match program {
        Some(program) => program.exists().then(|| program.to_owned()),
        None => PROGRAMS.iter().map(PathBuf::from).find(|program| program.exists()),
    }
    .ok_or(LaunchError::NotFound)
}

fn make_folder(data: &Path) -> Result<PathBuf, LaunchError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.mode(0o700);
    let browsers = data.join("browsers");
    builder.recursive(true).create(&browsers).map_err(io_error("making the folder of browsers"))?;
    std::fs::set_permissions(&browsers, std::fs::Permissions::from_mode(0o700))
        .map_err(io_error("closing the folder of browsers to others"))?;
    let folder = browsers.join(uuid::Uuid::new_v4().simple().to_string());
    builder.recursive(false).create(&folder).map_err(io_error("making a browser's folder"))?;
    Ok(folder)
}

fn write_owner(folder: &Path, owner: &Owner) -> Result<(), LaunchError> {
    let text = serde_json::to_vec(owner).map_err(|e| io_error("writing a folder's owner")(e.into()))?;
    let (new, file) = (folder.join("owner.new"), folder.join(OWNER_FILE));
    std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &file)).map_err(io_error("writing a folder's owner"))
}

/// A helper of Chromium may write a last file while the folder is being removed: once more then.
async fn remove_folder(folder: &Path) {
    for _ in 0..5 {
        match tokio::fs::remove_dir_all(folder).await {
            Ok(()) => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(_) => tokio::time::sleep(START_POLL).await,
        }
    }
    tracing::warn!("a browser's folder could not be removed; the next start tries again");
}

/// Chromium's own sandbox refuses to run as root and needs user namespaces or its setuid helper.
fn sandbox_works() -> bool {
    // SAFETY: geteuid takes nothing and cannot fail.
    if unsafe { libc::geteuid() } == 0 {
        return false;
    }
    let helper = std::fs::metadata("/usr/lib/chromium/chrome-sandbox");
    if helper.is_ok_and(|file| file.permissions().mode() & 0o4000 != 0) {
        return true;
    }
    let mut probe = std::process::Command::new("true");
    // SAFETY: unshare is async-signal-safe, takes an integer and affects only the child.
    unsafe {
        std::os::unix::process::CommandExt::pre_exec(&mut probe, || match libc::unshare(libc::CLONE_NEWUSER) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
    probe.status().is_ok_and(|status| status.success())
}

/// What goes around the proxy: not even loopback, which Chromium exempts by itself.
pub(super) const PROXY_BYPASS: &str = "<-loopback>";

/// Names a browser's folder on its command line.
fn profile_argument(folder: &Path) -> String {
    format!("--user-data-dir={}", folder.join(PROFILE).display())
}

fn command(program: &Path, folder: &Path, options: &LaunchOptions, sandboxed: bool) -> Command {
    let mut command = Command::new(program);
    command.args([
        "--headless=new",
        "--disable-gpu",
        "--window-size=1280,1024",
        "--no-first-run",
        "--no-default-browser-check",
        "--mute-audio",
        "--password-store=basic",
        "--remote-debugging-address=127.0.0.1",
        "--remote-debugging-port=0",
        // Nothing of its own accord over the network.
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-breakpad",
        "--disable-domain-reliability",
        // Everything through the agent's proxy (loopback too, see below): no UDP around it, no lookups of its own.
        "--disable-quic",
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        // A page that was left is gone, and a page nobody looks at works like any other.
        "--disable-features=BackForwardCache,Prerender2,Translate,OptimizationHints,MediaRouter",
        "--disable-background-timer-throttling",
        "--disable-renderer-backgrounding",
        "--disable-backgrounding-occluded-windows",
    ]);
    command.arg(format!("--proxy-bypass-list={PROXY_BYPASS}"));
    command.arg(format!("--proxy-server=http://127.0.0.1:{}", options.egress_port));
    command.arg(profile_argument(folder));
    if !sandboxed {
        command.arg("--no-sandbox");
    }
    command.arg("about:blank");
    // No pipes: a browser that outlives the agent must not die of a broken one.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    if options.tie_to_agent {
        let agent = std::process::id();
        // SAFETY: prctl and getppid are async-signal-safe and touch no memory of ours.
        unsafe {
            command.pre_exec(move || {
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                    return Err(io::Error::last_os_error());
                }
                // The agent may have died in between.
                if u32::try_from(libc::getppid()) == Ok(agent) { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
            });
        }
    }
    command
}

/// Port and address from the file Chromium writes once it listens.
fn active_port(folder: &Path) -> Option<(u16, String)> {
    let text = std::fs::read_to_string(folder.join(PROFILE).join("DevToolsActivePort")).ok()?;
    let (port, path) = text.split_once('\n')?;
    let port: u16 = port.trim().parse().ok()?;
    let path = path.trim();
    path.starts_with("/devtools/browser/").then(|| (port, format!("ws://127.0.0.1:{port}{path}")))
}

async fn listening(folder: &Path, child: &mut tokio::process::Child) -> Result<(u16, String), LaunchError> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        if let Some(found) = active_port(folder) {
            return Ok(found);
        }
        if let Some(status) = child.try_wait().map_err(io_error("waiting for the browser"))? {
            return Err(LaunchError::Exited(status));
        }
        if Instant::now() >= deadline {
            return Err(LaunchError::Slow);
        }
        tokio::time::sleep(START_POLL).await;
    }
}

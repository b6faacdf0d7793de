//! A private Postgres: its cluster in the data directory, a socket in a folder that only we may enter, no TCP, and
//! fsync on. Never runs as root: then it is another user's.
//!
//! Started again when it dies. Stopped fast (open transactions are rolled back) when we stop, and by the kernel's
//! parent-death signal when we are killed.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::datadir::DataDir;

const VERSION_MIN: u32 = 15;
/// A path of a Unix socket has 107 bytes; `/.s.PGSQL.5432` takes 14 of them.
const SOCKET_DIR_MAX: usize = 90;
const PORT: u16 = 5432;
/// After a crash Postgres replays its log before it answers.
const START_PATIENCE: Duration = Duration::from_secs(60);
const STOP_PATIENCE: Duration = Duration::from_secs(15);
/// Before Postgres is started again, doubled each time up to the second figure. The server of a killed `valet` needs a
/// moment to let go of the data; until then the next one ends at once.
const RESTART_PAUSE: (Duration, Duration) = (Duration::from_millis(25), Duration::from_secs(1));

pub struct Postgres {
    url: String,
    stop: CancellationToken,
    keeper: tokio::task::JoinHandle<()>,
}

/// Whom the server runs as when we are root.
#[derive(Debug, Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
}

#[derive(Clone)]
struct Cluster {
    bin: PathBuf,
    owner: Option<Owner>,
    data: PathBuf,
    socket: PathBuf,
}

impl Postgres {
    /// Makes the cluster if there is none, starts it and waits until it answers.
    ///
    /// # Errors
    /// When there is no Postgres of version 15 or later, or it does not start.
    pub async fn start(data: &DataDir) -> anyhow::Result<Self> {
        let cluster = Cluster::prepare(data).await?;
        let child = cluster.spawn()?;
        let url = format!(
            "postgres://postgres@localhost:{PORT}/postgres?host={}",
            url::form_urlencoded::byte_serialize(cluster.socket.as_os_str().as_encoded_bytes()).collect::<String>()
        );
        let stop = CancellationToken::new();
        let mut keeper = tokio::spawn(cluster.clone().keep(child, stop.clone()));
        tokio::select! {
            answers = cluster.wait_until_it_answers() => answers?,
            _ = &mut keeper => bail!("the private Postgres does not start; see {}", cluster.log().display()),
        }
        Ok(Self { url, stop, keeper })
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    pub async fn stop(self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(STOP_PATIENCE + Duration::from_secs(1), self.keeper).await;
    }
}

impl Cluster {
    async fn prepare(data: &DataDir) -> anyhow::Result<Self> {
        let bin = find_binaries()?;
        let owner = owner()?;
        let home = home(data, owner)?;
        let socket = socket_dir(&home, owner)?;
        let cluster = Self { bin, owner, data: home.join("cluster"), socket };
        if !cluster.data.join("PG_VERSION").exists() {
            cluster.init(&home).await?;
        }
        Ok(cluster)
    }

    /// Made beside its place and then renamed: a start that is interrupted leaves nothing half made.
    async fn init(&self, home: &Path) -> anyhow::Result<()> {
        let making = home.join("cluster.new");
        let _ = std::fs::remove_dir_all(&making);
        let output = self
            .command("initdb")
            .arg("-D")
            .arg(&making)
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-instructions"])
            .stdin(Stdio::null())
            .output()
            .await
            .context("initdb cannot be run")?;
        if !output.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        std::fs::rename(&making, &self.data)?;
        info!("made a private database in {}", self.data.display());
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = std::process::Command::new(self.bin.join(program));
        if let Some(owner) = self.owner {
            command.uid(owner.uid).gid(owner.gid);
        }
        // The folder we were started in may be closed to that user.
        command.current_dir("/").env("LC_ALL", "C.UTF-8").env_remove("PGDATA");
        command.into()
    }

    fn log(&self) -> PathBuf {
        self.data.with_file_name("log")
    }

    fn spawn(&self) -> anyhow::Result<Child> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(&self.data)
            .arg("-k")
            .arg(&self.socket)
            .args(["-p", &PORT.to_string()])
            .args(["-c", "listen_addresses=", "-c", "unix_socket_permissions=0700", "-c", "max_connections=60"])
            .args(["-c", "shared_buffers=64MB", "-c", "fsync=on", "-c", "log_min_messages=warning"])
            // Statements hold answers: they never reach the log.
            .args(["-c", "log_min_error_statement=panic", "-c", "log_parameter_max_length_on_error=0"])
            // Nor do rows and keys, which details of errors quote.
            .args(["-c", "log_error_verbosity=terse"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0);
        // SAFETY: prctl is async-signal-safe and touches no memory of the parent. It comes after the change of user,
        // which would clear it.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGINT);
                Ok(())
            });
        }
        command.spawn().context("postgres cannot be run")
    }

    /// Keeps the server running until told to stop; returns early when the first start fails.
    async fn keep(self, mut child: Child, stop: CancellationToken) {
        let mut pause = RESTART_PAUSE.0;
        loop {
            let began = std::time::Instant::now();
            tokio::select! {
                status = child.wait() => {
                    warn!(?status, "the private Postgres ended, starting it again");
                    if began.elapsed() > RESTART_PAUSE.1 {
                        pause = RESTART_PAUSE.0;
                    }
                }
                () = stop.cancelled() => {
                    stop_child(&mut child).await;
                    return;
                }
            }
            loop {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RESTART_PAUSE.1);
                if stop.is_cancelled() {
                    return;
                }
                match self.spawn() {
                    Ok(started) => {
                        child = started;
                        break;
                    }
                    Err(error) => warn!(%error, "the private Postgres cannot be started"),
                }
            }
        }
    }

    async fn wait_until_it_answers(&self) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + START_PATIENCE;
        let options = sqlx_options(&self.socket);
        while tokio::time::Instant::now() < deadline {
            if store::Store::with_options(options.clone(), 1).begin().await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the private Postgres did not answer within {START_PATIENCE:?}; see {}", self.log().display())
    }
}

fn sqlx_options(socket: &Path) -> store::db::ConnectOptions {
    store::db::ConnectOptions::new().socket(socket).port(PORT).username("postgres").database("postgres")
}

/// SIGINT is Postgres's fast shutdown.
async fn stop_child(child: &mut Child) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // SAFETY: the child has not been waited for, so the id is still its own.
        unsafe { libc::kill(pid, libc::SIGINT) };
    }
    if tokio::time::timeout(STOP_PATIENCE, child.wait()).await.is_err() {
        warn!("the private Postgres does not stop, ending it");
        let _ = child.kill().await;
    }
}

/// The newest installed server of version 15 or later.
fn find_binaries() -> anyhow::Result<PathBuf> {
    if let Some(dir) = std::env::var_os("PG_BIN_DIR") {
        return Ok(dir.into());
    }
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(version, bin)| {
            *version >= VERSION_MIN && bin.join("initdb").exists() && bin.join("postgres").exists()
        })
        .collect();
    found.sort();
    if let Some((_, bin)) = found.pop() {
        return Ok(bin);
    }
    let on_path = std::env::var_os("PATH")
        .iter()
        .flat_map(std::env::split_paths)
        .find(|dir| dir.join("initdb").exists() && dir.join("postgres").exists());
    on_path.with_context(|| {
        format!(
            "no PostgreSQL server ({VERSION_MIN} or later) is installed; `make up` installs it, or set DATABASE_URL"
        )
    })
}

/// Postgres refuses to run as root; we then run it as `postgres`, or else as nobody.
fn owner() -> anyhow::Result<Option<Owner>> {
    // SAFETY: geteuid cannot fail and touches no memory.
    if unsafe { libc::geteuid() } != 0 {
        return Ok(None);
    }
    let passwd = std::fs::read_to_string("/etc/passwd").context("the users of this machine cannot be read")?;
    for name in ["postgres", "nobody"] {
        let line = passwd.lines().find(|line| line.split(':').next() == Some(name));
        if let Some([uid, gid]) = line.map(|line| {
            let mut parts = line.split(':').skip(2).map(|part| part.parse::<u32>().ok());
            [parts.next().flatten(), parts.next().flatten()]
        }) && let (Some(uid), Some(gid)) = (uid, gid)
        {
            return Ok(Some(Owner { uid, gid }));
        }
    }
    bail!("running as root, and there is no user `postgres` to run the database as")
}

/// Where the cluster lies: in the data directory, or, when we are root and the database's user may not go there, in
/// a folder of the system that the data directory points to.
fn home(data: &DataDir, owner: Option<Owner>) -> anyhow::Result<PathBuf> {
    let Some(owner) = owner else { return data.private("postgres") };
    let inside = data.root().join("postgres");
    if let Ok(elsewhere) = std::fs::read_link(&inside) {
        return Ok(elsewhere);
    }
    let open_to_all = |dir: &Path| std::fs::metadata(dir).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0);
    let home = if data.root().ancestors().all(open_to_all) {
        data.private("postgres")?
    } else {
        let name =
            hex::encode(&<sha2::Sha256 as sha2::Digest>::digest(data.root().as_os_str().as_encoded_bytes())[..8]);
        let elsewhere = Path::new("/var/lib/valet").join(name);
        std::fs::create_dir_all(&elsewhere).context("/var/lib/valet cannot be made")?;
        std::os::unix::fs::symlink(&elsewhere, &inside)?;
        info!(
            "the database's user cannot enter {}: its cluster lies in {}",
            data.root().display(),
            elsewhere.display()
        );
        elsewhere
    };
    chown(&home, Some(owner.uid), Some(owner.gid))?;
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700))?;
    Ok(home)
}

fn socket_dir(home: &Path, owner: Option<Owner>) -> anyhow::Result<PathBuf> {
    let mut dir = home.join("socket");
    if dir.as_os_str().len() > SOCKET_DIR_MAX {
        let name = hex::encode(&<sha2::Sha256 as sha2::Digest>::digest(home.as_os_str().as_encoded_bytes())[..8]);
        dir = std::env::temp_dir().join(format!("valet-pg-{name}"));
    }
    if !dir.exists() {
        std::fs::create_dir(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    }
    if let Some(owner) = owner {
        chown(&dir, Some(owner.uid), Some(owner.gid))?;
    }
    // Also refuses a folder of this name that somebody else made.
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700))?;
    Ok(dir)
}

//! `valet up`, in a directory of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value as Json;
use tokio::process::{Child, Command};

use crate::process::{self, Process};

/// A cold first start makes a database; with a loaded machine this takes seconds.
const START_PATIENCE: Duration = Duration::from_secs(90);
const STOP_PATIENCE: Duration = Duration::from_secs(40);

/// How to start.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub no_agent: bool,
    /// More environment variables.
    pub env: Vec<(String, String)>,
}

/// What `--ready-file` says.
#[derive(Debug, Clone, Deserialize)]
pub struct Ready {
    pub http: String,
    pub quic: String,
    pub practice: String,
    pub email: String,
    pub password: String,
}

/// A running system. Ended by its process id when dropped; its directory goes with it.
pub struct Valet {
    dir: tempfile::TempDir,
    child: Child,
    pub ready: Ready,
    options: Options,
    /// From the start of the process to everything serving.
    pub started_in: Duration,
}

/// The folder of the programs under test: the one this test was built into.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own path");
    let dirs = own.ancestors().skip(1).take(3);
    let found = dirs.map(|dir| dir.join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is not built: run `cargo build --workspace --bins` first"))
}

impl Valet {
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub async fn start_with(options: Options) -> Self {
        let dir = tempfile::Builder::new().prefix("valet-test-").tempdir().expect("a temporary folder");
        // The database's user must be able to enter when the test runs as root.
        let open = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o711);
        std::fs::set_permissions(dir.path(), open).expect("the folder is ours");
        let (child, ready, started_in) = launch(dir.path(), &options, None).await;
        Self { dir, child, ready, options, started_in }
    }

    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Everything the programs said so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    #[must_use]
    pub fn pid(&self) -> i32 {
        self.child.id().and_then(|pid| i32::try_from(pid).ok()).expect("it runs")
    }

    /// The processes of this system.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        process::family(self.pid())
    }

    fn find(&self, what: &str, matches: impl Fn(&Process) -> bool) -> i32 {
        let found = self.processes().into_iter().find(|process| matches(process));
        found.unwrap_or_else(|| panic!("no {what} among the processes")).pid
    }

    #[must_use]
    pub fn agent_pid(&self) -> i32 {
        self.find("agent", |process| process.command.contains("valet-agent"))
    }

    /// The browser's first process.
    #[must_use]
    pub fn chromium_pid(&self) -> i32 {
        self.find("Chromium", |process| {
            process.command.contains("--remote-debugging-port") && !process.command.contains("--type=")
        })
    }

    /// The postmaster.
    #[must_use]
    pub fn postgres_pid(&self) -> i32 {
        let own = self.pid();
        self.find("Postgres", |process| process.parent == own && process.command.contains("postgres"))
    }

    /// Asks it to stop, as Ctrl-C would, and waits; returns whether it ended well.
    pub async fn stop(&mut self) -> bool {
        process::signal(self.pid(), libc::SIGINT);
        let status = tokio::time::timeout(STOP_PATIENCE, self.child.wait()).await;
        status.is_ok_and(|status| status.is_ok_and(|status| status.success()))
    }

    /// `kill -9` of the process that holds coordinator and gateway, and the same start again.
    pub async fn crash_and_restart(&mut self) {
        process::signal(self.pid(), libc::SIGKILL);
        let _ = self.child.wait().await;
        self.restart().await;
    }

    /// Starts again on the same data and the same addresses.
    pub async fn restart(&mut self) {
        let (child, ready, started_in) = launch(self.dir.path(), &self.options, Some(&self.ready)).await;
        self.child = child;
        self.ready = ready;
        self.started_in = started_in;
    }

    /// What the practice employer received.
    pub async fn submissions(&self) -> Json {
        let url = format!("{}/submissions.json", self.ready.practice);
        reqwest::get(url).await.expect("the practice employer answers").json().await.expect("JSON")
    }

    pub async fn submission_count(&self) -> u64 {
        self.submissions().await["count"].as_u64().expect("a count")
    }

    /// A job of the practice employer.
    #[must_use]
    pub fn job(&self, path: &str) -> String {
        format!("{}{path}", self.ready.practice)
    }

    /// A connection to the private database.
    pub async fn database(&self) -> sqlx::PgPool {
        let home = std::fs::read_link(self.data_dir().join("postgres")).unwrap_or(self.data_dir().join("postgres"));
        let socket = home.join("socket");
        assert!(socket.exists(), "the database's socket is not where it should be");
        let options = sqlx::postgres::PgConnectOptions::new().socket(socket).username("postgres").database("postgres");
        sqlx::PgPool::connect_with(options).await.expect("the database answers")
    }
}

impl Drop for Valet {
    fn drop(&mut self) {
        let family = self.child.id().map(|pid| process::family(pid.cast_signed())).unwrap_or_default();
        for process in family {
            process::signal(process.pid, libc::SIGKILL);
        }
        // Browsers survive their agent on purpose, so they may have left the family.
        for process in process::naming(&self.data_dir().display().to_string()) {
            process::signal(process.pid, libc::SIGKILL);
        }
        if std::thread::panicking() {
            eprintln!("--- what the system said ---\n{}", self.log());
        }
    }
}

async fn launch(dir: &Path, options: &Options, again: Option<&Ready>) -> (Child, Ready, Duration) {
    let ready_file = dir.join("ready.json");
    let _ = std::fs::remove_file(&ready_file);
    let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("log")).expect("a log file");
    let strip = |url: &str| url.trim_start_matches("http://").to_owned();
    let (http, quic, practice) = again.map_or_else(
        || ("127.0.0.1:0".to_owned(), "127.0.0.1:0".to_owned(), "127.0.0.1:0".to_owned()),
        |ready| (strip(&ready.http), ready.quic.clone(), strip(&ready.practice)),
    );
    let mut command = Command::new(program("valet"));
    command
        .args(["up", "--http", &http, "--quic", &quic, "--practice", &practice])
        .arg("--data-dir")
        .arg(dir.join("data"))
        .arg("--ready-file")
        .arg(&ready_file)
        .env_remove("DATABASE_URL")
        .env_remove("DIRECT_DATABASE_URL")
        .env_remove("REDIS_URL")
        .env("RATE_LIMIT_PER_MINUTE", "100000")
        .env("TASKS_PER_HOUR", "100000")
        .env("RESUMES_PER_HOUR", "100000")
        .envs(options.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log);
    if options.no_agent {
        command.arg("--no-agent");
    }
    let began = Instant::now();
    let mut child = command.spawn().expect("valet starts");
    loop {
        if let Ok(text) = std::fs::read(&ready_file)
            && let Ok(ready) = serde_json::from_slice(&text)
        {
            return (child, ready, began.elapsed());
        }
        if let Ok(Some(status)) = child.try_wait() {
            let log = std::fs::read_to_string(dir.join("log")).unwrap_or_default();
            panic!("valet ended at its start with {status}:\n{log}");
        }
        if began.elapsed() > START_PATIENCE {
            let log = std::fs::read_to_string(dir.join("log")).unwrap_or_default();
            panic!("valet is not ready after {START_PATIENCE:?}:\n{log}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

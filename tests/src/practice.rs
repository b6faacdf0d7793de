//! The practice employer as a program of its own, so that what it received outlives every other part.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tokio::process::{Child, Command};

use crate::valet::program;

const START_PATIENCE: Duration = Duration::from_secs(20);

/// A running practice employer. Ended when dropped.
pub struct Practice {
    _child: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
}

/// A port of loopback that is free now.
///
/// # Panics
/// When the machine has none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound port").port()
}

impl Practice {
    /// Starts it with its record in `folder` and waits until it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(folder: &Path) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(program("practice"));
        command.args(["--addr", &address, "--data-dir"]).arg(folder.join("practice"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let practice = Self { _child: command.spawn().expect("the practice employer starts"), address };
        let began = Instant::now();
        while reqwest::get(practice.job("/submissions.json")).await.is_err() {
            assert!(began.elapsed() < START_PATIENCE, "the practice employer does not answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        practice
    }

    #[must_use]
    pub fn job(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything it received.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn submissions(&self) -> Json {
        reqwest::get(self.job("/submissions.json")).await.expect("it answers").json().await.expect("JSON")
    }
}

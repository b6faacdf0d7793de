//! What every `valet` process of the fleet is told, and how each is started.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::bail;
use tokio::process::Command;

use super::command;

/// What every `valet` process is told.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub root: PathBuf,
    pub practice: String,
    pub database: String,
    /// Past the pooler, when there is one.
    pub direct: Option<String>,
    pub redis: String,
}

impl Settings {
    fn valet(&self) -> Command {
        let mut valet = command("valet");
        valet.env("DATABASE_URL", &self.database).env("REDIS_URL", &self.redis);
        if let Some(direct) = &self.direct {
            valet.env("DIRECT_DATABASE_URL", direct);
        }
        valet.env("ALLOWED_PRIVATE_HOSTS", &self.practice).env("FILES_DIR", self.root.join("files"));
        valet
            .env("JWT_SECRET", "a secret of the chaos test, 32 letters")
            .env("JWT_REFRESH_SECRET", "another secret of the chaos test, 32");
        for limit in ["RATE_LIMIT_PER_MINUTE", "TASKS_PER_HOUR", "RESUMES_PER_HOUR"] {
            valet.env(limit, "1000000");
        }
        valet
    }

    /// Runs a command of `valet` to its end; what it printed.
    pub(super) async fn once(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let done = self.valet().args(arguments).output().await?;
        if !done.status.success() {
            bail!("valet {} failed: {}", arguments.join(" "), String::from_utf8_lossy(&done.stderr));
        }
        Ok(String::from_utf8(done.stdout)?.trim().to_owned())
    }

    /// `valet up`, without an agent of its own.
    pub(super) fn up(&self, addresses: [SocketAddr; 3]) -> Command {
        let [http, quic, practice] = addresses.map(|address| address.to_string());
        let mut valet = self.valet();
        valet.args(["up", "--no-agent", "--http", &http, "--quic", &quic, "--practice", &practice]);
        valet.arg("--data-dir").arg(self.root.join("data")).arg("--ready-file").arg(self.root.join("ready.json"));
        valet
    }

    pub(super) fn coordinator(
        &self,
        index: usize,
        quic: SocketAddr,
        links: SocketAddr,
        advertise: SocketAddr,
    ) -> Command {
        let mut valet = self.valet();
        valet.args(["coordinator", "--quic", &quic.to_string(), "--links", &links.to_string()]);
        valet.args(["--advertise", &advertise.to_string()]).arg("--keys").arg(self.root.join("keys"));
        valet.arg("--data-dir").arg(self.root.join(format!("coordinator-{index}")));
        valet.arg("--ready-file").arg(self.root.join(format!("coordinator-{index}.json")));
        valet
    }

    pub(super) fn gateway(&self, index: usize, http: SocketAddr) -> Command {
        let mut valet = self.valet();
        valet.args(["gateway", "--http", &http.to_string()]);
        valet.arg("--identity").arg(self.root.join(format!("gateway-{index}.identity")));
        valet.arg("--data-dir").arg(self.root.join(format!("gateway-{index}")));
        valet.arg("--ready-file").arg(self.root.join(format!("gateway-{index}.json")));
        valet
    }
}

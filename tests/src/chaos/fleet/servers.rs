//! Postgres and Redis of the fleet, each kept running.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tokio::process::Command;

use crate::chaos::keeper::Keeper;

/// Whom Postgres runs as when we are root, which it refuses to be.
fn database_owner() -> Option<(u32, u32)> {
    // SAFETY: geteuid takes nothing and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.starts_with("postgres:"))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

pub(super) async fn postgres(root: &Path, port: u16) -> anyhow::Result<Keeper> {
    let versions =
        std::fs::read_dir("/usr/lib/postgresql").context("no PostgreSQL server: 'make setup' installs it")?;
    let mut versions: Vec<PathBuf> = versions.flatten().map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    let bin = versions.pop().context("no PostgreSQL server: 'make setup' installs it")?;
    let home = root.join("postgres");
    std::fs::create_dir(&home)?;
    let owner = database_owner();
    if let Some((user, group)) = owner {
        std::os::unix::fs::chown(&home, Some(user), Some(group))?;
    }
    let run = move |name: &str| {
        let mut command = Command::new(bin.join(name));
        if let Some((user, group)) = owner {
            command.uid(user).gid(group);
        }
        command.current_dir("/").env("LC_ALL", "C.UTF-8").env_remove("PGDATA");
        command
    };
    let cluster = home.join("cluster");
    let made = run("initdb")
        .arg("-D")
        .arg(&cluster)
        .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions"])
        .output()
        .await?;
    if !made.status.success() {
        bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
    }
    Ok(Keeper::start(root.join("postgres.log"), libc::SIGINT, move || {
        let mut postgres = run("postgres");
        postgres.arg("-D").arg(&cluster).arg("-k").arg(&home).args(["-p", &port.to_string()]);
        postgres.args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=100", "-c", "fsync=on"]);
        postgres
    }))
}

pub(super) fn redis(root: &Path, port: u16) -> anyhow::Result<Keeper> {
    let home = root.join("redis");
    std::fs::create_dir(&home)?;
    Ok(Keeper::start(root.join("redis.log"), libc::SIGTERM, move || {
        let mut redis = Command::new("redis-server");
        redis.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no", "--dir"]);
        redis.arg(&home);
        redis
    }))
}

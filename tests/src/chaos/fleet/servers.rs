//! Postgres, Redis and, if there is one, the pooler of the fleet, each kept running.

use std::net::SocketAddr;
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

/// PgBouncer, where it is installed.
#[must_use]
pub fn pooler() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.exists())
}

/// PgBouncer in front of `database`, with its defaults but for what makes it lend sessions by the transaction, and so few
/// of them that everybody shares.
pub(super) fn pgbouncer(root: &Path, port: u16, database: SocketAddr) -> anyhow::Result<Keeper> {
    let program = pooler().context("no PgBouncer: 'make setup' installs it")?;
    let file = root.join("pgbouncer.ini");
    let settings = format!(
        "[databases]\n* = host={} port={} user=postgres\n[pgbouncer]\npool_mode = transaction\ndefault_pool_size = 3\n\
         auth_type = any\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n",
        database.ip(),
        database.port(),
    );
    std::fs::write(&file, settings)?;
    let owner = database_owner();
    Ok(Keeper::start(root.join("pgbouncer.log"), libc::SIGTERM, move || {
        let mut pgbouncer = Command::new(&program);
        if let Some((user, group)) = owner {
            pgbouncer.uid(user).gid(group);
        }
        pgbouncer.arg(&file);
        pgbouncer
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

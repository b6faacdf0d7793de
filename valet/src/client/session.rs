//! The session a login keeps: a refresh token per person of this machine, in a file only they may read.
//!
//! A refresh token is spent by its use, and its reuse ends the session on the server. So the file is locked from
//! reading it to writing its successor: two commands at a time take turns.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use super::api::Api;

#[derive(Serialize, Deserialize)]
struct Kept {
    server: String,
    refresh: String,
}

/// What `valet up` wrote about itself.
#[derive(Deserialize)]
struct Up {
    http: String,
    email: String,
    password: String,
}

fn file() -> anyhow::Result<PathBuf> {
    let base = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")))
        .context("neither HOME nor XDG_CONFIG_HOME is set")?;
    Ok(base.join("valet").join("session.json"))
}

fn open_locked(path: &Path) -> anyhow::Result<File> {
    if let Some(parent) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path)?;
    file.lock().context("the session file cannot be locked")?;
    Ok(file)
}

fn write(file: &mut File, kept: &Kept) -> anyhow::Result<()> {
    let text = serde_json::to_vec(kept)?;
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(&text)?;
    file.sync_all()?;
    Ok(())
}

/// Keeps the session that `api` is signed in with.
pub fn keep(api: &Api) -> anyhow::Result<()> {
    let refresh = api.refresh_token().context("the server gave no session to keep")?;
    let mut file = open_locked(&file()?)?;
    write(&mut file, &Kept { server: api.server().to_owned(), refresh })
}

/// An API signed in by the kept session, or, with a data directory, as the first account of the `valet up` there.
pub async fn open(server: Option<&str>, data_dir: Option<&Path>) -> anyhow::Result<Api> {
    if let Some(dir) = data_dir {
        return sign_in_locally(server, dir).await;
    }
    let mut file = open_locked(&file()?)?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let kept: Option<Kept> = serde_json::from_str(&text).ok();
    let Some(kept) = kept else {
        // The usual machine: `valet up` in this folder, nothing else said.
        let local = crate::default_data_dir();
        if server.is_none() && local.join("up.json").exists() {
            return sign_in_locally(None, &local).await;
        }
        bail!("not signed in; run `valet login`, or name the data directory of a `valet up` with --data-dir");
    };
    if server.is_some_and(|server| server.trim_end_matches('/') != kept.server) {
        bail!("signed in to {}; run `valet login --server` for another", kept.server);
    }
    let mut api = Api::new(&kept.server)?;
    api.refresh(&kept.refresh).await.context("the session has ended; run `valet login` again")?;
    let refresh = api.refresh_token().unwrap_or(kept.refresh);
    write(&mut file, &Kept { server: kept.server, refresh })?;
    Ok(api)
}

async fn sign_in_locally(server: Option<&str>, dir: &Path) -> anyhow::Result<Api> {
    let path = dir.join("up.json");
    let text = std::fs::read(&path)
        .with_context(|| format!("{} cannot be read: is `valet up` running there?", path.display()))?;
    let up: Up = serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))?;
    let mut api = Api::new(server.unwrap_or(&up.http))?;
    api.sign_in(&up.email, &up.password).await?;
    Ok(api)
}

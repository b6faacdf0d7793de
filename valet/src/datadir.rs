//! The data directory: what a `valet` process keeps, and the lock that only one of them holds.
//!
//! ```text
//! postgres/   the private cluster          files/     resumes and screenshots
//! agent/      the local agent's own data   practice/  what the practice employer received
//! keys.json   signing secrets              authority.json   certificate authority of the agents
//! node        the coordinator's id, in this life and later ones
//! up.json     where the last start serves, and the first account
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use protocol::ids::NodeId;

pub struct DataDir {
    root: PathBuf,
    /// Held for as long as this process lives; the kernel lets go of it, however the process ends.
    _lock: File,
}

impl DataDir {
    /// # Errors
    /// When the directory cannot be made, or another `valet up` uses it.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("{} cannot be made", path.display()))?;
        let root = fs::canonicalize(path).with_context(|| format!("{} cannot be opened", path.display()))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(root.join("lock"))
            .with_context(|| format!("{} cannot be written to", root.display()))?;
        lock_exclusive(&lock).with_context(|| format!("another `valet` process is using {}", root.display()))?;
        Ok(Self { root, _lock: lock })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A folder below the root that only this user may enter.
    pub fn private(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.root.join(name);
        if !path.exists() {
            fs::DirBuilder::new()
                .mode(0o700)
                .create(&path)
                .with_context(|| format!("{} cannot be made", path.display()))?;
        }
        Ok(path)
    }

    pub fn read(&self, name: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let path = self.root.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// The coordinator's id. The directory's lock sees to it that no two that run have the same.
    pub fn node(&self) -> anyhow::Result<NodeId> {
        if let Some(bytes) = self.read("node")? {
            let text = String::from_utf8_lossy(&bytes);
            return text.trim().parse().context("the file `node` in the data directory is damaged");
        }
        let node = NodeId::new();
        self.write_secret("node", node.to_string().as_bytes())?;
        Ok(node)
    }

    pub fn write_secret(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        write_secret(&self.root.join(name), bytes)
    }
}

fn lock_exclusive(file: &File) -> std::io::Result<()> {
    // SAFETY: the descriptor is open for as long as `file` is borrowed, and flock touches no memory.
    let result = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Writes a file that only this user may read: whole or not at all, and durable.
pub fn write_secret(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let name = path.file_name().with_context(|| format!("{} names no file", path.display()))?;
    let mut temporary = name.to_owned();
    temporary.push(".new");
    let temporary = path.with_file_name(temporary);
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    if let Err(error) = write() {
        let _ = fs::remove_file(&temporary);
        bail!("{} cannot be written: {error}", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("valet-{name}-{}", uuid::Uuid::new_v4()))
    }

    #[test]
    fn a_directory_in_use_is_refused() {
        let path = scratch("lock");
        let first = DataDir::open(&path).unwrap();
        // flock belongs to the open file, so a second open in the same process is refused like another's.
        let second = DataDir::open(&path);
        assert!(second.err().unwrap().to_string().contains("another `valet` process"));
        drop(first);
        DataDir::open(&path).unwrap();
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn secrets_are_for_their_owner_only() {
        let path = scratch("secret");
        let data = DataDir::open(&path).unwrap();
        data.write_secret("keys.json", b"{}").unwrap();
        data.write_secret("keys.json", b"{\"a\":1}").unwrap();
        let mode = fs::metadata(path.join("keys.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(data.read("keys.json").unwrap().unwrap(), b"{\"a\":1}");
        fs::remove_dir_all(path).unwrap();
    }
}

//! The files of one job: `<data>/jobs/<lease>/<sha256>/<name>`, folders 0700, gone with the job.
//!
//! Each lies in a folder of its own because the employer is shown the file's real name.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::form::FileRef;
use protocol::wire::BULK_MAX;
use sha2::{Digest as _, Sha256};
use tokio::fs;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::page::Files;

/// Longest file name kept, in bytes; file systems take 255.
const NAME_MAX: usize = 120;
const CHUNK: usize = 64 << 10;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("a file of {size} bytes is too large")]
    TooLarge { size: u64 },
    #[error("the name of the file is not a SHA-256")]
    Digest,
    #[error("the file is not what it says")]
    Mismatch,
    #[error("the file was not received")]
    Receive(#[source] io::Error),
    #[error("the file cannot be kept")]
    Keep(#[source] io::Error),
}

#[derive(Debug)]
pub(crate) struct JobFiles {
    folder: PathBuf,
    arrived: Mutex<HashMap<String, PathBuf>>,
    changed: watch::Sender<()>,
}

impl JobFiles {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, arrived: Mutex::default(), changed: watch::Sender::new(()) }
    }

    /// The files of a job of an earlier life.
    pub fn found(folder: PathBuf) -> Self {
        let arrived = Mutex::new(arrived(&folder));
        Self { folder, arrived, changed: watch::Sender::new(()) }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn has(&self, sha256: &str) -> bool {
        self.arrived().contains_key(sha256)
    }

    /// Takes a file from `bytes`: exactly as large and with the hash it says, or not at all.
    pub async fn receive(&self, file: &FileRef, bytes: impl AsyncRead + Unpin) -> Result<(), Error> {
        if file.size > BULK_MAX {
            return Err(Error::TooLarge { size: file.size });
        }
        // It names a folder.
        if file.sha256.len() != 64 || !file.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Error::Digest);
        }
        let folder = self.folder.join(&file.sha256);
        let path = folder.join(sanitised(&file.name));
        // Two of the same at once do not meet.
        let temporary = folder.join(format!(".{}", uuid::Uuid::new_v4()));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).await.map_err(Error::Keep)?;
        let received = copy(bytes, file, &temporary).await;
        if let Err(error) = received {
            let _ = fs::remove_file(&temporary).await;
            return Err(error);
        }
        fs::rename(&temporary, &path).await.map_err(Error::Keep)?;
        self.arrived().insert(file.sha256.clone(), path);
        self.changed.send_replace(());
        Ok(())
    }

    /// Waits until all of them have arrived, at most `patience`.
    pub async fn wait(&self, digests: &[&str], patience: Duration) {
        let mut changed = self.changed.subscribe();
        let all = async {
            while !digests.iter().all(|sha256| self.has(sha256)) {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        let _ = timeout(patience, all).await;
    }

    /// Removes them from the disk.
    pub async fn remove(&self) {
        self.arrived().clear();
        match fs::remove_dir_all(&self.folder).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "the files of a job could not be removed");
            }
            _ => {}
        }
    }

    fn arrived(&self) -> MutexGuard<'_, HashMap<String, PathBuf>> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files for JobFiles {
    fn path(&self, sha256: &str) -> Option<PathBuf> {
        self.arrived().get(sha256).cloned()
    }
}

/// The files that lie in a job's folder whole, by digest: each was renamed to its own name once it had been checked.
pub(super) fn arrived(folder: &Path) -> HashMap<String, PathBuf> {
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries(folder)
        .filter_map(|entry| {
            let whole = |name: &std::ffi::OsStr| !name.as_encoded_bytes().starts_with(b".");
            let file = entries(&entry.path()).find(|file| whole(&file.file_name()))?;
            Some((entry.file_name().into_string().ok()?, file.path()))
        })
        .collect()
}

async fn copy(mut bytes: impl AsyncRead + Unpin, file: &FileRef, path: &Path) -> Result<(), Error> {
    let mut target =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).await.map_err(Error::Keep)?;
    let (mut hash, mut left, mut chunk) = (Sha256::new(), file.size, vec![0; CHUNK]);
    loop {
        let read = bytes.read(&mut chunk).await.map_err(Error::Receive)?;
        if read == 0 {
            break;
        }
        left = left.checked_sub(read as u64).ok_or(Error::Mismatch)?;
        hash.update(&chunk[..read]);
        target.write_all(&chunk[..read]).await.map_err(Error::Keep)?;
    }
    if left > 0 || hex::encode(hash.finalize()) != file.sha256 {
        return Err(Error::Mismatch);
    }
    target.flush().await.map_err(Error::Keep)
}

/// A name that is one plain component of a path, recognisable to the person who gave it.
fn sanitised(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = name
        .chars()
        .map(
            |c| if c.is_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | '(' | ')' | ',' | '+') { c } else { '_' },
        )
        .collect();
    let plain = plain.trim_matches([' ', '.']);
    if plain.is_empty() {
        return "file".to_owned();
    }
    let (stem, extension) = match plain.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 10 => (stem, format!(".{extension}")),
        _ => (plain, String::new()),
    };
    let end = stem.floor_char_boundary(NAME_MAX - extension.len());
    format!("{}{extension}", &stem[..end])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file(name: &str, bytes: &[u8]) -> FileRef {
        FileRef { name: name.into(), size: bytes.len() as u64, sha256: hex::encode(Sha256::digest(bytes)) }
    }

    #[test]
    fn names_stay_in_their_folder() {
        for (given, kept) in [
            ("Résumé (2).pdf", "Résumé (2).pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\me\\cv.docx", "cv.docx"),
            (".hidden", "hidden"),
            ("..", "file"),
            ("", "file"),
            ("a\0b\n.pdf", "a_b_.pdf"),
        ] {
            assert_eq!(sanitised(given), kept, "{given:?}");
        }
        let long = sanitised(&format!("{}.pdf", "ö".repeat(300)));
        assert!(long.len() <= NAME_MAX && long.ends_with("ö.pdf"), "{long}");
    }

    #[tokio::test]
    async fn a_file_is_taken_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let files = JobFiles::new(dir.path().join("lease"));
        let good = file("cv.pdf", b"hello");
        files.receive(&good, &b"hello"[..]).await.unwrap();
        let path = files.path(&good.sha256).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"hello");
        assert_eq!(path.file_name().unwrap(), "cv.pdf");
        assert_eq!(std::fs::metadata(&files.folder).unwrap().permissions().mode() & 0o777, 0o700);
        files.wait(&[&good.sha256], Duration::from_secs(60)).await;

        let later = JobFiles::found(files.folder.clone());
        assert_eq!(later.path(&good.sha256), files.path(&good.sha256));

        let other = file("cv.pdf", b"other");
        for sent in [&b"othex"[..], b"othe", b"other!"] {
            assert!(matches!(files.receive(&other, sent).await, Err(Error::Mismatch)));
        }
        assert!(files.path(&other.sha256).is_none());
        let left = std::fs::read_dir(files.folder.join(&other.sha256)).unwrap().count();
        assert_eq!(left, 0, "nothing half received stays");
        std::fs::write(files.folder.join(&other.sha256).join(".half"), "oth").unwrap();
        assert!(!JobFiles::found(files.folder.clone()).has(&other.sha256));
        let odd = FileRef { sha256: "../../../x".into(), ..good.clone() };
        assert!(matches!(files.receive(&odd, &b""[..]).await, Err(Error::Digest)));
        let huge = FileRef { size: BULK_MAX + 1, ..good };
        assert!(matches!(files.receive(&huge, &b""[..]).await, Err(Error::TooLarge { .. })));
        files.remove().await;
        assert!(!files.folder.exists());
    }
}

//! What a job needs to go on in a later life of this agent: `<data>/jobs/<lease>/state`, gone with the job.
//!
//! It holds what the job was told, which of its reports are not acknowledged and what is known of its page. The
//! [`runner`](super::runner) has it written whole before a report can be sent, so that no number is used twice. It is
//! not synced: it is for the death of this program, not of the host, with which the page is gone anyway.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use protocol::ids::CommandId;
use protocol::wire::codec;
use protocol::wire::message::JobStart;
use serde::{Deserialize, Serialize};
use tracing::warn;

/// First bytes of the file; another layout gets another number, and jobs kept in the old one are lost.
const MAGIC: &[u8; 8] = b"VALETJB1";
const NAME: &str = "state";
/// Larger than everything a spool can hold: a file beyond it was not written by us.
const SIZE_MAX: u64 = 32 << 20;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Head {
    start: JobStart,
    seen: bool,
    answered: Vec<CommandId>,
    page: Vec<u8>,
    last: u64,
}

/// A job as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    pub start: JobStart,
    /// What the page is was reported.
    pub seen: bool,
    /// Commands that were carried out, newest first.
    pub answered: Vec<CommandId>,
    /// What is known of the page beyond what it shows.
    pub page: Vec<u8>,
    /// Number of the last report.
    pub last: u64,
    /// Reports that were not acknowledged.
    pub frames: Vec<(u64, Bytes)>,
}

/// Keeps one job.
#[derive(Debug)]
pub(super) struct Keep {
    folder: PathBuf,
    head: Head,
    /// Its page is gone, or it cannot be written: a later life has nothing to go on with.
    over: bool,
}

impl Keep {
    pub fn new(folder: &Path, start: &JobStart) -> Self {
        let head = Head { start: start.clone(), seen: false, answered: Vec::new(), page: Vec::new(), last: 0 };
        Self { folder: folder.to_owned(), head, over: false }
    }

    /// Goes on keeping a job of an earlier life.
    pub fn resumed(folder: &Path, kept: &Kept) -> Self {
        let Kept { start, seen, answered, page, last, .. } = kept.clone();
        Self { folder: folder.to_owned(), head: Head { start, seen, answered, page, last }, over: false }
    }

    pub fn is_seen(&self) -> bool {
        self.head.seen
    }

    pub fn seen(&mut self) {
        self.head.seen = true;
    }

    pub fn answered(&mut self, commands: impl Iterator<Item = CommandId>) {
        self.head.answered = commands.collect();
    }

    pub fn page(&mut self, memory: Vec<u8>) {
        self.head.page = memory;
    }

    /// Writes everything.
    pub fn save(&mut self, last: u64, frames: &VecDeque<(u64, Bytes)>) {
        if self.over {
            return;
        }
        self.head.last = last;
        let written = encode(&self.head, frames).and_then(|bytes| write(&self.folder, &bytes));
        if let Err(error) = written {
            warn!(%error, "a job's state cannot be kept: it would not survive a restart of this agent");
            self.forget();
        }
    }

    /// Nothing of the job is to be gone on with.
    pub fn forget(&mut self) {
        self.over = true;
        let _ = fs::remove_file(self.folder.join(NAME));
    }
}

fn encode(head: &Head, frames: &VecDeque<(u64, Bytes)>) -> io::Result<Vec<u8>> {
    let head = codec::encode(head).map_err(io::Error::other)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(head.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&head);
    for (number, frame) in frames {
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&(frame.len() as u32).to_le_bytes());
        bytes.extend_from_slice(frame);
    }
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    Ok(bytes)
}

fn write(folder: &Path, bytes: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let new = folder.join(".state");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    fs::rename(new, folder.join(NAME))
}

/// The job kept in a folder, if it is sound.
pub(super) fn read(folder: &Path) -> Option<Kept> {
    let path = folder.join(NAME);
    if fs::metadata(&path).ok()?.len() > SIZE_MAX {
        return None;
    }
    decode(&fs::read(path).ok()?)
}

fn decode(bytes: &[u8]) -> Option<Kept> {
    let (body, sum) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (head, mut rest) = sized(body.strip_prefix(MAGIC)?)?;
    let Head { start, seen, answered, page, last } = codec::decode(head).ok()?;
    let mut frames = Vec::new();
    while let Some((number, after)) = rest.split_first_chunk::<8>() {
        let (frame, after) = sized(after)?;
        frames.push((u64::from_le_bytes(*number), Bytes::copy_from_slice(frame)));
        rest = after;
    }
    rest.is_empty().then_some(Kept { start, seen, answered, page, last, frames })
}

/// Bytes behind their length, and what follows them.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use protocol::ids::{LeaseId, TaskId};
    use protocol::task::Mode;

    use super::*;

    fn start() -> JobStart {
        let url = "https://jobs.example/1".to_owned();
        JobStart { lease: LeaseId::new(), task: TaskId::new(), url, mode: Mode::Copilot, files: vec![] }
    }

    #[test]
    fn a_job_is_found_as_it_was_kept_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("lease");
        let (start, command) = (start(), CommandId::new());
        let frames: VecDeque<_> = [(6, Bytes::from_static(b"six")), (7, Bytes::new())].into();
        let mut keep = Keep::new(&folder, &start);
        keep.seen();
        keep.answered([command].into_iter());
        keep.page(vec![1, 2, 3]);
        keep.save(7, &frames);
        let kept = read(&folder).unwrap();
        let frames = Vec::from(frames);
        assert_eq!(
            kept,
            Kept { start, seen: true, answered: vec![command], page: vec![1, 2, 3], last: 7, frames: frames.clone() }
        );
        let again = Keep::resumed(&folder, &kept);
        assert_eq!(again.head, keep.head);

        let path = folder.join(NAME);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert!(decode(&damaged).is_none(), "byte {at}");
            assert!(decode(&whole[..at]).is_none(), "cut at {at}");
        }
        keep.forget();
        keep.save(8, &frames.into());
        assert!(read(&folder).is_none(), "over is over");
    }

    #[test]
    fn a_job_that_cannot_be_written_is_not_found_as_it_was_before() {
        let dir = tempfile::tempdir().unwrap();
        let mut keep = Keep::new(dir.path(), &start());
        keep.save(1, &VecDeque::new());
        assert!(read(dir.path()).is_some());
        keep.page(vec![0; codec::BODY_MAX + 1]);
        keep.save(2, &VecDeque::new());
        assert!(read(dir.path()).is_none());
    }
}

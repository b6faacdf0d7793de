//! The record of submissions: what was received, kept on disk before it is confirmed.
//!
//! Handlers call [`Record::accept`] and read through [`Record::read`]. With a data folder each
//! submission is one JSON line in `submissions.jsonl`, synced to disk before `accept` returns.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::job::{Job, Style};
use crate::names;

/// Submissions kept in memory for listing; older ones stay in the file.
pub const KEPT_MAX: usize = 10_000;
/// Bytes of JSON kept in memory for listing: ten thousand long essays must not fill the machine.
const KEPT_BYTES_MAX: usize = 32 << 20;
/// Submissions accepted in all: every one's identity is remembered, so that no duplicate goes unseen.
const ACCEPTED_MAX: u64 = 1_000_000;
const FILE_NAME: &str = "submissions.jsonl";

/// One received application.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Submission {
    /// Counts from 1 in the order of receipt.
    pub id: u64,
    /// The confirmation number the applicant was shown.
    pub number: String,
    pub style: Style,
    /// The job's slug.
    pub job: String,
    pub title: String,
    pub company: String,
    pub email: String,
    #[serde(serialize_with = "to_the_millisecond")]
    pub received_at: DateTime<Utc>,
    /// Answers by the label the applicant read, in the order of the form. Blank ones are left out.
    #[serde(serialize_with = "as_map", deserialize_with = "from_map")]
    pub fields: Vec<(String, Answer)>,
    pub files: Vec<Upload>,
    /// Whether the field that people cannot see was filled.
    pub honeypot: bool,
    /// The first submission with the same job and e-mail address.
    pub duplicate_of: Option<u64>,
}

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    One(String),
    Many(Vec<String>),
}

/// What is kept of an uploaded file: everything but its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    pub label: String,
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// In hexadecimal.
    pub sha256: String,
    pub content_type: String,
}

/// A checked application that has no number yet.
#[derive(Debug, Clone)]
pub struct Draft {
    pub job: &'static Job,
    pub email: String,
    pub fields: Vec<(String, Answer)>,
    pub files: Vec<Upload>,
    pub honeypot: bool,
}

/// All submissions.
pub struct Record {
    /// Held while a line is written and synced; taken before `kept`.
    journal: Mutex<Journal>,
    /// Held only for moments.
    kept: RwLock<Kept>,
}

/// What the listing reads.
#[derive(Default)]
pub struct Kept {
    submissions: VecDeque<(Arc<Submission>, usize)>,
    bytes: usize,
    /// Everything ever accepted, also what is no longer kept in memory.
    pub count: u64,
    pub duplicates: u64,
}

struct Journal {
    /// The file and its length up to the last whole line; `None` without a data folder.
    file: Option<(File, u64)>,
    last_id: u64,
    /// The first submission of each job and e-mail address.
    firsts: HashMap<u128, u64>,
}

impl Record {
    /// Opens the record, reading what an earlier run left in `folder`.
    ///
    /// A torn last line is cut off: its submission was never confirmed. Fails if the folder cannot be
    /// written, another process has the record open, or a line in the middle is unreadable.
    pub fn open(folder: Option<&Path>) -> io::Result<Self> {
        let mut journal = Journal { file: None, last_id: 0, firsts: HashMap::new() };
        let mut kept = Kept::default();
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder)?;
            let path = folder.join(FILE_NAME);
            let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            file.try_lock().map_err(|_| {
                io::Error::new(
                    io::ErrorKind::ResourceBusy,
                    format!("{FILE_NAME} is in use by another practice employer"),
                )
            })?;
            let length = load(&file, &mut journal, &mut kept)?;
            file.set_len(length)?;
            file.seek(SeekFrom::Start(length))?;
            File::open(folder)?.sync_all()?;
            journal.file = Some((file, length));
        }
        Ok(Self { journal: Mutex::new(journal), kept: RwLock::new(kept) })
    }

    /// Numbers and records `draft`; it is on disk when this returns. Blocks: call it off the runtime.
    pub fn accept(&self, draft: Draft) -> io::Result<Arc<Submission>> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let id = journal.last_id + 1;
        if id > ACCEPTED_MAX {
            return Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                format!("{ACCEPTED_MAX} submissions are recorded"),
            ));
        }
        let identity = identity(draft.job.slug, &draft.email);
        let submission = Submission {
            id,
            number: self.unused_number(draft.job.style),
            style: draft.job.style,
            job: draft.job.slug.to_owned(),
            title: draft.job.title.to_owned(),
            company: draft.job.company.to_owned(),
            email: draft.email,
            received_at: Utc::now(),
            fields: draft.fields,
            files: draft.files,
            honeypot: draft.honeypot,
            duplicate_of: journal.firsts.get(&identity).copied(),
        };
        let mut line = serde_json::to_vec(&submission)?;
        line.push(b'\n');
        journal.append(&line)?;
        journal.last_id = id;
        journal.firsts.entry(identity).or_insert(id);
        let submission = Arc::new(submission);
        self.kept.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&submission), line.len());
        Ok(submission)
    }

    /// The listing. Do not hold it across an await.
    pub fn read(&self) -> RwLockReadGuard<'_, Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn unused_number(&self, style: Style) -> String {
        let kept = self.read();
        loop {
            let number = names::confirmation_number(style.prefix());
            if kept.by_number(&number).is_none() {
                return number;
            }
        }
    }
}

impl Kept {
    /// The kept submissions, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Submission>> {
        self.submissions.iter().map(|(submission, _)| submission)
    }

    /// The kept submission with this confirmation number.
    pub fn by_number(&self, number: &str) -> Option<&Arc<Submission>> {
        self.iter().rev().find(|submission| submission.number == number)
    }

    fn push(&mut self, submission: Arc<Submission>, bytes: usize) {
        self.count += 1;
        self.duplicates += u64::from(submission.duplicate_of.is_some());
        self.submissions.push_back((submission, bytes));
        self.bytes += bytes;
        while self.submissions.len() > KEPT_MAX || self.bytes > KEPT_BYTES_MAX {
            let Some((_, bytes)) = self.submissions.pop_front() else {
                break;
            };
            self.bytes -= bytes;
        }
    }
}

impl Journal {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let Some((file, length)) = &mut self.file else {
            return Ok(());
        };
        let written = file.write_all(line).and_then(|()| file.sync_data());
        if let Err(error) = written {
            // Half a line must not stay in front of the next one.
            file.set_len(*length)?;
            file.seek(SeekFrom::Start(*length))?;
            return Err(error);
        }
        *length += line.len() as u64;
        Ok(())
    }
}

/// Reads the file into `journal` and `kept`; returns its length up to the last whole line.
fn load(file: &File, journal: &mut Journal, kept: &mut Kept) -> io::Result<u64> {
    let mut reader = BufReader::new(file);
    let (mut length, mut line) = (0, Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 {
        if line.last() != Some(&b'\n') {
            tracing::warn!(bytes = line.len(), "cut off the torn last line of {FILE_NAME}");
            break;
        }
        let submission: Submission = serde_json::from_slice(&line).map_err(|error| {
            // Not the error's own text: it may quote an applicant's answer.
            let (row, column) = (kept.count + 1, error.column());
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{FILE_NAME}: line {row} is unreadable at column {column}"),
            )
        })?;
        journal.last_id = journal.last_id.max(submission.id);
        journal.firsts.entry(identity(&submission.job, &submission.email)).or_insert(submission.id);
        length += line.len() as u64;
        kept.push(Arc::new(submission), line.len());
        line.clear();
    }
    Ok(length)
}

/// What makes two submissions the same application: the job, and the e-mail address in any case.
fn identity(job: &str, email: &str) -> u128 {
    let digest = Sha256::new().chain_update(job).chain_update([0]).chain_update(email.to_lowercase()).finalize();
    digest.iter().take(16).fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}

fn to_the_millisecond<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn as_map<S: Serializer>(fields: &[(String, Answer)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().map(|(label, answer)| (label, answer)))
}

fn from_map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Answer)>, D::Error> {
    struct InOrder;
    impl<'de> serde::de::Visitor<'de> for InOrder {
        type Value = Vec<(String, Answer)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a map of labels to answers")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = Vec::new();
            while let Some(entry) = map.next_entry()? {
                fields.push(entry);
            }
            Ok(fields)
        }
    }
    deserializer.deserialize_map(InOrder)
}

#[cfg(test)]
mod tests;

//! What must be known after a crash: processes, leases, their pages and permits, in an append-only file of the data
//! directory. What a job was told and has said lies with the job ([`crate::jobs`]), and goes with it.
//!
//! Written by [`crate::jobs`] (leases, pages, permits) and the browsers (processes, the proxy's port). A permit is
//! recorded as used, durably, *before* the click: when that fails there is no click. A torn end is what a crash
//! leaves and is dropped (damage before it is refused: it hides what is not known any more); the file is rewritten with what still matters at each start, and when a job with a
//! permit ends, so that nothing of it stays behind.

mod record;
mod state;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use protocol::form::TEXT_MAX;
use protocol::ids::{LeaseId, PermitId, TaskId};
use protocol::task::Confirmation;
use protocol::wire::codec;
use protocol::wire::message::{Evidence, ReturnReason, SeenPermit, SubmitOutcome};
use tracing::warn;

use crate::page::Tab;
use record::{MAGIC, Record};
pub use record::{PermitEntry, PermitState, Process};
use state::State;

/// How long permits are told to the coordinator in a hello, and kept.
const PERMITS_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Permits named in one hello; a host makes a few hundred applications a day.
const PERMITS_MAX: usize = 10_000;
/// Confirmations told in one hello, of the newest permits. They are kept only until their lease is released, so there
/// are no more than jobs; each is a few KiB at most, and a hello must fit a frame.
const CONFIRMATIONS_MAX: usize = 32;
/// Longest address and number told with one, in characters.
const URL_MAX: usize = 1_000;
const NUMBER_MAX: usize = 200;
/// From this size the file is rewritten when a lease ends: it holds mostly what no longer matters.
const COMPACT_FROM: u64 = 256 << 10;
/// A ledger larger than this was not written by us.
const SIZE_MAX: u64 = 256 << 20;

/// The ledger of one agent. Calls block on the disk for milliseconds when they are durable.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    length: u64,
    /// A failed write could not be taken back: nothing more is written.
    broken: bool,
    state: State,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the ledger {path} cannot be {doing}", path = path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} is not a ledger", path = path.display())]
    NotALedger { path: PathBuf },
    /// A record before the last one cannot be read: what it said is lost, and perhaps that a permit was used.
    #[error(
        "the ledger {path} is damaged; with all applications of this host looked through, move it away to start anew",
        path = path.display()
    )]
    Damaged { path: PathBuf },
    #[error("the ledger was removed while the agent runs")]
    Removed,
    #[error("the ledger is broken since a write that failed")]
    Broken,
    #[error("a ledger record cannot be encoded")]
    Encode(#[from] codec::Error),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Durable {
    Yes,
    No,
}

impl Ledger {
    /// Opens or creates the ledger, drops a torn end and rewrites it with what still matters.
    ///
    /// # Errors
    /// When the file cannot be read or written, is something else, or is damaged before its end.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let io = |doing| move |source| Error::Io { doing, path: path.to_owned(), source };
        let bytes = match fs::metadata(path) {
            Ok(metadata) if metadata.len() > SIZE_MAX || !metadata.is_file() => {
                return Err(Error::NotALedger { path: path.to_owned() });
            }
            Ok(_) => fs::read(path).map_err(io("read"))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => MAGIC.to_vec(),
            Err(source) => return Err(io("read")(source)),
        };
        // A crash between creating and writing leaves nothing at all.
        let body = match bytes.strip_prefix(MAGIC) {
            Some(body) => body,
            None if bytes.is_empty() => &[],
            None => return Err(Error::NotALedger { path: path.to_owned() }),
        };
        let (records, sound) = record::read(body);
        if sound < body.len() {
            if record::any(&body[sound..]) {
                return Err(Error::Damaged { path: path.to_owned() });
            }
            warn!(bytes = body.len() - sound, "the ledger's torn end was dropped");
            metrics::counter!("valet_ledger_torn_total").increment(1);
        }
        let mut state = State::default();
        records.into_iter().for_each(|record| state.apply(record));
        let (file, length) = rewrite(path, &mut state)?;
        Ok(Self { path: path.to_owned(), inner: Mutex::new(Inner { file, length, broken: false, state }) })
    }

    // === processes ===

    /// Before the process is used.
    ///
    /// # Errors
    /// When the ledger cannot be written: the process should be ended again.
    pub fn process_started(&self, process: Process) -> Result<(), Error> {
        self.write(Record::ProcessStarted(process), Durable::No)
    }

    /// After the process and its folder are gone.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn process_gone(&self, pid: u32, started: u64) -> Result<(), Error> {
        self.write(Record::ProcessGone { pid, started }, Durable::No)
    }

    /// Processes that were started and are not known to be gone.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        self.inner().state.processes.values().cloned().collect()
    }

    /// The egress proxy listens there. A restarted agent listens there again, for browsers that go on.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn egress_at(&self, port: u16) -> Result<(), Error> {
        self.write(Record::EgressAt { port }, Durable::No)
    }

    /// Where the egress proxy listened last.
    #[must_use]
    pub fn egress_port(&self) -> Option<u16> {
        self.inner().state.egress
    }

    // === leases ===

    /// # Errors
    /// When the ledger cannot be written.
    pub fn lease_began(&self, lease: LeaseId, task: TaskId) -> Result<(), Error> {
        self.write(Record::LeaseBegan { lease, task }, Durable::No)
    }

    /// # Errors
    /// When the ledger cannot be written.
    pub fn lease_ended(&self, lease: LeaseId) -> Result<(), Error> {
        let mut inner = self.inner();
        if !inner.state.leases.contains_key(&lease) {
            return Ok(());
        }
        inner.write(&self.path, Record::LeaseEnded { lease }, Durable::No)?;
        let told = inner.state.permits.values().any(|entry| entry.lease == lease);
        if told || inner.length > COMPACT_FROM {
            inner.compact(&self.path)?;
        }
        Ok(())
    }

    /// Leases that did not end.
    #[must_use]
    pub fn leases(&self) -> Vec<(LeaseId, TaskId)> {
        self.inner().state.leases.iter().map(|(lease, task)| (*lease, *task)).collect()
    }

    /// Before the page of a lease is used, and when it has moved to another tab.
    ///
    /// # Errors
    /// When the ledger cannot be written: the page cannot be found again then.
    pub fn page_leased(&self, lease: LeaseId, tab: Tab) -> Result<(), Error> {
        self.write(Record::PageLeased { lease, tab }, Durable::No)
    }

    /// Where the page of a lease is, while its browser is not known to be gone.
    #[must_use]
    pub fn page(&self, lease: LeaseId) -> Option<Tab> {
        self.inner().state.pages.get(&lease).cloned()
    }

    // === permits ===

    #[must_use]
    pub fn permit(&self, permit: PermitId) -> Option<PermitEntry> {
        self.inner().state.permits.get(&permit).cloned()
    }

    /// What is known of the permits of a lease, oldest first.
    #[must_use]
    pub fn permits_of(&self, lease: LeaseId) -> Vec<PermitEntry> {
        self.inner().state.permits.values().filter(|entry| entry.lease == lease).cloned().collect()
    }

    /// # Errors
    /// When the ledger cannot be written.
    pub fn permit_received(&self, permit: PermitId, lease: LeaseId, task: TaskId) -> Result<(), Error> {
        self.write_permit(permit, lease, task, PermitState::Received, Durable::No)
    }

    /// Returns when the record is on the disk. Only then may the click be made.
    ///
    /// # Errors
    /// When that cannot be said for certain.
    pub fn permit_used(&self, permit: PermitId, lease: LeaseId, task: TaskId) -> Result<(), Error> {
        self.write_permit(permit, lease, task, PermitState::Used, Durable::Yes)
    }

    /// No click was made with this permit.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn permit_returned(
        &self,
        permit: PermitId,
        lease: LeaseId,
        task: TaskId,
        reason: ReturnReason,
    ) -> Result<(), Error> {
        self.write_permit(permit, lease, task, PermitState::Returned(reason), Durable::Yes)
    }

    /// # Errors
    /// When the ledger cannot be written.
    pub fn permit_outcome(
        &self,
        permit: PermitId,
        lease: LeaseId,
        task: TaskId,
        outcome: SubmitOutcome,
    ) -> Result<(), Error> {
        match self.write_permit(permit, lease, task, PermitState::Outcome(outcome), Durable::Yes) {
            // A rejected form too large for a record: after a crash it counts as unknown.
            Err(Error::Encode(_)) => {
                let outcome = SubmitOutcome::Unknown { evidence: Evidence::default() };
                self.write_permit(permit, lease, task, PermitState::Outcome(outcome), Durable::Yes)
            }
            done => done,
        }
    }

    /// Permits of the last 24 hours, for the hello.
    #[must_use]
    pub fn recent_permits(&self) -> Vec<SeenPermit> {
        let since = now_ms().saturating_sub(PERMITS_KEPT.as_millis() as u64);
        let inner = self.inner();
        let recent = inner.state.permits.values().rev().filter(|entry| entry.at_ms >= since);
        let mut room = CONFIRMATIONS_MAX;
        recent
            .take(PERMITS_MAX)
            .map(|entry| {
                let confirmation = entry.confirmation().filter(|_| room > 0);
                room -= usize::from(confirmation.is_some());
                SeenPermit { permit: entry.permit, task: entry.task, used: entry.used(), confirmation }
            })
            .collect()
    }

    fn write_permit(
        &self,
        permit: PermitId,
        lease: LeaseId,
        task: TaskId,
        state: PermitState,
        durable: Durable,
    ) -> Result<(), Error> {
        self.write(Record::Permit(PermitEntry { permit, lease, task, at_ms: now_ms(), state }), durable)
    }

    fn write(&self, record: Record, durable: Durable) -> Result<(), Error> {
        self.inner().write(&self.path, record, durable)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // The state is changed only after a write succeeded, in one step: a panic elsewhere leaves it sound.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PermitEntry {
    /// Whether a click was or may have been made with it.
    #[must_use]
    pub fn used(&self) -> bool {
        matches!(self.state, PermitState::Used | PermitState::Outcome(_))
    }

    fn confirmation(&self) -> Option<Confirmation> {
        let PermitState::Outcome(SubmitOutcome::Confirmed(seen)) = &self.state else { return None };
        let cut = |text: &str, max: usize| text.chars().take(max).collect();
        Some(Confirmation {
            text: cut(&seen.text, TEXT_MAX),
            number: seen.number.as_deref().map(|number| cut(number, NUMBER_MAX)),
            url: cut(&seen.url, URL_MAX),
        })
    }
}

impl Inner {
    fn write(&mut self, path: &Path, record: Record, durable: Durable) -> Result<(), Error> {
        if self.broken {
            return Err(Error::Broken);
        }
        let mut bytes = Vec::new();
        record::append(&record, &mut bytes)?;
        let written = self.file.write_all(&bytes).and_then(|()| match durable {
            Durable::Yes => self.file.sync_data(),
            Durable::No => Ok(()),
        });
        if let Err(source) = written {
            metrics::counter!("valet_ledger_errors_total").increment(1);
            // What was half written would hide every later record.
            self.broken = self.file.set_len(self.length).is_err();
            return Err(Error::Io { doing: "written", path: path.to_owned(), source });
        }
        self.length += bytes.len() as u64;
        self.state.apply(record);
        // A file without a name is gone with this process, however well it was written.
        match self.file.metadata() {
            Ok(metadata) if metadata.nlink() > 0 => Ok(()),
            _ => Err(Error::Removed),
        }
    }

    fn compact(&mut self, path: &Path) -> Result<(), Error> {
        (self.file, self.length) = rewrite(path, &mut self.state)?;
        Ok(())
    }
}

/// Writes the trimmed state to a new file and puts it in the place of the old one; returns it open at its end.
fn rewrite(path: &Path, state: &mut State) -> Result<(File, u64), Error> {
    state.trim();
    let mut bytes = MAGIC.to_vec();
    for record in state.records() {
        record::append(&record, &mut bytes)?;
    }
    let replaced = crate::identity::write_private(path, &bytes)
        .and_then(|()| OpenOptions::new().append(true).mode(0o600).open(path));
    let file = replaced.map_err(|source| Error::Io { doing: "rewritten", path: path.to_owned(), source })?;
    Ok((file, bytes.len() as u64))
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

//! Which jobs of an earlier life of this agent go on. The rule is pure; [`find`] gathers what it is told.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use protocol::ids::{LeaseId, TaskId};
use tracing::{info, warn};

use super::files;
use super::keep::{self, Kept};
use crate::browser::alive;
use crate::ledger::Ledger;
use crate::page::Tab;

/// A job that goes on, if its page is still what it was.
#[derive(Debug, Clone)]
pub(crate) struct Adoptable {
    pub tab: Tab,
    pub kept: Kept,
}

/// Why a job cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Lost {
    #[error("it had no page")]
    Page,
    #[error("its browser runs no more")]
    Browser,
    #[error("what it was told is not known any more")]
    State,
    #[error("a file of it had not arrived")]
    File,
}

/// Whether the job of a lease of the ledger goes on. `files` are the digests of those that have arrived.
fn decide(
    (lease, task): (LeaseId, TaskId),
    tab: Option<Tab>,
    browser_runs: bool,
    kept: Option<Kept>,
    files: &HashSet<String>,
) -> Result<Adoptable, Lost> {
    let tab = tab.ok_or(Lost::Page)?;
    if !browser_runs {
        return Err(Lost::Browser);
    }
    // What is kept in another's folder is not its own.
    let own = |kept: &Kept| kept.start.lease == lease && kept.start.task == task;
    let kept = kept.filter(own).ok_or(Lost::State)?;
    // The coordinator sends files with the start of a job only.
    if !kept.start.files.iter().all(|file| files.contains(&file.sha256)) {
        return Err(Lost::File);
    }
    Ok(Adoptable { tab, kept })
}

/// The jobs that go on. Removes from `folder` what the others left there.
pub(crate) fn find(ledger: &Ledger, folder: &Path) -> io::Result<HashMap<LeaseId, Adoptable>> {
    let mut found = HashMap::new();
    for (lease, task) in ledger.leases() {
        let own = folder.join(lease.to_string());
        let tab = ledger.page(lease);
        let runs = tab.as_ref().is_some_and(|tab| alive(tab.pid, tab.started));
        let files = files::arrived(&own).into_keys().collect();
        match decide((lease, task), tab, runs, keep::read(&own), &files) {
            Ok(adoptable) => {
                found.insert(lease, adoptable);
            }
            Err(why) => info!(%lease, %why, "a job of before the restart does not go on"),
        }
    }
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    let named: HashSet<String> = found.keys().map(ToString::to_string).collect();
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| named.contains(name)) {
            continue;
        }
        let removed = if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())
        } else {
            std::fs::remove_file(entry.path())
        };
        if let Err(error) = removed {
            warn!(%error, "what a job left could not be removed");
            return Err(error);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use protocol::form::FileRef;
    use protocol::task::Mode;
    use protocol::wire::message::JobStart;

    use super::*;

    fn tab() -> Tab {
        Tab { pid: 1, started: 2, context: "c".into(), target: "t".into(), way: 3 }
    }

    fn kept(lease: LeaseId, task: TaskId) -> Kept {
        let files = vec![FileRef { name: "cv.pdf".into(), size: 1, sha256: "a".into() }];
        let start = JobStart { lease, task, url: "https://jobs.example".into(), mode: Mode::Copilot, files };
        Kept { start, seen: true, answered: vec![], page: vec![], last: 4, frames: vec![] }
    }

    #[test]
    fn a_job_goes_on_when_all_of_it_is_there() {
        let of = (LeaseId::new(), TaskId::new());
        let files: HashSet<String> = ["a".to_owned()].into();
        let own = || Some(kept(of.0, of.1));
        assert!(decide(of, Some(tab()), true, own(), &files).is_ok());
        assert_eq!(decide(of, None, true, own(), &files).err(), Some(Lost::Page));
        assert_eq!(decide(of, Some(tab()), false, own(), &files).err(), Some(Lost::Browser));
        assert_eq!(decide(of, Some(tab()), true, None, &files).err(), Some(Lost::State));
        let other = Some(kept(of.0, TaskId::new()));
        assert_eq!(decide(of, Some(tab()), true, other, &files).err(), Some(Lost::State));
        assert_eq!(decide(of, Some(tab()), true, own(), &HashSet::new()).err(), Some(Lost::File));
    }

    #[test]
    fn what_does_not_go_on_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, jobs) = (Ledger::open(&dir.path().join("ledger")).unwrap(), dir.path().join("jobs"));
        assert!(find(&ledger, &jobs).unwrap().is_empty(), "there was no job at all");
        let own = std::process::id();
        let runs = Tab { pid: own, started: crate::browser::start_time(own).unwrap(), ..tab() };
        let leases: Vec<_> = [runs.clone(), Tab { started: runs.started - 1, ..runs.clone() }]
            .into_iter()
            .map(|tab| {
                let (lease, task) = (LeaseId::new(), TaskId::new());
                ledger.lease_began(lease, task).unwrap();
                ledger.page_leased(lease, tab).unwrap();
                let start = JobStart { files: vec![], ..kept(lease, task).start };
                keep::Keep::new(&jobs.join(lease.to_string()), &start).save(1, &Default::default());
                lease
            })
            .collect();
        std::fs::write(jobs.join("stray"), "").unwrap();
        std::fs::create_dir(jobs.join(LeaseId::new().to_string())).unwrap();
        let found = find(&ledger, &jobs).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), [&leases[0]]);
        assert_eq!(found[&leases[0]].tab, runs);
        let left: Vec<_> = std::fs::read_dir(&jobs).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [std::ffi::OsString::from(leases[0].to_string())]);
    }
}

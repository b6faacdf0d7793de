//! Processes of a system under test, found through `/proc` below the one that we started. Nothing else is ever touched.

use std::collections::BTreeMap;
use std::time::Duration;

/// A process we may signal: it descends from one that we started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    pub command: String,
}

/// Every process of the machine, as of now.
fn all() -> BTreeMap<i32, Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name in brackets may hold anything; what follows it is: state, parent.
            let rest = stat.rsplit_once(')')?.1;
            let mut fields = rest.split_whitespace();
            let state = fields.next()?;
            let parent: i32 = fields.next()?.parse().ok()?;
            if state == "Z" {
                return None;
            }
            let command = std::fs::read(entry.path().join("cmdline")).ok()?;
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            Some((pid, Process { pid, parent, command }))
        })
        .collect()
}

/// Everything that descends from `root`, and `root` itself.
#[must_use]
pub fn family(root: i32) -> Vec<Process> {
    let all = all();
    let descends = |mut pid: i32| {
        for _ in 0..32 {
            if pid == root {
                return true;
            }
            match all.get(&pid) {
                Some(process) if process.parent > 1 => pid = process.parent,
                _ => return false,
            }
        }
        false
    };
    all.values().filter(|process| descends(process.pid)).cloned().collect()
}

/// Every live process whose command line names `text` (a data directory made for one test).
#[must_use]
pub fn naming(text: &str) -> Vec<Process> {
    let own = std::process::id().cast_signed();
    all().into_values().filter(|process| process.pid != own && process.command.contains(text)).collect()
}

/// Sends a signal to a process of ours.
pub fn signal(pid: i32, signal: i32) {
    assert!(pid > 1, "not a process of ours");
    // SAFETY: kill touches no memory; the id is of a process that descends from one we started.
    unsafe { libc::kill(pid, signal) };
}

/// Waits until `done` holds, looking every few milliseconds.
///
/// # Panics
/// When it does not hold in time; says what was waited for.
pub async fn wait_until(what: &str, patience: Duration, mut done: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + patience;
    while !done() {
        assert!(tokio::time::Instant::now() < deadline, "waited {patience:?} in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

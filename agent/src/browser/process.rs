//! Processes by pid *and* start time: a pid alone may by now be somebody else's.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// How often a process that was asked to end is looked at.
const POLL: Duration = Duration::from_millis(20);
/// For a process of an earlier run to end, and again after it was told so harder.
const POLITELY: Duration = Duration::from_secs(5);

/// A process this agent started, as it is written down before it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRecord {
    pub pid: u32,
    /// Clock ticks between the host's start and the process's, from `/proc`; with the pid it names one process.
    pub started: u64,
    /// Its DevTools port on loopback.
    pub port: u16,
    /// The port of the agent's own proxy it goes out through. An agent that adopts it must listen there again.
    pub egress_port: u16,
    /// The folder that is removed with it.
    pub folder: PathBuf,
}

/// Told of every browser process before it is used, and after it and its folder are gone.
pub trait ProcessRecorder: Send + Sync + 'static {
    /// # Errors
    /// The browser is not used (and is stopped again) when it cannot be written down.
    fn started(&self, record: &ProcessRecord) -> io::Result<()>;
    fn ended(&self, record: &ProcessRecord);
}

/// Writes nothing down; for browsers that die with their agent.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRecorder;

impl ProcessRecorder for NoRecorder {
    fn started(&self, _: &ProcessRecord) -> io::Result<()> {
        Ok(())
    }

    fn ended(&self, _: &ProcessRecord) {}
}

/// When a process started, in clock ticks since the host did; `None` when there is no such process or it is a zombie.
#[must_use]
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold anything, parentheses too.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    // Field 22 of the whole line; three came before.
    (state != "Z").then(|| fields.nth(18)?.parse().ok())?
}

/// Whether exactly this process still runs.
#[must_use]
pub fn alive(pid: u32, started: u64) -> bool {
    start_time(pid) == Some(started)
}

/// Whether any process of a group still runs; zombies nobody has collected do not count.
#[must_use]
pub fn group_alive(group: u32) -> bool {
    let Ok(entries) = std::fs::read_dir("/proc") else { return false };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).any(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let Some((_, rest)) = stat.rsplit_once(") ") else { return false };
        let mut fields = rest.split(' ');
        let running = fields.next() != Some("Z");
        running && fields.nth(1).and_then(|group| group.parse().ok()) == Some(group)
    })
}

/// The process groups in which a program runs with exactly this argument.
pub(super) fn groups_with(argument: &str) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut groups: Vec<u32> = pids
        .filter(|pid| {
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            command.split(|byte| *byte == 0).any(|given| given == argument.as_bytes())
        })
        .filter_map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            stat.rsplit_once(") ")?.1.split(' ').nth(2)?.parse().ok()
        })
        .collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// Signals the process group a browser of ours leads.
pub(super) fn signal_group(group: u32, signal: libc::c_int) {
    let Ok(group) = libc::pid_t::try_from(group) else { return };
    // Zero and one would mean "everybody".
    if group > 1 {
        // SAFETY: kill takes two integers and touches no memory of ours.
        unsafe { libc::kill(-group, signal) };
    }
}

/// Ends a browser of an earlier run, if exactly that process still runs. `true` when nothing of it is left.
pub async fn end(pid: u32, started: u64) -> bool {
    !alive(pid, started) || end_group(pid, POLITELY).await
}

/// Ends a process group that was started by us, politely first. `true` when nothing of it is left.
pub(super) async fn end_group(group: u32, politely: Duration) -> bool {
    signal_group(group, libc::SIGTERM);
    if gone_within(group, politely).await {
        return true;
    }
    signal_group(group, libc::SIGKILL);
    gone_within(group, politely).await
}

/// Waits until no process of a group runs.
pub(super) async fn gone_within(group: u32, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while group_alive(group) {
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(POLL).await;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_an_older_one_of_its_pid_is_not() {
        let pid = std::process::id();
        let started = start_time(pid).unwrap();
        assert!(alive(pid, started));
        assert!(!alive(pid, started - 1));
        assert_eq!(start_time(u32::MAX), None);
    }

    #[tokio::test]
    async fn a_group_is_ended_even_when_its_leader_ignores_the_polite_way() {
        let mut command = tokio::process::Command::new("sh");
        command.args(["-c", "trap '' TERM; echo ready; sleep 600 & wait; sleep 600"]).process_group(0);
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = tokio::io::BufReader::new(child.stdout.take().unwrap());
        tokio::io::AsyncBufReadExt::read_line(&mut out, &mut line).await.unwrap();
        let group = child.id().unwrap();
        assert!(group_alive(group));
        assert!(end_group(group, Duration::from_millis(200)).await);
        assert!(!child.wait().await.unwrap().success());
    }
}

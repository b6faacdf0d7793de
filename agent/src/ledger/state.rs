//! What the records add up to: kept in memory, and what a rewritten file begins with. No I/O.

use std::collections::BTreeMap;

use protocol::ids::{LeaseId, PermitId, TaskId};

use super::record::{PermitEntry, PermitState, Process, Record};
use super::{PERMITS_KEPT, now_ms};
use crate::page::Tab;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) processes: BTreeMap<(u32, u64), Process>,
    pub(super) leases: BTreeMap<LeaseId, TaskId>,
    pub(super) pages: BTreeMap<LeaseId, Tab>,
    pub(super) egress: Option<u16>,
    pub(super) permits: BTreeMap<PermitId, PermitEntry>,
}

impl State {
    pub(super) fn apply(&mut self, record: Record) {
        match record {
            Record::ProcessStarted(process) => {
                self.processes.insert((process.pid, process.started), process);
            }
            Record::ProcessGone { pid, started } => {
                self.processes.remove(&(pid, started));
                self.pages.retain(|_, tab| (tab.pid, tab.started) != (pid, started));
            }
            Record::LeaseBegan { lease, task } => {
                self.leases.insert(lease, task);
            }
            Record::LeaseEnded { lease } => {
                self.leases.remove(&lease);
                self.pages.remove(&lease);
            }
            Record::PageLeased { lease, tab } => {
                self.pages.insert(lease, tab);
            }
            Record::EgressAt { port } => self.egress = Some(port),
            Record::Permit(entry) => {
                self.permits.insert(entry.permit, entry);
            }
        }
    }

    /// Forgets what no longer matters: old permits, and of those whose lease ended everything but what a hello says.
    pub(super) fn trim(&mut self) {
        let since = now_ms().saturating_sub(PERMITS_KEPT.as_millis() as u64);
        let leases = &self.leases;
        self.permits.retain(|_, entry| entry.at_ms >= since || leases.contains_key(&entry.lease));
        for entry in self.permits.values_mut().filter(|entry| !leases.contains_key(&entry.lease)) {
            if let PermitState::Outcome(_) = entry.state {
                entry.state = PermitState::Used;
            }
        }
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let processes = self.processes.values().cloned().map(Record::ProcessStarted);
        let leases = self.leases.iter().map(|(lease, task)| Record::LeaseBegan { lease: *lease, task: *task });
        let permits = self.permits.values().cloned().map(Record::Permit);
        let pages = self.pages.iter().map(|(lease, tab)| Record::PageLeased { lease: *lease, tab: tab.clone() });
        let egress = self.egress.map(|port| Record::EgressAt { port });
        processes.chain(egress).chain(leases).chain(pages).chain(permits)
    }
}

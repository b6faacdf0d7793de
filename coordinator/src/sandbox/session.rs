//! One agent's session at this node: its link, its jobs, and what this node notes of both for reports on the way in.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use protocol::ids::{CommandId, LeaseId, SandboxId};
use protocol::wire::close;
use store::tasks::{Asked, Leased, TaskAt};

use crate::core::Core;
use crate::listener::{AgentLink, JobLink};

/// An agent's session and the jobs open on it.
pub(super) struct Session {
    core: Arc<Core>,
    sandbox: SandboxId,
    pub epoch: i64,
    pub link: AgentLink,
    pub jobs: HashMap<LeaseId, Job>,
    /// Leases that are over and that the agent is not to let go of before their tasks have heard what it knows of them.
    pub withheld: HashSet<LeaseId>,
}

pub(super) struct Job {
    pub task: TaskAt,
    /// `None` once its stream broke.
    pub link: Option<JobLink>,
    /// The last command on this stream, which loses nothing: the same again has been said.
    pub said: Option<CommandId>,
}

impl Session {
    pub fn new(core: Arc<Core>, sandbox: SandboxId, epoch: i64, link: AgentLink) -> Self {
        core.sessions.insert(sandbox, epoch);
        Self { core, sandbox, epoch, link, jobs: HashMap::new(), withheld: HashSet::new() }
    }

    pub fn insert(&mut self, lease: LeaseId, task: TaskAt, link: JobLink) {
        self.jobs.insert(lease, Job { task, link: Some(link), said: None });
    }

    /// Whether what is asked of the agent under a lease has been said in this session.
    pub fn has_heard(&self, leased: &Leased) -> bool {
        let job = self.jobs.get(&leased.lease);
        match leased.asked {
            None => true,
            Some(Asked::Start) => job.is_some(),
            Some(Asked::Command(command)) => job.is_some_and(|job| job.said == Some(command)),
        }
    }

    pub fn forget(&mut self, lease: LeaseId) {
        self.jobs.remove(&lease);
        self.core.leases.remove(&lease);
    }
}

/// A session that nobody keeps is over, whatever ended its actor: the agent is to notice and say hello again.
impl Drop for Session {
    fn drop(&mut self) {
        // First of all: a report that comes now must not be answered as if its lease were over.
        self.link.close(close::GOING_DOWN);
        self.core.sessions.remove_if(&self.sandbox, |_, epoch| *epoch == self.epoch);
        for lease in self.jobs.keys() {
            self.core.leases.remove(lease);
        }
    }
}

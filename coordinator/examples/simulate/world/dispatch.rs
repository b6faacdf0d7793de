//! The dispatcher: it reads what changed, and places who waits.

use coordinator::task::machine::Input;
use protocol::ids::LeaseId;
use protocol::task::Status;
use store::queue::{SandboxFact, Stand, TaskFact};

use super::{Message, World};
use crate::hosts::Slot;

impl World {
    pub(super) fn read(&mut self) {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        for row in changed.drain(..) {
            let task = &self.rows[row].live.task;
            let stand = match (task.status, task.lease_id, task.sandbox_id) {
                (Status::Queued, ..) => Stand::Queued { since: task.queued_at.unwrap_or(self.now) },
                (status, Some(_), Some(sandbox)) => Stand::Placed { sandbox, running: status == Status::InProgress },
                _ => Stand::Neither,
            };
            let fact = TaskFact {
                id: task.id,
                user: task.user_id,
                tier: "free".into(),
                engine: None,
                tags: Vec::new(),
                site: None,
                profile_host: None,
                failed_host: task.sandbox_id.filter(|_| task.attempt > 0 && matches!(stand, Stand::Queued { .. })),
                placed_at: task.placed_at,
                stand,
            };
            self.planner.apply(&fact, self.now);
        }
        self.changed = changed;
        let mut changed = std::mem::take(&mut self.changed_hosts);
        changed.sort_unstable();
        changed.dedup();
        for host in changed.drain(..) {
            let host = &self.hosts[host];
            self.planner.apply_sandbox(SandboxFact {
                id: host.id,
                epoch: host.epoch,
                capacity: host.capacity,
                load: host.load,
                engine: "chromium".into(),
                tags: Vec::new(),
                ready: host.cut.is_none(),
            });
        }
        self.changed_hosts = changed;
        for (task, claimed) in self.answered.drain(..) {
            self.planner.settle(task, claimed, self.now);
        }
    }

    pub(super) fn pass(&mut self) {
        self.read();
        for placement in self.planner.plan(self.now, 16) {
            let row = (placement.task.0.as_u64_pair().1) as usize;
            let to = Slot { row, life: self.rows[row].life };
            assert_eq!(self.rows[row].live.task.id, placement.task, "a task that is gone is not placed");
            let (sandbox, epoch, lease) = (placement.sandbox, placement.epoch, LeaseId(self.dice.id()));
            self.on_way.push(Message::Input { to, input: Input::Claimed { sandbox, epoch, lease } });
        }
    }
}

//! Placement as a pure problem.

use protocol::ids::{SandboxId, TaskId};
use store::agents::Placeable;
use store::tasks::Queued;

/// One task to one sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    pub task: TaskId,
    pub sandbox: SandboxId,
    pub epoch: i64,
}

/// Places tasks in the order given, each on the sandbox with the lowest load for its capacity. The queue's statement
/// has put users in turn; here nobody overtakes.
#[must_use]
pub fn plan(queued: &[Queued], sandboxes: &[Placeable]) -> Vec<Placement> {
    let mut sandboxes = sandboxes.to_vec();
    let mut placements = Vec::new();
    for task in queued {
        let free = sandboxes.iter_mut().filter(|sandbox| sandbox.load < sandbox.capacity);
        // load_a / capacity_a < load_b / capacity_b without fractions; the lower id decides between equals.
        let best = free.min_by(|a, b| {
            let (left, right) = (i64::from(a.load) * i64::from(b.capacity), i64::from(b.load) * i64::from(a.capacity));
            left.cmp(&right).then(a.id.cmp(&b.id))
        });
        let Some(sandbox) = best else { break };
        sandbox.load += 1;
        placements.push(Placement { task: task.id, sandbox: sandbox.id, epoch: sandbox.epoch });
    }
    placements
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Utc;
    use protocol::ids::UserId;

    fn sandbox(load: i32, capacity: i32) -> Placeable {
        Placeable { id: SandboxId::new(), epoch: 1, capacity, load }
    }

    fn tasks(count: usize) -> Vec<Queued> {
        (0..count)
            .map(|_| Queued { id: TaskId::new(), user: UserId::new(), queued_at: Utc::now(), running: 0 })
            .collect()
    }

    #[test]
    fn the_emptiest_host_for_its_size_comes_first() {
        let (small, large) = (sandbox(1, 2), sandbox(2, 10));
        let placed: Vec<_> = plan(&tasks(4), &[small.clone(), large.clone()]).iter().map(|p| p.sandbox).collect();
        assert_eq!(placed, [large.id, large.id, large.id, small.id]);
    }

    #[test]
    fn nobody_is_placed_beyond_capacity_and_nobody_overtakes() {
        let tasks = tasks(5);
        let placed = plan(&tasks, &[sandbox(0, 2), sandbox(1, 2)]);
        let ids: Vec<_> = placed.iter().map(|p| p.task).collect();
        assert_eq!(ids, [tasks[0].id, tasks[1].id, tasks[2].id]);
    }

    #[test]
    fn without_hosts_everybody_waits() {
        assert!(plan(&tasks(2), &[]).is_empty());
    }
}

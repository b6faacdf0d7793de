//! How many decisions the dispatcher's planner makes in a second: `bench_dispatch [USERS [SANDBOXES]]`.
//!
//! 100,000 people with two tasks each wait for 5,000 sandboxes of five places. Once every place is taken, tasks end and
//! others take their places, as in a fleet with more to do than it can: what is measured is a decision together with
//! what it takes to keep the index true (the end of a task, the claim, the load of its sandbox; two facts and two changed
//! sandboxes per decision). No database: reading is measured by the database's own figures.

#![expect(clippy::print_stdout, reason = "figures are this program's result")]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use coordinator::dispatch::plan::{Claimed, Placement, Planner};
use protocol::ids::{SandboxId, TaskId, UserId};
use store::queue::{SandboxFact, Stand, TaskFact};

const CAPACITY: i32 = 5;
const TASKS_EACH: usize = 2;
/// Decisions in one pass, as the dispatcher asks for.
const AT_A_TIME: usize = 256;
const MEASURED: Duration = Duration::from_secs(3);
/// Sites that tasks go to: a thousand employers with hosts of their own, and two systems on shared ones.
const SITES: usize = 1_000;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|number| number.parse::<usize>().ok());
    let (users, sandboxes) = (numbers.next().unwrap_or(100_000), numbers.next().unwrap_or(5_000));
    let mut fleet = Fleet::new(users, sandboxes);
    let (first, spent) = fleet.fill();
    let rate = |count: usize, spent: Duration| count as f64 / spent.as_secs_f64();
    println!(
        "dispatcher, first fill at {users} queued users, {sandboxes} sandboxes: {first} decisions, {:.0}/s",
        rate(first, spent)
    );
    let (steady, spent) = fleet.run();
    println!(
        "dispatcher decisions/s at {users} queued users, {sandboxes} sandboxes: {:.0} (target 50000)",
        rate(steady, spent)
    );
    fleet.end_all();
    let (idle, began) = (1_000_u32, Instant::now());
    for _ in 0..idle {
        assert!(fleet.planner.plan(fleet.now, AT_A_TIME).len() <= AT_A_TIME);
    }
    println!(
        "dispatcher, a pass that places nothing or what is left: {:.1} us",
        (began.elapsed() / idle).as_secs_f64() * 1e6
    );
}

struct Fleet {
    planner: Planner,
    now: DateTime<Utc>,
    hosts: std::collections::HashMap<SandboxId, SandboxFact>,
    running: VecDeque<(TaskFact, SandboxId)>,
    waiting: std::collections::HashMap<TaskId, TaskFact>,
}

impl Fleet {
    fn new(users: usize, sandboxes: usize) -> Self {
        let (mut planner, now) = (Planner::default(), Utc::now());
        let mut waiting = std::collections::HashMap::new();
        for number in 0..users * TASKS_EACH {
            // The first tasks of all, then the second ones.
            let user = UserId(uuid::Uuid::from_u128((number % users) as u128 + 1));
            let site = match number % 10 {
                0..7 => None,
                7 => Some("greenhouse".to_owned()),
                _ => Some(format!("jobs{}.example", number % SITES)),
            };
            let fact = TaskFact {
                id: TaskId::new(),
                user,
                tier: if number % 3 == 0 { "pro" } else { "free" }.into(),
                engine: (number % 20 == 0).then(|| "adspower".to_owned()),
                tags: Vec::new(),
                site,
                profile_host: None,
                failed_host: None,
                placed_at: None,
                stand: Stand::Queued { since: now },
            };
            planner.apply(&fact, now);
            waiting.insert(fact.id, fact);
        }
        let mut hosts = std::collections::HashMap::new();
        for number in 0..sandboxes {
            let engine = if number % 10 == 0 { "adspower" } else { "chromium" };
            let (id, engine) = (SandboxId::new(), engine.to_owned());
            let fact = SandboxFact { id, epoch: 1, capacity: CAPACITY, load: 0, engine, tags: Vec::new(), ready: true };
            planner.apply_sandbox(fact.clone());
            hosts.insert(id, fact);
        }
        Self { planner, now, hosts, running: VecDeque::new(), waiting }
    }

    /// The claims were taken: what the next reading would find.
    fn claimed(&mut self, placements: &[Placement]) {
        for placement in placements {
            let Some(mut fact) = self.waiting.remove(&placement.task) else { continue };
            fact.stand = Stand::Placed { sandbox: placement.sandbox, running: true };
            fact.placed_at = Some(self.now);
            self.planner.apply(&fact, self.now);
            self.load(placement.sandbox, 1);
            self.planner.settle(placement.task, Claimed::Answered, self.now);
            self.running.push_back((fact, placement.sandbox));
        }
    }

    fn load(&mut self, sandbox: SandboxId, change: i32) {
        if let Some(host) = self.hosts.get_mut(&sandbox) {
            host.load += change;
            self.planner.apply_sandbox(host.clone());
        }
    }

    /// The oldest tasks end, and their people have another one each.
    fn end(&mut self, count: usize) {
        for _ in 0..count {
            let Some((mut fact, sandbox)) = self.running.pop_front() else { return };
            fact.stand = Stand::Neither;
            self.planner.apply(&fact, self.now);
            self.load(sandbox, -1);
            (fact.id, fact.stand) = (TaskId::new(), Stand::Queued { since: self.now });
            self.planner.apply(&fact, self.now);
            self.waiting.insert(fact.id, fact);
        }
    }

    fn end_all(&mut self) {
        self.end(usize::MAX);
        while !self.planner.plan(self.now, AT_A_TIME).is_empty() {}
    }

    fn fill(&mut self) -> (usize, Duration) {
        let (mut count, began) = (0, Instant::now());
        loop {
            let placements = self.planner.plan(self.now, AT_A_TIME);
            if placements.is_empty() {
                return (count, began.elapsed());
            }
            count += placements.len();
            self.claimed(&placements);
        }
    }

    fn run(&mut self) -> (usize, Duration) {
        let (mut count, began) = (0, Instant::now());
        while began.elapsed() < MEASURED {
            self.end(AT_A_TIME);
            // Tasks take minutes: time goes on with them, and with it what sites bear in a minute.
            self.now += chrono::TimeDelta::milliseconds(500);
            let placements = self.planner.plan(self.now, AT_A_TIME);
            count += placements.len();
            self.claimed(&placements);
        }
        (count, began.elapsed())
    }
}

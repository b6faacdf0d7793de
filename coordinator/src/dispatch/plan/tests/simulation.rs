//! The planner in a world that changes under it: tasks arrive, end, are held and called off, hosts drain and vanish, other
//! planners place tasks meanwhile, claims are slow. The world's own rules are those of the claim's statement. Everything
//! follows from a seed; `SEEDS=1000` runs more of them.

use std::collections::BTreeMap;

use protocol::site;
use uuid::Uuid;

use super::*;
use crate::dispatch::sites::WINDOW;

/// Seeds of a usual run.
const SEEDS: u64 = 12;
const STEPS: usize = 1_500;
const USERS: usize = 20;
const SITES: [&str; 3] = ["linkedin", "crumb.example", "lever"];
const TIERS: [&str; 3] = ["free", "starter", "pro"];
/// Placements of others that somebody may see while they could be placed themselves: the weights of all, for each of the
/// three needs, twice because those called by their site go in between.
const PATIENCE: usize = USERS * 3 * 3 * 2;

/// Small, good enough, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn id(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.roll(), self.roll())
    }
}

/// What the database would hold, with who changed since the last reading.
struct World {
    dice: Dice,
    now: DateTime<Utc>,
    users: Vec<UserId>,
    tasks: BTreeMap<TaskId, TaskFact>,
    hosts: BTreeMap<SandboxId, SandboxFact>,
    changed: Vec<TaskId>,
    changed_hosts: Vec<SandboxId>,
    starts: Vec<(String, DateTime<Utc>)>,
    planner: Planner,
    /// Claims on their way, and those that were answered.
    claims: Vec<Placement>,
    answered: Vec<(TaskId, Claimed)>,
    /// Placements that others got while this person could have been placed.
    passed: BTreeMap<UserId, usize>,
    placed: usize,
    refused: usize,
    /// Nobody but the planner changes anything between its reading and its claims.
    calm: bool,
    /// Starts beyond a site's limit: a slow claim begins later than it was planned, and few are slow.
    slack: usize,
    trace: u64,
}

impl World {
    fn new(seed: u64, calm: bool) -> Self {
        let mut dice = Dice(seed);
        let users = (0..USERS).map(|_| UserId(dice.id())).collect();
        let mut world = Self {
            dice,
            now: start_of_time(),
            users,
            tasks: BTreeMap::new(),
            hosts: BTreeMap::new(),
            changed: Vec::new(),
            changed_hosts: Vec::new(),
            starts: Vec::new(),
            planner: Planner::default(),
            claims: Vec::new(),
            answered: Vec::new(),
            passed: BTreeMap::new(),
            placed: 0,
            refused: 0,
            calm,
            slack: if calm { 0 } else { 8 },
            trace: 0xcbf2_9ce4_8422_2325,
        };
        for n in 0..6 {
            let mut fact = SandboxFact { id: SandboxId(world.dice.id()), ..host(1 + n) };
            if n % 3 == 2 {
                (fact.engine, fact.tags) = ("adspower".into(), vec!["eu".into()]);
            }
            world.changed_hosts.push(fact.id);
            world.hosts.insert(fact.id, fact);
        }
        world
    }

    fn note(&mut self, what: impl std::hash::Hash) {
        use std::hash::Hasher as _;
        #[expect(deprecated, reason = "the same value in every release, which the default hasher does not promise")]
        let mut hasher = std::hash::SipHasher::new_with_keys(self.trace, 7);
        what.hash(&mut hasher);
        self.trace = hasher.finish();
    }

    fn arrive(&mut self) {
        let user = self.users[self.dice.below(USERS)];
        let (engine, tags) = match self.dice.below(6) {
            0 => (Some("adspower".to_owned()), Vec::new()),
            1 => (None, vec!["eu".to_owned()]),
            _ => (None, Vec::new()),
        };
        let site = (!self.dice.one_in(3)).then(|| SITES[self.dice.below(SITES.len())].to_owned());
        let tier = TIERS[self.users.iter().position(|other| *other == user).unwrap() % TIERS.len()].to_owned();
        let since = self.now + seconds(if self.dice.one_in(8) { self.dice.below(30) as i64 } else { 0 });
        let profile_host = self.dice.one_in(4).then(|| *self.hosts.keys().next().unwrap());
        let (id, stand) = (TaskId(self.dice.id()), Stand::Queued { since });
        let (failed_host, placed_at) = (None, None);
        let fact = TaskFact { id, user, tier, engine, tags, site, profile_host, failed_host, placed_at, stand };
        self.tasks.insert(id, fact);
        self.changed.push(id);
    }

    fn running(&self, user: UserId) -> usize {
        self.tasks
            .values()
            .filter(|task| task.user == user && matches!(task.stand, Stand::Placed { running: true, .. }))
            .count()
    }

    /// As the claim's transaction: task, slot and cap, or nothing.
    fn claim(&mut self, placement: Placement) -> bool {
        let Some(task) = self.tasks.get(&placement.task) else { return false };
        let queued = matches!(task.stand, Stand::Queued { .. });
        let below_cap = self.running(task.user) < CAP as usize;
        let Some(host) = self.hosts.get_mut(&placement.sandbox) else { return false };
        if !queued || !below_cap || !host.ready || host.epoch != placement.epoch || host.load >= host.capacity {
            return false;
        }
        host.load += 1;
        self.changed_hosts.push(host.id);
        let task = self.tasks.get_mut(&placement.task).unwrap();
        assert!(task.engine.as_ref().is_none_or(|engine| *engine == host.engine), "the wrong engine");
        assert!(task.tags.iter().all(|tag| host.tags.contains(tag)), "a tag is missing");
        task.stand = Stand::Placed { sandbox: placement.sandbox, running: true };
        task.placed_at = Some(self.now);
        if let Some(site) = &task.site {
            self.starts.push((site.clone(), self.now));
        }
        self.changed.push(placement.task);
        true
    }

    /// A task leaves its place, if it has one.
    fn leave(&mut self, id: TaskId, stand: Option<Stand>) {
        let task = self.tasks.get_mut(&id).unwrap();
        if let Stand::Placed { sandbox, .. } = task.stand {
            self.hosts.get_mut(&sandbox).unwrap().load -= 1;
            self.changed_hosts.push(sandbox);
        }
        match stand {
            Some(stand) => task.stand = stand,
            None => drop(self.tasks.remove(&id)),
        }
        self.changed.push(id);
    }

    fn any_task(&mut self, which: impl Fn(&TaskFact) -> bool) -> Option<TaskId> {
        let fitting: Vec<TaskId> = self.tasks.values().filter(|task| which(task)).map(|task| task.id).collect();
        if fitting.is_empty() { None } else { Some(fitting[self.dice.below(fitting.len())]) }
    }

    /// Something happens that is none of the planner's doing.
    fn happen(&mut self) {
        let is_placed = |task: &TaskFact| matches!(task.stand, Stand::Placed { .. });
        match self.dice.below(24) {
            0..=9 => {
                if let Some(task) = self.any_task(is_placed) {
                    self.leave(task, None);
                }
            }
            // Held for its person. Those for sites stay as they are: an approval would go on there without a claim.
            10..=12 => {
                if let Some(id) = self.any_task(is_placed) {
                    let task = self.tasks.get_mut(&id).unwrap();
                    if let Stand::Placed { running, .. } = &mut task.stand {
                        *running = false;
                    }
                    self.changed.push(id);
                }
            }
            13 | 14 => {
                if let Some(task) = self.any_task(is_placed) {
                    let since = self.now + seconds(4);
                    self.leave(task, Some(Stand::Queued { since }));
                }
            }
            15 => {
                if let Some(task) = self.any_task(|_| true) {
                    self.leave(task, None);
                }
            }
            16 | 17 => {
                let index = self.dice.below(self.hosts.len());
                let host = self.hosts.values_mut().nth(index).unwrap();
                host.ready = !host.ready;
                self.changed_hosts.push(host.id);
            }
            // A host is lost with all it holds, and comes back as another session.
            18 => {
                let index = self.dice.below(self.hosts.len());
                let id = *self.hosts.keys().nth(index).unwrap();
                let on_it: Vec<TaskId> = self
                    .tasks
                    .values()
                    .filter(|task| matches!(task.stand, Stand::Placed { sandbox, .. } if sandbox == id))
                    .map(|task| task.id)
                    .collect();
                for task in on_it {
                    self.leave(task, Some(Stand::Queued { since: self.now }));
                }
                self.hosts.get_mut(&id).unwrap().epoch += 1;
                self.changed_hosts.push(id);
            }
            // Another planner, whose time is over, places a task that has no site.
            19 if !self.calm => {
                let free = self.hosts.values().find(|host| host.ready && host.tags.is_empty()).cloned();
                let plain = |task: &TaskFact| {
                    task.site.is_none() && task.engine.is_none() && task.tags.is_empty() && !is_placed(task)
                };
                if let (Some(host), Some(task)) = (free, self.any_task(plain)) {
                    self.claim(Placement { task, sandbox: host.id, epoch: host.epoch });
                }
            }
            _ => self.now += seconds(self.dice.below(5) as i64),
        }
    }

    fn read(&mut self) {
        for id in std::mem::take(&mut self.changed) {
            match self.tasks.get(&id) {
                Some(task) => self.planner.apply(task, self.now),
                None => self.planner.remove(id, self.now),
            }
        }
        for id in std::mem::take(&mut self.changed_hosts) {
            self.planner.apply_sandbox(self.hosts[&id].clone());
        }
        for (task, claimed) in std::mem::take(&mut self.answered) {
            self.planner.settle(task, claimed, self.now);
        }
        self.planner.apply_sites(&[], self.now);
    }

    fn pass(&mut self) {
        // No two things happen at one instant.
        self.now += TimeDelta::milliseconds(1);
        self.read();
        let most = 1 + self.dice.below(9);
        let placements = self.planner.plan(self.now, most);
        self.count_passed(&placements);
        self.claims.extend(placements);
        // What happens between the reading and the claims makes the facts stale.
        if !self.calm {
            (0..self.dice.below(4)).for_each(|_| self.happen());
        }
        for placement in std::mem::take(&mut self.claims) {
            if !self.calm && self.dice.one_in(10) {
                // It takes its time.
                self.claims.push(placement);
                continue;
            }
            let taken = self.claim(placement);
            self.placed += usize::from(taken);
            self.refused += usize::from(!taken);
            self.note((placement.task, placement.sandbox, taken));
            let failed = !taken && self.dice.one_in(5);
            let until = self.now + seconds(10);
            self.answered.push((placement.task, if failed { Claimed::Failed { until } } else { Claimed::Answered }));
        }
        self.check();
    }

    /// Whoever has a task that nothing but other people's turns keeps waiting is served within a bounded number of them.
    fn count_passed(&mut self, placements: &[Placement]) {
        let served: Vec<UserId> = placements.iter().map(|placement| self.tasks[&placement.task].user).collect();
        for user in self.users.clone() {
            let plain = |task: &TaskFact| {
                task.user == user
                    && task.site.is_none()
                    && task.engine.is_none()
                    && task.tags.is_empty()
                    && matches!(task.stand, Stand::Queued { since } if since <= self.now)
            };
            let waits = self.running(user) < CAP as usize && self.tasks.values().any(plain);
            let stands_back = self
                .planner
                .tasks
                .values()
                .any(|known| known.user == user && matches!(known.state, State::Planned { .. } | State::Later(_)));
            let passed = self.passed.entry(user).or_default();
            if waits && !stands_back && !served.contains(&user) {
                *passed += served.len();
            } else {
                *passed = 0;
            }
            assert!(*passed <= PATIENCE, "somebody was passed over {passed} times");
        }
    }

    fn check(&self) {
        for host in self.hosts.values() {
            let on_it = |task: &&TaskFact| matches!(task.stand, Stand::Placed { sandbox, .. } if sandbox == host.id);
            let load = self.tasks.values().filter(on_it).count();
            assert_eq!(host.load as usize, load, "slots are conserved");
            assert!(host.load <= host.capacity);
        }
        for user in &self.users {
            assert!(self.running(*user) <= CAP as usize);
        }
        for site in SITES {
            let limit = site::limit(site);
            let running = self
                .tasks
                .values()
                .filter(|task| task.site.as_deref() == Some(site))
                .filter(|task| matches!(task.stand, Stand::Placed { running: true, .. }))
                .count();
            assert!(running <= limit.running as usize, "{running} at {site}");
            let lately = |start: &&(String, DateTime<Utc>)| start.0 == site && start.1 + WINDOW > self.now;
            let started = self.starts.iter().filter(lately).count();
            assert!(started <= limit.starts as usize + self.slack, "{started} within a minute at {site}");
        }
    }

    fn run(&mut self) {
        for _ in 0..STEPS {
            match self.dice.below(10) {
                0..=3 => self.arrive(),
                4..=6 => self.happen(),
                _ => self.pass(),
            }
        }
        // Nothing more comes, and every host is there: everything that waits gets its turn, and its end.
        for host in self.hosts.values_mut() {
            host.ready = true;
            self.changed_hosts.push(host.id);
        }
        self.calm = true;
        for _ in 0..20_000 {
            if self.tasks.is_empty() {
                break;
            }
            self.now += seconds(7);
            self.pass();
            let placed = |task: &&TaskFact| matches!(task.stand, Stand::Placed { .. });
            let ended: Vec<TaskId> = self.tasks.values().filter(placed).map(|task| task.id).collect();
            ended.into_iter().for_each(|task| self.leave(task, None));
        }
        self.read();
        assert!(self.tasks.is_empty(), "{} still wait", self.tasks.len());
        assert!(self.planner.is_empty() && self.planner.people.is_empty() && self.planner.later.is_empty());
    }
}

fn seeds() -> u64 {
    std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS)
}

#[test]
fn slots_caps_and_limits_hold_and_nobody_starves_whatever_happens() {
    let (mut placed, mut refused) = (0, 0);
    for seed in 0..seeds() {
        let mut world = World::new(seed, false);
        world.run();
        (placed, refused) = (placed + world.placed, refused + world.refused);
    }
    assert!(placed > refused && refused > 10, "{placed} placed, {refused} plans from stale facts");
}

#[test]
fn with_true_facts_no_plan_is_refused() {
    for seed in 0..seeds() {
        let mut world = World::new(seed, true);
        world.run();
        assert_eq!(world.refused, 0);
        assert!(world.placed > 100, "{}", world.placed);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed| {
        let mut world = World::new(seed, false);
        world.run();
        world.trace
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}

//! The world and its clock: messages on their way in any order, some twice, and deadlines.
//!
//! Split by who acts: [`actors`] of the coordinators, [`agents`] with their pages, [`people`], the [`dispatch`]er; and
//! [`trouble`] for all of them.

mod actors;
mod agents;
mod dispatch;
mod people;
mod trouble;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use coordinator::dispatch::plan::{Claimed, Planner};
use coordinator::task::machine::{Input, Live};
use protocol::cluster::Action;
use protocol::ids::{CommandId, LeaseId, NodeId, PermitId, SandboxId, TaskId, UserId};
use protocol::task::Mode;
use protocol::wire::message::JobDown;
use store::shards::Shard;
use uuid::Uuid;

use crate::dice::Dice;
use crate::hosts::{Host, Slot};
use crate::nodes::{Node, SHARDS};
use crate::rows::{Row, new_task};
use crate::wakes::Wakes;

/// Tasks under way at a time.
const ROWS: usize = 96;
const USERS: usize = 48;
const HOSTS: usize = 8;
const CAPACITY: i32 = 9;
const NODES: usize = 3;
/// Messages between two passes of the dispatcher, and between two of everybody's looks at the shards.
const PASS_EVERY: u64 = 24;
const RENEW_EVERY: u64 = 256;
/// A host that is not heard for this long is given up.
const SILENCE: TimeDelta = TimeDelta::seconds(12);

#[derive(Clone)]
enum Message {
    Input {
        to: Slot,
        input: Input,
    },
    Open {
        host: usize,
        lease: LeaseId,
        to: Slot,
    },
    Down {
        host: usize,
        lease: LeaseId,
        message: JobDown,
    },
    Release {
        host: usize,
        lease: LeaseId,
    },
    /// The person has made up their mind.
    Answer(Slot),
    Owed(Slot),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Answer(Slot),
    Click {
        host: usize,
        lease: LeaseId,
        permit: PermitId,
        ttl_ms: u32,
    },
    /// The host has been silent since then for too long.
    Silent {
        host: usize,
        since: DateTime<Utc>,
    },
    Back {
        host: usize,
    },
    NodeBack {
        node: usize,
    },
}

enum Lost {
    Fenced,
    NoPlace,
}

/// What a run met with: a run that met with nothing proves nothing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub ended: u64,
    pub completed: u64,
    pub submissions: u64,
    pub unknown: u64,
    pub steps: u64,
    pub decided: u64,
    pub repeated: u64,
    pub gaps: u64,
    pub stale_leases: u64,
    pub fenced: u64,
    pub adopted: u64,
    pub refused_claims: u64,
    pub lost_hosts: u64,
    pub crashes: u64,
}

pub struct World {
    dice: Dice,
    now: DateTime<Utc>,
    rows: Vec<Row>,
    hosts: Vec<Host>,
    nodes: Vec<Node>,
    shards: Vec<Shard>,
    /// Nothing happened to the nodes since a look at the shards that changed nothing: another would not, either.
    shared: bool,
    planner: Planner,
    /// Changed since the dispatcher's last reading.
    changed: Vec<usize>,
    changed_hosts: Vec<usize>,
    answered: Vec<(TaskId, Claimed)>,
    on_way: Vec<Message>,
    wakes: Wakes,
    timers: BinaryHeap<Reverse<(DateTime<Utc>, Timer)>>,
    users: Vec<UserId>,
    /// Tasks being worked on, by user.
    running: [usize; USERS],
    host_of: BTreeMap<SandboxId, usize>,
    left: u64,
    pub counts: Counts,
    pub trace: u64,
}

impl World {
    /// Runs as many lives of tasks as asked for, to their ends.
    pub fn run(seed: u64, lives: u64) -> Self {
        let mut dice = Dice::new(seed);
        let now = Utc.with_ymd_and_hms(2026, 1, 1, 12, 0, 0).single().expect("an instant");
        let users = (0..USERS).map(|_| UserId(dice.id())).collect();
        let nodes = (0..NODES).map(|_| Node::new(NodeId(dice.id()), ROWS)).collect();
        let host = |id| Host {
            id,
            epoch: 1,
            capacity: CAPACITY,
            load: 0,
            cut: None,
            lost: false,
            pages: Vec::new(),
            ledger: VecDeque::new(),
            spool: Vec::new(),
        };
        let hosts: Vec<Host> = (0..HOSTS).map(|_| host(SandboxId(dice.id()))).collect();
        let host_of = hosts.iter().enumerate().map(|(index, host)| (host.id, index)).collect();
        let shards = (0..SHARDS as i16).map(|id| Shard { id, node: None, epoch: 0 }).collect();
        let mut world = Self {
            dice,
            now,
            rows: Vec::new(),
            hosts,
            nodes,
            shards,
            shared: false,
            planner: Planner::default(),
            changed: Vec::new(),
            changed_hosts: (0..HOSTS).collect(),
            answered: Vec::new(),
            on_way: Vec::new(),
            wakes: Wakes::new(ROWS),
            timers: BinaryHeap::new(),
            users,
            running: [0; USERS],
            host_of,
            left: lives,
            counts: Counts::default(),
            trace: seed,
        };
        for row in 0..ROWS.min(usize::try_from(lives).unwrap_or(ROWS)) {
            world.begin(row, 0);
        }
        world.renew();
        while world.counts.ended < lives {
            world.step();
        }
        world.check_end();
        world
    }

    fn begin(&mut self, row: usize, life: u32) {
        self.left -= 1;
        let user = self.dice.below(USERS);
        let mode = if self.dice.one_in(2) { Mode::Autopilot } else { Mode::Copilot };
        let id = TaskId(Uuid::from_u64_pair(self.dice.roll(), row as u64));
        let task = new_task(id, self.users[user], (user % SHARDS) as i16, mode, self.now);
        let new = Row {
            life,
            user,
            live: Arc::new(Live { task: Arc::new(task), review: None }),
            open: None,
            submissions: 0,
            asked: false,
            over: false,
        };
        if row == self.rows.len() {
            self.rows.push(new)
        } else {
            self.rows[row] = new
        }
        for node in &mut self.nodes {
            node.actors[row] = None;
        }
        let slot = Slot { row, life };
        self.wakes.set(row, Some(self.now));
        if !self.dice.one_in(16) {
            self.command(slot, Action::TaskCreated { task: id });
        }
        if self.dice.one_in(64) {
            self.command(slot, Action::Cancel { task: id });
        }
    }

    fn command(&mut self, to: Slot, action: Action) {
        let id = CommandId(self.dice.id());
        self.on_way.push(Message::Input { to, input: Input::Person { id, action } });
    }

    fn step(&mut self) {
        self.counts.steps += 1;
        self.now += TimeDelta::microseconds(self.dice.below(6_000) as i64);
        if self.counts.steps.is_multiple_of(PASS_EVERY) {
            self.pass();
        }
        if self.counts.steps.is_multiple_of(RENEW_EVERY) {
            self.trouble();
            self.renew();
        }
        if self.on_way.is_empty() {
            let timer = self.timers.peek().map(|Reverse((due, _))| *due);
            let first = self.wakes.first().into_iter().chain(timer).min();
            self.now = first.map_or(self.now, |due| self.now.max(due));
        }
        while let Some(row) = self.wakes.take(self.now) {
            let to = Slot { row, life: self.rows[row].life };
            self.on_way.push(Message::Input { to, input: Input::Wake });
        }
        while let Some(Reverse((_, timer))) = self.timers.peek().filter(|timer| timer.0.0 <= self.now) {
            let timer = *timer;
            self.timers.pop();
            self.fire(timer);
        }
        if self.on_way.is_empty() {
            return;
        }
        let index = self.dice.below(self.on_way.len());
        let message = self.on_way.swap_remove(index);
        if self.dice.one_in(64) {
            self.counts.repeated += 1;
            self.on_way.push(message.clone());
        }
        self.deliver(message);
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Answer(to) => self.on_way.push(Message::Answer(to)),
            Timer::Click { host, lease, permit, ttl_ms } => self.click(host, lease, permit, ttl_ms),
            Timer::Silent { host, since } if self.hosts[host].cut == Some(since) => {
                self.counts.lost_hosts += 1;
                self.hosts[host].lost = true;
                self.lose(host, false);
            }
            Timer::Silent { .. } => {}
            Timer::Back { host } => self.back(host),
            Timer::NodeBack { node } => {
                self.nodes[node].lives = true;
                self.shared = false;
            }
        }
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::Input { to, input } => self.input(to, input),
            Message::Owed(to) => {
                if self.rows[to.row].life == to.life
                    && let Some(node) = self.owner(to)
                    && self.adopt(node, to)
                {
                    self.perform_owed(to);
                }
            }
            Message::Answer(to) => self.answer(to),
            Message::Open { host, lease, to } => self.open(host, lease, to),
            Message::Down { host, lease, message } => self.down(host, lease, message),
            Message::Release { host, lease } => {
                if self.hosts[host].cut.is_none() {
                    self.hosts[host].close(lease);
                }
            }
        }
    }
}

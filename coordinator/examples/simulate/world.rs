//! The world and its clock: messages on their way in any order, some twice; deadlines; and what goes wrong.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use coordinator::dispatch::plan::{Claimed, Planner};
use coordinator::task::machine::{At, Effect, Input, Live, Refused, decide, owed};
use protocol::cluster::{Action, Edit};
use protocol::ids::{CommandId, LeaseId, NodeId, PermitId, SandboxId, TaskId, UserId};
use protocol::task::{InteractionKind, Mode, Phase, Status};
use protocol::wire::message::{JobDown, Report, ReturnReason, SubmitOutcome};
use store::journal::{Slot as Place, Step, USER_CAP};
use store::queue::{SandboxFact, Stand, TaskFact};
use store::shards::Shard;
use uuid::Uuid;

use crate::dice::{Dice, mix};
use crate::hosts::{self, Host, LEASE, Page, Slot};
use crate::nodes::{Actor, Node, SHARDS, check_owners};
use crate::rows::{Row, new_task};

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
const TOWNS: [&str; 3] = ["Rome", "Oslo", "Bern"];

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
    Wake(Slot),
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
    planner: Planner,
    /// Changed since the dispatcher's last reading.
    changed: Vec<usize>,
    changed_hosts: Vec<usize>,
    answered: Vec<(TaskId, Claimed)>,
    on_way: Vec<Message>,
    timers: BinaryHeap<Reverse<(DateTime<Utc>, Timer)>>,
    users: Vec<UserId>,
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
            planner: Planner::default(),
            changed: Vec::new(),
            changed_hosts: (0..HOSTS).collect(),
            answered: Vec::new(),
            on_way: Vec::new(),
            timers: BinaryHeap::new(),
            users,
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
        self.timers.push(Reverse((self.now, Timer::Wake(slot))));
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
        if self.on_way.is_empty()
            && let Some(Reverse((due, _))) = self.timers.peek()
        {
            self.now = self.now.max(*due);
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
            Timer::Wake(to) => {
                let row = &self.rows[to.row];
                if row.life == to.life && row.live.task.wake_at.is_some_and(|due| due <= self.now) {
                    self.on_way.push(Message::Input { to, input: Input::Wake });
                }
            }
            Timer::Answer(to) => self.on_way.push(Message::Answer(to)),
            Timer::Click { host, lease, permit, ttl_ms } => self.click(host, lease, permit, ttl_ms),
            Timer::Silent { host, since } if self.hosts[host].cut == Some(since) => {
                self.counts.lost_hosts += 1;
                self.hosts[host].lost = true;
                self.lose(host, false);
            }
            Timer::Silent { .. } => {}
            Timer::Back { host } => self.back(host),
            Timer::NodeBack { node } => self.nodes[node].lives = true,
        }
    }

    // === the coordinators ===

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

    /// The living node that the rows name.
    fn owner(&self, to: Slot) -> Option<usize> {
        let shard = &self.shards[self.rows[to.row].live.task.shard as usize];
        self.nodes.iter().position(|node| node.lives && shard.node == Some(node.id))
    }

    /// Has the node hold the task; false when it does not own it.
    fn adopt(&mut self, node: usize, to: Slot) -> bool {
        let (row, node) = (&mut self.rows[to.row], &mut self.nodes[node]);
        let shard = row.live.task.shard as usize;
        if node.actors[to.row].is_some() {
            return true;
        }
        if node.held[shard] != Some(self.shards[shard].epoch) {
            return false;
        }
        self.counts.adopted += 1;
        Arc::make_mut(&mut Arc::make_mut(&mut row.live).task).generation += 1;
        node.actors[to.row] = Some(Actor { live: Arc::clone(&row.live), shard });
        self.perform_owed(to);
        true
    }

    fn perform_owed(&mut self, to: Slot) {
        let live = Arc::clone(&self.rows[to.row].live);
        for effect in owed(&live) {
            self.rows[to.row].check_effect(&effect);
            self.perform(to, effect);
        }
    }

    fn input(&mut self, to: Slot, input: Input) {
        if self.rows[to.row].life != to.life {
            return;
        }
        // One that was paused or cut off still believes to own it, and speaks first.
        let late = self.nodes.iter().position(|node| !node.lives && node.actors[to.row].is_some());
        let late = late.filter(|_| self.dice.one_in(4));
        let Some(node) = late.or_else(|| self.owner(to)).filter(|node| late.is_some() || self.adopt(*node, to)) else {
            // Whoever says it says it again.
            return self.on_way.push(Message::Input { to, input });
        };
        let Some(actor) = &self.nodes[node].actors[to.row] else { return };
        let live = Arc::clone(&actor.live);
        let fate = self.dice.below(400);
        let gap = matches!(&input, Input::Report { number, .. } if *number > live.task.last_report.unsigned_abs() + 1);
        let again = (fate < 2 || late.is_some() || gap).then(|| input.clone());
        if fate == 0 {
            // It crashes before it decides.
            self.counts.crashes += 1;
            self.nodes[node].actors[to.row] = None;
            return self.say_again(to, again);
        }
        let retry = matches!(&input, Input::Person { action: Action::Retry { .. }, .. });
        let answer = matches!(&input, Input::Person { .. });
        let claim = matches!(&input, Input::Claimed { .. });
        let at = At { now: self.now, command: CommandId(self.dice.id()), permit: PermitId(self.dice.id()) };
        self.counts.decided += 1;
        match decide(&live, input, at) {
            // What one says that is not the owner any more counts for nothing.
            Err(_) if late.is_some() => self.say_again(to, again),
            Err(refused) => match refused {
                Refused::Gap => {
                    self.counts.gaps += 1;
                    self.say_again(to, again);
                }
                Refused::StaleLease => self.counts.stale_leases += 1,
                Refused::Rejected(_) if answer => self.ask(to),
                Refused::Rejected(_) | Refused::Unfitting { .. } => {}
            },
            Ok(decision) => {
                if let Some(step) = &decision.step {
                    match self.commit(node, to, &decision.live, step, &decision.effects, retry) {
                        Ok(()) if fate == 1 => {
                            // Committed, and nobody acts or answers.
                            self.counts.crashes += 1;
                            self.nodes[node].actors[to.row] = None;
                            self.on_way.push(Message::Owed(to));
                            self.say_again(to, again);
                        }
                        Ok(()) => {
                            let live = Arc::clone(&self.rows[to.row].live);
                            let shard = live.task.shard as usize;
                            self.nodes[node].actors[to.row] = Some(Actor { live, shard });
                            decision.effects.into_iter().for_each(|effect| self.perform(to, effect));
                        }
                        Err(Lost::NoPlace) => self.counts.refused_claims += 1,
                        Err(Lost::Fenced) => {
                            assert!(late.is_some(), "only one that is not the owner any more is fenced off");
                            self.counts.fenced += 1;
                            self.nodes[node].actors[to.row] = None;
                            self.say_again(to, again);
                        }
                    }
                }
            }
        }
        if claim {
            self.answered.push((live.task.id, Claimed::Answered));
            self.changed.push(to.row);
        }
        self.look(to);
    }

    fn say_again(&mut self, to: Slot, input: Option<Input>) {
        if let Some(input) = input {
            self.on_way.push(Message::Input { to, input });
        }
    }

    /// As the journal's transaction.
    fn commit(
        &mut self,
        node: usize,
        to: Slot,
        next: &Live,
        step: &Step,
        effects: &[Effect],
        retry: bool,
    ) -> Result<(), Lost> {
        let shard = step.task.shard as usize;
        let current = self.rows[to.row].live.task.generation;
        if self.nodes[node].held[shard] != Some(self.shards[shard].epoch) || step.task.generation != current + 1 {
            return Err(Lost::Fenced);
        }
        match step.slot {
            Place::Keep => {}
            Place::Take { sandbox, epoch } => {
                let index = self.host_of[&sandbox];
                let running = |row: &&Row| {
                    let task = &row.live.task;
                    task.user_id == step.task.user_id && task.lease_id.is_some() && task.status == Status::InProgress
                };
                let running = self.rows.iter().filter(running).count();
                let host = &mut self.hosts[index];
                let room = host.cut.is_none() && host.epoch == epoch && host.load < host.capacity;
                if !room || running >= USER_CAP as usize {
                    return Err(Lost::NoPlace);
                }
                host.load += 1;
                self.changed_hosts.push(index);
            }
            Place::Give { sandbox } => {
                let index = self.host_of[&sandbox];
                self.hosts[index].load -= 1;
                self.changed_hosts.push(index);
            }
        }
        let row = &mut self.rows[to.row];
        row.apply(next, step, effects, retry);
        let (was, task) = (&row.live.task, &next.task);
        if was.status != task.status || was.lease_id != task.lease_id {
            self.changed.push(to.row);
            self.counts.unknown += u64::from(task.interaction_type.as_deref() == Some("outcome_unknown"));
        }
        if let Some(due) = task.wake_at.filter(|_| task.wake_at != was.wake_at) {
            self.timers.push(Reverse((due, Timer::Wake(to))));
        }
        let what = (task.generation as u64) << 8 | task.status as u64;
        self.trace = mix(self.trace ^ mix(what ^ (to.row as u64) << 40 ^ self.now.timestamp_micros() as u64));
        row.live = Arc::new(next.clone());
        Ok(())
    }

    fn perform(&mut self, to: Slot, effect: Effect) {
        match effect {
            Effect::OpenJob { sandbox, lease } => {
                self.on_way.push(Message::Open { host: self.host_of[&sandbox], lease, to });
            }
            Effect::Send { sandbox, lease, message } => {
                self.on_way.push(Message::Down { host: self.host_of[&sandbox], lease, message: *message });
            }
            Effect::Release { sandbox, lease } => {
                self.on_way.push(Message::Release { host: self.host_of[&sandbox], lease });
            }
            Effect::Plan { round } => {
                self.on_way.push(Message::Input { to, input: Input::Planned { round, plan: hosts::plan() } });
            }
            Effect::DropPictures(_) | Effect::Dispatch => {}
        }
    }

    /// What people do about where the task stands.
    fn look(&mut self, to: Slot) {
        let row = &self.rows[to.row];
        if row.life != to.life || row.over {
            return;
        }
        let task = &row.live.task;
        match task.status {
            Status::WaitingHuman if !row.asked => self.ask(to),
            status if status.is_terminal() && task.lease_id.is_none() => {
                if status == Status::Failed && task.retry_count == 0 && self.dice.one_in(2) {
                    let task = task.id;
                    return self.command(to, Action::Retry { task });
                }
                row.check_end();
                self.counts.ended += 1;
                self.counts.completed += u64::from(status == Status::Completed);
                self.counts.submissions += u64::from(row.submissions);
                self.planner.remove(task.id, self.now);
                // Whatever is still on its way finds another life.
                self.rows[to.row].life += 1;
                self.rows[to.row].over = true;
                if self.left > 0 {
                    self.begin(to.row, to.life + 1);
                }
            }
            _ => {}
        }
    }

    // === people ===

    fn ask(&mut self, to: Slot) {
        self.rows[to.row].asked = true;
        if self.dice.one_in(24) {
            let late = self.now + TimeDelta::seconds(660);
            self.timers.push(Reverse((late, Timer::Answer(to))));
        } else {
            self.on_way.push(Message::Answer(to));
        }
    }

    fn answer(&mut self, to: Slot) {
        let row = &mut self.rows[to.row];
        if row.life != to.life {
            return;
        }
        row.asked = false;
        let live = &row.live.task;
        if live.status != Status::WaitingHuman {
            return;
        }
        let task = live.id;
        let action = match live.interaction_type.as_deref() {
            // They look into their mail, and say what is so.
            Some(kind) if kind == InteractionKind::OutcomeUnknown.as_str() => {
                let Some(permit) = live.permit_id else { return };
                Action::AnswerOutcomeOf { task, permit, sent: row.submissions > 0, note: None }
            }
            Some(_) => Action::ResolveBlocker { task, by: "human".into(), note: None },
            None => match self.dice.below(32) {
                0 => Action::Cancel { task },
                1..=3 => {
                    let value = Some(TOWNS[self.dice.below(TOWNS.len())].to_owned());
                    let edits = vec![Edit { field: "town".into(), value, remember: false }];
                    Action::Edit { task, revision: live.review_revision, edits }
                }
                _ => Action::Approve { task, revision: None, overrides: BTreeMap::new(), remember: Vec::new() },
            },
        };
        self.command(to, action);
    }

    // === hosts ===

    fn open(&mut self, host: usize, lease: LeaseId, to: Slot) {
        let host_state = &mut self.hosts[host];
        if host_state.cut.is_some()
            || host_state.page(lease).is_some()
            || self.rows[to.row].live.task.lease_id != Some(lease)
        {
            return;
        }
        let mut page = Page::open(lease, to);
        match self.dice.below(64) {
            0 => page.form.page.blocker = Some(hosts::captcha()),
            1 => page.form.page.closed = true,
            _ => {}
        }
        self.hosts[host].pages.push(page);
        if self.dice.one_in(8) {
            self.report(host, lease, |_| Report::Phase(Phase::Navigating));
        }
        self.report(host, lease, |page| Report::Observed { form: page.form.clone(), screenshot: None });
    }

    fn report(&mut self, host: usize, lease: LeaseId, report: impl FnOnce(&mut Page) -> Report) {
        let host = &mut self.hosts[host];
        let cut = host.cut.is_some();
        let Some(page) = host.page(lease) else { return };
        let (report, number, to) = (report(page), page.number(), page.slot);
        if cut {
            host.spool.push((to, lease, number, report));
        } else {
            self.on_way.push(Message::Input { to, input: Input::Report { lease, number, report: Box::new(report) } });
        }
    }

    fn down(&mut self, host: usize, lease: LeaseId, message: JobDown) {
        let now = self.now;
        let state = &mut self.hosts[host];
        if state.cut.is_some() {
            return;
        }
        let known = matches!(&message, JobDown::Submit { permit, .. } if state.has_had(permit.id));
        let Some(page) = state.page(lease).filter(|_| !known) else { return };
        if self.dice.one_in(150) {
            self.report(host, lease, |_| Report::Failed { failure: hosts::died(), screenshot: None });
            return self.hosts[host].close(lease);
        }
        match message {
            JobDown::Fill { command, items } if page.is_new(command) => {
                let results = page.enter(items);
                self.report(host, lease, |page| Report::Filled {
                    command,
                    results,
                    form: page.form.clone(),
                    screenshot: None,
                });
            }
            JobDown::Prepare { command, items } if page.is_new(command) => {
                let results = page.enter(items);
                page.read_back(now);
                if self.dice.one_in(50) {
                    // The site changes it by itself.
                    page.form.fields[1].value = protocol::form::Value::Text("Atlantis".into());
                }
                self.report(host, lease, |page| Report::Ready { command, results, form: page.form.clone() });
            }
            JobDown::Submit { command, permit } if page.is_new(command) => {
                if page.in_time(now, permit.ttl_ms) {
                    page.permit = Some(permit.id);
                    state.write_down(permit.id, true);
                    let at = now + TimeDelta::milliseconds(self.dice.below(900) as i64);
                    let click = Timer::Click { host, lease, permit: permit.id, ttl_ms: permit.ttl_ms };
                    self.timers.push(Reverse((at, click)));
                } else {
                    let (permit, reason) = (permit.id, ReturnReason::Expired);
                    state.write_down(permit, false);
                    self.report(host, lease, |_| Report::PermitReturned { permit, reason });
                }
            }
            JobDown::Recheck { command } if page.is_new(command) => {
                page.form.page.blocker = None;
                self.report(host, lease, |page| Report::Observed { form: page.form.clone(), screenshot: None });
            }
            JobDown::End { command } if page.is_new(command) => {
                self.report(host, lease, |_| Report::Ended);
                self.hosts[host].close(lease);
            }
            _ => {}
        }
    }

    /// The guard in the page looks at its clock, and the agent at its lease.
    fn click(&mut self, host: usize, lease: LeaseId, permit: PermitId, ttl_ms: u32) {
        let now = self.now;
        let state = &mut self.hosts[host];
        let frozen = state.cut.is_some_and(|since| now >= since + LEASE);
        let Some(page) = state.page(lease).filter(|page| page.permit == Some(permit) && !frozen) else { return };
        if !page.in_time(now, ttl_ms) {
            let reason = ReturnReason::Expired;
            page.permit = None;
            state.write_down(permit, false);
            return self.report(host, lease, |_| Report::PermitReturned { permit, reason });
        }
        let row = page.slot.row;
        let (has_it, seen, dies) = (!self.dice.one_in(40), !self.dice.one_in(40), self.dice.one_in(60));
        page.confirmed = has_it && seen && !dies;
        if has_it {
            assert_eq!(self.rows[row].life, page.slot.life, "a click for a life that is over");
            self.rows[row].submissions += 1;
            assert_eq!(self.rows[row].submissions, 1, "sent twice");
        }
        self.report(host, lease, |_| Report::Phase(Phase::Verifying));
        if dies {
            self.report(host, lease, |_| Report::Failed { failure: hosts::died(), screenshot: None });
            return self.hosts[host].close(lease);
        }
        self.report(host, lease, |page| {
            let outcome: SubmitOutcome = hosts::outcome(has_it, seen, &page.form);
            Report::Outcome { permit, outcome, screenshot: None }
        });
    }

    /// Every lease on the host ends; of the permits that are out, its ledger tells if it can be asked.
    fn lose(&mut self, host: usize, asked: bool) {
        let state = &self.hosts[host];
        for (row, Row { life, live, .. }) in self.rows.iter().enumerate() {
            let (Some(sandbox), Some(lease)) = (live.task.sandbox_id, live.task.lease_id) else { continue };
            if sandbox == state.id {
                let used = live.task.permit_id.is_some_and(|permit| state.may_have_used(permit));
                let input = Input::LeaseLost { lease, permit_used: asked.then_some(used) };
                self.on_way.push(Message::Input { to: Slot { row, life: *life }, input });
            }
        }
    }

    fn back(&mut self, host: usize) {
        let state = &mut self.hosts[host];
        (state.cut, state.epoch) = (None, state.epoch + 1);
        self.changed_hosts.push(host);
        for (to, lease, number, report) in std::mem::take(&mut state.spool) {
            self.on_way.push(Message::Input { to, input: Input::Report { lease, number, report: Box::new(report) } });
        }
        if std::mem::take(&mut state.lost) {
            // Its leases ended by its own clock: the pages were frozen, and are closed.
            for page in std::mem::take(&mut state.pages) {
                if let Some(permit) = page.permit.filter(|_| page.confirmed) {
                    let input = Input::Confirmed { permit, confirmation: hosts::confirmation() };
                    self.on_way.push(Message::Input { to: page.slot, input });
                }
            }
        }
        for (row, state) in self.rows.iter().enumerate() {
            let task = &state.live.task;
            if task.lease_id.is_some() && task.sandbox_id.is_some_and(|id| self.host_of[&id] == host) {
                self.on_way.push(Message::Owed(Slot { row, life: state.life }));
            }
        }
    }

    // === what goes wrong ===

    fn trouble(&mut self) {
        let host = self.dice.below(HOSTS);
        match self.dice.below(24) {
            // Cut off, for a moment or for longer than anybody waits.
            0..=2 if self.hosts[host].cut.is_none() => {
                let now = self.now;
                let for_ms = if self.dice.one_in(2) { self.dice.below(9_000) } else { 12_500 + self.dice.below(9_000) };
                self.hosts[host].cut = Some(now);
                self.changed_hosts.push(host);
                self.timers.push(Reverse((now + SILENCE, Timer::Silent { host, since: now })));
                self.timers.push(Reverse((now + TimeDelta::milliseconds(for_ms as i64), Timer::Back { host })));
            }
            // The agent dies with its browsers; its next life reads the ledger.
            3 | 4 if self.hosts[host].cut.is_none() => {
                self.lose(host, true);
                self.hosts[host].pages.clear();
            }
            // A coordinator dies, or only sleeps.
            5..=7 => {
                let node = self.dice.below(NODES);
                if self.nodes[node].lives && self.nodes.iter().filter(|node| node.lives).count() > 1 {
                    self.nodes[node].lives = false;
                    if self.dice.one_in(2) {
                        self.nodes[node].forget();
                    }
                    let back = self.now + TimeDelta::milliseconds(500 + self.dice.below(4_000) as i64);
                    self.timers.push(Reverse((back, Timer::NodeBack { node })));
                }
            }
            // The dispatcher's successor reads everything.
            8 => {
                self.planner = Planner::default();
                self.changed = (0..self.rows.len()).collect();
                self.changed_hosts = (0..HOSTS).collect();
            }
            9..=12 => {
                let row = self.dice.below(self.rows.len());
                let to = Slot { row, life: self.rows[row].life };
                let input = if self.dice.one_in(2) { Input::Park } else { Input::Drained };
                self.on_way.push(Message::Input { to, input });
            }
            _ => {}
        }
    }

    fn renew(&mut self) {
        let living = |node: &&Node| node.lives;
        let row = |node: &Node| store::nodes::Node { id: node.id, address: String::new(), leaving: false };
        let rows: Vec<_> = self.nodes.iter().filter(living).map(row).collect();
        for node in self.nodes.iter_mut().filter(|node| node.lives) {
            node.renew(&rows, &mut self.shards);
        }
        check_owners(&self.nodes, &self.shards);
        self.check_slots();
    }

    fn check_slots(&self) {
        for host in &self.hosts {
            let on_it = |row: &&Row| row.live.task.lease_id.is_some() && row.live.task.sandbox_id == Some(host.id);
            let held = self.rows.iter().filter(on_it).count();
            assert_eq!(host.load as usize, held, "slots are conserved");
            assert!(host.load <= host.capacity);
        }
    }

    fn check_end(&mut self) {
        self.check_slots();
        assert!(self.rows.iter().all(|row| row.live.task.status.is_terminal() && row.open.is_none()));
        self.read();
        assert!(self.planner.is_empty(), "the dispatcher knows of nobody who waits");
    }

    // === the dispatcher ===

    fn read(&mut self) {
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

    fn pass(&mut self) {
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

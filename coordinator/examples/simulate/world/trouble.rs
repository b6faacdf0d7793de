//! What goes wrong, and what must hold all the while.

use std::cmp::Reverse;

use chrono::TimeDelta;
use coordinator::dispatch::plan::Planner;
use coordinator::task::machine::Input;

use super::{HOSTS, Message, NODES, SILENCE, Timer, USERS, World};
use crate::hosts::Slot;
use crate::nodes::{Node, check_owners};
use crate::rows::Row;

impl World {
    pub(super) fn trouble(&mut self) {
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
                    self.shared = false;
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

    pub(super) fn renew(&mut self) {
        if !self.shared {
            let living = |node: &&Node| node.lives;
            let row = |node: &Node| store::nodes::Node { id: node.id, address: String::new(), leaving: false };
            let rows: Vec<_> = self.nodes.iter().filter(living).map(row).collect();
            self.shared = true;
            for node in self.nodes.iter_mut().filter(|node| node.lives) {
                self.shared &= !node.renew(&rows, &mut self.shards);
            }
        }
        check_owners(&self.nodes, &self.shards);
        self.check_slots();
    }

    pub(super) fn check_slots(&self) {
        let (mut held, mut running) = ([0; HOSTS], [0; USERS]);
        for row in &self.rows {
            let task = &row.live.task;
            if let (Some(_), Some(sandbox)) = (task.lease_id, task.sandbox_id) {
                held[self.host_of[&sandbox]] += 1;
            }
            running[row.user] += usize::from(Row::runs(task));
        }
        for (host, held) in self.hosts.iter().zip(held) {
            assert_eq!(host.load, held, "slots are conserved");
            assert!(host.load <= host.capacity);
        }
        assert_eq!(self.running, running, "users' tasks are counted");
    }

    pub(super) fn check_end(&mut self) {
        self.check_slots();
        assert!(self.rows.iter().all(|row| row.live.task.status.is_terminal() && row.open.is_none()));
        self.read();
        assert!(self.planner.is_empty(), "the dispatcher knows of nobody who waits");
    }
}

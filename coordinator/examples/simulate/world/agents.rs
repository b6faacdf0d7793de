//! What agents and their pages do, and what a host is told when it is lost or back.

use std::cmp::Reverse;

use chrono::TimeDelta;
use coordinator::task::machine::Input;
use protocol::ids::{LeaseId, PermitId};
use protocol::task::Phase;
use protocol::wire::message::{JobDown, Report, ReturnReason, SubmitOutcome};

use super::{Message, Timer, World};
use crate::hosts::{self, LEASE, Page, Slot};
use crate::rows::Row;

impl World {
    pub(super) fn open(&mut self, host: usize, lease: LeaseId, to: Slot) {
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

    pub(super) fn report(&mut self, host: usize, lease: LeaseId, report: impl FnOnce(&mut Page) -> Report) {
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

    pub(super) fn down(&mut self, host: usize, lease: LeaseId, message: JobDown) {
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
    pub(super) fn click(&mut self, host: usize, lease: LeaseId, permit: PermitId, ttl_ms: u32) {
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
    pub(super) fn lose(&mut self, host: usize, asked: bool) {
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

    pub(super) fn back(&mut self, host: usize) {
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
}

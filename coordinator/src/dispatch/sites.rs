//! How much each employer's site is asked to bear at the moment, and who waits for it. Pure.
//!
//! Limits are kept by the one planner alone, not by the claim's transaction: they are a matter of politeness, and what is
//! still on its way when another planner takes over may exceed them for a moment.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::ids::UserId;
use protocol::site::{self, Limit};
use store::queue::SiteFact;

/// What "starts" are counted over.
pub(super) const WINDOW: TimeDelta = TimeDelta::minutes(1);

/// Somebody's tasks of one need that go to the site.
pub(super) type Waiter = (UserId, usize);

#[derive(Debug)]
struct Site {
    limit: Limit,
    /// The limit is not the built-in one.
    own: bool,
    paused_until: Option<DateTime<Utc>>,
    running: u32,
    /// Starts within the window, oldest first.
    starts: VecDeque<DateTime<Utc>>,
    waiters: VecDeque<Waiter>,
    /// Waiters that were told that there is room and have not used it yet: it is kept for them.
    called: u32,
}

impl Site {
    fn new(name: &str) -> Self {
        Self {
            limit: site::limit(name),
            own: false,
            paused_until: None,
            running: 0,
            starts: VecDeque::new(),
            waiters: VecDeque::new(),
            called: 0,
        }
    }

    /// Applications that may begin there now.
    fn room(&mut self, now: DateTime<Utc>) -> u32 {
        while self.starts.front().is_some_and(|start| *start + WINDOW <= now) {
            self.starts.pop_front();
        }
        if self.paused_until.is_some_and(|until| until > now) {
            return 0;
        }
        let started = u32::try_from(self.starts.len()).unwrap_or(u32::MAX);
        self.limit.running.saturating_sub(self.running).min(self.limit.starts.saturating_sub(started))
    }

    /// When time alone makes room, if it does.
    fn opens(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let paused = self.paused_until.filter(|until| *until > now);
        let full = self.starts.len() >= self.limit.starts as usize;
        paused.max(self.starts.front().filter(|_| full).map(|start| *start + WINDOW))
    }

    fn is_idle(&self) -> bool {
        self.running == 0
            && self.starts.is_empty()
            && self.waiters.is_empty()
            && self.called == 0
            && !self.own
            && self.paused_until.is_none()
    }
}

#[derive(Debug, Default)]
pub(super) struct Sites {
    sites: HashMap<Arc<str>, Site>,
    /// Sites that time alone will open, by when; also those to be forgotten when they have rested.
    openings: BTreeSet<(DateTime<Utc>, Arc<str>)>,
}

impl Sites {
    /// The site by its one shared name.
    pub fn name(&self, site: &str) -> Arc<str> {
        self.sites.get_key_value(site).map_or_else(|| Arc::from(site), |(name, _)| Arc::clone(name))
    }

    fn site(&mut self, name: &Arc<str>) -> &mut Site {
        if !self.sites.contains_key(name) {
            self.sites.insert(Arc::clone(name), Site::new(name));
        }
        // Just inserted when it was missing.
        self.sites.entry(Arc::clone(name)).or_insert_with(|| Site::new(name))
    }

    /// Takes the limits that are set now; sites that are not named have the built-in ones.
    pub fn apply(&mut self, facts: &[SiteFact]) {
        let named: HashMap<&str, &SiteFact> = facts.iter().map(|fact| (fact.site.as_str(), fact)).collect();
        for (name, site) in &mut self.sites {
            if !named.contains_key(name.as_ref()) {
                (site.limit, site.own, site.paused_until) = (site::limit(name), false, None);
            }
        }
        for fact in facts {
            let name = self.name(&fact.site);
            let site = self.site(&name);
            (site.limit, site.own, site.paused_until) = (fact.limit, true, fact.paused_until);
        }
    }

    /// Whether one more may begin now. Room that is kept for those who were called is theirs.
    pub fn is_open(&mut self, name: &Arc<str>, now: DateTime<Utc>) -> bool {
        let site = self.site(name);
        site.room(now) > site.called
    }

    /// One more is being worked on there; `start` when it began just now, or lately.
    pub fn enter(&mut self, name: &Arc<str>, start: Option<DateTime<Utc>>) {
        let site = self.site(name);
        site.running += 1;
        if let Some(start) = start {
            self.started(name, start);
        }
    }

    /// One began there at `start`.
    pub fn started(&mut self, name: &Arc<str>, start: DateTime<Utc>) {
        let site = self.site(name);
        let place = site.starts.partition_point(|other| *other <= start);
        site.starts.insert(place, start);
        self.openings.insert((start + WINDOW, Arc::clone(name)));
    }

    /// One less is being worked on there. `undone`: it never began.
    pub fn leave(&mut self, name: &Arc<str>, undone: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        let site = self.site(name);
        site.running = site.running.saturating_sub(1);
        if let Some(start) = undone
            && let Some(place) = site.starts.iter().rposition(|other| *other == start)
        {
            site.starts.remove(place);
        }
        self.openings.insert((now, Arc::clone(name)));
    }

    /// Waits until the site has room; first of all when `again`: it was called, and found it gone.
    pub fn wait(&mut self, name: &Arc<str>, waiter: Waiter, again: bool, now: DateTime<Utc>) {
        let site = self.site(name);
        if again {
            site.waiters.push_front(waiter);
        } else {
            site.waiters.push_back(waiter);
        }
        if let Some(opens) = site.opens(now) {
            self.openings.insert((opens, Arc::clone(name)));
        }
    }

    /// Who was called has come: the room that was kept is free to be used, by them first.
    pub fn came(&mut self, name: &Arc<str>, now: DateTime<Utc>) {
        let site = self.site(name);
        site.called = site.called.saturating_sub(1);
        self.openings.insert((now, Arc::clone(name)));
    }

    /// Calls those who wait for sites that have room by now, as many as there is room for.
    pub fn call(&mut self, now: DateTime<Utc>) -> Vec<(Waiter, Arc<str>)> {
        let mut called = Vec::new();
        while let Some((opens, name)) = self.openings.pop_first() {
            if opens > now {
                self.openings.insert((opens, name));
                break;
            }
            let Some(site) = self.sites.get_mut(&name) else { continue };
            while site.called < site.room(now)
                && let Some(waiter) = site.waiters.pop_front()
            {
                site.called += 1;
                called.push((waiter, Arc::clone(&name)));
            }
            if site.is_idle() {
                self.sites.remove(&name);
            } else if !site.waiters.is_empty()
                && let Some(opens) = site.opens(now)
            {
                self.openings.insert((opens, name));
            }
        }
        called
    }

    /// Has every site looked at again that somebody waits for, or nobody: limits or pauses may have changed.
    pub fn recheck(&mut self, now: DateTime<Utc>) {
        let looked_at = self.sites.iter().filter(|(_, site)| !site.waiters.is_empty() || site.is_idle());
        let names: Vec<Arc<str>> = looked_at.map(|(name, _)| Arc::clone(name)).collect();
        self.openings.extend(names.into_iter().map(|name| (now, name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Limit = Limit { running: 2, starts: 3 };

    fn sites() -> (Sites, Arc<str>, DateTime<Utc>) {
        let (mut sites, now) = (Sites::default(), Utc::now());
        sites.apply(&[SiteFact { site: "crumb.example".into(), limit: AT_ONCE, paused_until: None }]);
        let name = sites.name("crumb.example");
        (sites, name, now)
    }

    #[test]
    fn as_many_run_at_once_and_begin_within_a_minute_as_the_limit_says() {
        let (mut sites, name, now) = sites();
        sites.enter(&name, Some(now));
        assert!(sites.is_open(&name, now));
        sites.enter(&name, Some(now));
        assert!(!sites.is_open(&name, now), "two at once");
        sites.leave(&name, None, now);
        sites.enter(&name, Some(now));
        sites.leave(&name, None, now);
        assert!(!sites.is_open(&name, now), "three within a minute");
        assert!(sites.is_open(&name, now + WINDOW));
        sites.leave(&name, None, now);
        sites.apply(&[]);
        assert_eq!(sites.call(now + WINDOW), [], "nobody waits");
        assert!(sites.sites.is_empty(), "what rests is forgotten");
    }

    #[test]
    fn a_start_that_was_undone_does_not_count() {
        let (mut sites, name, now) = sites();
        for _ in 0..9 {
            assert!(sites.is_open(&name, now));
            sites.enter(&name, Some(now));
            sites.leave(&name, Some(now), now);
        }
    }

    #[test]
    fn room_is_kept_for_those_who_waited_first() {
        let (mut sites, name, now) = sites();
        let (first, second) = ((UserId::new(), 0), (UserId::new(), 0));
        sites.enter(&name, Some(now));
        sites.enter(&name, Some(now));
        sites.wait(&name, first, false, now);
        sites.wait(&name, second, false, now);
        assert_eq!(sites.call(now), []);
        sites.leave(&name, None, now);
        assert_eq!(sites.call(now), [(first, Arc::clone(&name))], "there is room for one");
        assert!(!sites.is_open(&name, now));
        // The first one does not need it any more.
        sites.came(&name, now);
        assert_eq!(sites.call(now), [(second, Arc::clone(&name))]);
    }

    #[test]
    fn a_site_that_asked_for_a_pause_gets_one() {
        let (mut sites, name, now) = sites();
        let until = now + TimeDelta::seconds(90);
        sites.apply(&[SiteFact { site: name.to_string(), limit: AT_ONCE, paused_until: Some(until) }]);
        assert!(!sites.is_open(&name, now));
        sites.wait(&name, (UserId::new(), 0), false, now);
        assert_eq!(sites.call(until - TimeDelta::seconds(1)), []);
        assert_eq!(sites.call(until).len(), 1);
    }
}

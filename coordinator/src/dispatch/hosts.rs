//! The sandboxes, sorted so that the best free place for a need is found without looking at the others. Pure.
//!
//! Sandboxes of one *kind* have the same engine and tags. Within a kind they lie in [`BUCKETS`] buckets by their share of
//! taken places; a word of bits says which buckets hold anybody. A fleet has a handful of kinds.

use std::collections::{BTreeSet, HashMap};

use protocol::ids::SandboxId;
use store::queue::SandboxFact;

/// As many as a word has bits. Hosts of up to as many places are sorted exactly by load for capacity.
const BUCKETS: i32 = u64::BITS as i32;

/// What a task asks of its host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Need {
    pub engine: Option<String>,
    /// Sorted.
    pub tags: Vec<String>,
}

#[derive(Debug, PartialEq, Eq, Hash, Clone)]
struct KindName {
    engine: String,
    tags: Vec<String>,
}

#[derive(Debug)]
struct Kind {
    name: KindName,
    /// Hosts that may be given work, full or not.
    ready: usize,
    /// Bit `n`: bucket `n` is not empty.
    filled: u64,
    buckets: Vec<Vec<usize>>,
}

#[derive(Debug)]
struct Host {
    id: SandboxId,
    epoch: i64,
    capacity: i32,
    /// Places taken, as the row says.
    load: i32,
    /// Places planned for and not in the row yet.
    planned: i32,
    ready: bool,
    kind: usize,
    /// Where it lies, while it has a free place: bucket and index there.
    at: Option<(usize, usize)>,
}

/// A free place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub sandbox: SandboxId,
    pub epoch: i64,
}

#[derive(Debug, Default)]
pub(super) struct Hosts {
    hosts: Vec<Host>,
    by_id: HashMap<SandboxId, usize>,
    kinds: Vec<Kind>,
    kind_of: HashMap<KindName, usize>,
    /// Per need (by its number), the kinds that have what it asks for.
    fitting: Vec<Vec<usize>>,
    needs: Vec<Need>,
}

fn fits(need: &Need, kind: &KindName) -> bool {
    need.engine.as_ref().is_none_or(|engine| *engine == kind.engine)
        && need.tags.iter().all(|tag| kind.tags.binary_search(tag).is_ok())
}

impl Hosts {
    /// Takes up a need; needs are numbered in the order they come.
    pub fn add_need(&mut self, need: Need) {
        let kinds = self.kinds.iter().enumerate().filter(|(_, kind)| fits(&need, &kind.name));
        self.fitting.push(kinds.map(|(number, _)| number).collect());
        self.needs.push(need);
    }

    /// Takes what the row says now.
    pub fn apply(&mut self, fact: SandboxFact) {
        let kind = self.kind(KindName { engine: fact.engine, tags: fact.tags });
        let number = *self.by_id.entry(fact.id).or_insert_with(|| {
            let (id, epoch) = (fact.id, fact.epoch);
            self.hosts.push(Host { id, epoch, capacity: 0, load: 0, planned: 0, ready: false, kind, at: None });
            self.hosts.len() - 1
        });
        self.take_out(number);
        let host = &mut self.hosts[number];
        self.kinds[host.kind].ready -= usize::from(host.ready);
        self.kinds[kind].ready += usize::from(fact.ready);
        (host.epoch, host.capacity, host.load) = (fact.epoch, fact.capacity, fact.load);
        (host.ready, host.kind) = (fact.ready, kind);
        self.put_in(number);
    }

    /// Sandboxes that are not among `known` get nothing more: their rows are gone.
    pub fn retain(&mut self, known: &BTreeSet<SandboxId>) {
        for number in 0..self.hosts.len() {
            if !known.contains(&self.hosts[number].id) {
                self.take_out(number);
                let host = &mut self.hosts[number];
                self.kinds[host.kind].ready -= usize::from(std::mem::take(&mut host.ready));
            }
        }
    }

    /// True when a sandbox that fits the need has a free place.
    pub fn is_free(&self, need: usize) -> bool {
        self.fitting[need].iter().any(|kind| self.kinds[*kind].filled != 0)
    }

    /// True when there is a sandbox for the need at all, full or not.
    pub fn is_served(&self, need: usize) -> bool {
        self.fitting[need].iter().any(|kind| self.kinds[*kind].ready > 0)
    }

    /// True when the sandbox has what the need asks for, full or not.
    pub fn fits(&self, need: usize, sandbox: SandboxId) -> bool {
        self.by_id.get(&sandbox).is_some_and(|number| self.fitting[need].contains(&self.hosts[*number].kind))
    }

    /// Takes a place for the need: on `preferred` when that fits and has one, else on the sandbox with the lowest load for
    /// its capacity; on `avoided` only when there is no other. A host that fails everything at once is always the emptiest.
    pub fn take(&mut self, need: usize, preferred: Option<SandboxId>, avoided: Option<SandboxId>) -> Option<Place> {
        let preferred = preferred.filter(|sandbox| Some(*sandbox) != avoided);
        let preferred = preferred.and_then(|sandbox| self.by_id.get(&sandbox).copied()).filter(|number| {
            let host = &self.hosts[*number];
            host.at.is_some() && self.fitting[need].contains(&host.kind)
        });
        let avoided = avoided.and_then(|sandbox| self.by_id.get(&sandbox).copied());
        let number = preferred.or_else(|| self.emptiest(need, avoided)).or_else(|| self.emptiest(need, None))?;
        self.plan(number, 1);
        let host = &self.hosts[number];
        Some(Place { sandbox: host.id, epoch: host.epoch })
    }

    /// The sandbox for the need with the lowest load for its capacity, other than `but`.
    fn emptiest(&self, need: usize, but: Option<usize>) -> Option<usize> {
        let kinds = self.fitting[need].iter().map(|kind| &self.kinds[*kind]);
        let best = kinds.filter_map(|kind| {
            let mut left = kind.filled;
            while left != 0 {
                let bucket = left.trailing_zeros() as usize;
                if let Some(number) = kind.buckets[bucket].iter().rev().find(|number| Some(**number) != but) {
                    return Some((bucket, *number));
                }
                left &= left - 1;
            }
            None
        });
        best.min_by_key(|(bucket, _)| *bucket).map(|(_, number)| number)
    }

    /// A planned place is in the row now, or will never be.
    pub fn settle(&mut self, sandbox: SandboxId) {
        if let Some(number) = self.by_id.get(&sandbox).copied() {
            self.plan(number, -1);
        }
    }

    fn plan(&mut self, number: usize, change: i32) {
        self.take_out(number);
        self.hosts[number].planned += change;
        self.put_in(number);
    }

    fn kind(&mut self, name: KindName) -> usize {
        if let Some(kind) = self.kind_of.get(&name) {
            return *kind;
        }
        let kind = self.kinds.len();
        for (need, fitting) in self.needs.iter().zip(&mut self.fitting) {
            if fits(need, &name) {
                fitting.push(kind);
            }
        }
        self.kind_of.insert(name.clone(), kind);
        self.kinds.push(Kind { name, ready: 0, filled: 0, buckets: vec![Vec::new(); BUCKETS as usize] });
        kind
    }

    fn take_out(&mut self, number: usize) {
        let Some((bucket, index)) = self.hosts[number].at.take() else { return };
        let kind = &mut self.kinds[self.hosts[number].kind];
        kind.buckets[bucket].swap_remove(index);
        if let Some(moved) = kind.buckets[bucket].get(index) {
            self.hosts[*moved].at = Some((bucket, index));
        } else if kind.buckets[bucket].is_empty() {
            kind.filled &= !(1 << bucket);
        }
    }

    fn put_in(&mut self, number: usize) {
        let host = &mut self.hosts[number];
        let taken = host.load + host.planned;
        if !host.ready || taken >= host.capacity {
            return;
        }
        let bucket = (i64::from(taken.max(0)) * i64::from(BUCKETS) / i64::from(host.capacity)) as usize;
        let kind = &mut self.kinds[host.kind];
        host.at = Some((bucket, kind.buckets[bucket].len()));
        kind.buckets[bucket].push(number);
        kind.filled |= 1 << bucket;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(load: i32, capacity: i32) -> SandboxFact {
        let (engine, tags) = ("chromium".to_owned(), Vec::new());
        SandboxFact { id: SandboxId::new(), epoch: 1, capacity, load, engine, tags, ready: true }
    }

    fn hosts(facts: &[SandboxFact]) -> Hosts {
        let mut hosts = Hosts::default();
        hosts.add_need(Need::default());
        facts.iter().for_each(|fact| hosts.apply(fact.clone()));
        hosts
    }

    fn taken(hosts: &mut Hosts, need: usize, most: usize) -> Vec<SandboxId> {
        std::iter::from_fn(|| hosts.take(need, None, None)).take(most).map(|place| place.sandbox).collect()
    }

    #[test]
    fn the_emptiest_host_for_its_size_comes_first() {
        let (small, large) = (fact(1, 2), fact(2, 10));
        let mut hosts = hosts(&[small.clone(), large.clone()]);
        assert_eq!(taken(&mut hosts, 0, 3), [large.id; 3]);
        assert_eq!(taken(&mut hosts, 0, 99).len(), 6, "as many as there are, no more");
        assert!(!hosts.is_free(0));
        hosts.settle(small.id);
        assert_eq!(taken(&mut hosts, 0, 99), [small.id]);
    }

    #[test]
    fn what_is_not_ready_gets_nothing() {
        let mut draining = fact(0, 3);
        let mut hosts = hosts(&[draining.clone()]);
        draining.ready = false;
        hosts.apply(draining.clone());
        assert_eq!(hosts.take(0, Some(draining.id), None), None);
        assert!(!hosts.is_served(0));
        draining.ready = true;
        draining.epoch = 2;
        hosts.apply(draining.clone());
        assert_eq!(hosts.take(0, None, None), Some(Place { sandbox: draining.id, epoch: 2 }));
        assert!(hosts.is_served(0));
        hosts.retain(&BTreeSet::new());
        assert_eq!(hosts.take(0, None, None), None, "its row is gone");
    }

    #[test]
    fn engine_and_tags_are_kept() {
        let plain = fact(0, 9);
        let mut tagged = fact(5, 9);
        tagged.tags = vec!["eu".into(), "gpu".into()];
        let mut other = fact(0, 1);
        other.engine = "adspower".into();
        let mut hosts = hosts(&[plain.clone(), tagged.clone(), other.clone()]);
        let need = |engine: Option<&str>, tags: &[&str]| Need {
            engine: engine.map(str::to_owned),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        };
        hosts.add_need(need(Some("adspower"), &[]));
        hosts.add_need(need(None, &["eu"]));
        hosts.add_need(need(Some("adspower"), &["eu"]));
        assert_eq!(taken(&mut hosts, 1, 9), [other.id]);
        assert_eq!(taken(&mut hosts, 2, 2), [tagged.id; 2]);
        assert!(!hosts.is_free(3));
        // A kind that comes after the need is found, too.
        let mut late = fact(0, 1);
        (late.engine, late.tags) = ("adspower".into(), vec!["eu".into()]);
        hosts.apply(late.clone());
        assert_eq!(taken(&mut hosts, 3, 9), [late.id]);
    }

    #[test]
    fn the_host_with_the_persons_profile_is_preferred_while_it_has_a_place() {
        let (empty, holder) = (fact(0, 9), fact(7, 9));
        let mut hosts = hosts(&[empty.clone(), holder.clone()]);
        let mut place = || hosts.take(0, Some(holder.id), None).unwrap().sandbox;
        assert_eq!([place(), place(), place()], [holder.id, holder.id, empty.id]);
    }

    #[test]
    fn a_host_that_failed_the_task_is_taken_only_when_there_is_no_other() {
        let (failed, busy) = (fact(0, 9), fact(7, 9));
        let mut tagged = fact(8, 9);
        tagged.tags = vec!["eu".into()];
        let mut hosts = hosts(&[failed.clone(), busy.clone(), tagged.clone()]);
        // Its profile there does not help either.
        let mut place = || hosts.take(0, Some(failed.id), Some(failed.id)).unwrap().sandbox;
        let places = [place(), place(), place(), place()];
        assert_eq!(places, [busy.id, busy.id, tagged.id, failed.id]);
        assert_eq!(hosts.take(0, None, None).unwrap().sandbox, failed.id, "others know nothing against it");
    }
}

//! The planner by itself; [`simulation`] lets it run against a world that changes under it.

mod simulation;

use chrono::{TimeDelta, TimeZone as _};
use protocol::site::Limit;
use store::queue::{SandboxFact, SiteFact, Stand, TaskFact};

use super::*;

fn start_of_time() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 1, 12, 0, 0).unwrap()
}

fn seconds(seconds: i64) -> TimeDelta {
    TimeDelta::seconds(seconds)
}

fn host(capacity: i32) -> SandboxFact {
    let engine = "chromium".to_owned();
    SandboxFact { id: SandboxId::new(), epoch: 1, capacity, load: 0, engine, tags: Vec::new(), ready: true }
}

fn waiting(user: UserId, since: DateTime<Utc>) -> TaskFact {
    TaskFact {
        id: TaskId::new(),
        user,
        tier: "free".into(),
        engine: None,
        tags: Vec::new(),
        site: None,
        profile_host: None,
        failed_host: None,
        placed_at: None,
        stand: Stand::Queued { since },
    }
}

fn placed(fact: &TaskFact, placement: Placement, at: DateTime<Utc>) -> TaskFact {
    let stand = Stand::Placed { sandbox: placement.sandbox, running: true };
    TaskFact { stand, placed_at: Some(at), ..fact.clone() }
}

/// A planner that knows these, and the time.
fn planner(hosts: &[SandboxFact], tasks: &[TaskFact]) -> (Planner, DateTime<Utc>) {
    let (mut planner, now) = (Planner::default(), start_of_time());
    tasks.iter().for_each(|task| planner.apply(task, now));
    hosts.iter().for_each(|host| planner.apply_sandbox(host.clone()));
    (planner, now)
}

fn ids(placements: &[Placement]) -> Vec<TaskId> {
    placements.iter().map(|placement| placement.task).collect()
}

#[test]
fn people_take_turns_each_with_their_oldest_task() {
    let now = start_of_time();
    let (busy, late) = (UserId::new(), UserId::new());
    let many: Vec<_> = (0..5).map(|n| waiting(busy, now - seconds(n))).collect();
    let few: Vec<_> = (0..2).map(|_| waiting(late, now)).collect();
    let (mut planner, now) = planner(&[host(99)], &[many.clone(), few.clone()].concat());
    let order = ids(&planner.plan(now, 99));
    assert_eq!(order, [many[4].id, few[0].id, many[3].id, few[1].id, many[2].id], "and nobody beyond the cap");
}

#[test]
fn a_subscription_weighs_places_at_a_turn() {
    let now = start_of_time();
    let (free, starter) = (UserId::new(), UserId::new());
    let mut tasks: Vec<_> = (0..3).map(|_| waiting(free, now)).collect();
    tasks.extend((0..3).map(|_| TaskFact { tier: "starter".into(), ..waiting(starter, now) }));
    let (mut planner, now) = planner(&[host(99)], &tasks);
    let users: Vec<_> = planner
        .plan(now, 99)
        .iter()
        .map(|placement| tasks.iter().find(|task| task.id == placement.task).unwrap().user)
        .collect();
    assert_eq!(users, [free, starter, starter, free, starter, free]);
}

#[test]
fn who_is_at_the_cap_comes_back_when_a_task_ends_or_is_held() {
    let now = start_of_time();
    let tasks: Vec<_> = (0..5).map(|_| waiting(UserId::new(), now)).collect();
    let tasks: Vec<_> = tasks.iter().map(|task| TaskFact { user: tasks[0].user, ..task.clone() }).collect();
    let (mut planner, now) = planner(&[host(99)], &tasks);
    let first = planner.plan(now, 99);
    assert_eq!(first.len(), 3);
    let fact = |placement: &Placement| tasks.iter().find(|task| task.id == placement.task).unwrap();
    for placement in &first {
        planner.apply(&placed(fact(placement), *placement, now), now);
    }
    assert_eq!(planner.plan(now, 99), [], "three are running");
    let held = Stand::Placed { sandbox: first[0].sandbox, running: false };
    planner.apply(&TaskFact { stand: held, ..fact(&first[0]).clone() }, now);
    assert_eq!(planner.plan(now, 99).len(), 1);
    planner.apply(&TaskFact { stand: Stand::Neither, ..fact(&first[1]).clone() }, now);
    assert_eq!(planner.plan(now, 99).len(), 1);
}

#[test]
fn a_back_off_is_waited_for() {
    let now = start_of_time();
    let (mut planner, _) = planner(&[host(9)], &[waiting(UserId::new(), now + seconds(60))]);
    assert_eq!(planner.plan(now + seconds(59), 9), []);
    assert_eq!(planner.plan(now + seconds(60), 9).len(), 1);
}

#[test]
fn a_planned_task_counts_until_the_facts_say_otherwise() {
    let now = start_of_time();
    let task = waiting(UserId::new(), now);
    let (mut planner, now) = planner(&[host(1)], std::slice::from_ref(&task));
    assert_eq!(planner.plan(now, 9).len(), 1);
    // Facts from before the claim's commit change nothing.
    planner.apply(&task, now);
    assert_eq!(planner.plan(now, 9), []);
    // The claim was refused: it waits again, at once.
    planner.settle(task.id, Claimed::Answered, now);
    assert_eq!(planner.plan(now, 9).len(), 1);
    // Nobody knows what became of it: it stands back for a while.
    planner.settle(task.id, Claimed::Failed { until: now + seconds(10) }, now);
    planner.apply(&task, now);
    assert_eq!(planner.plan(now + seconds(9), 9), []);
    let placement = planner.plan(now + seconds(10), 9)[0];
    planner.apply(&placed(&task, placement, now), now);
    planner.settle(task.id, Claimed::Answered, now);
    assert_eq!(planner.plan(now + seconds(99), 9), [], "it was placed");
    planner.settle(task.id, Claimed::Gone, now);
    assert_eq!(planner.len(), 1, "and the facts know better than the claim");
}

#[test]
fn a_busy_site_stops_only_its_own_tasks() {
    let now = start_of_time();
    let limit = Limit { running: 1, starts: 9 };
    let at_site = |user| TaskFact { site: Some("crumb.example".into()), ..waiting(user, now - seconds(9)) };
    let (ada, eve) = (UserId::new(), UserId::new());
    let tasks = [at_site(ada), at_site(ada), at_site(eve), waiting(eve, now)];
    let (mut planner, now) = planner(&[host(9)], &tasks);
    planner.apply_sites(&[SiteFact { site: "crumb.example".into(), limit, paused_until: None }], now);
    let first = planner.plan(now, 9);
    assert_eq!(ids(&first), [tasks[0].id, tasks[3].id]);
    // Who waited first for the site goes first, although Ada's next is as old and Bob has just come.
    planner.apply(&placed(&tasks[0], first[0], now), now);
    let bob = at_site(UserId::new());
    planner.apply(&bob, now);
    planner.apply(&TaskFact { stand: Stand::Neither, ..tasks[0].clone() }, now);
    let next = planner.plan(now, 9);
    assert_eq!(next.len(), 1);
    assert_ne!(next[0].task, bob.id);
}

#[test]
fn a_minute_has_as_many_starts_as_the_site_bears() {
    let now = start_of_time();
    let limit = Limit { running: 9, starts: 2 };
    let tasks: Vec<_> =
        (0..5).map(|_| TaskFact { site: Some("crumb.example".into()), ..waiting(UserId::new(), now) }).collect();
    let (mut planner, now) = planner(&[host(9)], &tasks);
    planner.apply_sites(&[SiteFact { site: "crumb.example".into(), limit, paused_until: None }], now);
    // One began half a minute ago and is over.
    planner.note_start("crumb.example", now - seconds(30));
    let first = planner.plan(now, 9);
    assert_eq!(first.len(), 1);
    let fact = tasks.iter().find(|task| task.id == first[0].task).unwrap();
    planner.apply(&placed(fact, first[0], now), now);
    assert_eq!(planner.plan(now + seconds(29), 9), []);
    assert_eq!(planner.plan(now + seconds(30), 9).len(), 1);
    assert_eq!(planner.plan(now + seconds(60), 9).len(), 1);
}

#[test]
fn neither_the_ring_nor_a_site_starves_the_other() {
    let now = start_of_time();
    let limit = Limit { running: 1, starts: 99 };
    let task = |site: Option<&str>| TaskFact { site: site.map(str::to_owned), ..waiting(UserId::new(), now) };
    let mut tasks: Vec<_> = (0..10).map(|_| task(Some("crumb.example"))).collect();
    let mut one = host(99);
    let (mut planner, now) = planner(&[one.clone()], &tasks);
    planner.apply_sites(&[SiteFact { site: "crumb.example".into(), limit, paused_until: None }], now);
    let mut placement = planner.plan(now, 99)[0];
    // Nine wait for the site now; nine more come who wait for a place only, of which there is one from here on.
    tasks.extend((0..9).map(|_| task(None)));
    tasks[10..].iter().for_each(|task| planner.apply(task, now));
    one.capacity = 1;
    planner.apply_sandbox(one);
    let mut order = Vec::new();
    loop {
        let index = tasks.iter().position(|task| task.id == placement.task).unwrap();
        let fact = tasks.swap_remove(index);
        order.push(fact.site.is_some());
        planner.apply(&TaskFact { stand: Stand::Neither, ..fact }, now);
        match planner.plan(now, 9).first() {
            Some(next) => placement = *next,
            None => break,
        }
    }
    assert_eq!(order.len(), 19);
    let longest = order.chunk_by(|a, b| a == b).map(<[bool]>::len).max();
    assert!(longest <= Some(2), "{order:?}");
    assert!(planner.is_empty() && planner.people.is_empty(), "nothing is left behind");
}

#[test]
fn room_is_not_kept_for_those_whose_hosts_are_gone() {
    let now = start_of_time();
    let limit = Limit { running: 1, starts: 99 };
    let site = || Some("crumb.example".to_owned());
    let mut special = SandboxFact { engine: "adspower".into(), ..host(9) };
    let first = TaskFact { site: site(), ..waiting(UserId::new(), now - seconds(9)) };
    let picky = TaskFact { site: site(), engine: Some("adspower".into()), ..waiting(UserId::new(), now) };
    let (mut planner, now) = planner(&[host(9), special.clone()], &[first.clone(), picky.clone()]);
    planner.apply_sites(&[SiteFact { site: site().unwrap(), limit, paused_until: None }], now);
    let running = planner.plan(now, 9);
    assert_eq!(ids(&running), [first.id], "the other one waits for the site");
    special.ready = false;
    planner.apply_sandbox(special);
    planner.apply(&TaskFact { stand: Stand::Neither, ..first }, now);
    planner.plan(now, 9);
    let another = TaskFact { site: site(), ..waiting(UserId::new(), now) };
    planner.apply(&another, now);
    assert_eq!(ids(&planner.plan(now, 9)), [another.id]);
}

#[test]
fn only_those_in_want_of_a_place_ask_for_one() {
    let now = start_of_time();
    let ada = UserId::new();
    let tasks: Vec<_> = (0..6).map(|_| waiting(ada, now)).collect();
    let full = host(2);
    let (mut planner, now) = planner(std::slice::from_ref(&full), &tasks);
    assert_eq!(planner.plan(now, 9).len(), 2);
    let want = planner.in_want(99);
    assert_eq!(want.count, 1, "one person, who may have one more");
    assert!(want.fits(full.id));
    let picky = TaskFact { engine: Some("adspower".into()), ..waiting(UserId::new(), now) };
    let (mut planner, now) = super::tests::planner(std::slice::from_ref(&full), &[picky]);
    assert_eq!(planner.plan(now, 9), []);
    let want = planner.in_want(99);
    assert!(want.count == 1 && !want.fits(full.id), "no browser there helps them");
}

#[test]
fn the_host_of_the_persons_profile_is_preferred() {
    let now = start_of_time();
    let (empty, holder) = (host(9), host(9));
    let task = TaskFact { profile_host: Some(holder.id), ..waiting(UserId::new(), now) };
    let (mut planner, now) = planner(&[holder.clone(), empty.clone()], &[task, waiting(UserId::new(), now)]);
    let sandboxes: Vec<_> = planner.plan(now, 9).iter().map(|placement| placement.sandbox).collect();
    assert_eq!(sandboxes, [holder.id, empty.id]);
}

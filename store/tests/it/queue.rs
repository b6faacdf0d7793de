//! What the dispatcher reads, and why a task waits.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use protocol::ids::{SandboxId, TaskId};
use protocol::site;
use protocol::task::Status;
use protocol::waiting::Why;
use sqlx::PgPool;
use store::journal::Write;
use store::queue::{self, Stand};
use store::tasks::{self, Task};
use uuid::Uuid;

use crate::support::{World, claim, give, step};

/// A reader that remembers where it stands, and what it has seen: transactions of other tests on the same server hold
/// the oldest open one back, so that some of it is read again.
#[derive(Default)]
struct Reader {
    from: i64,
    seen: HashSet<(i64, TaskId)>,
}

impl Reader {
    async fn read(&mut self, world: &World) -> Vec<TaskId> {
        let mut tx = world.tx().await;
        let marks = queue::marks(&mut tx).await.unwrap();
        let changed = queue::changed(&mut tx, self.from, marks.next, None, 100).await.unwrap();
        self.from = marks.oldest;
        changed
            .into_iter()
            .filter(|change| self.seen.insert((change.mark, change.id)))
            .map(|change| change.id)
            .collect()
    }
}

async fn mark_of(world: &World, sandbox: SandboxId) -> i64 {
    let mark = sqlx::query_scalar("SELECT placement_mark FROM sandboxes WHERE id = $1").bind(sandbox.0);
    mark.fetch_one(&world.pool).await.unwrap()
}

async fn stand(world: &World, task: TaskId) -> Stand {
    queue::facts(&mut world.tx().await, &[task]).await.unwrap()[0].stand
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn changes_are_read_once_and_only_those_that_concern_a_place(pool: PgPool) {
    let world = World::new(pool).await;
    let (sandbox, epoch) = world.sandbox(1).await;
    let mut reader = Reader::default();
    let mut task = world.task(world.user().await, 1).await;
    assert_eq!(reader.read(&world).await, [task.id]);
    assert!(matches!(stand(&world, task.id).await, Stand::Queued { .. }));
    assert!(reader.read(&world).await.is_empty());

    world.claim(&mut task, sandbox, epoch).await.unwrap();
    assert_eq!(reader.read(&world).await, [task.id]);
    assert!(matches!(stand(&world, task.id).await, Stand::Placed { running: true, .. }));
    task.progress = 50;
    task.wake_at = Some(Utc::now());
    world.commit(&[step(&task)]).await.unwrap();
    task.generation += 1;
    assert!(reader.read(&world).await.is_empty(), "progress is none of the dispatcher's business");

    world.commit(&[give(&task)]).await.unwrap();
    assert_eq!(reader.read(&world).await, [task.id]);
    assert_eq!(stand(&world, task.id).await, Stand::Neither);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn the_host_of_a_failed_attempt_is_named_until_the_attempts_are_over(pool: PgPool) {
    let world = World::new(pool).await;
    let (sandbox, epoch) = world.sandbox(1).await;
    let mut task = world.task(world.user().await, 1).await;
    let failed_on = async |task| queue::facts(&mut world.tx().await, &[task]).await.unwrap()[0].failed_host;
    assert_eq!(failed_on(task.id).await, None);
    task.attempt = 1;
    world.claim(&mut task, sandbox, epoch).await.unwrap();
    assert_eq!(failed_on(task.id).await, None, "it is on its way there");
    let mut again = give(&task);
    let queued = Task { status: Status::Queued, queued_at: Some(Utc::now()), ..Task::clone(&again.task) };
    again.task = Arc::new(queued.clone());
    world.commit(&[again]).await.unwrap();
    assert_eq!(failed_on(task.id).await, Some(sandbox));
    // Its person answered, or tries it once more: what was is no reason any more.
    let anew = Task { attempt: 0, ..queued };
    world.commit(&[step(&anew)]).await.unwrap();
    assert_eq!(failed_on(task.id).await, None);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_commit_that_becomes_visible_late_is_not_missed(pool: PgPool) {
    let world = World::new(pool).await;
    let user = world.user().await;
    let (early, late) = (world.task(user, 2).await, world.task(user, 1).await);
    let mut reader = Reader::default();
    reader.read(&world).await;
    let touch = "UPDATE tasks SET queued_at = now() WHERE id = $1";
    let mut slow = world.tx().await;
    sqlx::query(touch).bind(early.id.0).execute(&mut slow).await.unwrap();
    sqlx::query(touch).bind(late.id.0).execute(&world.pool).await.unwrap();
    assert_eq!(reader.read(&world).await, [late.id], "the earlier one is not committed");
    store::db::commit(slow, "being late").await.unwrap();
    assert!(reader.read(&world).await.contains(&early.id));
    assert!(reader.read(&world).await.is_empty());
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_sandboxs_changes_are_read_whoever_made_them(pool: PgPool) {
    let world = World::new(pool).await;
    let (sandbox, epoch) = world.sandbox(2).await;
    let (other, _) = world.sandbox(1).await;
    let from = async || queue::marks(&mut world.tx().await).await.unwrap().oldest;
    let mut mark = from().await;
    let read = async |mark| queue::sandboxes(&mut world.tx().await, mark).await.unwrap();
    assert_eq!(read(0).await.len(), 2);
    let (before, others) = (mark_of(&world, sandbox).await, mark_of(&world, other).await);
    let mut tx = world.tx().await;
    assert_eq!(store::agents::record_heartbeats(&mut tx, &[(other, 1)]).await.unwrap().len(), 1);
    store::db::commit(tx, "a heartbeat").await.unwrap();
    assert_eq!(mark_of(&world, other).await, others, "a heartbeat changes nothing here");
    let mut task = world.task(world.user().await, 1).await;
    world.claim(&mut task, sandbox, epoch).await.unwrap();
    assert!(mark_of(&world, sandbox).await > before);
    let facts = read(mark).await;
    let found = facts.iter().find(|facts| facts.id == sandbox).unwrap();
    assert_eq!(found.load, 1);
    mark = from().await;
    sqlx::query("UPDATE sandboxes SET draining = true, tags = '[\"gpu\", \"eu\"]' WHERE id = $1")
        .bind(other.0)
        .execute(&world.pool)
        .await
        .unwrap();
    let facts = read(mark).await;
    let found = facts.iter().find(|facts| facts.id == other).unwrap();
    assert!(!found.ready);
    assert_eq!(found.tags, ["eu", "gpu"]);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn the_whole_queue_is_read_in_pages(pool: PgPool) {
    let world = World::new(pool).await;
    let (sandbox, epoch) = world.sandbox(9).await;
    let user = world.user().await;
    let mut tasks = Vec::new();
    for age in 0..5 {
        tasks.push(world.task(user, age).await);
    }
    world.claim(&mut tasks[0], sandbox, epoch).await.unwrap();
    world.claim(&mut tasks[1], sandbox, epoch).await.unwrap();
    world.commit(&[give(&tasks[1])]).await.unwrap();
    let mut expected: Vec<TaskId> = tasks.iter().map(|task| task.id).filter(|id| *id != tasks[1].id).collect();
    expected.sort();
    let mut tx = world.tx().await;
    let first = queue::page(&mut tx, TaskId(Uuid::nil()), 3).await.unwrap();
    let second = queue::page(&mut tx, first[2], 3).await.unwrap();
    assert_eq!([first, second].concat(), expected, "what waits and what has a place, no others");
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn what_a_task_asks_of_its_host_and_where_its_profile_lies_is_read(pool: PgPool) {
    let world = World::new(pool).await;
    let (host, _) = world.sandbox(1).await;
    let user = world.user().await;
    let task = world.task(user, 1).await;
    sqlx::query(
        "UPDATE tasks SET engine = 'adspower', tags = '[\"b\", \"a\", 7]', site = 'linkedin', platform = 'linkedin'
          WHERE id = $1",
    )
    .bind(task.id.0)
    .execute(&world.pool)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO browser_profiles (user_id, platform, adspower_profile_id, fingerprint_config, sandbox_id)
         VALUES ($1, 'linkedin', 'p1', '{}', $2), ($1, 'lever', 'p2', '{}', NULL)",
    )
    .bind(user.0)
    .bind(host.0)
    .execute(&world.pool)
    .await
    .unwrap();
    sqlx::query("UPDATE users SET subscription_tier = 'pro'").execute(&world.pool).await.unwrap();
    let facts = queue::facts(&mut world.tx().await, &[task.id, TaskId::new()]).await.unwrap();
    assert_eq!(facts.len(), 1);
    let fact = &facts[0];
    assert_eq!((fact.engine.as_deref(), fact.site.as_deref()), (Some("adspower"), Some("linkedin")));
    assert_eq!((fact.tags.as_slice(), fact.tier.as_str()), (&["a".to_owned(), "b".to_owned()][..], "pro"));
    assert_eq!(fact.profile_host, Some(host));
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_sites_own_limits_and_pauses_are_read(pool: PgPool) {
    let world = World::new(pool).await;
    let (sandbox, epoch) = world.sandbox(1).await;
    let now = Utc::now();
    let mut tx = world.tx().await;
    queue::set_limit(&mut tx, "crumb.example", Some(1), None).await.unwrap();
    store::db::commit(tx, "setting a limit").await.unwrap();
    let mut task = world.task(world.user().await, 1).await;
    task.site = Some("linkedin".into());
    let until = now + TimeDelta::minutes(5);
    let mut paused = claim(&task, sandbox, epoch);
    paused.writes = vec![Write::SitePaused { until }, Write::SitePaused { until: now }];
    world.commit(&[paused]).await.unwrap();
    let sites = queue::sites(&mut world.tx().await, now).await.unwrap();
    assert_eq!(
        (sites[0].site.as_str(), sites[0].limit.running, sites[0].limit.starts),
        ("crumb.example", 1, site::OWN.starts)
    );
    assert_eq!((sites[1].site.as_str(), sites[1].limit), ("linkedin", site::LINKEDIN));
    assert!((sites[1].paused_until.unwrap() - until).abs() < TimeDelta::milliseconds(1), "the longest");
    assert_eq!(queue::sites(&mut world.tx().await, until + TimeDelta::seconds(1)).await.unwrap().len(), 1);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_queued_task_says_why_it_waits_and_where_it_stands(pool: PgPool) {
    let world = World::new(pool).await;
    let (busy, late) = (world.user().await, world.user().await);
    let mut tasks = Vec::new();
    for age in [50, 40, 30, 20] {
        tasks.push(world.task(busy, age).await);
    }
    let mine = world.task(late, 5).await;
    let waiting = async |task: TaskId| queue::waiting(&mut world.tx().await, task, Utc::now()).await.unwrap();
    let stands = async |task: TaskId| {
        let waiting = waiting(task).await.unwrap();
        (waiting.why(Utc::now()), waiting.position())
    };
    let why = async |task: TaskId| stands(task).await.0;
    assert_eq!(stands(mine.id).await, (Why::NoHost, 2));
    assert_eq!(stands(tasks[3].id).await.1, 5, "its owner's fourth comes after everybody's first");

    let (sandbox, epoch) = world.sandbox(4).await;
    assert_eq!(why(mine.id).await, Why::Next);
    let beyond = Why::Cap { running: 0, before: 3, cap: 3 };
    assert_eq!(why(tasks[3].id).await, beyond);
    for task in &mut tasks[..3] {
        world.claim(task, sandbox, epoch).await.unwrap();
    }
    assert_eq!(why(tasks[3].id).await, Why::Cap { running: 3, before: 0, cap: 3 });
    assert!(waiting(tasks[0].id).await.is_none(), "it does not wait");
    assert_eq!(stands(mine.id).await, (Why::Next, 1), "who is at the cap is before nobody");
    let mut other = world.task(world.user().await, 1).await;
    world.claim(&mut other, sandbox, epoch).await.unwrap();
    assert_eq!(why(mine.id).await, Why::Full { places: 4 });

    let set = async |change: &'static str| {
        sqlx::query(change).execute(&world.pool).await.unwrap();
    };
    set("UPDATE sandboxes SET draining = true").await;
    assert_eq!(why(mine.id).await, Why::HostsDraining);
    set("UPDATE sandboxes SET draining = false, health_status = 'unhealthy'").await;
    assert_eq!(why(mine.id).await, Why::HostsDisconnected);
    set("UPDATE sandboxes SET health_status = 'healthy', capacity = 9").await;
    set("UPDATE tasks SET tags = '[\"eu\"]' WHERE status = 'queued'").await;
    assert_eq!(why(mine.id).await, Why::NoFittingHost);
    set("UPDATE sandboxes SET tags = '[\"us\", \"eu\"]'").await;
    assert_eq!(why(mine.id).await, Why::Next);

    set("UPDATE tasks SET site = 'linkedin', placed_at = now()").await;
    assert!(matches!(why(mine.id).await, Why::SiteBusy { running: 4, .. }));
    let back_off = world.task(late, -60).await;
    assert!(matches!(why(back_off.id).await, Why::BackOff { .. }));
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn only_those_who_could_take_its_place_are_before_a_task(pool: PgPool) {
    let world = World::new(pool).await;
    world.sandbox(1).await;
    let mut before = Vec::new();
    for age in [50, 40, 30] {
        before.push(world.task(world.user().await, age).await.id.0);
    }
    let mine = world.task(world.user().await, 1).await;
    let ahead = async || queue::waiting(&mut world.tx().await, mine.id, Utc::now()).await.unwrap().unwrap().ahead;
    assert_eq!(ahead().await, 3);
    let set = async |change: &'static str, task: usize| {
        sqlx::query(change).bind(before[task]).execute(&world.pool).await.unwrap();
    };
    set("UPDATE tasks SET engine = 'adspower' WHERE id = $1", 0).await;
    assert_eq!(ahead().await, 2, "it waits for hosts of another kind");
    set("UPDATE sandboxes SET browser_engine = 'adspower' WHERE $1::uuid IS NOT NULL", 0).await;
    assert_eq!(ahead().await, 3, "the host has what both need");
    set("UPDATE tasks SET site = 'crumb.example' WHERE id = $1", 1).await;
    assert_eq!(ahead().await, 3);
    let pause = "INSERT INTO site_limits (site, paused_until) SELECT site, now() + interval '1 minute' FROM tasks WHERE id = $1";
    set(pause, 1).await;
    assert_eq!(ahead().await, 2, "its site asked for a pause");
    set("UPDATE tasks SET site = 'crumb.example' WHERE id <> $1 AND site IS NULL", 1).await;
    assert_eq!(ahead().await, 3, "all wait for the same site");
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_sandbox_that_was_revoked_gives_no_place(pool: PgPool) {
    let world = World::new(pool).await;
    let (sandbox, epoch) = world.sandbox(1).await;
    for change in ["revoked_at = now()", "revoked_at = NULL, status = 'stopping'", "status = 'active', draining = true"]
    {
        sqlx::query(sqlx::AssertSqlSafe(format!("UPDATE sandboxes SET {change}"))).execute(&world.pool).await.unwrap();
        let mut task = world.task(world.user().await, 1).await;
        let refused = world.claim(&mut task, sandbox, epoch).await;
        assert!(matches!(refused, Err(store::journal::CommitError::NoSlot)), "{change}: {refused:?}");
        assert_eq!((world.load(sandbox).await, world.unbalanced().await), (0, 0));
    }
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn due_tasks_are_found_by_their_time(pool: PgPool) {
    let world = World::new(pool).await;
    let user = world.user().await;
    let (mut past, mut future) = (world.task(user, 0).await, world.task(user, 0).await);
    past.wake_at = Some(Utc::now() - TimeDelta::seconds(1));
    future.wake_at = Some(Utc::now() + TimeDelta::hours(1));
    (past.status, future.status) = (Status::WaitingHuman, Status::WaitingHuman);
    world.commit(&[step(&past), step(&future)]).await.unwrap();
    let shards: Vec<i16> = world.held.iter().map(|held| held.shard).collect();
    let mut tx = world.tx().await;
    let due = tasks::due(&mut tx, &shards, Utc::now(), 10).await.unwrap();
    assert_eq!(due, [tasks::TaskAt { id: past.id, shard: past.shard }]);
}

//! The actor tree on a live node: what it shows, what the watchdog finds, what admins' orders do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::cluster::{Action, ROUTERS, RouterMessage};
use protocol::ids::{TaskId, UserId};
use protocol::inspect::{ADMINS, Answer, Ask, Caller, Filter, Order, Reply, Request, STUCK, What};
use protocol::task::Phase;
use protocol::wire::codec;
use ractor::rpc::CallResult;
use ractor::{Actor as _, ActorRef};
use sqlx::PgPool;
use store::bus::Signal;

use super::support::{Node, at, at_phase, created, sandbox, user};
use crate::inspect::{steer, tree, watchdog};
use crate::resume_work::ResumeWork;
use crate::router::{Router, RouterArgs};
use crate::supervise::{ChildSpec, Root, RootArgs, RootMsg};
use crate::wakes::Wakes;

/// Far beyond every bound of the watchdog.
const LATER: Duration = Duration::from_secs(1_000);
const PATIENCE: Duration = Duration::from_secs(20);

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn admin() -> Option<Caller> {
    Some(Caller { user: UserId::new(), role: "admin".to_owned() })
}

async fn steered(node: &Node, id: String, order: Order) -> Reply {
    let caller = admin();
    sqlx::query("INSERT INTO users (id, email, name, role) VALUES ($1, $1::text, 'An admin', 'admin')")
        .bind(caller.as_ref().unwrap().user.0)
        .execute(node.core.store.pool())
        .await
        .unwrap();
    let ask = Ask::Steer { id, order, node: node.core.node };
    steer::answer(&node.core, Request { caller, ask }).await
}

fn shown(node: &Node, id: &str) -> protocol::inspect::Actor {
    tree::one(&node.core, id, Instant::now()).unwrap()
}

/// A node whose wakes and router run below a root.
async fn rooted(pool: &PgPool) -> (Node, ActorRef<RootMsg>) {
    let (sandbox, _) = sandbox(pool, 1).await;
    let node = Node::start(pool, sandbox).await;
    let (at, work) = (Arc::clone(&node.core), ResumeWork::new().0);
    let router = ChildSpec {
        name: "router",
        start: Box::new(move |root| {
            let args = RouterArgs { core: Arc::clone(&at), resumes: work.clone() };
            Box::pin(async move { Ok(Router::spawn_linked(None, Router, args, root).await?.0.get_cell()) })
        }),
    };
    let at = Arc::clone(&node.core);
    let wakes = ChildSpec {
        name: "wakes",
        start: Box::new(move |root| {
            let core = Arc::clone(&at);
            Box::pin(async move { Ok(Wakes::spawn_linked(None, Wakes, core, root).await?.0.get_cell()) })
        }),
    };
    let args = RootArgs { children: vec![router, wakes], inspect: Arc::clone(&node.core.inspect) };
    let (root, _) = Root::spawn(None, Root, args).await.unwrap();
    (node, root)
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_live_task_shows_its_state_lease_and_deadline(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut node = Node::start(&pool, sandbox).await;
    let task = at_phase(&mut node, &pool, sandbox, epoch, Phase::Reviewing).await;
    let (actor, row) = (shown(&node, &tree::task(task)), node.row(task).await);
    assert_eq!((actor.kind.as_str(), actor.state.as_str()), ("task", "waiting_human"));
    assert_eq!((actor.lease, actor.node), (row.lease_id, node.core.node));
    let deadline = actor.deadline.unwrap();
    assert_eq!((deadline.what.as_str(), deadline.at_ms), ("parked", row.held_until.unwrap().timestamp_millis()));
    assert!(actor.parent.as_deref().is_some_and(|parent| parent.starts_with("tasks:")));
    assert_eq!((actor.last_message.as_deref(), actor.depth, actor.restarts), (Some("report"), 0, 0));
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn lists_are_pages_in_order_and_count_every_kind(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 1).await;
    let node = Node::start(&pool, sandbox).await;
    let mut tasks = Vec::new();
    let ada = user(&pool).await;
    for _ in 0..25 {
        let task = created(&pool, ada).await;
        node.person(task, Action::TaskCreated { task }).await;
        tasks.push(task);
    }
    tasks.sort_unstable();
    let mut filter = Filter { kind: Some("task".to_owned()), limit: 10, ..Filter::default() };
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = tree::list(&node.core, &filter, Instant::now());
        assert!(page.actors.len() <= 10);
        assert_eq!((page.counts["task"].total, page.counts["sandbox"].total), (25, 1));
        pages += 1;
        seen.extend(page.actors.iter().map(|actor| actor.id.clone()));
        filter.after = page.actors.last().map(protocol::inspect::Actor::place);
        if !page.more {
            break;
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(seen, tasks.iter().map(|task| tree::task(*task)).collect::<Vec<_>>());
    let by_state = |state: &str| Filter { state: Some(state.to_owned()), limit: 200, ..Filter::default() };
    let listed = |state: &str| tree::list(&node.core, &by_state(state), Instant::now()).actors.len();
    assert_eq!((listed("queued"), listed("filling")), (25, 0));
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn an_actor_that_hangs_is_found_and_one_that_gets_on_is_not(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 2).await;
    let mut node = Node::start(&pool, sandbox).await;
    let hangs = at_phase(&mut node, &pool, sandbox, epoch, Phase::Filling).await;
    let fine = at_phase(&mut node, &pool, sandbox, epoch, Phase::Filling).await;
    let _ = node.core.inspect.take_changes();
    // Its commit waits for a row that somebody else holds.
    let mut holder = pool.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM tasks WHERE id = $1 FOR UPDATE").bind(hangs.0).execute(&mut *holder).await.unwrap();
    let (tasks, cancel) = (node.tasks.clone(), Action::Cancel { task: hangs });
    let id = protocol::ids::CommandId::new();
    let waiting = tokio::spawn(async move {
        tasks.input(at(hangs), None, crate::task::machine::Input::Person { id, action: cancel }).await
    });
    let in_hand = tree::task(hangs);
    until("the message is in hand", || shown(&node, &in_hand).last_message.as_deref() == Some("person")).await;
    watchdog::look(&node.core, Instant::now());
    assert_ne!(shown(&node, &in_hand).state, STUCK, "not yet");
    // The probe of the healthy one is handled; of the other it only waits.
    steer::probe(&node.core, &[hangs, fine], &[]);
    until("the probe is handled", || shown(&node, &tree::task(fine)).last_message.as_deref() == Some("probe")).await;
    until("it is idle again", || shown(&node, &tree::task(fine)).depth == 0).await;
    assert_eq!(shown(&node, &in_hand).depth, 2, "the message in hand and the probe");

    watchdog::look(&node.core, Instant::now() + LATER);
    assert_eq!(shown(&node, &in_hand).state, STUCK);
    assert_eq!(shown(&node, &tree::task(fine)).state, "filling");
    let filter = Filter { state: Some(STUCK.to_owned()), kind: Some("task".to_owned()), limit: 9, ..Filter::default() };
    let list = tree::list(&node.core, &filter, Instant::now());
    assert_eq!(list.actors.iter().map(|actor| &actor.id).collect::<Vec<_>>(), [&in_hand]);
    assert_eq!(list.counts["task"].stuck, 1);
    let told = node.core.inspect.take_changes().changes;
    assert!(told.iter().any(|change| change.id == in_hand && change.change == What::Stuck), "{told:?}");

    holder.rollback().await.unwrap();
    waiting.await.unwrap().unwrap();
    until("it gets on", || shown(&node, &in_hand).depth == 0).await;
    watchdog::look(&node.core, Instant::now());
    assert_eq!(shown(&node, &in_hand).state, "cancelled");
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_hanging_actor_is_restarted_from_its_row(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut node = Node::start(&pool, sandbox).await;
    let task = at_phase(&mut node, &pool, sandbox, epoch, Phase::Navigating).await;
    let before = node.core.tasks.get(&task).unwrap().actor.get_id();
    let mut holder = pool.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM tasks WHERE id = $1 FOR UPDATE").bind(task.0).execute(&mut *holder).await.unwrap();
    let (tasks, id) = (node.tasks.clone(), protocol::ids::CommandId::new());
    let waiting = tokio::spawn(async move {
        tasks.input(at(task), None, crate::task::machine::Input::Person { id, action: Action::Cancel { task } }).await
    });
    until("the message is in hand", || shown(&node, &tree::task(task)).last_message.as_deref() == Some("person")).await;
    assert_eq!(steered(&node, tree::task(task), Order::Restart).await, Reply::Steered);
    let actor = shown(&node, &tree::task(task));
    assert_eq!((actor.restarts, actor.last_error), (1, None), "asked for, not crashed");
    assert_ne!(node.core.tasks.get(&task).unwrap().actor.get_id(), before);
    holder.rollback().await.unwrap();
    // The command came again to the new actor, and was done once.
    waiting.await.unwrap().unwrap();
    assert_eq!(node.row(task).await.status, protocol::task::Status::Cancelled);
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_stopped_task_comes_back_with_the_next_message(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut node = Node::start(&pool, sandbox).await;
    let task = at_phase(&mut node, &pool, sandbox, epoch, Phase::Reviewing).await;
    assert_eq!(steered(&node, tree::task(task), Order::Stop).await, Reply::Steered);
    until("it left", || !node.core.tasks.contains_key(&task)).await;
    assert_eq!(steered(&node, tree::task(task), Order::Restart).await, Reply::NotHere);
    node.person(task, Action::ExtendHold { task, minutes: 5 }).await;
    assert!(node.core.tasks.contains_key(&task));
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn crashes_are_counted_over_lives_and_named_without_detail(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut node = Node::start(&pool, sandbox).await;
    let task = at_phase(&mut node, &pool, sandbox, epoch, Phase::Submitting).await;
    // Another owner: the actor's next commit finds that it is none any more.
    sqlx::query("UPDATE tasks SET generation = generation + 1 WHERE id = $1")
        .bind(task.0)
        .execute(&pool)
        .await
        .unwrap();
    let cancelled = node.input(
        task,
        crate::task::machine::Input::LeaseLost { lease: node.row(task).await.lease_id.unwrap(), permit_used: None },
    );
    cancelled.await.unwrap();
    until("it is there again", || node.core.tasks.contains_key(&task)).await;
    let actor = shown(&node, &tree::task(task));
    assert_eq!(actor.restarts, 1);
    assert_eq!(actor.last_error.as_deref(), Some("the task has another owner"));
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn infrastructure_is_restarted_not_stopped_and_that_is_no_failure(pool: PgPool) {
    let (node, root) = rooted(&pool).await;
    for restarts in 1..=7 {
        assert_eq!(steered(&node, "wakes".to_owned(), Order::Restart).await, Reply::Steered);
        assert_eq!(shown(&node, "wakes").restarts, restarts);
    }
    assert_eq!(root.get_status(), ractor::ActorStatus::Running, "seven crashes in a minute would have ended it");
    for (id, order) in [("wakes", Order::Stop), ("coordinator", Order::Restart), ("journal", Order::Restart)] {
        assert!(matches!(steered(&node, id.to_owned(), order).await, Reply::Conflict(_)), "{id} {order}");
    }
    assert_eq!(steered(&node, "nothing".to_owned(), Order::Restart).await, Reply::NotHere);
    // A crash counts and is remembered.
    node.core.inspect.find("wakes").unwrap().cell.unwrap().kill();
    until("it runs again", || shown(&node, "wakes").restarts == 8 && shown(&node, "wakes").state == "running").await;
    root.stop(None);
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn probes_travel_through_the_router_and_supervisors(pool: PgPool) {
    let (mut node, root) = rooted(&pool).await;
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let task = at_phase(&mut node, &pool, sandbox, epoch, Phase::Navigating).await;
    let probed = watchdog::probe(&node.core, None);
    assert_eq!(probed, Some(task));
    let family = shown(&node, &tree::task(task)).parent.unwrap();
    for id in ["router", "coordinator", family.as_str(), tree::task(task).as_str()] {
        until(id, || shown(&node, id).last_message.as_deref() == Some("probe")).await;
    }
    until("all is handled", || shown(&node, "router").depth == 0).await;
    // A router that is gone does not answer: its probe stays.
    let cell = node.core.inspect.find("router").unwrap().cell.unwrap();
    let router: ActorRef<RouterMessage> = cell.into();
    assert!(ractor::pg::get_members(&ROUTERS.to_owned()).contains(&router.get_cell()));
    root.stop(None);
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn only_admins_are_answered_and_changes_are_told(pool: PgPool) {
    let (node, root) = rooted(&pool).await;
    let router: ActorRef<RouterMessage> = node.core.inspect.find("router").unwrap().cell.unwrap().into();
    let ask = async |caller: Option<Caller>, ask: Ask| -> Reply {
        let bytes = codec::encode(&Request { caller, ask }).unwrap();
        match router.call(|reply| RouterMessage::Inspect(bytes, reply), Some(PATIENCE)).await.unwrap() {
            CallResult::Success(bytes) => codec::decode::<Answer>(&bytes).unwrap().reply,
            other => panic!("{other:?}"),
        }
    };
    let list = || Ask::List(Filter { limit: 5, ..Filter::default() });
    let person = Caller { user: UserId::new(), role: "user".to_owned() };
    assert_eq!(ask(Some(person), list()).await, Reply::Forbidden);
    assert_eq!(ask(None, list()).await, Reply::Forbidden);
    // A gateway may say that somebody is an admin; to steer, the account itself must be one.
    let person = Caller { user: user(&pool).await, role: "admin".to_owned() };
    for caller in [Some(person), admin()] {
        let steer = Ask::Steer { id: "wakes".to_owned(), order: Order::Restart, node: node.core.node };
        assert_eq!(ask(caller, steer).await, Reply::Forbidden);
    }
    assert_eq!(shown(&node, "wakes").restarts, 0);
    let Reply::List(listing) = ask(admin(), list()).await else { panic!("no list") };
    assert_eq!((listing.actors.len(), listing.more), (5, true));
    assert_eq!(ask(admin(), Ask::One { id: tree::task(TaskId::new()) }).await, Reply::One(None));

    let mut heard = node.core.bus.subscribe();
    let (dog, _) = watchdog::Watchdog::spawn(None, watchdog::Watchdog, Arc::clone(&node.core)).await.unwrap();
    let told = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Signal::Message(message) = heard.recv().await.unwrap()
                && message.user == ADMINS
            {
                break serde_json::from_str::<serde_json::Value>(&message.json).unwrap();
            }
        }
    });
    let told = told.await.unwrap();
    assert_eq!(told["type"], "actors_changed");
    let started = told["changes"].as_array().unwrap().iter();
    assert!(started.clone().any(|change| change["id"] == "wakes" && change["change"] == "started"), "{told}");
    dog.stop(None);
    root.stop(None);
    node.kill().await;
}

//! Agents' sessions with the real actors of their sandboxes, at one of two coordinators.

use std::sync::Arc;

use protocol::cluster::Action;
use protocol::ids::{LeaseId, PermitId, SandboxId, TaskId};
use protocol::task::{Outcome, Phase, Status};
use protocol::wire::close;
use protocol::wire::message::{ControlDown, HeldLease, JobDown, Report, SeenPermit};
use ractor::Actor as _;
use sqlx::PgPool;
use store::tasks::{PermitState, Task};

use super::agent::{Agent, hello};
use super::cluster::{at, command, pair, user_of};
use super::support::{Node, PATIENCE, at_phase, created, sandbox};
use crate::cluster::owner::look_for_failover;
use crate::cluster::peers;
use crate::listener::ReportRefused;
use crate::resume_work::ResumeWork;
use crate::router::{Router, RouterArgs};
use crate::sandbox::actor::SandboxMsg;
use crate::task::handle::TaskError;
use crate::task::machine::Input;
use crate::task::machine::testing::confirmation;

/// What the row says of the sandbox's session.
async fn session(pool: &PgPool, sandbox: SandboxId) -> (bool, String) {
    let row = sqlx::query_as("SELECT connected, status::text FROM sandboxes WHERE id = $1").bind(sandbox.0);
    row.fetch_one(pool).await.unwrap()
}

/// Waits for the row to say so.
async fn until(pool: &PgPool, sandbox: SandboxId, connected: bool, status: &str) {
    let wanted = (connected, status.to_owned());
    let said = tokio::time::timeout(PATIENCE, async {
        while session(pool, sandbox).await != wanted {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    if said.await.is_err() {
        panic!("the row says {:?}, not {wanted:?}", session(pool, sandbox).await);
    }
}

/// Waits for the task's row to be so.
async fn row_until(node: &Node, task: TaskId, what: &str, is: impl Fn(&Task) -> bool) -> Task {
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            let row = node.row(task).await;
            if is(&row) {
                return row;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("the task is never {what}"))
}

/// Two nodes whose rows stay fresh; the second looks after its sandboxes itself.
async fn nodes(pool: &PgPool, sandbox: SandboxId) -> (Node, Node) {
    let (first, mut second) = pair(pool, sandbox).await;
    sqlx::query("UPDATE nodes SET renewed_at = now() + interval '1 hour'").execute(pool).await.unwrap();
    second.with_sandboxes().await;
    (first, second)
}

/// Nothing that is said to this node by another arrives, until [`hear`].
async fn deafen(node: &Node) {
    let group = peers::group(node.core.node);
    for router in ractor::pg::get_members(&group) {
        router.stop(None);
    }
    while !ractor::pg::get_members(&group).is_empty() {
        tokio::task::yield_now().await;
    }
}

async fn hear(node: &Node) {
    let args = RouterArgs { core: Arc::clone(&node.core), resumes: ResumeWork::new().0 };
    Router::spawn(None, Router, args).await.unwrap();
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn an_agent_that_stops_is_reached_by_every_coordinator_until_it_is_gone(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 4).await;
    let (first, second) = nodes(&pool, sandbox).await;
    let mut agent = Agent::connect(&second, sandbox, hello(Vec::new(), Vec::new())).await;
    let user = user_of(&first, &pool).await;
    let (task, late) = (created(&pool, user).await, created(&pool, user).await);
    for task in [task, late] {
        first.tasks.input(at(task, user), Some(user), command(Action::TaskCreated { task })).await.unwrap();
    }
    let lease = LeaseId::new();
    let claim = |lease| Input::Claimed { sandbox, epoch: agent.epoch, lease };
    first.tasks.input(at(task, user), None, claim(lease)).await.unwrap();
    let late_claim = claim(LeaseId::new());
    let JobDown::Start(start) = agent.job().await else { panic!("no job") };
    assert_eq!(start.lease, lease);

    agent.drain(vec![lease]).await;
    until(&pool, sandbox, true, "stopping").await;
    let refused = first.tasks.input(at(late, user), None, late_claim).await;
    assert!(matches!(refused, Err(TaskError::NoPlace)), "nothing is placed there: {refused:?}");
    let mut tx = first.core.store.begin().await.unwrap();
    assert!(store::tasks::sandboxes_left_alone(&mut tx).await.unwrap().is_empty());
    drop(tx);
    // The owner of the task, at another node, still has its say.
    first.tasks.input(at(task, user), Some(user), command(Action::Cancel { task })).await.unwrap();
    assert!(matches!(agent.command(lease).await, JobDown::End { .. }));
    agent.report(lease, 1, Report::Ended).await.unwrap();
    assert_eq!((first.row(task).await.status, first.row(task).await.lease_id), (Status::Cancelled, None));

    agent.leave();
    until(&pool, sandbox, false, "stopped").await;
    let _back = Agent::connect(&second, sandbox, hello(Vec::new(), Vec::new())).await;
    assert_eq!(session(&pool, sandbox).await, (true, "active".to_owned()), "its next life takes work again");
    first.kill().await;
    second.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_session_that_nobody_holds_is_taken_out_of_its_row(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 4).await;
    let (first, second) = nodes(&pool, sandbox).await;
    let agent = Agent::connect(&second, sandbox, hello(Vec::new(), Vec::new())).await;
    let user = user_of(&first, &pool).await;
    let task = created(&pool, user).await;
    first.tasks.input(at(task, user), Some(user), command(Action::TaskCreated { task })).await.unwrap();
    let claim = Input::Claimed { sandbox, epoch: agent.epoch, lease: LeaseId::new() };
    first.tasks.input(at(task, user), None, claim).await.unwrap();
    // The sandbox's actor dies, and its agent with it: nobody says hello again.
    let actor = second.core.sandboxes.get(&sandbox).unwrap().actor.clone();
    actor.kill();
    assert_eq!(agent.closed().await, u64::from(close::GOING_DOWN));
    agent.leave();
    until(&pool, sandbox, false, "active").await;
    row_until(&first, task, "without its lease", |row| row.lease_id.is_none()).await;
    let load: i32 = sqlx::query_scalar("SELECT current_load FROM sandboxes").fetch_one(&pool).await.unwrap();
    assert_eq!(load, 0);
    first.kill().await;
    second.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_click_that_a_failover_forgot_is_not_made_again(pool: PgPool) {
    let (sandbox, mut epoch) = sandbox(&pool, 4).await;
    for confirmed in [false, true] {
        let mut node = Node::start(&pool, sandbox).await;
        let task = at_phase(&mut node, &pool, sandbox, epoch, Phase::Submitting).await;
        let before = node.row(task).await;
        let (lease, permit) = (before.lease_id.unwrap(), before.permit_id.unwrap());
        node.kill().await;
        // The database fails over to a replica that lacks the last commits: the form is only being prepared there.
        sqlx::query(
            "UPDATE tasks SET permit_id = NULL, permit_state = NULL, last_report = last_report - 1,
                              pending = jsonb_set(pending, '{kind}', '\"prepare\"') WHERE id = $1",
        )
        .bind(task.0)
        .execute(&pool)
        .await
        .unwrap();
        sqlx::query("DELETE FROM permits WHERE id = $1").bind(permit.0).execute(&pool).await.unwrap();

        let mut node = Node::start(&pool, sandbox).await;
        node.with_sandboxes().await;
        let last_report = before.last_report.unsigned_abs();
        let held = HeldLease { lease, task, alive: true, last_report };
        let seen = |permit, used| SeenPermit { permit, task, used, confirmation: confirmed.then(confirmation) };
        let permits = vec![seen(permit, true), SeenPermit { confirmation: None, ..seen(PermitId::new(), false) }];
        let mut agent = Agent::connect(&node, sandbox, hello(vec![held], permits)).await;
        let (status, outcome, state) = match confirmed {
            true => (Status::Completed, Outcome::Sent, PermitState::Sent),
            false => (Status::WaitingHuman, Outcome::Unknown, PermitState::Unknown),
        };
        let row = row_until(&node, task, "asked about", |row| row.permit_state == Some(state)).await;
        assert_eq!((row.status, row.outcome, row.permit_id, row.lease_id), (status, outcome, Some(permit), None));
        assert_eq!(agent.control().await, ControlDown::Release { leases: vec![lease] });
        let kept: String = sqlx::query_scalar("SELECT state::text FROM permits WHERE id = $1")
            .bind(permit.0)
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(kept, state.as_str());
        epoch = agent.epoch;
        node.kill().await;
    }
    let load: i32 = sqlx::query_scalar("SELECT current_load FROM sandboxes").fetch_one(&pool).await.unwrap();
    assert_eq!(load, 0);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn words_that_are_lost_between_nodes_are_said_again(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 4).await;
    let (first, second) = nodes(&pool, sandbox).await;
    let mut agent = Agent::connect(&second, sandbox, hello(Vec::new(), Vec::new())).await;
    let user = user_of(&first, &pool).await;
    let [opened, cancelled, lost] = [LeaseId::new(), LeaseId::new(), LeaseId::new()];
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let task = created(&pool, user).await;
        first.tasks.input(at(task, user), Some(user), command(Action::TaskCreated { task })).await.unwrap();
        tasks.push(task);
    }
    let epoch = agent.epoch;
    let claim = async |task, lease| {
        first.tasks.input(at(task, user), None, Input::Claimed { sandbox, epoch, lease }).await.unwrap();
    };
    for (task, lease) in [(tasks[1], cancelled), (tasks[2], lost)] {
        claim(task, lease).await;
        assert!(matches!(agent.job().await, JobDown::Start(start) if start.lease == lease));
    }
    deafen(&second).await;
    claim(tasks[0], opened).await;
    let cancel = command(Action::Cancel { task: tasks[1] });
    first.tasks.input(at(tasks[1], user), Some(user), cancel).await.unwrap();
    first.tasks.lease_lost(at(tasks[2], user), lost, None).await.unwrap();
    hear(&second).await;

    let named = [cancelled, lost];
    assert_eq!(agent.control_by_beats(&named).await, ControlDown::Release { leases: vec![lost] });
    assert!(matches!(agent.job().await, JobDown::Start(start) if start.lease == opened));
    assert!(matches!(agent.command(cancelled).await, JobDown::End { .. }));
    // What the agent has been told on this stream is not told again.
    first.tasks.repeat_owed(at(tasks[1], user)).await.unwrap();
    let watch = command(Action::Watch { task: tasks[1], on: true });
    first.tasks.input(at(tasks[1], user), Some(user), watch).await.unwrap();
    assert_eq!(agent.command(cancelled).await, JobDown::Watch { on: true });
    first.kill().await;
    second.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_report_whose_owner_is_out_of_reach_is_for_another_coordinator(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 4).await;
    let (first, second) = nodes(&pool, sandbox).await;
    let mut agent = Agent::connect(&second, sandbox, hello(Vec::new(), Vec::new())).await;
    let (user, lease) = (user_of(&first, &pool).await, LeaseId::new());
    let task = created(&pool, user).await;
    first.tasks.input(at(task, user), Some(user), command(Action::TaskCreated { task })).await.unwrap();
    let claim = Input::Claimed { sandbox, epoch: agent.epoch, lease };
    first.tasks.input(at(task, user), None, claim).await.unwrap();
    agent.job().await;
    deafen(&first).await;
    let report = || Report::Phase(Phase::Navigating);
    assert_eq!(agent.report(lease, 1, report()).await, Err(ReportRefused::NotHere));
    hear(&first).await;
    assert_eq!(agent.report(lease, 1, report()).await, Ok(()));
    first.kill().await;
    second.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_lease_whose_reports_have_a_gap_ends_with_the_next_hello(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 4).await;
    let mut node = Node::start(&pool, sandbox).await;
    node.with_sandboxes().await;
    let mut agent = Agent::connect(&node, sandbox, hello(Vec::new(), Vec::new())).await;
    let (user, lease) = (user_of(&node, &pool).await, LeaseId::new());
    let task = created(&pool, user).await;
    node.person(task, Action::TaskCreated { task }).await;
    node.input(task, Input::Claimed { sandbox, epoch: agent.epoch, lease }).await.unwrap();
    agent.job().await;
    // The first one was acknowledged, and the database has lost it since.
    let refused = agent.report(lease, 2, Report::Phase(Phase::Analyzing)).await;
    assert_eq!(refused, Err(ReportRefused::NotHere));
    let held = HeldLease { lease, task, alive: true, last_report: 2 };
    let mut agent = Agent::connect(&node, sandbox, hello(vec![held], Vec::new())).await;
    let row = row_until(&node, task, "without its lease", |row| row.lease_id.is_none()).await;
    assert_eq!(row.status, Status::Queued);
    assert_eq!(agent.control().await, ControlDown::Release { leases: vec![lease] });
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn after_a_failover_every_agent_says_hello_again(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 4).await;
    let mut node = Node::start(&pool, sandbox).await;
    node.with_sandboxes().await;
    let mut agent = Agent::connect(&node, sandbox, hello(Vec::new(), Vec::new())).await;
    let mut known = None;
    for _ in 0..2 {
        look_for_failover(&node.core, &mut known).await.unwrap();
    }
    node.core.sandboxes.get(&sandbox).unwrap().cast(SandboxMsg::Release { lease: LeaseId::new() }).unwrap();
    assert!(
        matches!(agent.control().await, ControlDown::Release { .. }),
        "it is the same database, and the session lives"
    );
    known = Some("another".to_owned());
    look_for_failover(&node.core, &mut known).await.unwrap();
    assert_eq!(agent.closed().await, u64::from(close::GOING_DOWN));
    node.kill().await;
}

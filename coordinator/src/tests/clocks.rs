//! A clock that jumps by an hour, either way, with tasks in every phase. It is the database's that counts; a coordinator
//! learns of it with each renewal of its row.

use chrono::{TimeDelta, Utc};
use protocol::cluster::Action;
use protocol::ids::PermitId;
use protocol::task::{Outcome, Phase, Status};
use protocol::wire::message::{JobDown, Report, SubmitOutcome};
use sqlx::PgPool;
use store::nodes::Node as Row;
use store::tasks::PermitState;
use tokio::time::Instant;

use super::support::{Node, at_phase, created, sandbox, user};
use crate::cluster::owner::renew;
use crate::task::machine::Input;
use crate::task::machine::testing::{confirmation, form, verified};
use crate::wakes;

const JUMP: TimeDelta = TimeDelta::hours(1);

fn jump(node: &Node, by: TimeDelta) {
    let now = Instant::now();
    node.core.clock.set(Utc::now() + by, now, now);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_clock_that_jumps_ahead_costs_attempts_and_makes_no_second_click(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 10).await;
    // While values are planned, the plan that comes at the same moment may put the deadline off.
    for phase in Phase::ALL.iter().filter(|phase| **phase != Phase::Analyzing) {
        let mut node = Node::start(&pool, sandbox).await;
        let task = at_phase(&mut node, &pool, sandbox, epoch, *phase).await;
        let permit = node.row(task).await.permit_id;
        jump(&node, JUMP);
        wakes::pass(&node.core).await.unwrap();
        let row = node.row(task).await;
        let (status, outcome) = match phase {
            Phase::Reviewing => (Status::WaitingHuman, Outcome::None),
            // Nobody saw how the click ended: its person is asked.
            Phase::Submitting | Phase::Verifying => (Status::WaitingHuman, Outcome::Unknown),
            Phase::Cleanup => (Status::Completed, Outcome::Sent),
            _ => (Status::Queued, Outcome::None),
        };
        assert_eq!((row.status, row.outcome), (status, outcome), "{phase}");
        if *phase == Phase::Reviewing {
            node.report(task, Report::Ended).await;
        }
        assert_eq!(node.row(task).await.lease_id, None, "{phase}");
        assert_eq!(row.permit_id, permit, "{phase}: no other permit");
        if outcome == Outcome::Unknown {
            // What the agent saw all the same counts.
            let confirmed = Input::Confirmed { permit: permit.unwrap(), confirmation: confirmation() };
            node.input(task, confirmed).await.unwrap();
            let row = node.row(task).await;
            assert_eq!((row.status, row.outcome), (Status::Completed, Outcome::Sent), "{phase}");
        }
        node.kill().await;
    }
    let load: i32 = sqlx::query_scalar("SELECT current_load FROM sandboxes").fetch_one(&pool).await.unwrap();
    assert_eq!(load, 0);
    let twice: i64 =
        sqlx::query_scalar("SELECT count(*) - count(DISTINCT task_id) FROM permits").fetch_one(&pool).await.unwrap();
    assert_eq!(twice, 0);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_clock_that_jumps_back_holds_no_work_up(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut node = Node::start(&pool, sandbox).await;
    let task = at_phase(&mut node, &pool, sandbox, epoch, Phase::Navigating).await;
    let before = node.row(task).await;
    jump(&node, -JUMP);
    wakes::pass(&node.core).await.unwrap();
    assert_eq!(node.row(task).await, before, "nothing is due");

    node.report(task, Report::Observed { form: form("", ""), screenshot: None }).await;
    let JobDown::Fill { command, .. } = node.sent().await else { panic!("no fill") };
    let results = vec![verified("name", "Ada Lovelace"), verified("town", "Rome")];
    let held = || form("Ada Lovelace", "Rome");
    node.report(task, Report::Filled { command, results, form: held(), screenshot: None }).await;
    let (overrides, remember) = (std::collections::BTreeMap::new(), Vec::new());
    node.person(task, Action::Approve { task, revision: None, overrides, remember }).await;
    let JobDown::Prepare { command, .. } = node.sent().await else { panic!("no prepare") };
    node.report(task, Report::Ready { command, results: Vec::new(), form: held() }).await;
    let JobDown::Submit { permit, .. } = node.sent().await else { panic!("no submit") };
    let permit: PermitId = permit.id;
    let outcome = SubmitOutcome::Confirmed(confirmation());
    node.report(task, Report::Outcome { permit, outcome, screenshot: None }).await;
    let row = node.row(task).await;
    assert_eq!((row.status, row.permit_state), (Status::Completed, Some(PermitState::Sent)));
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn deadlines_are_by_the_databases_clock_whatever_a_coordinators_says(pool: PgPool) {
    let (sandbox, _) = sandbox(&pool, 1).await;
    let node = Node::start(&pool, sandbox).await;
    let row = Row { id: node.core.node, address: "127.0.0.1:1".into(), leaving: false };
    for wrong in [JUMP, -JUMP] {
        jump(&node, wrong);
        // A renewal that takes long on a busy machine says nothing about the time; a later one does.
        while (node.core.clock.now() - Utc::now()).abs() > TimeDelta::minutes(1) {
            renew(&node.core, &row).await.unwrap();
        }
        node.stand();
        let task = created(&pool, user(&pool).await).await;
        // Found by its deadline alone, which the gateway had from the database.
        wakes::pass(&node.core).await.unwrap();
        assert_eq!(node.row(task).await.status, Status::Queued, "{wrong}");
        let placeable: bool = sqlx::query_scalar(
            "SELECT queued_at BETWEEN now() - interval '1 minute' AND now() FROM tasks WHERE id = $1",
        )
        .bind(task.0)
        .fetch_one(&pool)
        .await
        .unwrap();
        assert!(placeable, "{wrong}");
    }
    node.kill().await;
}

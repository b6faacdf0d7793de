//! A coordinator dies in each phase; the next one on the same database repeats what is owed, and nothing else.

use protocol::cluster::Action;
use protocol::plan::FillStatus;
use protocol::task::{Outcome, Phase, Status};
use protocol::wire::message::{JobDown, Progress, Report};
use sqlx::PgPool;
use store::bus::Signal;
use store::tasks::PermitState;

use super::support::{Node, at, at_phase, sandbox};
use crate::sandbox::actor::SandboxMsg;
use crate::task::handle::TaskError;
use crate::task::machine::Input;

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn what_is_owed_is_repeated_in_each_phase(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 10).await;
    for phase in Phase::ALL {
        let mut node = Node::start(&pool, sandbox).await;
        let task = at_phase(&mut node, &pool, sandbox, epoch, *phase).await;
        let before = node.row(task).await;
        assert_eq!(before.phase, Some(if *phase == Phase::Analyzing { Phase::StartingBrowser } else { *phase }));
        node.kill().await;

        let mut next = Node::start(&pool, sandbox).await;
        next.tasks.repeat_owed(at(task)).await.unwrap();
        match phase {
            Phase::StartingBrowser | Phase::Navigating => {
                let SandboxMsg::OpenJob { start, .. } = next.told().await else { panic!("no job") };
                assert_eq!(Some(start.lease), before.lease_id);
            }
            // The plan is made again, and leads to a fill.
            Phase::Analyzing | Phase::Filling => assert!(matches!(next.sent().await, JobDown::Fill { .. })),
            Phase::Reviewing => {}
            Phase::Submitting | Phase::Verifying => {
                let JobDown::Submit { permit, .. } = next.sent().await else { panic!("no submit") };
                assert_eq!(Some(permit.id), before.permit_id, "the same permit, not another");
            }
            Phase::Cleanup => assert!(matches!(next.sent().await, JobDown::End { .. })),
        }
        // The agent is gone with its host: whatever was the case, the place comes back and nothing is sent twice.
        next.tasks.lease_lost(at(task), before.lease_id.unwrap(), None).await.unwrap();
        let after = next.row(task).await;
        let (status, outcome) = match phase {
            Phase::Reviewing => (Status::WaitingHuman, Outcome::None),
            Phase::Submitting | Phase::Verifying => (Status::WaitingHuman, Outcome::Unknown),
            Phase::Cleanup => (Status::Completed, Outcome::Sent),
            _ => (Status::Queued, Outcome::None),
        };
        assert_eq!((after.status, after.outcome, after.lease_id), (status, outcome, None), "{phase}");
        next.kill().await;
    }
    let load: i32 = sqlx::query_scalar("SELECT current_load FROM sandboxes").fetch_one(&pool).await.unwrap();
    assert_eq!(load, 0);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_review_owes_nothing(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut node = Node::start(&pool, sandbox).await;
    let task = at_phase(&mut node, &pool, sandbox, epoch, Phase::Reviewing).await;
    node.kill().await;
    let mut next = Node::start(&pool, sandbox).await;
    next.tasks.repeat_owed(at(task)).await.unwrap();
    // Once this is answered, the activation before it has been dealt with.
    next.person(task, Action::ExtendHold { task, minutes: 5 }).await;
    assert!(next.is_quiet());
    next.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn an_actor_that_was_thrown_out_changes_nothing(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut old = Node::start(&pool, sandbox).await;
    let task = at_phase(&mut old, &pool, sandbox, epoch, Phase::Submitting).await;
    let next = Node::start(&pool, sandbox).await;
    let before = next.row(task).await;
    let cancelled = old.input(task, Input::Wake).await;
    assert!(matches!(cancelled, Err(TaskError::Refused(_) | TaskError::Unanswered)), "{cancelled:?}");
    let lost = old.tasks.lease_lost(at(task), before.lease_id.unwrap(), Some(false)).await;
    assert!(matches!(lost, Err(TaskError::Unanswered)), "{lost:?}");
    assert_eq!(next.row(task).await, before);
    assert_eq!(before.permit_state, Some(PermitState::Granted));
    old.kill().await;
    next.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_killed_actor_comes_back_with_the_next_message(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut node = Node::start(&pool, sandbox).await;
    let task = at_phase(&mut node, &pool, sandbox, epoch, Phase::Navigating).await;
    let actor = node.core.tasks.get(&task).unwrap().actor.clone();
    actor.kill();
    node.report(task, Report::Phase(Phase::Analyzing)).await;
    assert_eq!(node.row(task).await.phase, Some(Phase::Analyzing));
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_filled_field_is_told_by_its_label(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut node = Node::start(&pool, sandbox).await;
    let task = at_phase(&mut node, &pool, sandbox, epoch, Phase::Filling).await;
    let mut heard = node.core.bus.subscribe();
    node.tasks.progress(at(task), Progress { done: 1, total: 2, field: "town".into(), status: FillStatus::Verified });
    let told = loop {
        if let Signal::Message(message) = heard.recv().await.unwrap()
            && message.seq.is_none()
        {
            break message;
        }
    };
    let told: serde_json::Value = serde_json::from_str(&told.json).unwrap();
    assert_eq!((&told["type"], &told["label"]), (&"field_filled".into(), &"Favourite town".into()), "{told}");
    assert_eq!((&told["fieldId"], &told["done"], &told["total"]), (&"town".into(), &1.into(), &2.into()), "{told}");
    node.kill().await;
}

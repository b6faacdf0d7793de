//! Browsers held for people, when other tasks wait for their places.

use std::sync::Arc;

use protocol::cluster::Action;
use protocol::ids::TaskId;
use protocol::task::{Phase, Status};
use protocol::wire::message::{JobDown, Report};
use ractor::{Actor as _, ActorRef};
use sqlx::PgPool;

use super::support::{Node, at_phase, created, sandbox, user};
use crate::dispatch::actor::{Dispatcher, DispatcherMsg};
use crate::sandbox::actor::SandboxMsg;

/// `held` reviews on a host with this many places, all taken, and one more task that waits for one.
async fn crowded(pool: &PgPool, capacity: i32, held: usize) -> (Node, Vec<TaskId>, TaskId, ActorRef<DispatcherMsg>) {
    let (sandbox, epoch) = sandbox(pool, capacity).await;
    let mut node = Node::start(pool, sandbox).await;
    let mut reviews = Vec::new();
    for _ in 0..held {
        reviews.push(at_phase(&mut node, pool, sandbox, epoch, Phase::Reviewing).await);
    }
    for _ in held..usize::try_from(capacity).unwrap() {
        at_phase(&mut node, pool, sandbox, epoch, Phase::Filling).await;
    }
    let waiting = created(pool, user(pool).await).await;
    node.person(waiting, Action::TaskCreated { task: waiting }).await;
    let (dispatcher, _) = Dispatcher::spawn(None, Dispatcher, Arc::clone(&node.core)).await.unwrap();
    (node, reviews, waiting, dispatcher)
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn two_held_reviews_on_two_places_let_a_third_task_run(pool: PgPool) {
    let (mut node, reviews, waiting, dispatcher) = crowded(&pool, 2, 2).await;
    assert!(matches!(node.sent().await, JobDown::End { .. }), "the browser of a held review is closed");
    // The hold that ends first is the one that makes room, and it alone.
    node.report(reviews[0], Report::Ended).await;
    loop {
        if let SandboxMsg::OpenJob { start, .. } = node.told().await {
            assert_eq!(start.task, waiting);
            break;
        }
    }
    let (first, second) = (node.row(reviews[0]).await, node.row(reviews[1]).await);
    assert_eq!((first.status, first.lease_id), (Status::WaitingHuman, None), "parked, its review is kept");
    assert_eq!(second.status, Status::WaitingHuman);
    assert!(second.lease_id.is_some() && second.held_until.is_some(), "half of the places may be held");
    assert_eq!(node.row(waiting).await.status, Status::InProgress);
    dispatcher.stop(None);
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn the_only_place_is_given_up_when_a_task_waits(pool: PgPool) {
    let (mut node, reviews, _, dispatcher) = crowded(&pool, 1, 1).await;
    assert!(matches!(node.sent().await, JobDown::End { .. }));
    assert_eq!(node.row(reviews[0]).await.held_until, None);
    dispatcher.stop(None);
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn work_is_never_put_away_for_other_work(pool: PgPool) {
    let (mut node, reviews, waiting, dispatcher) = crowded(&pool, 2, 1).await;
    // Two whole passes, each answered when it is over.
    for _ in 0..2 {
        dispatcher.call(DispatcherMsg::Pass, None).await.unwrap();
    }
    assert!(node.row(reviews[0]).await.held_until.is_some(), "one of two places may be held");
    assert_eq!(node.row(waiting).await.status, Status::Queued);
    assert!(node.is_quiet());
    dispatcher.stop(None);
    node.kill().await;
}

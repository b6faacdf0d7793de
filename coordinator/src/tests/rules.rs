//! Rules that only an actor together with its journal and its database keeps.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use protocol::cluster::Action;
use protocol::task::{Phase, Status};
use protocol::wire::message::{JobDown, Report};
use sqlx::PgPool;
use store::bus::Signal;
use tokio::sync::broadcast::error::TryRecvError;

use super::support::{Node, at_phase, created, sandbox, user};
use crate::sandbox::actor::SandboxMsg;
use crate::task::handle::TaskError;
use crate::task::machine::Input;
use crate::task::messages::TaskMsg;

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_step_that_is_not_committed_is_neither_performed_nor_told(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut node = Node::start(&pool, sandbox).await;
    let (first, second) = (created(&pool, user(&pool).await).await, created(&pool, user(&pool).await).await);
    for task in [first, second] {
        node.person(task, Action::TaskCreated { task }).await;
    }
    let mut heard = node.core.bus.subscribe();
    node.claim(first, sandbox, epoch).await.unwrap();
    assert!(matches!(node.told().await, SandboxMsg::OpenJob { .. }));
    let Ok(Signal::Message(told)) = heard.try_recv() else { panic!("the first claim is told") };
    assert_eq!(told.seq, Some(2), "in the person's stream, after the word that it was queued");
    // The host is full: the second claim is decided, and its commit refused.
    assert!(matches!(node.claim(second, sandbox, epoch).await, Err(TaskError::NoPlace)));
    assert!(node.is_quiet(), "nothing is performed");
    assert!(matches!(heard.try_recv(), Err(TryRecvError::Empty)), "nobody is told");
    assert_eq!(node.row(second).await.status, Status::Queued);
    node.kill().await;
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_parked_task_costs_a_row_and_no_actor(pool: PgPool) {
    let (sandbox, epoch) = sandbox(&pool, 1).await;
    let mut node = Node::start(&pool, sandbox).await;
    let task = at_phase(&mut node, &pool, sandbox, epoch, Phase::Reviewing).await;
    node.input(task, Input::Park).await.unwrap();
    assert!(matches!(node.sent().await, JobDown::End { .. }));
    node.report(task, Report::Ended).await;
    let actor = node.core.tasks.get(&task).unwrap().actor.clone();
    // Its idle time is over, however many messages it has handled; then somebody still speaks to it.
    for handled in 0..32 {
        actor.cast(TaskMsg::IdleSince(handled)).unwrap();
    }
    let answer = actor.call(|reply| TaskMsg::Input { user: None, input: Input::Wake, reply: Some(reply) }, None).await;
    assert!(!matches!(answer, Ok(ractor::rpc::CallResult::Success(_))), "the actor left memory: {answer:?}");
    let row = node.row(task).await;
    assert_eq!((row.status, row.lease_id), (Status::WaitingHuman, None));
    // Its person's answer finds the row.
    let approve = Action::Approve { task, revision: None, overrides: BTreeMap::new(), remember: Vec::new() };
    node.person(task, approve).await;
    assert_eq!(node.row(task).await.status, Status::Queued);
    node.kill().await;
}

/// Everything that is logged, by anybody.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn no_answer_is_written_to_the_log(pool: PgPool) {
    let log = Log::default();
    let kept = log.clone();
    // sqlx tells statements without their values, but this test's own have a name in their text.
    let all = tracing_subscriber::fmt().with_env_filter("debug,sqlx=info").with_writer(move || kept.clone()).finish();
    tracing::subscriber::set_global_default(all).expect("each test has a process of its own");
    let (sandbox, epoch) = sandbox(&pool, 2).await;
    let mut node = Node::start(&pool, sandbox).await;
    let sent = at_phase(&mut node, &pool, sandbox, epoch, Phase::Cleanup).await;
    assert_eq!(node.row(sent).await.status, Status::Completed);
    let log = String::from_utf8(log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap();
    assert!(log.contains(&sent.to_string()), "the task's life is told");
    for answer in ["Lovelace", "Rome", "Favourite town"] {
        // Only where: what it says stays where it is.
        let line = log.lines().find(|line| line.contains(answer)).and_then(|line| line.split_whitespace().nth(2));
        assert_eq!(line, None, "a question or an answer is in the log");
    }
    node.kill().await;
}

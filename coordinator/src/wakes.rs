//! Wakes tasks whose time has come. Deadlines live in the rows, so the same pass, each second, is also what takes up
//! everything after a crash.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use ractor_cluster::RactorMessage;
use tracing::warn;

use crate::core::Core;
use crate::task::handle::{TaskError, Tasks};
use crate::task::machine::Input;

const PASS_EVERY: Duration = Duration::from_secs(1);
/// Tasks woken in one pass; the rest is due again a second later.
const DUE_MAX: i64 = 512;
const AT_ONCE: usize = 32;

#[derive(Debug, RactorMessage)]
pub enum WakesMsg {
    Pass,
}

pub struct Wakes;

impl Actor for Wakes {
    type Msg = WakesMsg;
    type State = Arc<Core>;
    type Arguments = Arc<Core>;

    async fn pre_start(&self, me: ActorRef<WakesMsg>, core: Arc<Core>) -> Result<Arc<Core>, ActorProcessingErr> {
        me.cast(WakesMsg::Pass)?;
        Ok(core)
    }

    async fn handle(
        &self,
        me: ActorRef<WakesMsg>,
        WakesMsg::Pass: WakesMsg,
        core: &mut Arc<Core>,
    ) -> Result<(), ActorProcessingErr> {
        let _in_hand = core.inspect.handling("wakes", "pass");
        if let Err(error) = pass(core).await {
            warn!(%error, "due tasks could not be read; the next pass will");
        }
        me.send_after(PASS_EVERY, || WakesMsg::Pass);
        Ok(())
    }
}

pub(crate) async fn pass(core: &Arc<Core>) -> Result<(), store::StoreError> {
    let due = store::db::in_time("looking for due tasks", async {
        let mut tx = core.store.begin().await?;
        store::tasks::due(&mut tx, &core.shards(), core.clock.now(), DUE_MAX).await
    })
    .await?;
    let tasks = Tasks::new(Arc::clone(core));
    futures::stream::iter(due)
        .for_each_concurrent(AT_ONCE, |at| {
            let tasks = tasks.clone();
            let task = at.id;
            async move {
                match tasks.input(at, None, Input::Wake).await {
                    Ok(_) | Err(TaskError::Refused(_) | TaskError::NotFound) => {}
                    Err(error) => {
                        warn!(task.id = %task, %error, "task {task} was not woken; the next pass tries again")
                    }
                }
            }
        })
        .await;
    Ok(())
}

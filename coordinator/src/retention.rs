//! Deletes what is past its time, a batch after the other: the numbered streams of people, sessions that ran out, rows of
//! nodes that are gone.
//!
//! Every node has one; that of the node with the dispatcher's role works, and the others rest. Needs no memory: what a
//! pass did not delete, the next one finds.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use ractor_cluster::RactorMessage;
use store::retention;
use tracing::warn;

use crate::cluster::owner::other_dispatcher;
use crate::core::Core;

/// Days are kept to the hour.
const PASS_EVERY: Duration = Duration::from_secs(3_600);
/// Between batches while there is more: ten thousand rows a second, several times what is written at the busiest, and
/// time for others in between.
const BATCH_EVERY: Duration = Duration::from_millis(200);
/// After a pass that failed, or was another node's to make: the role may come over any time.
const AGAIN: Duration = Duration::from_secs(60);

#[derive(Debug, RactorMessage)]
pub enum RetentionMsg {
    Pass,
}

pub struct Retention;

impl Actor for Retention {
    type Msg = RetentionMsg;
    type State = Arc<Core>;
    type Arguments = Arc<Core>;

    async fn pre_start(&self, me: ActorRef<RetentionMsg>, core: Arc<Core>) -> Result<Arc<Core>, ActorProcessingErr> {
        me.cast(RetentionMsg::Pass)?;
        Ok(core)
    }

    async fn handle(
        &self,
        me: ActorRef<RetentionMsg>,
        RetentionMsg::Pass: RetentionMsg,
        core: &mut Arc<Core>,
    ) -> Result<(), ActorProcessingErr> {
        let _in_hand = core.inspect.handling("retention", "pass");
        let again = match pass(core).await {
            Ok(Some(deleted)) if deleted >= retention::BATCH.unsigned_abs() => BATCH_EVERY,
            Ok(Some(_)) => PASS_EVERY,
            Ok(None) => AGAIN,
            Err(error) => {
                warn!(%error, "what is past its time was not deleted; the next pass does");
                AGAIN
            }
        };
        me.send_after(again, || RetentionMsg::Pass);
        Ok(())
    }
}

/// One batch, and how much it was; `None` at a node whose work it is not.
pub(crate) async fn pass(core: &Core) -> Result<Option<u64>, store::StoreError> {
    if other_dispatcher(core).is_some() {
        return Ok(None);
    }
    let doing = "deleting what is past its time";
    let deleted = store::db::in_time(doing, async {
        let mut tx = core.store.begin().await?;
        let deleted = retention::forget(&mut tx).await?;
        store::db::commit(tx, doing).await?;
        Ok::<_, store::StoreError>(deleted)
    })
    .await?;
    metrics::counter!("valet_retention_deleted_total").increment(deleted);
    Ok(Some(deleted))
}

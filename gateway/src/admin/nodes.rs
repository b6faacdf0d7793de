//! Questions to every coordinator: through the routers of the process group, all at once.

use std::time::Duration;

use futures::StreamExt as _;
use protocol::cluster::{ROUTERS, RouterMessage};
use protocol::ids::NodeId;
use protocol::inspect::{Answer, Ask, Caller, Request};
use protocol::wire::codec;
use ractor::ActorRef;
use ractor::rpc::CallResult;
use tracing::warn;

use crate::app::App;
use crate::auth::caller;
use crate::error::ApiError;

/// A look at a node's registries takes milliseconds.
pub const LOOK: Duration = Duration::from_secs(2);
/// A node ends an actor within two seconds and has it started again within five.
pub const STEER: Duration = Duration::from_secs(8);
/// Nodes asked at a time: more than a cluster has.
const NODES_MAX: usize = 64;

/// What the nodes said.
#[derive(Debug, Default)]
pub struct Told {
    pub answers: Vec<Answer>,
    /// Nodes that own tasks and did not answer.
    pub unreachable: Vec<NodeId>,
    /// Routers that did not answer, whosever they are.
    pub silent: usize,
}

impl Told {
    /// Whether there may be more than what was told.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.answers.is_empty() || self.silent > 0 || !self.unreachable.is_empty()
    }
}

/// Asks every node and waits for each that long.
///
/// # Errors
/// When the database, which knows who should have answered, fails.
pub async fn ask(app: &App, caller: &caller::Caller, ask: Ask, patience: Duration) -> Result<Told, ApiError> {
    let request = Request { caller: Some(Caller { user: caller.user, role: caller.role.clone() }), ask };
    let bytes = codec::encode(&request).map_err(|_| ApiError::Internal { doing: "asking the coordinators" })?;
    let routers = ractor::pg::get_members(&ROUTERS.to_owned());
    let answers: Vec<Option<Answer>> = futures::stream::iter(routers)
        .map(|router| one(router.into(), bytes.clone(), patience))
        .buffer_unordered(NODES_MAX)
        .collect()
        .await;
    let silent = answers.iter().filter(|answer| answer.is_none()).count();
    let mut answers: Vec<Answer> = answers.into_iter().flatten().collect();
    answers.sort_by_key(|answer| answer.node);
    let mut tx = app.store.begin().await?;
    let mut unreachable = store::explain::owners(&mut tx).await?;
    unreachable.retain(|node| answers.iter().all(|answer| answer.node != *node));
    Ok(Told { answers, unreachable, silent })
}

async fn one(router: ActorRef<RouterMessage>, request: Vec<u8>, patience: Duration) -> Option<Answer> {
    match router.call(|reply| RouterMessage::Inspect(request, reply), Some(patience)).await {
        Ok(CallResult::Success(bytes)) => match codec::decode(&bytes) {
            Ok(answer) => Some(answer),
            Err(error) => {
                warn!(%error, "a node's answer about its actors is not understood");
                None
            }
        },
        Ok(CallResult::Timeout | CallResult::SenderError) | Err(_) => None,
    }
}

//! Opens a job on a sandbox: what the agent is told to begin with, and the files that go with it.

use protocol::ids::{LeaseId, SandboxId};
use protocol::wire::message::JobStart;
use store::tasks::TaskAt;

use crate::core::Core;
use crate::planning;
use crate::sandbox::actor::SandboxMsg;

/// Hands the job to the sandbox's actor, which is on this node. Repeating it is harmless: the lease names the job.
///
/// # Errors
/// When the row or the files cannot be read.
pub async fn open(core: &Core, at: TaskAt, sandbox: SandboxId, lease: LeaseId) -> anyhow::Result<()> {
    let mut tx = core.store.begin().await?;
    let task = store::tasks::read(&mut tx, at.id).await?;
    drop(tx);
    // The lease may be over by now.
    let Some(task) = task.filter(|task| task.lease_id == Some(lease)) else { return Ok(()) };
    let files = planning::files(core, &task).await?;
    let start = JobStart {
        lease,
        task: task.id,
        url: task.job_url.to_string(),
        mode: task.mode,
        files: files.iter().map(|(file, _)| file.clone()).collect(),
    };
    if let Some(actor) = core.sandboxes.get(&sandbox) {
        // Not connected: what is owed is repeated when its agent is back.
        let _ = actor.cast(SandboxMsg::OpenJob { at, start: Box::new(start), files });
    }
    Ok(())
}

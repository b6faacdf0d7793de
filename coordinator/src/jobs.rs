//! Opens a job on a sandbox: what the agent is told to begin with, and the files that go with it.

use protocol::ids::{LeaseId, SandboxId};
use protocol::wire::message::JobStart;
use store::tasks::Task;

use crate::core::Core;
use crate::planning;
use crate::sandbox::actor::SandboxMsg;

/// Hands the job to the sandbox's actor. Repeating it is harmless: the lease names the job.
///
/// # Errors
/// When the files cannot be read.
pub async fn open(core: &Core, task: &Task, sandbox: SandboxId, lease: LeaseId) -> anyhow::Result<()> {
    let files = planning::files(core, task).await?;
    let start = JobStart {
        lease,
        task: task.id,
        url: task.job_url.clone(),
        mode: task.mode,
        files: files.iter().map(|(file, _)| file.clone()).collect(),
    };
    if let Some(actor) = core.sandboxes.get(&sandbox) {
        // Not connected: what is owed is repeated when its agent is back.
        let _ = actor.cast(SandboxMsg::OpenJob { start: Box::new(start), files });
    }
    Ok(())
}

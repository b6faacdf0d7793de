//! The roll-out of a new version: every coordinator, gateway and agent is told to end and started again, one after the
//! other, each while it has work. Postgres and Redis stay: they are no part of a version.
//!
//! [`super::keeper`] starts what has ended; [`super::people`] apply meanwhile, as far as the roll-out has come.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::fleet::{Fleet, Part};
use super::record::{Now, Tasks};
use super::strikes::Struck;

/// For work to be under way where the next restart falls.
const BUSY_PATIENCE: Duration = Duration::from_secs(15);
/// A process that is told to end has ended within this: an agent with work drains for a minute at most.
const ENDS_WITHIN: Duration = Duration::from_secs(60);
/// From there to serving again, on a busy machine.
const SERVES_WITHIN: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

pub(super) async fn run(fleet: Arc<Fleet>, mut tasks: watch::Receiver<Tasks>, tell: watch::Sender<f64>) -> Struck {
    let mut struck = Struck::default();
    let rolled = |part: &Part| matches!(part, Part::Valet | Part::Coordinator(_) | Part::Gateway(_) | Part::Agent(_));
    let parts: Vec<Part> = fleet.parts().into_iter().filter(rolled).collect();
    for (number, part) in (1..).zip(&parts) {
        match restart(&fleet, *part, &mut tasks).await {
            Ok(()) => struck.restarts += 1,
            Err(trouble) => struck.troubles.push(format!("{part:?} {trouble}")),
        }
        tracing::info!(?part, "restarted");
        tell.send_replace(f64::from(number) / parts.len() as f64);
    }
    struck
}

/// Whether a browser works on the task now; with `at`, one of that host.
fn at_work(now: &Now, at: Option<uuid::Uuid>) -> bool {
    let here = at.is_none_or(|sandbox| now.sandbox == Some(sandbox));
    here && now.status == "in_progress" && now.phase.is_some()
}

/// Has a part end and waits until it serves again, once it has work.
pub(super) async fn restart(fleet: &Fleet, part: Part, tasks: &mut watch::Receiver<Tasks>) -> Result<(), &'static str> {
    let (sandbox, epoch) = match part {
        Part::Agent(index) => (Some(fleet.sandboxes[index]), fleet.session(index).await.map_or(0, |known| known.0)),
        _ => (None, 0),
    };
    let busy = tasks.wait_for(|tasks| tasks.values().any(|now| at_work(now, sandbox)));
    timeout(BUSY_PATIENCE, busy).await.map_err(|_| "had no work to be restarted under")?.map_err(|_| "unwatched")?;
    let before = fleet.pid(part).ok_or("was not running")?;
    before.signal(libc::SIGTERM);
    let ended = async {
        while fleet.pid(part) == Some(before) {
            sleep(LOOK).await;
        }
    };
    timeout(ENDS_WITHIN, ended).await.map_err(|_| "did not end when it was told to")?;
    let serves = async {
        while !fleet.serves(part, epoch).await {
            sleep(LOOK).await;
        }
    };
    timeout(SERVES_WITHIN, serves).await.map_err(|_| "did not serve again")
}

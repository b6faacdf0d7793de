//! A disk that is full: without a durable permit nothing is sent.

use protocol::wire::message::{Report, ReturnReason};
use valet_agent::ledger::Ledger;

use crate::support::*;

/// Set for the process whose files may not grow.
const CHILD: &str = "VALET_TEST_FULL_DISK";

/// How large this process's files may become, as on a disk that is full.
fn limit_files(bytes: libc::rlim_t) {
    // SAFETY: the limits are ours and live until the calls return; ignoring a signal touches no memory of ours.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        let mut limits = std::mem::zeroed::<libc::rlimit>();
        assert_eq!(libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limits), 0);
        limits.rlim_cur = bytes.min(limits.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limits), 0);
    }
}

#[test]
fn nothing_is_sent_while_the_ledger_has_no_room() {
    // The limit is one of a whole process.
    let own = std::env::current_exe().unwrap();
    let mut child = std::process::Command::new(own);
    child.args(["--exact", "disk::in_a_process_of_its_own", "--ignored", "--nocapture"]).env(CHILD, "1");
    let done = child.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("1 passed"), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test]
#[ignore = "run by the test above"]
async fn in_a_process_of_its_own() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    // No room at all; room to note that the permit came (70 bytes), and not that it is used.
    for room in [0, 90] {
        let mut world = World::new().await;
        let (_, job) = world.ready().await;
        let ledger = world.dir.path().join("ledger");
        let full = std::fs::metadata(&ledger).unwrap().len();
        limit_files(full + room);
        let refused = permit();
        let report = world.submit(&job, refused.clone()).await;
        assert_eq!(report, Report::PermitReturned { permit: refused.id, reason: ReturnReason::Ledger });
        assert_eq!(world.site.clicks(), 0);
        limit_files(libc::RLIM_INFINITY);
        // Somebody made room: another permit is recorded, and used.
        job.send(protocol::wire::message::JobDown::Prepare { command: protocol::ids::CommandId::new(), items: vec![] })
            .unwrap();
        assert!(matches!(world.events.news().await.1, Report::Ready { .. }));
        let granted = permit();
        let report = world.submit(&job, granted.clone()).await;
        assert!(matches!(report, Report::Outcome { permit, .. } if permit == granted.id), "{report:?}");
        assert_eq!(world.site.clicks(), 1);
        world.agent.stop().await;
        let ledger = Ledger::open(&ledger).unwrap();
        assert!(!ledger.permit(refused.id).is_some_and(|entry| entry.used()), "what was half written is taken back");
        assert!(ledger.permit(granted.id).unwrap().used());
    }
}

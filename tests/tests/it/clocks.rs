//! Clocks that jump: nothing fails, nothing is sent twice, and everybody is let in again.

use std::time::Duration;

use system_tests::chaos::{Options, Trial, clocks, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_jump_by_an_hour_apart_fail_no_task_and_send_each_once() {
    if clocks::library().is_none() {
        eprintln!("skipped: libfaketime is not installed");
        return;
    }
    let options = Options { gateways: 1, rest: Duration::from_secs(120), ..Options::small(Trial::Clocks, 24, 6) };
    let verdict = run(options).await.expect("the fleet starts");
    assert!(verdict.smooth(), "{verdict}\n{}", verdict.details.join("\n"));
    assert_eq!((verdict.restarts, verdict.completed), (2, 24));
}

//! The roll-out of a new version while people apply: nobody notices.

use std::time::Duration;

use system_tests::chaos::{Options, Trial, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_of_everything_fails_no_task_and_sends_each_once() {
    let options = Options { rest: Duration::from_secs(60), ..Options::small(Trial::RollingRestart, 48, 6) };
    let verdict = run(options).await.expect("the fleet starts");
    assert!(verdict.smooth(), "{verdict}\n{}", verdict.details.join("\n"));
    assert_eq!(verdict.restarts, 6, "two coordinators, two gateways, two agents");
    assert_eq!(verdict.completed, 48);
}

//! A small run of the chaos test; `make chaos` is the large one.

use std::time::Duration;

use system_tests::chaos::{Options, Trial, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_fleet_under_fire_loses_nothing_and_sends_nothing_twice() {
    let options = Options { kills: 6, rest: Duration::from_secs(150), ..Options::small(Trial::Strikes, 12, 3) };
    let verdict = run(options).await.expect("the fleet starts");
    assert!(verdict.sound() && verdict.enough() && verdict.accounted(), "{verdict}\n{}", verdict.details.join("\n"));
}

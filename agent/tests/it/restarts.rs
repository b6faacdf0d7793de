//! Connections that are cut, processes that die: what is said again, and what is never done again.

use std::sync::Arc;

use protocol::ids::{CommandId, SandboxId};
use protocol::task::ErrorCode;
use protocol::wire::close;
use protocol::wire::message::{HeldLease, JobDown, Report, SeenPermit, SubmitOutcome};
use tokio::runtime::Runtime;
use valet_agent::session::Agent;

use crate::support::*;

#[tokio::test]
async fn reports_that_were_not_acknowledged_are_made_again_after_a_cut() {
    let mut world = World::new().await;
    let (start, job) = world.observed().await;
    let (acked, _) = {
        job.send(JobDown::Prepare { command: CommandId::new(), items: vec![] }).unwrap();
        world.events.news().await
    };
    // The core takes nothing more under this session, and it is cut in the middle.
    *world.core.refuse_reports.lock().unwrap() = Some(coordinator::listener::ReportRefused::Unavailable);
    let permit = permit();
    job.send(JobDown::Submit { command: CommandId::new(), permit: permit.clone() }).unwrap();
    world.site.reached(Step::Click).await;
    world.link.close(close::SUPERSEDED);
    *world.core.refuse_reports.lock().unwrap() = None;

    let (hello, link) = world.events.hello().await;
    let [held] = &hello.leases[..] else { panic!("{:?}", hello.leases) };
    assert!(held.alive && held.lease == start.lease && held.last_report > acked);
    assert!(hello.permits.iter().any(|seen| seen.permit == permit.id && seen.task == start.task && seen.used));
    let job = link.open_job(JobDown::Attach { lease: start.lease, acked }).unwrap();
    let mut due = acked;
    loop {
        let (number, report) = world.events.report().await;
        due += 1;
        assert_eq!(number, due, "no gap and no repetition");
        if let Report::Outcome { permit: used, outcome, .. } = report {
            assert_eq!((used, outcome), (permit.id, confirmed()));
            break;
        }
    }
    assert_eq!(world.site.clicks(), 1);
    job.send(JobDown::End { command: CommandId::new() }).unwrap();
    assert_eq!(world.events.news().await.1, Report::Ended);
}

#[tokio::test]
async fn what_one_coordinator_cannot_take_is_brought_to_the_next() {
    let (first, mut at_first) = Core::new();
    let (second, mut at_second) = Core::new();
    let fleet = Fleet::new();
    let listeners = [fleet.listen(&first, loopback()), fleet.listen(&second, loopback())];
    let [one, two] = listeners.each_ref().map(|listener| listener.addresses()[0]);
    let dir = tempfile::tempdir().unwrap();
    let token = fleet.token(&first, SandboxId::new());
    let mut config = config(dir.path(), one, Some(&token));
    config.coordinators.push(two.to_string());
    let agent = run(config, &Site::new());
    let (_, link) = at_first.hello().await;
    *first.refuse_reports.lock().unwrap() = Some(coordinator::listener::ReportRefused::NotHere);
    let start = start();
    link.open_job(JobDown::Start(start.clone())).unwrap();
    let (hello, link) = at_second.hello().await;
    assert_eq!(hello.leases.iter().map(|held| held.lease).collect::<Vec<_>>(), [start.lease]);
    // What was refused there is taken here.
    link.open_job(JobDown::Attach { lease: start.lease, acked: 0 }).unwrap();
    assert_eq!(at_second.report().await.0, 1);
    agent.stop().await;
}

/// An agent in a runtime of its own, so that it can be killed with everything it runs.
fn spawn_agent(config: valet_agent::config::Config, site: &Site) -> Runtime {
    let runtime = Runtime::new().unwrap();
    let agent = Agent::open(config).unwrap();
    let site = site.clone();
    runtime.spawn(agent.run(site, tokio_util::sync::CancellationToken::new()));
    runtime
}

#[tokio::test]
async fn an_agent_killed_between_record_and_click_never_clicks_again() {
    let (core, mut events) = Core::new();
    let fleet = Fleet::new();
    let listener = fleet.listen(&core, loopback());
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::new());
    let token = fleet.token(&core, SandboxId::new());
    let agent = spawn_agent(config(dir.path(), listener.addresses()[0], Some(&token)), &site);
    let (first, link) = events.hello().await;
    let start = start();
    let job = link.open_job(JobDown::Start(start.clone())).unwrap();
    events.news().await;
    job.send(JobDown::Prepare { command: CommandId::new(), items: vec![] }).unwrap();
    let (acked, _) = events.news().await;
    // The page is asked to click, and the process dies before it does.
    site.hang(Some(Step::Click));
    let permit = permit();
    job.send(JobDown::Submit { command: CommandId::new(), permit: permit.clone() }).unwrap();
    site.reached(Step::Click).await;
    agent.shutdown_background();

    site.hang(None);
    let config = config(dir.path(), listener.addresses()[0], None);
    let agent = open_again(&config).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let done = tokio::spawn(agent.run(site.clone(), stop.clone()));
    let (hello, link) = events.hello().await;
    assert_ne!(hello.boot, first.boot);
    assert_eq!(hello.permits, [SeenPermit { permit: permit.id, task: start.task, used: true, confirmation: None }]);
    assert_eq!(hello.leases, [HeldLease { lease: start.lease, task: start.task, alive: false, last_report: 0 }]);

    let job = link.open_job(JobDown::Attach { lease: start.lease, acked }).unwrap();
    let (number, report) = events.report().await;
    let Report::Outcome { permit: used, outcome: SubmitOutcome::Unknown { .. }, .. } = report else {
        panic!("{report:?}")
    };
    assert_eq!((number, used), (acked + 1, permit.id));
    // Asked with the same permit, it says the same.
    job.send(JobDown::Submit { command: CommandId::new(), permit: permit.clone() }).unwrap();
    assert!(matches!(events.report().await.1, Report::Outcome { outcome: SubmitOutcome::Unknown { .. }, .. }));
    job.send(JobDown::End { command: CommandId::new() }).unwrap();
    assert_eq!(events.report().await.1, Report::Ended);
    assert_eq!(site.clicks(), 0);
    stop.cancel();
    done.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_lease_of_an_earlier_life_without_a_permit_is_a_lost_browser() {
    let mut world = World::new().await;
    let (start, _job) = world.observed().await;
    // Its jobs' tasks go on for a moment; the page they hold is not the next life's.
    world.agent.done.abort();
    let _ = world.agent.done.await;
    world.link.close(close::DONE);
    let config = config(world.dir.path(), world.address, None);
    let agent = open_again(&config).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let done = tokio::spawn(agent.run(world.site.clone(), stop.clone()));
    let (hello, link) = world.events.hello().await;
    assert!(hello.permits.is_empty());
    assert!(!hello.leases[0].alive);
    link.open_job(JobDown::Attach { lease: start.lease, acked: 4 }).unwrap();
    let (5, Report::Failed { failure, .. }) = world.events.report().await else { panic!() };
    assert_eq!(failure.code, ErrorCode::BrowserLost);
    stop.cancel();
    done.await.unwrap().unwrap();
}

#[test]
fn a_coordinator_that_was_killed_is_noticed_and_the_job_goes_on() {
    let here = Runtime::new().unwrap();
    let (core, mut events) = Core::new();
    let fleet = Arc::new(Fleet::new());
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::new());

    let first = Runtime::new().unwrap();
    let address = first.block_on(async { fleet.listen(&core, loopback()).addresses()[0] });
    let token = fleet.token(&core, SandboxId::new());
    let agent = here.block_on(async { run(config(dir.path(), address, Some(&token)), &site) });
    let start = start();
    let (job, acked) = here.block_on(async {
        let (_, link) = events.hello().await;
        let job = link.open_job(JobDown::Start(start.clone())).unwrap();
        (job, events.news().await.0)
    });

    // Everything of the coordinator is dropped where it stands; nobody says goodbye.
    first.shutdown_timeout(std::time::Duration::from_secs(10));
    drop(job);
    here.block_on(async {
        let listener = listen_again(&fleet, &core, address).await;
        let (hello, link) = events.hello().await;
        assert!(hello.leases[0].alive);
        let job = link.open_job(JobDown::Attach { lease: start.lease, acked }).unwrap();
        job.send(JobDown::Prepare { command: CommandId::new(), items: vec![] }).unwrap();
        assert!(matches!(events.news().await, (number, Report::Ready { .. }) if number == acked + 1));
        agent.stop().await;
        listener.close().await;
    });
}

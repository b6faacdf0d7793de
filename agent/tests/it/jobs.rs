//! One job: the way it should go, and every way a permit may not lead to a click.

use std::time::Duration;

use bytes::Bytes;
use coordinator::listener::{ArtifactRefused, ReportRefused};
use protocol::form::{Blocker, FileRef, Value};
use protocol::ids::{CommandId, PermitId};
use protocol::task::{ErrorCode, InteractionKind, Phase};
use protocol::wire::message::{FillItem, JobDown, Permit, Report, ReturnReason, SubmitOutcome};
use sha2::{Digest as _, Sha256};

use crate::support::*;

fn resume() -> (FileRef, Bytes) {
    let bytes = Bytes::from_static(b"my resume");
    (FileRef { name: "cv.pdf".into(), size: 9, sha256: hex::encode(Sha256::digest(&bytes)) }, bytes)
}

#[tokio::test]
async fn a_job_from_its_start_to_its_end() {
    let mut world = World::new().await;
    let (file, bytes) = resume();
    let mut start = start();
    start.files = vec![file.clone()];
    let job = world.link.open_job(JobDown::Start(start.clone())).unwrap();
    world.link.send_file(start.lease, file.clone(), bytes).unwrap();

    for (n, due) in [(1, Phase::StartingBrowser), (2, Phase::Navigating), (3, Phase::Analyzing)] {
        assert_eq!(world.events.report().await, (n, Report::Phase(due)));
    }
    // What is about to be filled is photographed when it is.
    assert!(matches!(world.events.report().await.1, Report::Observed { screenshot: None, .. }));
    let busy = world.events.next(|event| match event {
        Event::Heartbeat(heartbeat) => Some(heartbeat.leases),
        _ => None,
    });
    assert_eq!(busy.await, [start.lease]);

    job.send(JobDown::Watch { on: true }).unwrap();
    world.events.next(|event| matches!(event, Event::LiveFrame).then_some(())).await;
    job.send(JobDown::Watch { on: false }).unwrap();

    let fill = CommandId::new();
    let items = vec![FillItem { field: "f1".into(), value: Value::File(file) }];
    job.send(JobDown::Fill { command: fill, items }).unwrap();
    let (mut phase, mut progress, mut stored) = (false, false, None);
    let filled = world.events.next(|event| match event {
        Event::Artifact(header, bytes) => {
            stored = Some((header, bytes));
            None
        }
        Event::Report(_, Report::Phase(due)) => {
            phase = due == Phase::Filling;
            None
        }
        Event::Progress => {
            progress = true;
            None
        }
        Event::Report(_, report) => Some(report),
        _ => None,
    });
    let Report::Filled { command, results, screenshot: Some(shot), .. } = filled.await else { panic!() };
    assert!(phase && progress, "both are told before the result");
    let (header, bytes) = stored.expect("the photograph is stored before the report that names it");
    assert_eq!((header.step.as_str(), &bytes[..], header.artifact), ("filled", &b"a jpeg"[..], shot.artifact));
    assert_eq!((command, results[0].message.as_str()), (fill, "my resume"));

    let prepare = CommandId::new();
    job.send(JobDown::Prepare { command: prepare, items: vec![] }).unwrap();
    assert!(matches!(world.events.report().await.1, Report::Ready { command, .. } if command == prepare));

    let permit = permit();
    job.send(JobDown::Submit { command: CommandId::new(), permit: permit.clone() }).unwrap();
    assert_eq!(world.events.report().await.1, Report::Phase(Phase::Submitting));
    assert_eq!(world.events.report().await.1, Report::Phase(Phase::Verifying));
    let (_, Report::Outcome { permit: used, outcome, screenshot: Some(_) }) = world.events.report().await else {
        panic!()
    };
    assert_eq!((used, outcome), (permit.id, confirmed()));

    let folder = world.dir.path().join("jobs").join(start.lease.to_string());
    assert!(folder.exists());
    job.send(JobDown::End { command: CommandId::new() }).unwrap();
    assert_eq!(world.events.report().await.1, Report::Ended);
    assert!(!folder.exists(), "the files of a job are gone before it is said to have ended");
    let idle =
        world.events.next(|event| matches!(event, Event::Heartbeat(beat) if beat.leases.is_empty()).then_some(()));
    idle.await;
    world.agent.stop().await;
    world.listener.close().await;
}

#[tokio::test]
async fn a_command_that_comes_twice_is_performed_once_and_answered_twice() {
    let mut world = World::new().await;
    let (_, job) = world.ready().await;
    let items = vec![FillItem { field: "f1".into(), value: Value::Text("x".into()) }];
    let fill = JobDown::Fill { command: CommandId::new(), items };
    job.send(fill.clone()).unwrap();
    job.send(fill).unwrap();
    let (_, first) = world.events.news().await;
    let (_, again) = world.events.news().await;
    assert!(matches!(first, Report::Filled { .. }) && first == again);
    assert_eq!(world.site.fills(), 1);

    job.send(JobDown::Prepare { command: CommandId::new(), items: vec![] }).unwrap();
    world.events.news().await;
    let submit = JobDown::Submit { command: CommandId::new(), permit: permit() };
    job.send(submit.clone()).unwrap();
    job.send(submit).unwrap();
    let (first, Report::Outcome { outcome, .. }) = world.events.news().await else { panic!() };
    let (second, Report::Outcome { outcome: again, .. }) = world.events.news().await else { panic!() };
    assert_eq!(outcome, again);
    assert_eq!(second, first + 1);
    assert_eq!(world.site.clicks(), 1);
}

#[tokio::test]
async fn a_change_is_answered_before_the_form_is_photographed_again() {
    let mut world = World::new().await;
    let (_, job) = world.observed().await;
    let fill = |value: &str| {
        let items = vec![FillItem { field: "f1".into(), value: Value::Text(value.into()) }];
        JobDown::Fill { command: CommandId::new(), items }
    };
    job.send(fill("one")).unwrap();
    assert!(matches!(world.events.news().await.1, Report::Filled { screenshot: Some(_), .. }));
    job.send(fill("two")).unwrap();
    assert!(matches!(world.events.news().await.1, Report::Filled { screenshot: None, .. }));
    assert!(matches!(world.events.news().await.1, Report::Pictured { .. }));
    // What was approved is photographed before the permit can come.
    job.send(fill("three")).unwrap();
    job.send(JobDown::Prepare { command: CommandId::new(), items: vec![] }).unwrap();
    assert!(matches!(world.events.news().await.1, Report::Filled { screenshot: None, .. }));
    assert!(matches!(world.events.news().await.1, Report::Pictured { .. }));
    assert!(matches!(world.events.news().await.1, Report::Ready { .. }));
    // A check that the page shows is to be seen at once.
    let mut blocked = form();
    blocked.page.blocker = Some(Blocker { kind: InteractionKind::Captcha, message: "tick the box".into() });
    world.site.form(blocked);
    job.send(fill("four")).unwrap();
    let (_, report) = world.events.news().await;
    assert!(matches!(report, Report::Filled { screenshot: Some(_), .. }), "{report:?}");
}

#[tokio::test]
async fn the_same_permit_in_another_command_makes_no_second_click() {
    let mut world = World::new().await;
    let (_, job) = world.ready().await;
    let permit = permit();
    world.submit(&job, permit.clone()).await;
    job.send(JobDown::Prepare { command: CommandId::new(), items: vec![] }).unwrap();
    world.events.news().await;
    assert!(matches!(world.submit(&job, permit).await, Report::Outcome { outcome, .. } if outcome == confirmed()));
    assert_eq!(world.site.clicks(), 1);
}

async fn returned(world: &mut World, job: &coordinator::listener::JobLink, permit: Permit) -> ReturnReason {
    let id = permit.id;
    match world.submit(job, permit).await {
        Report::PermitReturned { permit, reason } if permit == id => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_permit_does_not_outlive_its_time() {
    let mut world = World::new().await;
    let (_, job) = world.ready().await;
    // Over before it came.
    assert_eq!(returned(&mut world, &job, Permit { ttl_ms: 0, ..permit() }).await, ReturnReason::Expired);
    // Over while the page is checked.
    let (_, job) = world.ready().await;
    world.site.hang(Some(Step::Check));
    assert_eq!(returned(&mut world, &job, Permit { ttl_ms: 2_000, ..permit() }).await, ReturnReason::Expired);
    // Asked again in the same words: answered again, and not clicked either.
    world.site.hang(None);
    let (_, job) = world.ready().await;
    let submit = JobDown::Submit { command: CommandId::new(), permit: Permit { ttl_ms: 0, ..permit() } };
    for _ in 0..2 {
        job.send(submit.clone()).unwrap();
        let (_, report) = world.events.news().await;
        assert!(matches!(report, Report::PermitReturned { reason: ReturnReason::Expired, .. }), "{report:?}");
    }
    assert_eq!(world.site.clicks(), 0);
}

#[tokio::test]
async fn a_permit_for_other_values_is_returned() {
    let mut world = World::new().await;
    for reason in [ReturnReason::ValuesChanged, ReturnReason::FormChanged, ReturnReason::NoSubmit] {
        let (_, job) = world.ready().await;
        world.site.check(Err(reason));
        assert_eq!(returned(&mut world, &job, permit()).await, reason);
        // It is spent, whatever the page says now.
        world.site.check(Ok(()));
    }
    // Without a form that is ready there is nothing to send.
    let (_, job) = world.observed().await;
    assert_eq!(returned(&mut world, &job, permit()).await, ReturnReason::FormChanged);
    assert_eq!(world.site.clicks(), 0);
}

#[tokio::test]
async fn no_click_without_a_durable_record() {
    // The ledger is lost before the permit comes, or after it was received and the page found as it should be.
    for late in [false, true] {
        let mut world = World::new().await;
        let (_, job) = world.ready().await;
        let ledger = world.dir.path().join("ledger");
        if late {
            world.site.remove_at_check(ledger);
        } else {
            std::fs::remove_file(ledger).unwrap();
        }
        assert_eq!(returned(&mut world, &job, permit()).await, ReturnReason::Ledger);
        assert_eq!(world.site.clicks(), 0);
    }
}

#[tokio::test]
async fn a_revocation_overtakes_a_submission_that_has_not_clicked() {
    let mut world = World::new().await;
    let (_, job) = world.ready().await;
    let revoked = permit();
    let revoke = |permit: PermitId| JobDown::Revoke { command: CommandId::new(), permit };
    // Before the permit came.
    job.send(revoke(revoked.id)).unwrap();
    let (_, report) = world.events.news().await;
    assert_eq!(report, Report::PermitReturned { permit: revoked.id, reason: ReturnReason::Revoked });
    assert_eq!(returned(&mut world, &job, revoked).await, ReturnReason::Revoked);
    // After the click: what came of it.
    let (_, job) = world.ready().await;
    let used = permit();
    world.submit(&job, used.clone()).await;
    job.send(revoke(used.id)).unwrap();
    assert!(matches!(world.events.news().await.1, Report::Outcome { permit, .. } if permit == used.id));
    assert_eq!(world.site.clicks(), 1);
}

#[tokio::test]
async fn an_end_breaks_off_what_runs() {
    let mut world = World::new().await;
    let (_, job) = world.observed().await;
    world.site.hang(Some(Step::Fill));
    let items = vec![FillItem { field: "f1".into(), value: Value::Text("x".into()) }];
    job.send(JobDown::Fill { command: CommandId::new(), items }).unwrap();
    world.site.reached(Step::Fill).await;
    job.send(JobDown::End { command: CommandId::new() }).unwrap();
    assert_eq!(world.events.news().await.1, Report::Ended);
    world.site.reached(Step::Closed).await;
}

#[tokio::test]
async fn a_page_that_dies_fails_the_job_or_leaves_its_outcome_unknown() {
    let mut world = World::new().await;
    let (_, job) = world.ready().await;
    world.site.hang(Some(Step::Click));
    let permit = permit();
    job.send(JobDown::Submit { command: CommandId::new(), permit: permit.clone() }).unwrap();
    world.site.reached(Step::Click).await;
    world.site.die();
    let (_, report) = world.events.news().await;
    let Report::Outcome { permit: used, outcome: SubmitOutcome::Unknown { .. }, .. } = report else {
        panic!("{report:?}")
    };
    assert_eq!(used, permit.id);
    let (_, Report::Failed { failure, .. }) = world.events.news().await else { panic!() };
    assert_eq!(failure.code, ErrorCode::BrowserLost);
    job.send(JobDown::End { command: CommandId::new() }).unwrap();
    assert_eq!(world.events.news().await.1, Report::Ended);
}

#[tokio::test]
async fn a_job_that_crashes_says_what_the_ledger_knows() {
    let mut world = World::new().await;
    let (_, job) = world.ready().await;
    world.site.panic(Step::Click);
    let permit = permit();
    let report = world.submit(&job, permit.clone()).await;
    assert!(matches!(
        report,
        Report::Outcome { permit: used, outcome: SubmitOutcome::Unknown { .. }, .. } if used == permit.id
    ));
    job.send(JobDown::End { command: CommandId::new() }).unwrap();
    assert_eq!(world.events.news().await.1, Report::Ended);
    // The agent lives on.
    world.observed().await;
}

#[tokio::test]
async fn a_blocker_is_reported_and_looked_at_again() {
    let mut world = World::new().await;
    let mut blocked = form();
    blocked.page.blocker = Some(Blocker { kind: InteractionKind::Captcha, message: "tick the box".into() });
    world.site.form(blocked);
    let job = world.link.open_job(JobDown::Start(start())).unwrap();
    assert!(matches!(world.events.news().await.1, Report::Blocked { screenshot: Some(_), .. }));
    world.site.form(form());
    job.send(JobDown::Recheck { command: CommandId::new() }).unwrap();
    assert!(matches!(world.events.news().await.1, Report::Observed { .. }));
}

#[tokio::test]
async fn a_photograph_that_cannot_be_stored_is_said_and_costs_no_report() {
    let mut world = World::new().await;
    *world.core.refuse_artifacts.lock().unwrap() = Some(ArtifactRefused::Full);
    let mut closed = form();
    closed.page.closed = true;
    world.site.form(closed);
    world.link.open_job(JobDown::Start(start())).unwrap();
    let (_, Report::Unstored { step, failure }) = world.events.news().await else { panic!() };
    assert_eq!((step.as_str(), failure.code), ("observed", ErrorCode::ArtifactStorage));
    assert!(matches!(world.events.news().await.1, Report::Observed { screenshot: None, .. }));
}

#[tokio::test]
async fn a_stale_lease_is_released() {
    let mut world = World::new().await;
    let (start, job) = world.observed().await;
    *world.core.refuse_reports.lock().unwrap() = Some(ReportRefused::Stale);
    job.send(JobDown::Recheck { command: CommandId::new() }).unwrap();
    world.site.reached(Step::Closed).await;
    let free = world.events.next(|event| match event {
        Event::Heartbeat(beat) => (!beat.leases.contains(&start.lease)).then_some(()),
        _ => None,
    });
    free.await;
}

#[tokio::test]
async fn a_lease_that_runs_out_freezes_the_page_until_it_is_renewed() {
    let mut world = World::with(|core| core.settings.lock().unwrap().lease_ttl_ms = 1_500).await;
    let (start, job) = world.observed().await;
    world.site.hang(Some(Step::Fill));
    let fill = CommandId::new();
    let items = vec![FillItem { field: "f1".into(), value: Value::Text("x".into()) }];
    job.send(JobDown::Fill { command: fill, items: items.clone() }).unwrap();
    world.site.reached(Step::Fill).await;
    // Nobody answers the heartbeats any more: what is being done to the page ends, and the page stays.
    world.core.hear(false);
    world.site.broken_off(Step::Fill).await;
    world.site.hang(None);
    assert!(world.events.so_far().iter().all(|event| !matches!(event, Event::Report(_, Report::Failed { .. }))));
    // A session anew renews the lease: the work is done once, whoever else asks for it.
    world.core.hear(true);
    world.link.close(protocol::wire::close::SUPERSEDED);
    let (hello, link) = world.events.hello().await;
    let [held] = &hello.leases[..] else { panic!("{:?}", hello.leases) };
    assert!(held.alive && held.lease == start.lease);
    let job = link.open_job(JobDown::Attach { lease: start.lease, acked: held.last_report }).unwrap();
    job.send(JobDown::Fill { command: fill, items }).unwrap();
    assert!(matches!(world.events.news().await.1, Report::Filled { command, .. } if command == fill));
    assert!(matches!(world.events.news().await.1, Report::Filled { command, .. } if command == fill), "said again");
    assert_eq!(world.site.fills(), 1);
}

#[tokio::test]
async fn an_agent_that_is_told_to_stop_lets_its_jobs_end() {
    let mut world = World::new().await;
    let (start, job) = world.observed().await;
    world.agent.stop.cancel();
    let leases = world.events.next(|event| match event {
        Event::Draining(leases) => Some(leases),
        _ => None,
    });
    assert_eq!(leases.await, [start.lease]);
    job.send(JobDown::End { command: CommandId::new() }).unwrap();
    assert_eq!(world.events.news().await.1, Report::Ended);
    tokio::time::timeout(Duration::from_secs(60), world.agent.done()).await.unwrap().unwrap();
}

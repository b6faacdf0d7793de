//! A page that outlives its agent: the next life goes on with it, says what is owed, and clicks for nobody.

use protocol::form::{FileRef, Value};
use protocol::ids::{CommandId, SandboxId};
use protocol::task::{ErrorCode, Phase};
use protocol::wire::message::{FillItem, HeldLease, Hello, JobDown, JobStart, Report, ReturnReason, SubmitOutcome};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use valet_agent::config::Config;
use valet_agent::ledger::Ledger;
use valet_agent::session::Agent;

use crate::support::*;

/// An agent that is killed with everything it runs, and the next one on its directory.
struct Lives {
    core: std::sync::Arc<Core>,
    events: Events,
    _listener: coordinator::listener::Listener,
    _fleet: Fleet,
    dir: tempfile::TempDir,
    config: Config,
    site: Site,
    first: Option<Runtime>,
    link: coordinator::listener::AgentLink,
    stop: CancellationToken,
    second: Option<tokio::task::JoinHandle<Result<(), valet_agent::session::Error>>>,
}

impl Lives {
    async fn begin() -> Self {
        let (core, mut events) = Core::new();
        let fleet = Fleet::new();
        let listener = fleet.listen(&core, loopback());
        let (dir, site) = (tempfile::tempdir().unwrap(), Site::new());
        site.outlives(true);
        let token = fleet.token(&core, SandboxId::new());
        let address = listener.addresses()[0];
        let runtime = Runtime::new().unwrap();
        let agent = Agent::open(config(dir.path(), address, Some(&token))).unwrap();
        runtime.spawn(agent.run(site.clone(), CancellationToken::new()));
        let (_, link) = events.hello().await;
        let config = config(dir.path(), address, None);
        let (first, stop, second) = (Some(runtime), CancellationToken::new(), None);
        Self { core, events, _listener: listener, _fleet: fleet, dir, config, site, first, link, stop, second }
    }

    /// A job whose form has been seen; the number of that report.
    async fn observed(&mut self, start: &JobStart) -> (coordinator::listener::JobLink, u64) {
        let job = self.link.open_job(JobDown::Start(start.clone())).unwrap();
        let (number, report) = self.events.news().await;
        assert!(matches!(report, Report::Observed { .. }), "{report:?}");
        (job, number)
    }

    fn kill(&mut self) {
        self.first.take().unwrap().shutdown_background();
    }

    async fn next(&mut self) -> Hello {
        let agent = open_again(&self.config).await;
        self.second = Some(tokio::spawn(agent.run(self.site.clone(), self.stop.clone())));
        let (hello, link) = self.events.hello().await;
        self.link = link;
        hello
    }

    /// The next report after a number: the session of the first life may yet say what it had sent.
    async fn after(&mut self, number: u64) -> (u64, Report) {
        loop {
            let (next, report) = self.events.news().await;
            if next > number {
                return (next, report);
            }
        }
    }

    async fn end(self) -> tempfile::TempDir {
        self.stop.cancel();
        self.second.unwrap().await.unwrap().unwrap();
        self.dir
    }
}

fn fill(command: CommandId) -> JobDown {
    let value = Value::Text("x".into());
    JobDown::Fill { command, items: vec![FillItem { field: "f1".into(), value }] }
}

#[tokio::test]
async fn a_job_goes_on_where_it_was_and_repeats_what_was_not_heard() {
    let mut lives = Lives::begin().await;
    let start = start();
    let (job, seen) = lives.observed(&start).await;
    // Done and said, but nobody took it down.
    *lives.core.refuse_reports.lock().unwrap() = Some(coordinator::listener::ReportRefused::Unavailable);
    let command = CommandId::new();
    job.send(fill(command)).unwrap();
    let state = lives.dir.path().join("jobs").join(start.lease.to_string()).join("state");
    lives.site.reached(Step::Fill).await;
    // Written before it is sent.
    let holds = |path: &std::path::Path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(16).filter(|window| window == command.0.as_bytes()).count() > 1
    };
    while !holds(&state) {
        tokio::task::yield_now().await;
    }
    lives.kill();
    *lives.core.refuse_reports.lock().unwrap() = None;

    let hello = lives.next().await;
    let [HeldLease { lease, alive: true, last_report, .. }] = hello.leases[..] else { panic!("{:?}", hello.leases) };
    assert_eq!(lease, start.lease);
    lives.site.reached(Step::Adopted).await;
    let job = lives.link.open_job(JobDown::Attach { lease, acked: seen }).unwrap();
    // Asked again, it is not done again.
    job.send(fill(command)).unwrap();
    let (number, report) = lives.events.news().await;
    assert!(matches!(report, Report::Filled { command: of, .. } if of == command), "{report:?}");
    assert_eq!(number, last_report, "under the number it had");
    let prepare = CommandId::new();
    job.send(JobDown::Prepare { command: prepare, items: vec![] }).unwrap();
    let (number, report) = lives.after(last_report).await;
    assert!(matches!(report, Report::Ready { command, .. } if command == prepare), "{report:?}");
    assert_eq!(number, last_report + 1);
    assert_eq!(lives.site.fills(), 1);
    // What was given a permit now is sent from this page, once.
    job.send(JobDown::Submit { command: CommandId::new(), permit: permit() }).unwrap();
    let (number, report) = lives.after(number).await;
    assert!(matches!(report, Report::Outcome { outcome, .. } if outcome == confirmed()));
    assert_eq!(lives.site.clicks(), 1);
    job.send(JobDown::End { command: CommandId::new() }).unwrap();
    assert_eq!(lives.after(number).await.1, Report::Ended);
    assert!(!state.parent().unwrap().exists(), "nothing of the job stays");
    lives.end().await;
}

#[tokio::test]
async fn a_page_that_was_not_read_yet_is_opened_again() {
    let mut lives = Lives::begin().await;
    lives.site.hang(Some(Step::Open));
    let start = start();
    let _job = lives.link.open_job(JobDown::Start(start.clone())).unwrap();
    lives.site.reached(Step::Open).await;
    lives.kill();
    lives.site.hang(None);
    let hello = lives.next().await;
    assert!(hello.leases[0].alive);
    lives.link.open_job(JobDown::Attach { lease: start.lease, acked: 2 }).unwrap();
    lives.site.reached(Step::Adopted).await;
    lives.site.reached(Step::Open).await;
    assert!(matches!(lives.events.news().await.1, Report::Observed { .. }));
    lives.end().await;
}

#[tokio::test]
async fn a_click_of_an_earlier_life_is_looked_for_and_not_repeated() {
    let unknown = SubmitOutcome::Unknown { evidence: Default::default() };
    for seen in [confirmed(), unknown] {
        let mut lives = Lives::begin().await;
        let start = start();
        let (job, _) = lives.observed(&start).await;
        job.send(JobDown::Prepare { command: CommandId::new(), items: vec![] }).unwrap();
        let (acked, _) = lives.events.news().await;
        lives.site.hang(Some(Step::Click));
        let permit = permit();
        let submit = JobDown::Submit { command: CommandId::new(), permit: permit.clone() };
        job.send(submit.clone()).unwrap();
        lives.site.reached(Step::Click).await;
        lives.kill();
        lives.site.hang(None);
        lives.site.aftermath(seen.clone());

        let hello = lives.next().await;
        assert!(hello.leases[0].alive && hello.permits[0].used);
        let job = lives.link.open_job(JobDown::Attach { lease: start.lease, acked }).unwrap();
        job.send(submit).unwrap();
        loop {
            match lives.events.report().await.1 {
                Report::Phase(Phase::Submitting | Phase::Verifying) => {}
                Report::Outcome { permit: of, outcome, screenshot } => {
                    assert_eq!((of, &outcome), (permit.id, &seen));
                    assert!(screenshot.is_some(), "the page is photographed");
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        // Asked with the same permit, it says the same.
        let Report::Outcome { outcome, .. } = lives.events.news().await.1 else { panic!() };
        assert_eq!(outcome, seen);
        assert_eq!(lives.site.clicks(), 0);
        lives.end().await;
    }
}

#[tokio::test]
async fn a_permit_that_was_only_received_is_given_back() {
    let mut lives = Lives::begin().await;
    let start = start();
    let (job, _) = lives.observed(&start).await;
    job.send(JobDown::Prepare { command: CommandId::new(), items: vec![] }).unwrap();
    let (acked, _) = lives.events.news().await;
    lives.site.hang(Some(Step::Check));
    let permit = permit();
    let submit = JobDown::Submit { command: CommandId::new(), permit: permit.clone() };
    job.send(submit.clone()).unwrap();
    lives.site.reached(Step::Check).await;
    lives.kill();
    lives.site.hang(None);
    let hello = lives.next().await;
    assert!(!hello.permits[0].used);
    let job = lives.link.open_job(JobDown::Attach { lease: start.lease, acked }).unwrap();
    let given_back = Report::PermitReturned { permit: permit.id, reason: ReturnReason::Expired };
    assert_eq!(lives.events.news().await.1, given_back);
    // Its time is not over yet, and still it is worth nothing.
    job.send(submit).unwrap();
    assert_eq!(lives.events.news().await.1, given_back);
    // Nor is one that was on its way meanwhile: the page is to be read back first.
    let late = crate::support::permit();
    job.send(JobDown::Submit { command: CommandId::new(), permit: late.clone() }).unwrap();
    let reason = ReturnReason::Expired;
    assert_eq!(lives.events.news().await.1, Report::PermitReturned { permit: late.id, reason });
    assert_eq!(lives.site.clicks(), 0);
    lives.end().await;
}

#[tokio::test]
async fn a_lease_that_ended_meanwhile_takes_its_page_along() {
    let mut lives = Lives::begin().await;
    let start = start();
    lives.observed(&start).await;
    lives.kill();
    lives.next().await;
    lives.site.reached(Step::Adopted).await;
    let release = protocol::wire::message::ControlDown::Release { leases: vec![start.lease] };
    lives.link.send(release).unwrap();
    lives.site.reached(Step::Closed).await;
    let beat = lives.events.next(|event| match event {
        Event::Heartbeat(beat) => beat.leases.is_empty().then_some(()),
        _ => None,
    });
    beat.await;
    let dir = lives.end().await;
    assert!(Ledger::open(&dir.path().join("ledger")).unwrap().leases().is_empty());
}

#[tokio::test]
async fn a_job_whose_file_had_not_arrived_does_not_go_on() {
    let mut lives = Lives::begin().await;
    let file = FileRef { name: "cv.pdf".into(), size: 1, sha256: "ab".repeat(32) };
    let start = JobStart { files: vec![file], ..start() };
    let (_, acked) = lives.observed(&start).await;
    lives.kill();
    let hello = lives.next().await;
    assert!(!hello.leases[0].alive);
    lives.link.open_job(JobDown::Attach { lease: start.lease, acked }).unwrap();
    let (number, Report::Failed { failure, .. }) = lives.events.news().await else { panic!() };
    assert_eq!((number, failure.code), (acked + 1, ErrorCode::BrowserLost));
    lives.end().await;
}

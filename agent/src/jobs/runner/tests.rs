//! A runner without a session: what it does when its lease ends and nobody renews it.

use protocol::ids::{CommandId, LeaseId, TaskId};
use protocol::task::Mode;
use protocol::wire::frame;
use protocol::wire::message::{JobUp, Permit, SubmitOutcome};

use super::*;
use crate::jobs::files::JobFiles;
use crate::jobs::permits::unknown;
use crate::jobs::spool::Spool;
use crate::page::{Click, Files, Photo};

/// Only reached when something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// A page that counts how often it was opened, and hangs when it is filled.
#[derive(Clone, Default)]
struct Still(Arc<std::sync::Mutex<Vec<&'static str>>>);

impl Still {
    fn note(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }
}

impl Browsers for Still {
    type Page = Self;
    async fn lease(&self, _: TaskId) -> Result<Self, Failure> {
        Ok(self.clone())
    }
    async fn adopt(&self, _: &Tab, _: &[u8]) -> Result<Self, Failure> {
        self.note("adopted");
        Ok(self.clone())
    }
}

impl Page for Still {
    async fn open(&mut self, _: &str) -> Result<(), Failure> {
        self.note("opened");
        Ok(())
    }
    async fn observe(&mut self) -> Result<FormModel, Failure> {
        Err(Failure::new(FailureClass::Page, ErrorCode::NotAForm, "not looked at here"))
    }
    async fn fill(
        &mut self,
        _: &[FillItem],
        _: &dyn Files,
        _: &mut (dyn FnMut(protocol::wire::message::Progress) + Send),
    ) -> Result<Vec<FillResult>, Failure> {
        self.note("filled");
        std::future::pending().await
    }
    async fn photo(&mut self) -> Result<Photo, Failure> {
        Err(Failure::new(FailureClass::Page, ErrorCode::NotAForm, "not looked at here"))
    }
    async fn check(&mut self, _: &Permit) -> Result<(), ReturnReason> {
        Ok(())
    }
    async fn submit(&mut self, _: Moment, _: Duration) -> Click {
        self.note("clicked");
        Click::Made(Box::new(unknown()))
    }
    async fn aftermath(&mut self, _: Duration) -> SubmitOutcome {
        unknown()
    }
    fn tab(&self) -> Option<Tab> {
        None
    }
    fn memory(&self) -> Vec<u8> {
        Vec::new()
    }
    async fn watch(&mut self, _: Option<mpsc::Sender<Photo>>) {}
    fn dead(&self) -> impl Future<Output = Failure> + Send + 'static {
        std::future::pending()
    }
    async fn close(&mut self) {
        self.note("closed");
    }
}

#[tokio::test]
async fn a_page_of_an_earlier_life_that_nobody_asks_for_is_closed_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Arc::new(Ledger::open(&dir.path().join("ledger")).unwrap());
    let (lease, task) = (LeaseId::new(), TaskId::new());
    ledger.lease_began(lease, task).unwrap();
    let start = JobStart { lease, task, url: "https://jobs.example".into(), mode: Mode::Copilot, files: vec![] };
    let files = Arc::new(JobFiles::new(dir.path().join("job")));
    let (job, mut inbox) = Job::new(lease, Some(task), Spool::after_number(3), files);
    // Asked for something, in vain: the lease does not run.
    job.take(JobDown::Fill { command: CommandId::new(), items: vec![] });
    let close_after = Duration::from_millis(50);
    let tools = Tools { ledger, uplink: Uplink::new(), clock: LeaseClock::new(), close_after };
    let keep = Keep::new(&dir.path().join("job"), &start);
    let runner = Runner::new(job.clone(), start, keep, Answers::default(), tools);
    let page = Still::default();
    let tab = Tab { pid: 1, started: 1, context: "c".into(), target: "t".into(), way: 1 };
    let browsers = page.clone();
    let run = tokio::spawn(async move { runner.resume(tab, &[], &browsers, &mut inbox).await });
    let told = async {
        let mut changed = job.spool.subscribe();
        loop {
            changed.borrow_and_update();
            if let Some((number, bytes)) = job.spool.next_after(3) {
                let (header, body) = bytes.split_first_chunk().unwrap();
                let (tag, _) = frame::parse_header(*header).unwrap();
                return (number, frame::decode::<JobUp>(tag, body).unwrap());
            }
            changed.changed().await.unwrap();
        }
    };
    let (4, JobUp::Report { report: Report::Failed { failure, .. }, .. }) = timeout(PATIENCE, told).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(failure.code, ErrorCode::HostLost);
    assert_eq!(*page.0.lock().unwrap(), ["adopted", "closed"], "nothing was done with it");
    job.released.cancel();
    assert!(timeout(PATIENCE, run).await.unwrap().unwrap());
}

//! An agent's session without an agent: what the coordinator sends down is taken from the link, before any stream.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use protocol::ids::{LeaseId, SandboxId};
use protocol::wire::message::{ControlDown, Heartbeat, HeldLease, Hello, HostFigures, JobDown, Report, SeenPermit};
use quinn::{Connection, ConnectionError, Endpoint};
use tokio::sync::mpsc;

use super::support::{Node, PATIENCE};
use crate::listener::{AgentLink, Gone, ReportRefused, Sessions as _, Work};
use crate::pki::{Fingerprint, Identity};
use crate::sessions::CoreSessions;

pub struct Agent {
    sessions: CoreSessions,
    pub sandbox: SandboxId,
    pub epoch: i64,
    /// Carries nothing: only its end counts.
    connection: Connection,
    /// The coordinator's end and both sockets, which must live as long.
    _far: (Connection, Endpoint, Endpoint),
    controls: mpsc::Receiver<ControlDown>,
    works: mpsc::Receiver<Work>,
    jobs: HashMap<LeaseId, mpsc::Receiver<JobDown>>,
}

/// What an agent with these leases and permits says first.
pub fn hello(leases: Vec<HeldLease>, permits: Vec<SeenPermit>) -> Hello {
    Hello {
        version_min: 1,
        version_max: 1,
        build: "test".into(),
        boot: uuid::Uuid::nil(),
        capacity: 4,
        engine: "chromium".into(),
        host: HostFigures::default(),
        leases,
        permits,
    }
}

/// Both ends of a connection over loopback.
async fn connection() -> (Connection, (Connection, Endpoint, Endpoint)) {
    let made = rcgen::generate_simple_self_signed(vec!["test".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
    let certificate = made.cert.der().clone();
    let server = quinn::ServerConfig::with_single_cert(vec![certificate.clone()], key).unwrap();
    let here = (Ipv4Addr::LOCALHOST, 0).into();
    let (listens, dials) = (Endpoint::server(server, here).unwrap(), Endpoint::client(here).unwrap());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = quinn::ClientConfig::with_root_certificates(Arc::new(roots)).unwrap();
    let dialled = dials.connect_with(client, listens.local_addr().unwrap(), "test").unwrap();
    let accepted = async { listens.accept().await.unwrap().await.unwrap() };
    let (near, far) = tokio::join!(dialled, accepted);
    (near.unwrap(), (far, listens, dials))
}

impl Agent {
    /// Says hello to this node, and is welcome.
    pub async fn connect(node: &Node, sandbox: SandboxId, hello: Hello) -> Self {
        let (connection, far) = connection().await;
        let not_after = SystemTime::now() + Duration::from_secs(3_600);
        let identity = Identity { sandbox, fingerprint: Fingerprint([1; 32]), not_after };
        let (link, controls, works) = AgentLink::new(far.0.clone(), identity);
        let sessions = CoreSessions::new(Arc::clone(&node.core));
        let epoch = sessions.hello(sandbox, hello, link).await.expect("it is welcome").epoch;
        let jobs = HashMap::new();
        Self { sessions, sandbox, epoch, connection, _far: far, controls, works, jobs }
    }

    /// What comes down the control stream next.
    pub async fn control(&mut self) -> ControlDown {
        let next = tokio::time::timeout(PATIENCE, self.controls.recv());
        next.await.expect("something comes down the control stream").expect("the session lives")
    }

    /// The first message on the next job's stream.
    pub async fn job(&mut self) -> JobDown {
        loop {
            let work = tokio::time::timeout(PATIENCE, self.works.recv()).await.expect("a job comes");
            if let Work::Job { lease, first, commands } = work.expect("the session lives") {
                self.jobs.insert(lease, commands);
                return first;
            }
        }
    }

    /// The next command on a job's stream.
    pub async fn command(&mut self, lease: LeaseId) -> JobDown {
        let commands = self.jobs.get_mut(&lease).expect("the job was opened");
        tokio::time::timeout(PATIENCE, commands.recv()).await.expect("a command comes").expect("the stream is open")
    }

    /// What comes down the control stream next, heartbeats that name these leases being sent meanwhile.
    pub async fn control_by_beats(&mut self, leases: &[LeaseId]) -> ControlDown {
        let next = async {
            loop {
                self.beat(leases.to_vec()).await;
                if let Ok(message) = self.controls.try_recv() {
                    return message;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("something comes down the control stream")
    }

    pub async fn report(&self, lease: LeaseId, number: u64, report: Report) -> Result<(), ReportRefused> {
        self.sessions.report(self.sandbox, self.epoch, lease, number, report).await
    }

    pub async fn beat(&self, leases: Vec<LeaseId>) {
        let heartbeat = Heartbeat { leases, host: HostFigures::default() };
        self.sessions.heartbeat(self.sandbox, self.epoch, heartbeat).await.unwrap();
    }

    /// It is told to stop.
    pub async fn drain(&self, leases: Vec<LeaseId>) {
        self.sessions.draining(self.sandbox, self.epoch, leases).await;
    }

    /// Its connection is over, as the listener sees it.
    pub fn leave(&self) {
        self.sessions.gone(self.sandbox, self.epoch, Gone::Lost);
    }

    /// The code with which the coordinator ends the session.
    pub async fn closed(&self) -> u64 {
        let closed = tokio::time::timeout(PATIENCE, self.connection.closed());
        match closed.await.expect("the session is ended") {
            ConnectionError::ApplicationClosed(closed) => closed.error_code.into_inner(),
            other => panic!("{other}"),
        }
    }
}

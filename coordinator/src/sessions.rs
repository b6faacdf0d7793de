//! What the listener's agents ask of the core: passes each message to the actor that owns it.

pub(crate) mod instances;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use protocol::ids::{LeaseId, SandboxId};
use protocol::wire::VERSION_MAX;
use protocol::wire::message::{
    AgentSettings, ArtifactHeader, Heartbeat, Hello, LiveFrameHeader, Progress, Refusal, Report, Welcome,
};
use ractor::rpc::CallResult;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use store::agents::Standing;
use store::artifacts::{self, NewArtifact, Room};
use store::bus::Frame;
use store::enrolment_tokens::Unfit;
use store::files::FilesError;
use store::tasks::TaskAt;
use tracing::warn;

use crate::core::Core;
use crate::listener::{AgentLink, ArtifactRefused, Gone, Occasion, Refused, ReportRefused, Sessions};
use crate::pki::{Identity, RENEWAL_GRACE};
use crate::sandbox::actor::{SandboxMsg, Unopened};
use crate::sandbox::supervisor;
use crate::task::handle::{TaskError, Tasks};
use crate::task::machine::{Input, Refused as InputRefused};

/// A hello opens a session in the database and reconciles; the agent waits for it.
const HELLO_TIMEOUT: Duration = Duration::from_secs(8);
/// Heartbeats while a lease is held: a silence is suspected after three of them.
const HEARTBEAT_BUSY_MS: u32 = 500;
const HEARTBEAT_IDLE_MS: u32 = 2_000;
/// The agent's own limit; [`crate::sandbox::silence::LOST_AFTER`] is longer by more than a round trip.
const LEASE_TTL_MS: u32 = 10_000;

/// The core behind the listener.
pub struct CoreSessions {
    core: Arc<Core>,
    tasks: Tasks,
}

impl CoreSessions {
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self { tasks: Tasks::new(Arc::clone(&core)), core }
    }

    fn tell(&self, sandbox: SandboxId, message: SandboxMsg) {
        if let Some(actor) = self.core.sandboxes.get(&sandbox) {
            let _ = actor.cast(message);
        }
    }

    /// The task of a lease that this sandbox holds.
    fn task_of(&self, sandbox: SandboxId, lease: LeaseId) -> Option<TaskAt> {
        self.core.leases.get(&lease).filter(|holder| holder.sandbox == sandbox).map(|holder| holder.task)
    }

    async fn good_standing(&self, identity: Identity) -> Result<(), Refused> {
        let read = async {
            let mut tx = self.core.store.begin().await?;
            store::agents::standing(&mut tx, identity.sandbox, &identity.fingerprint.0).await
        };
        match store::db::in_time("reading a standing", read).await.map_err(busy)? {
            Standing::Good => Ok(()),
            standing => Err(self.not_good(identity.sandbox, standing).await),
        }
    }

    /// What an agent in this standing is told, once it was noted.
    async fn not_good(&self, sandbox: SandboxId, standing: Standing) -> Refused {
        let (reason, message) = match standing {
            Standing::Replaced => ("replaced", "another host enrolled as this sandbox after this one"),
            Standing::Good | Standing::Revoked => ("revoked", "this sandbox was revoked, or is no more"),
        };
        metrics::counter!("valet_agents_refused_total", "reason" => reason).increment(1);
        self.note_refused("agent.refused", &json!({ "sandboxId": sandbox, "reason": reason })).await;
        Refused::new(Refusal::Revoked, message)
    }

    /// For the operator who looks for the host that does not get in; not having noted it refuses nobody.
    async fn note_refused(&self, action: &str, details: &Json) {
        let noted = async {
            let mut tx = self.core.store.begin().await?;
            store::audit::record_refused(&mut tx, action, details).await?;
            store::db::commit(tx, "noting a refused attempt").await
        };
        if let Err(error) = noted.await {
            warn!(%error, action, "a refused attempt was not noted");
        }
    }
}

fn busy<E>(_: E) -> Refused {
    Refused::new(Refusal::Busy, "the database does not answer; try again")
}

/// What is counted of a token that buys nothing, and what its host is told.
fn token_refused(unfit: Unfit) -> (&'static str, Refused) {
    let refused = |message: &str| Refused::new(Refusal::Token, message);
    match unfit {
        Unfit::Unknown => ("unknown", refused("the token is none of ours; was it copied whole?")),
        Unfit::Used => {
            ("used", refused("the token was used already; each is good once, so make another for this host"))
        }
        Unfit::Expired => ("expired", refused("the token has run out; make another and use it within ten minutes")),
        Unfit::OtherHost(name) => (
            "other_host",
            refused(&format!("the token is for the host {name:?}, which is not what this one is called")),
        ),
        Unfit::Revoked => ("revoked", Refused::new(Refusal::Revoked, "the token is for a sandbox that was revoked")),
    }
}

/// The SHA-256 that stands for a one-time token in the database.
#[must_use]
pub fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

impl Sessions for CoreSessions {
    async fn enrol(&self, token: &str, host_name: &str, key: [u8; 32]) -> Result<SandboxId, Refused> {
        let mut tx = self.core.store.begin().await.map_err(busy)?;
        let spent = store::enrolment_tokens::spend(&mut tx, &token_hash(token), host_name, &key).await.map_err(busy)?;
        let sandbox = match spent {
            Ok(sandbox) => sandbox,
            Err(unfit) => {
                drop(tx);
                let (reason, refused) = token_refused(unfit);
                metrics::counter!("valet_enrolment_tokens_refused_total", "reason" => reason).increment(1);
                self.note_refused("agent.enrol_refused", &json!({ "reason": reason })).await;
                return Err(refused);
            }
        };
        let leased = store::tasks::leased(&mut tx, sandbox).await.map_err(busy)?;
        store::db::commit(tx, "spending an enrolment token").await.map_err(busy)?;
        // A host that enrols afresh may have lost its ledger: what it says of earlier permits proves nothing.
        for lease in leased {
            if let Err(error) = self.tasks.lease_lost(lease.task, lease.lease, None).await {
                warn!(task.id = %lease.task.id, %error, "a lease of an enrolling sandbox was not ended");
            }
        }
        Ok(sandbox)
    }

    async fn enrol_instance(&self, signed_document: &[u8], key: [u8; 32]) -> Result<SandboxId, Refused> {
        self.by_document(signed_document, &key).await
    }

    async fn standing(&self, identity: Identity) -> Result<(), Refused> {
        self.good_standing(identity).await
    }

    async fn issued(&self, identity: Identity, occasion: Occasion) -> Result<(), Refused> {
        let mut tx = self.core.store.begin().await.map_err(busy)?;
        store::agents::record_certificate(
            &mut tx,
            identity.sandbox,
            &identity.fingerprint.0,
            identity.not_after.into(),
            (SystemTime::now() - RENEWAL_GRACE).into(),
        )
        .await
        .map_err(busy)?;
        let (action, by) = match occasion {
            Occasion::Enrolled => ("agent.enrolled", "token"),
            Occasion::Started => ("agent.enrolled", "document"),
            Occasion::Lapsed => ("agent.renewed_lapsed", "key"),
            Occasion::Renewed => (store::audit::RENEWED, "session"),
        };
        let details = json!({ "certificate": identity.fingerprint.to_string(), "by": by });
        store::audit::record_agent(&mut tx, identity.sandbox, action, &details).await.map_err(busy)?;
        store::db::commit(tx, "recording a certificate").await.map_err(busy)
    }

    async fn hello(&self, sandbox: SandboxId, hello: Hello, link: AgentLink) -> Result<Welcome, Refused> {
        let supervisor = self.core.sandbox_supervisor().ok_or_else(|| busy(()))?;
        let actor = supervisor::activate(&supervisor, sandbox).await.ok_or_else(|| busy(()))?;
        let version = hello.version_max.min(VERSION_MAX);
        let hello = Box::new(hello);
        let _under_way = self.core.inspect.mailbox(crate::inspect::LISTENER).under_way("hello");
        let answer = actor.call(|reply| SandboxMsg::Hello { hello, link, reply }, Some(HELLO_TIMEOUT)).await;
        let epoch = match answer {
            Ok(CallResult::Success(Ok(epoch))) => epoch,
            Ok(CallResult::Success(Err(Unopened::Standing(standing)))) => {
                return Err(self.not_good(sandbox, standing).await);
            }
            _ => return Err(busy(())),
        };
        Ok(Welcome {
            version,
            sandbox,
            epoch,
            settings: AgentSettings {
                heartbeat_busy_ms: HEARTBEAT_BUSY_MS,
                heartbeat_idle_ms: HEARTBEAT_IDLE_MS,
                lease_ttl_ms: LEASE_TTL_MS,
                allowed_private_hosts: self.core.settings.allowed_private_hosts.clone(),
            },
        })
    }

    async fn heartbeat(&self, sandbox: SandboxId, epoch: i64, heartbeat: Heartbeat) -> Result<(), Refused> {
        // Without an actor nobody would renew its leases: the agent is to come again and say what it holds.
        let actor = self.core.sandboxes.get(&sandbox).map(|actor| actor.clone()).ok_or_else(|| busy(()))?;
        actor.cast(SandboxMsg::Heartbeat { epoch, leases: heartbeat.leases }).map_err(busy)
    }

    async fn draining(&self, sandbox: SandboxId, epoch: i64, _leases: Vec<LeaseId>) {
        self.tell(sandbox, SandboxMsg::Draining { epoch });
    }

    async fn report(
        &self,
        sandbox: SandboxId,
        epoch: i64,
        lease: LeaseId,
        number: u64,
        report: Report,
    ) -> Result<(), ReportRefused> {
        self.tell(sandbox, SandboxMsg::Heard { epoch });
        let Some(at) = self.task_of(sandbox, lease) else {
            metrics::counter!("valet_stale_reports_total").increment(1);
            return Err(ReportRefused::Stale);
        };
        let input = Input::Report { lease, number, report: Box::new(report) };
        let task = at.id;
        match self.tasks.input(at, None, input).await {
            Ok(_) => Ok(()),
            Err(TaskError::Refused(InputRefused::StaleLease) | TaskError::NotFound) => {
                metrics::counter!("valet_stale_reports_total").increment(1);
                Err(ReportRefused::Stale)
            }
            // What is missing was acknowledged once: the database has lost it since, and the agent does not have it any
            // more. At its next hello it says what it knows of permits, and then the lease ends.
            Err(TaskError::Refused(InputRefused::Gap)) => {
                warn!(task.id = %task, number, "a report of task {task} does not follow the last one that is known");
                self.tell(sandbox, SandboxMsg::Gap { lease });
                Err(ReportRefused::NotHere)
            }
            // The database answers us both, and yet we do not reach each other.
            Err(error @ TaskError::Unreachable) if self.core.cluster.has_standing() => {
                warn!(task.id = %task, %error, number, "a report of task {task} was not taken; another coordinator may");
                Err(ReportRefused::NotHere)
            }
            Err(error) => {
                warn!(task.id = %task, %error, number, "a report of task {task} was not taken; it will be repeated");
                Err(ReportRefused::Unavailable)
            }
        }
    }

    fn progress(&self, sandbox: SandboxId, lease: LeaseId, progress: Progress) {
        let Some(at) = self.task_of(sandbox, lease) else { return };
        self.tasks.progress(at, progress);
    }

    async fn artifact(&self, sandbox: SandboxId, header: ArtifactHeader, bytes: Bytes) -> Result<(), ArtifactRefused> {
        let task = self.task_of(sandbox, header.lease).ok_or(ArtifactRefused::Stale)?.id;
        let storage_key = artifacts::storage_key(task, header.artifact);
        let pixels = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let new = NewArtifact {
            id: header.artifact,
            task,
            lease: header.lease,
            step: header.step.chars().take(50).collect(),
            content_type: header.content_type.chars().take(100).collect(),
            size: i64::try_from(bytes.len()).map_err(|_| ArtifactRefused::Unavailable)?,
            sha256: header.sha256,
            width: pixels(header.width),
            height: pixels(header.height),
            storage_key: storage_key.clone(),
        };
        let mut tx = self.core.store.begin().await.map_err(|_| ArtifactRefused::Unavailable)?;
        match artifacts::room(&mut tx, &new).await.map_err(|_| ArtifactRefused::Unavailable)? {
            Room::Free => drop(tx),
            Room::Stored => return Ok(()),
            Room::None => {
                warn!(task.id = %task, "a picture of task {task} was not kept: its lease has enough of them");
                return Err(ArtifactRefused::TooMuch);
            }
        }
        self.core.files.put(&storage_key, bytes).await.map_err(|error| match error {
            FilesError::Full(_) => {
                warn!(task.id = %task, "a picture of task {task} was not kept: the storage is full");
                ArtifactRefused::Full
            }
            error => {
                warn!(task.id = %task, %error, "a picture of task {task} was not kept");
                ArtifactRefused::Unavailable
            }
        })?;
        let mut tx = self.core.store.begin().await.map_err(|_| ArtifactRefused::Unavailable)?;
        artifacts::insert(&mut tx, &new).await.map_err(|_| ArtifactRefused::Unavailable)?;
        store::db::commit(tx, "recording an artifact").await.map_err(|_| ArtifactRefused::Unavailable)
    }

    fn live_frame(&self, sandbox: SandboxId, lease: LeaseId, header: LiveFrameHeader, jpeg: Bytes) {
        if let Some(TaskAt { id: task, .. }) = self.task_of(sandbox, lease) {
            let LiveFrameHeader { width, height, at_ms, .. } = header;
            self.core.bus.publish_frame(Frame { task, width, height, at_ms, jpeg });
        }
    }

    fn gone(&self, sandbox: SandboxId, epoch: i64, _why: Gone) {
        self.tell(sandbox, SandboxMsg::Gone { epoch });
    }
}

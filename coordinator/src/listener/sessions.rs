//! What the listener asks of the core.

use bytes::Bytes;
use protocol::form::TEXT_MAX;
use protocol::ids::{LeaseId, SandboxId};
use protocol::wire::message::{ArtifactHeader, Heartbeat, Hello, LiveFrameHeader, Progress, Refusal, Report, Welcome};

use super::link::AgentLink;
use crate::pki::Identity;

/// A refusal, as the agent is told it. The message is for the log of the host: no secrets, no personal detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub code: Refusal,
    pub message: String,
}

impl Refused {
    pub fn new(code: Refusal, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(TEXT_MAX));
        Self { code, message }
    }
}

/// For what a certificate is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// A token was spent.
    Enrolled,
    /// An instance identity document stood in for one.
    Started,
    /// The one before ran out, and its key asked.
    Lapsed,
    /// Half of its life is over.
    Renewed,
}

/// Why a report was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportRefused {
    /// The lease is over: the agent is told to release it.
    Stale,
    /// It could not be made durable now. Tried again a few times, then the session is ended so that the agent
    /// reconnects and repeats it.
    Unavailable,
    /// Trying again on this session will not help: it is ended at once, and the agent says hello to the next coordinator.
    NotHere,
}

/// Why an artifact was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArtifactRefused {
    /// The lease is over, or another sandbox's.
    Stale,
    /// The storage is full: trying again will not help soon.
    Full,
    /// Its lease has stored as much as any may.
    TooMuch,
    /// It did not work this time.
    Unavailable,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// The agent closed it, in order.
    Closed,
    /// The connection broke or fell silent.
    Lost,
    /// The agent sent what is not ours.
    Malformed,
    /// The agent sent more than any has reason to.
    Flooded,
    /// Its certificate ran out and was not renewed.
    Expired,
    /// We ended it: superseded, revoked, unavailable, or going down.
    Ended,
}

/// The core, as the listener sees it. Calls of one session come in order, except [`Sessions::artifact`] and those of
/// different leases, which may overlap. Every future is given a time limit and may be dropped at it.
pub trait Sessions: Send + Sync + 'static {
    /// Checks and burns a one-time token (the part before the dot; the rest is for the agent). Answers the sandbox it
    /// is for. The caller has checked the certificate request by then; `key` is the SHA-256 of its public key, for which a
    /// burnt token is good still: its certificate may not have arrived.
    fn enrol(
        &self,
        token: &str,
        host_name: &str,
        key: [u8; 32],
    ) -> impl Future<Output = Result<SandboxId, Refused>> + Send;

    /// Checks the signed identity document of an EC2 instance. Answers the sandbox that the instance is, which from now
    /// on may enrol with this key (its SHA-256) only. The caller has checked the certificate request by then.
    fn enrol_instance(
        &self,
        signed_document: &[u8],
        key: [u8; 32],
    ) -> impl Future<Output = Result<SandboxId, Refused>> + Send;

    /// Whether this sandbox, known by this certificate, may have another one.
    fn standing(&self, identity: Identity) -> impl Future<Output = Result<(), Refused>> + Send;

    /// A certificate was signed and is about to be handed out: record it, or it is not.
    fn issued(&self, identity: Identity, occasion: Occasion) -> impl Future<Output = Result<(), Refused>> + Send;

    /// An authenticated agent says hello: gives it an epoch, or refuses (revoked: see [`AgentLink::identity`]).
    /// Jobs opened on `link` from here on begin after the welcome.
    fn hello(
        &self,
        sandbox: SandboxId,
        hello: Hello,
        link: AgentLink,
    ) -> impl Future<Output = Result<Welcome, Refused>> + Send;

    /// Takes a heartbeat; a refusal ends the session.
    fn heartbeat(
        &self,
        sandbox: SandboxId,
        epoch: i64,
        heartbeat: Heartbeat,
    ) -> impl Future<Output = Result<(), Refused>> + Send;

    /// The agent is told to stop and holds these leases still.
    fn draining(&self, sandbox: SandboxId, epoch: i64, leases: Vec<LeaseId>) -> impl Future<Output = ()> + Send;

    /// Takes a report; returns once it is durable. The same number may come twice and is taken once.
    fn report(
        &self,
        sandbox: SandboxId,
        epoch: i64,
        lease: LeaseId,
        number: u64,
        report: Report,
    ) -> impl Future<Output = Result<(), ReportRefused>> + Send;

    /// Something to show while it happens. Must not block.
    fn progress(&self, sandbox: SandboxId, lease: LeaseId, progress: Progress);

    /// Stores an artifact whose size and hash were verified; returns when it is stored. The same one may come twice.
    fn artifact(
        &self,
        sandbox: SandboxId,
        header: ArtifactHeader,
        bytes: Bytes,
    ) -> impl Future<Output = Result<(), ArtifactRefused>> + Send;

    /// A frame of a live view. Must not block.
    fn live_frame(&self, sandbox: SandboxId, lease: LeaseId, header: LiveFrameHeader, jpeg: Bytes);

    /// The session is over. Called exactly once for every accepted hello. Must not block.
    fn gone(&self, sandbox: SandboxId, epoch: i64, why: Gone);
}

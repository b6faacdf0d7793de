//! The vocabulary between agent and coordinator.
//!
//! Every command to an agent has an id and may arrive twice: the agent performs it once. Every report of a job has
//! a number that grows by one, is kept by the agent until it is acknowledged, and may arrive twice: the coordinator
//! takes it once. A report belongs to the lease of its stream.
//!
//! bincode has no schema evolution: a variant or struct never changes; a new version is a new variant at the end.

mod enrol;
mod streams;

use serde::{Deserialize, Serialize};

use crate::form::{Blocker, Digest, FileRef, FormModel, Value};
use crate::ids::{ArtifactId, CommandId, FieldId, LeaseId, PermitId, SandboxId, TaskId};
use crate::plan::{FillResult, FillStatus};
use crate::task::{Confirmation, Failure, Mode, Phase};

pub use enrol::{EnrolAnswer, EnrolRequest, InstanceRequest, RenewRequest};
pub use streams::{ArtifactHeader, DownHeader, LiveFrameHeader, UpHeader};

// === control stream ===

/// Up the control stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ControlUp {
    Hello(Hello),
    Heartbeat(Heartbeat),
    /// The agent wants no new work (it is told to stop) and says what it still holds.
    Draining {
        leases: Vec<LeaseId>,
    },
    /// A new key's certificate request (DER), answered by [`ControlDown::Renewed`].
    Renew {
        csr_der: Vec<u8>,
    },
}

/// Down the control stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ControlDown {
    Welcome(Welcome),
    /// Refused; the connection is closed after it.
    Refused {
        code: Refusal,
        message: String,
    },
    /// Leases the coordinator no longer knows: release them, close their pages, forget their files.
    Release {
        leases: Vec<LeaseId>,
    },
    /// Take no new work; finish or park what is held.
    Drain {
        reason: String,
    },
    /// A fresh certificate chain (DER, leaf first).
    Renewed {
        chain_der: Vec<Vec<u8>>,
    },
    /// A heartbeat was taken: one for each, in their order. The agent's leases run from the sending of the last
    /// heartbeat answered so.
    HeartbeatTaken,
    /// The artifact is stored: a report may name it.
    ArtifactStored {
        artifact: ArtifactId,
    },
    /// The artifact is not stored. `again`: the same bytes may go through on another attempt.
    ArtifactRefused {
        artifact: ArtifactId,
        again: bool,
    },
    /// Too many say hello at once: stay connected and say it again in so many milliseconds. A place is kept until then;
    /// an earlier hello does not bring it nearer.
    Later {
        after_ms: u32,
    },
}

/// The first frame of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    pub version_min: u16,
    pub version_max: u16,
    /// Version of the agent program, for people.
    pub build: String,
    /// Random per start of the agent process: a restart is not a reconnection.
    pub boot: uuid::Uuid,
    pub capacity: u16,
    pub engine: String,
    pub host: HostFigures,
    /// Every lease the agent holds, with the number of its last report.
    pub leases: Vec<HeldLease>,
    /// Permits the agent's ledger has seen lately and what became of them.
    pub permits: Vec<SeenPermit>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldLease {
    pub lease: LeaseId,
    pub task: TaskId,
    /// False when the page did not survive (the agent was restarted, the browser died).
    pub alive: bool,
    /// Number of the last report made under this lease; 0 before the first.
    pub last_report: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeenPermit {
    pub permit: PermitId,
    pub task: TaskId,
    /// True from the moment before the click: it may have been used.
    pub used: bool,
    /// The employer's confirmation, while the ledger keeps it: until its lease is released.
    pub confirmation: Option<Confirmation>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    pub version: u16,
    pub sandbox: SandboxId,
    /// Grows with each accepted session of this sandbox; the agent obeys only the highest it has seen.
    pub epoch: i64,
    pub settings: AgentSettings,
}

/// What the coordinator decides for every agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentSettings {
    pub heartbeat_busy_ms: u32,
    pub heartbeat_idle_ms: u32,
    /// Without an answer to heartbeats for this long, leases are over.
    pub lease_ttl_ms: u32,
    /// `host:port` or `host` entries that browsers may open although they resolve to private addresses.
    pub allowed_private_hosts: Vec<String>,
}

crate::named_enum! {
    /// Why a session or an enrolment is refused.
    pub enum Refusal {
        Version = "version",
        Revoked = "revoked",
        Token = "token",
        Malformed = "malformed",
        Busy = "busy",
        Internal = "internal",
        /// The instance identity document buys nothing.
        Document = "document",
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    pub leases: Vec<LeaseId>,
    pub host: HostFigures,
}

/// Figures of the host, for placement and for admins.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HostFigures {
    /// Per cent of all cores, 0..=100.
    pub cpu_percent: f32,
    pub memory_used_mb: u32,
    pub memory_total_mb: u32,
    pub disk_free_mb: u32,
    pub browsers: u16,
    pub pages: u16,
}

// === job stream: one per lease and connection, opened by the coordinator ===

/// Down a job stream. The first frame is `Start` or, after a reconnection, `Attach`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum JobDown {
    Start(JobStart),
    /// The lease goes on: send every report after `acked` again, then new ones.
    Attach {
        lease: LeaseId,
        acked: u64,
    },
    /// Reports up to this number are durable; they may be forgotten.
    Ack {
        report: u64,
    },
    /// Enter these values, read back every field of the form, then report `Filled`.
    Fill {
        command: CommandId,
        items: Vec<FillItem>,
    },
    /// Enter these corrections, read the whole form again, report `Ready` with what it holds now. Sends nothing.
    Prepare {
        command: CommandId,
        items: Vec<FillItem>,
    },
    /// Submit, provided that the form still has exactly these digests.
    Submit {
        command: CommandId,
        permit: Permit,
    },
    /// The permit is withdrawn: answer `PermitReturned`, or `Outcome` if it was already used.
    Revoke {
        command: CommandId,
        permit: PermitId,
    },
    /// A person says that the blocker is out of the way: look again.
    Recheck {
        command: CommandId,
    },
    /// Somebody watches (or nobody does any more): send live frames on a stream of their own.
    Watch {
        on: bool,
    },
    /// Give up the page and everything of the job, then report `Ended`.
    End {
        command: CommandId,
    },
}

impl JobDown {
    /// The id by which it is performed once; none for what may simply be repeated.
    #[must_use]
    pub const fn command(&self) -> Option<CommandId> {
        match self {
            Self::Fill { command, .. }
            | Self::Prepare { command, .. }
            | Self::Submit { command, .. }
            | Self::Revoke { command, .. }
            | Self::Recheck { command }
            | Self::End { command } => Some(*command),
            Self::Start(_) | Self::Attach { .. } | Self::Ack { .. } | Self::Watch { .. } => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobStart {
    pub lease: LeaseId,
    pub task: TaskId,
    pub url: String,
    pub mode: Mode,
    /// Sent on a file stream each, before they are needed.
    pub files: Vec<FileRef>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FillItem {
    pub field: FieldId,
    pub value: Value,
}

/// The right to send one application, once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Permit {
    pub id: PermitId,
    pub form: Digest,
    pub values: Digest,
    /// Counted from the sending of the `Ready` report that led to this permit, by the agent's own clock: later,
    /// the click is not made. A delayed permit is thus shorter, never longer.
    pub ttl_ms: u32,
}

/// Up a job stream.
#[expect(clippy::large_enum_variant, reason = "one at a time, on its way to or from a stream")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum JobUp {
    /// Something that must not be lost. Repeated until acknowledged.
    Report { number: u64, report: Report },
    /// Something to look at while it happens. May be dropped.
    Progress(Progress),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Report {
    /// The phase began.
    Phase(Phase),
    /// The page has been read, before anything was entered.
    Observed { form: FormModel, screenshot: Option<Screenshot> },
    /// A `Fill` was carried out; `form` is the page afterwards. Only the first comes with its photograph, and one that shows
    /// something for a person to pass; for the others see `Pictured`.
    Filled { command: CommandId, results: Vec<FillResult>, form: FormModel, screenshot: Option<Screenshot> },
    /// A `Prepare` was carried out; `form` is what a permit would be for.
    Ready { command: CommandId, results: Vec<FillResult>, form: FormModel },
    /// The permit was not and will not be used: it ran out, or the form was not what it names.
    PermitReturned { permit: PermitId, reason: ReturnReason },
    /// What came of the click. Only after `Submit`.
    Outcome { permit: PermitId, outcome: SubmitOutcome, screenshot: Option<Screenshot> },
    /// A person is needed before the work can go on; nothing was sent.
    Blocked { blocker: Blocker, page_url: String, screenshot: Option<Screenshot> },
    /// The attempt is over; nothing was sent by it.
    Failed { failure: Failure, screenshot: Option<Screenshot> },
    /// Page, context and files of the job are gone.
    Ended,
    /// A photograph of this step (see [`ArtifactHeader::step`]) could not be stored; the report that would have
    /// named it follows without.
    Unstored { step: String, failure: Failure },
    /// The filled form as it looks now: taken once the person's changes were entered and no more came for a moment.
    Pictured { screenshot: Screenshot },
}

crate::named_enum! {
    pub enum ReturnReason {
        Expired = "expired",
        FormChanged = "form_changed",
        ValuesChanged = "values_changed",
        Revoked = "revoked",
        /// The ledger could not be written: without a durable record there is no click.
        Ledger = "ledger",
        /// There is no control that would send the form.
        NoSubmit = "no_submit",
    }
}

/// How a submission ended, as far as the page shows.
#[expect(clippy::large_enum_variant, reason = "one at a time, on its way to or from a stream")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SubmitOutcome {
    Confirmed(Confirmation),
    /// The page itself refused: the form is still there, with complaints. Nothing was accepted.
    Rejected {
        form: FormModel,
    },
    /// The click was made and the site wants something of a person before it accepts.
    Blocked {
        blocker: Blocker,
    },
    /// The click was made, or may have been, and the page does not tell how it ended.
    Unknown {
        evidence: Evidence,
    },
}

/// What is known about a click whose end nobody saw.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The in-page recorder saw a submit event (or a request that carries the form) leave.
    pub submit_event_seen: bool,
    pub request_sent: bool,
    pub response_status: Option<u16>,
    pub page_url: String,
    pub page_text: String,
}

/// A photograph of the page, sent on an artifact stream before the report that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screenshot {
    pub artifact: ArtifactId,
    pub width: u32,
    pub height: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    pub done: u32,
    pub total: u32,
    pub field: FieldId,
    pub status: FillStatus,
}

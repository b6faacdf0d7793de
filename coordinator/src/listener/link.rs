//! The core's end of a session and of its jobs. Nothing here waits.

use std::sync::Arc;

use bytes::Bytes;
use protocol::form::FileRef;
use protocol::ids::LeaseId;
use protocol::wire::BULK_MAX;
use protocol::wire::message::{ControlDown, JobDown};
use quinn::{Connection, VarInt};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::sessions::Refused;
use crate::pki::Identity;

/// Messages to one agent that may wait. It reads them in microseconds; a full queue means that it does not read.
pub(super) const CONTROL_QUEUE: usize = 256;
/// Commands to one job that may wait. The core has at most a handful outstanding.
const JOB_QUEUE: usize = 64;
/// Jobs and files of one agent waiting to be opened.
pub(super) const WORK_QUEUE: usize = 256;

/// Why something could not be passed on. The session is over, or about to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    #[error("the agent's session is over")]
    Closed,
    #[error("the agent does not read: its queue is full")]
    Full,
    #[error("the file is larger than {BULK_MAX} bytes, or not of the size it says")]
    Size,
    #[error("a job stream begins with Start or Attach")]
    Order,
}

/// One agent's session.
#[derive(Debug, Clone)]
pub struct AgentLink(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connection: Connection,
    identity: Identity,
    control: mpsc::Sender<ControlDown>,
    work: mpsc::Sender<Work>,
}

/// One job's stream within a session. It is over with the session; after the next hello the core opens it again
/// with `Attach`.
#[derive(Debug, Clone)]
pub struct JobLink {
    lease: LeaseId,
    commands: mpsc::Sender<JobDown>,
}

/// What the session task does for a link.
#[derive(Debug)]
pub(crate) enum Work {
    Job { lease: LeaseId, first: JobDown, commands: mpsc::Receiver<JobDown> },
    File { lease: LeaseId, file: FileRef, bytes: Bytes },
}

impl AgentLink {
    pub(crate) fn new(
        connection: Connection,
        identity: Identity,
    ) -> (Self, mpsc::Receiver<ControlDown>, mpsc::Receiver<Work>) {
        let (control, controls) = mpsc::channel(CONTROL_QUEUE);
        let (work, works) = mpsc::channel(WORK_QUEUE);
        (Self(Arc::new(Inner { connection, identity, control, work })), controls, works)
    }

    /// Who is at the other end: sandbox and certificate, as of the handshake.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.0.identity
    }

    /// The address the agent is seen under.
    #[must_use]
    pub fn remote(&self) -> std::net::SocketAddr {
        self.0.connection.remote_address()
    }

    /// Opens a job's stream. `first` is `Start` or `Attach`; its reports come through
    /// [`super::Sessions::report`].
    ///
    /// # Errors
    /// When the session is over or stuck. A stream that breaks later shows as the end of the session.
    pub fn open_job(&self, first: JobDown) -> Result<JobLink, LinkError> {
        let lease = match &first {
            JobDown::Start(start) => start.lease,
            JobDown::Attach { lease, .. } => *lease,
            _ => return Err(LinkError::Order),
        };
        let (sender, commands) = mpsc::channel(JOB_QUEUE);
        self.0.work.try_send(Work::Job { lease, first, commands }).map_err(refused)?;
        Ok(JobLink { lease, commands: sender })
    }

    /// Sends a file of a job. May be repeated after a reconnection: what the agent has already, it does not take
    /// twice.
    ///
    /// # Errors
    /// When it is too large, or the session is over or stuck.
    pub fn send_file(&self, lease: LeaseId, file: FileRef, bytes: Bytes) -> Result<(), LinkError> {
        if file.size != bytes.len() as u64 || file.size > BULK_MAX {
            return Err(LinkError::Size);
        }
        self.0.work.try_send(Work::File { lease, file, bytes }).map_err(refused)
    }

    /// Sends a message down the control stream.
    ///
    /// # Errors
    /// When the session is over or stuck.
    pub fn send(&self, message: ControlDown) -> Result<(), LinkError> {
        self.0.control.try_send(message).map_err(refused)
    }

    /// Tells the agent why, then ends the session (revocation, superseded epoch).
    pub fn refuse(&self, refused: Refused) {
        let Refused { code, message } = refused;
        if self.send(ControlDown::Refused { code, message }).is_err() {
            self.close(protocol::wire::close::REFUSED);
        }
    }

    /// Ends the session at once with a code of [`protocol::wire::close`].
    pub fn close(&self, code: u32) {
        self.0.connection.close(VarInt::from_u32(code), protocol::wire::close::name(u64::from(code)).as_bytes());
    }

    /// Resolves when the session is over.
    pub async fn closed(&self) {
        self.0.connection.closed().await;
    }
}

impl JobLink {
    #[must_use]
    pub fn lease(&self) -> LeaseId {
        self.lease
    }

    /// Sends a command. Acknowledgements of reports are sent by the listener itself.
    ///
    /// # Errors
    /// When the stream is over, or the agent does not read.
    pub fn send(&self, command: JobDown) -> Result<(), LinkError> {
        self.commands.try_send(command).map_err(refused)
    }
}

fn refused<T>(error: TrySendError<T>) -> LinkError {
    match error {
        TrySendError::Full(_) => LinkError::Full,
        TrySendError::Closed(_) => LinkError::Closed,
    }
}

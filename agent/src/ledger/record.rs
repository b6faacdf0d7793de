//! Records on disk: little-endian u32 length of the body, u32 CRC-32 of the body, body.
//!
//! The variants are for ever, as on the wire: a newer agent reads the ledger of an older one.

use std::path::PathBuf;

use protocol::ids::{LeaseId, PermitId, TaskId};
use protocol::wire::codec;
use protocol::wire::message::{ReturnReason, SubmitOutcome};
use serde::{Deserialize, Serialize};

use crate::page::Tab;

/// First bytes of the file.
pub(super) const MAGIC: &[u8; 8] = b"VALETLG1";
const HEADER_LEN: usize = 8;

/// A browser process this agent started. `started` (clock ticks since the host's boot) tells it from a later process
/// with the same pid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub pid: u32,
    pub started: u64,
    /// Debugging port on the loopback interface.
    pub port: u16,
    pub profile: PathBuf,
}

/// How far a permit got.
#[expect(clippy::large_enum_variant, reason = "few are held, and the wire's type is kept as it is")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PermitState {
    Received,
    /// Written before the click: from here on the application may have been sent.
    Used,
    /// No click was made with it and none will be.
    Returned(ReturnReason),
    Outcome(SubmitOutcome),
}

/// A permit, under which lease, since when (milliseconds since the epoch).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PermitEntry {
    pub permit: PermitId,
    pub lease: LeaseId,
    pub task: TaskId,
    pub at_ms: u64,
    pub state: PermitState,
}

#[expect(clippy::large_enum_variant, reason = "few are held, and the wire's type is kept as it is")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Record {
    ProcessStarted(Process),
    ProcessGone {
        pid: u32,
        started: u64,
    },
    LeaseBegan {
        lease: LeaseId,
        task: TaskId,
    },
    LeaseEnded {
        lease: LeaseId,
    },
    Permit(PermitEntry),
    /// Where the page of a lease is, before it is used; a later one replaces it.
    PageLeased {
        lease: LeaseId,
        tab: Tab,
    },
    /// The port of the egress proxy that browsers use outside their contexts.
    EgressAt {
        port: u16,
    },
}

pub(super) fn append(record: &Record, out: &mut Vec<u8>) -> Result<(), codec::Error> {
    let body = codec::encode(record)?;
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    out.extend_from_slice(&body);
    Ok(())
}

/// The sound records from the beginning, and how many bytes they take.
pub(super) fn read(bytes: &[u8]) -> (Vec<Record>, usize) {
    let (mut records, mut at) = (Vec::new(), 0);
    while let Some((record, length)) = next(&bytes[at..]) {
        records.push(record);
        at += length;
    }
    (records, at)
}

/// Whether a sound record begins anywhere in these bytes. What a crash tears is the last one, so nothing follows it.
pub(super) fn any(bytes: &[u8]) -> bool {
    (0..bytes.len()).any(|at| next(&bytes[at..]).is_some())
}

fn next(bytes: &[u8]) -> Option<(Record, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let body = rest.get(..length)?;
    if length > codec::BODY_MAX || crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    Some((codec::decode(body).ok()?, HEADER_LEN + length))
}

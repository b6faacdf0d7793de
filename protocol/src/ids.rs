//! Identifiers: UUIDv7 behind one type each, so that a sandbox can never be passed for a task.
//!
//! Version 7 sorts by time of creation, which keeps inserts at the right edge of their indexes.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh id; ids made later sort after it.
            #[expect(clippy::new_without_default, reason = "a default id would be a different one each time")]
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )+};
}

ids! {
    /// A person with an account.
    UserId,
    /// One application to one job.
    TaskId,
    /// An uploaded resume.
    ResumeId,
    /// An entry of a person's bank of answers.
    QaEntryId,
    /// A browser host; its agent keeps this id across restarts.
    SandboxId,
    /// A coordinator; it keeps this id across restarts.
    NodeId,
    /// The right of one sandbox to work on one task, once. Every report of an agent carries it.
    LeaseId,
    /// The right to send one application, once.
    PermitId,
    /// One command across a process boundary: a command that arrives twice is performed once.
    CommandId,
    /// A screenshot or another file an agent made.
    ArtifactId,
}

/// Names a field of a form: derived from frame, section, label, kind and position, never from the page's own
/// element ids, so that the same form loaded again (with other ids) has the same field ids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldId(pub String);

impl std::fmt::Display for FieldId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl From<&str> for FieldId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

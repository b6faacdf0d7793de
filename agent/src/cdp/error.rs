//! Why a command could not be carried out. No variant shows page content or addresses in its message.

use std::time::Duration;

use protocol::task::{ErrorCode, Failure, FailureClass};

/// Why a session, and with it every command on it, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    /// The browser died, or the socket to it broke.
    #[error("the connection to the browser is closed")]
    Closed,
    /// The renderer process of the page or frame died.
    #[error("the renderer crashed")]
    Crashed,
    /// The page or frame was closed, or its frame moved to another process.
    #[error("the page or frame is gone")]
    Detached,
    /// The renderer has not answered heartbeats.
    #[error("the renderer hangs")]
    Hung,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Gone(#[from] Gone),
    /// Whether the command took effect is unknown.
    #[error("{method} was not answered within {after:?}")]
    Timeout { method: String, after: Duration },
    /// Chromium understood and said no.
    #[error("{method} was refused by the browser (code {code})")]
    Refused {
        method: String,
        code: i64,
        /// Chromium's words; they may hold page content.
        message: String,
    },
    #[error("the answer to {method} could not be read")]
    Malformed { method: String },
    /// A script of ours threw.
    #[error("a script in the page failed")]
    Script {
        /// The exception's text; it may hold page content.
        detail: String,
    },
    /// The frame left the page, or navigated while the command ran: a script may have run in part.
    #[error("the frame went away")]
    FrameGone,
    #[error("the browser could not be reached: {0}")]
    Connect(String),
    /// A bound of ours was hit.
    #[error("too many {0}")]
    TooMany(&'static str),
}

impl Error {
    /// True when the page cannot be used any more.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Gone(_) | Self::Connect(_))
    }
}

impl From<Gone> for Failure {
    fn from(gone: Gone) -> Self {
        Self::new(FailureClass::BrowserLost, ErrorCode::BrowserLost, gone.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Gone(gone) => gone.into(),
            Error::Timeout { .. } => {
                Self::new(FailureClass::BrowserLost, ErrorCode::BrowserLost, "the browser did not answer in time")
            }
            Error::FrameGone => {
                Self::new(FailureClass::Network, ErrorCode::PageUnreachable, "the page changed while it was being read")
            }
            Error::Connect(_) => {
                Self::new(FailureClass::BrowserLost, ErrorCode::BrowserStart, "the browser could not be reached")
            }
            Error::Refused { .. } | Error::Malformed { .. } | Error::Script { .. } | Error::TooMany(_) => {
                Self::new(FailureClass::Internal, ErrorCode::Internal, error.to_string())
            }
        }
    }
}

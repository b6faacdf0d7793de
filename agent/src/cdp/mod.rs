//! The Chrome DevTools Protocol: one connection to one browser, and the pages on it.
//!
//! [`Cdp`] multiplexes typed commands and events of all sessions over chromiumoxide's socket. A [`PageSession`] is one
//! tab with everything inside it: it follows the frame tree over processes, so that a form in a cross-origin iframe is
//! read and filled like any other. [`crate::browser`] makes pages; [`crate::forms`] drives them.
//!
//! The state of a page (frames, script contexts, the document being loaded) is updated where the socket is read, before
//! the next message is looked at: whoever sees a reply also sees every event Chromium sent before it.

mod error;
mod eval;
mod frames;
mod input;
mod mux;
mod navigate;
mod page;
mod picture;
mod retry_after;
mod scripts;
mod sink;
mod targets;

pub use chromiumoxide::cdp::browser_protocol::browser::BrowserContextId;
pub use chromiumoxide::cdp::browser_protocol::page::FrameId;
pub use error::{Error, Gone};
pub use eval::Node;
pub use frames::FrameInfo;
pub use input::Key;
pub use mux::{COMMAND_TIMEOUT, Cdp, Session};
pub use navigate::{Arrival, NavigateError, NetworkPath, PathFailure, Requests};
pub use page::{DialogKind, PageEvent, PageSession, RequestKind};
pub use picture::{MAX_PICTURE_HEIGHT, Picture, Screencast};

/// Where a script runs in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum World {
    /// Beside the page: the same DOM, globals of our own that the page can neither see nor change.
    Isolated,
    /// Among the page's own scripts. Whatever comes from there is the page's word, not ours.
    Main,
}

impl World {
    /// The name of our world in Chromium's books.
    pub const ISOLATED_NAME: &'static str = "valet";

    const fn name(self) -> Option<&'static str> {
        match self {
            Self::Isolated => Some(Self::ISOLATED_NAME),
            Self::Main => None,
        }
    }
}

//! The words all processes share, and nothing that does I/O (but for [`clock`], which reads the time).
//!
//! - [`ids`]: who is who; [`task`]: the states of an application; [`form`]: a page's form as the agent saw it
//!   and the digests a permit names; [`plan`]: what is to be entered, why and how sure; [`event`]: what a person's
//!   screen is told.
//! - [`net`]: which addresses a browser may connect to. [`site`]: what an employer's site is asked to bear;
//!   [`waiting`]: why a queued application waits.
//! - [`wire`]: frames and messages between agent and coordinator; [`cluster`]: messages from gateways (and other
//!   coordinators) to the coordinator that owns a user; [`inspect`]: the live actor tree.
//! - [`planted`]: the bugs that tests must notice; nothing of it is in the product.

pub mod clock;
pub mod cluster;
pub mod event;
pub mod form;
pub mod ids;
pub mod inspect;
pub mod net;
pub mod plan;
pub mod planted;
pub mod resume;
pub mod site;
pub mod task;
pub mod waiting;
pub mod wire;

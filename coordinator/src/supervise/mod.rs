//! Our own small supervision: the crate that offers it does not compile beside `ractor_cluster`.
//!
//! [`Restarts`] decides how soon, and whether, something that crashed is started again; [`Root`] keeps a fixed set of
//! children running. Families of many children (tasks, sandboxes) have supervisors of their own next to them and use
//! [`Restarts`] directly. [`Live`] is an actor whose [`Mailbox`] is counted and bounded.

mod mailbox;
mod restarts;
mod root;

pub use mailbox::{InHand, Letter, Live, Mailbox, NotSent, Past, Shown, redacted};
pub use restarts::Restarts;
pub use root::{ChildSpec, Root, RootArgs, RootMsg};

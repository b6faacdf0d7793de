//! Our own small supervision: the crate that offers it does not compile beside `ractor_cluster`.
//!
//! [`Restarts`] decides how soon, and whether, something that crashed is started again; [`Root`] keeps a fixed set of
//! children running. Families of many children (tasks, sandboxes) have supervisors of their own next to them and use
//! [`Restarts`] directly.

mod restarts;
mod root;

pub use restarts::Restarts;
pub use root::{ChildSpec, Root, RootArgs, RootMsg};

//! Everything that is kept: SQL, files and the bus that tells of changes.
//!
//! - [`db`]: connections and transactions; every statement runs inside one. [`error`]: driver errors as ours.
//! - One module per table family; functions take a transaction, which the caller owns. No SQL and
//!   no column name outside this crate.
//! - [`journal`]: the commit path of the actors. [`bus`]: messages to open screens, in process or over Redis.
//! - [`files`]: object storage for resumes and screenshots.

pub mod agents;
pub mod artifacts;
pub mod audit;
pub mod bus;
pub mod consent;
pub mod dashboard;
pub mod db;
pub mod drains;
pub mod enrolment_tokens;
pub mod error;
pub mod explain;
pub mod facts;
pub mod files;
pub mod fleet;
pub mod health;
pub mod instances;
pub mod journal;
pub mod nodes;
pub mod notifications;
pub mod permits;
pub mod qa_bank;
pub mod quarantine;
pub mod queue;
pub mod resumes;
pub mod retention;
pub mod reviews;
pub mod sessions;
pub mod shards;
pub mod task_intake;
pub mod task_reads;
pub mod tasks;
mod transaction;
pub mod user_events;
pub mod users;

pub use db::Store;
pub use error::StoreError;
pub use transaction::{Transaction, Tx};

/// Every migration of the product, applied in order by `valet migrate` and by `valet up`.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

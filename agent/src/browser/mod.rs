//! Browsers on this host: started, kept warm, handed out page by page, ended without a trace.

mod launch;
mod pool;
mod process;

pub use launch::{Browser, LaunchError, LaunchOptions, sweep};
pub use pool::{Adopted, KeptPage, Lease, Pool, PoolError, PoolOptions, PoolStatus};
pub use process::{NoRecorder, ProcessRecord, ProcessRecorder, alive, end, start_time};

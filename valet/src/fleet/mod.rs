//! The processes of a fleet apart: `valet coordinator`, as many as wanted, and `valet gateway`, as many as wanted, over
//! one Postgres and one Redis.
//!
//! What they share by files: the keys ([`crate::keys`], made once with `valet admin keys`) for coordinators, and an
//! identity of its own for each gateway ([`identity`]), which holds none of the coordinators' secrets.

pub mod admin;
pub mod coordinator;
mod frames;
pub mod gateway;
mod identity;

use anyhow::Context as _;
use store::Store;
use store::files::Files;

use crate::config::Config;
use crate::datadir::DataDir;

/// Connections to the database of one process: the journal needs one, readers a few each.
const CONNECTIONS_MAX: u32 = 24;

/// The database, which must have been named and migrated.
async fn store(config: &Config) -> anyhow::Result<Store> {
    let url =
        config.database_url.get().context("DATABASE_URL is not set; only `valet up` has a database of its own")?;
    let store = Store::connect(url, config.direct_database_url.get(), CONNECTIONS_MAX)?;
    let behind = store.migrations_behind().await.context("the database cannot be used")?;
    if behind > 0 {
        anyhow::bail!("the database lacks {behind} migrations; run `valet migrate` first");
    }
    Ok(store)
}

/// Files that all processes see: FILES_DIR, else the data directory's.
fn files(config: &Config, data: &DataDir) -> anyhow::Result<Files> {
    let folder = config.files_dir.clone();
    let folder = if folder.as_os_str().is_empty() { data.root().join("files") } else { folder };
    Files::local(&folder).with_context(|| format!("the file store {} cannot be opened", folder.display()))
}

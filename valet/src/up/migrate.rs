//! Migrations, and the three tables of the GhostHands service where nobody else makes them.

use anyhow::Context as _;
use store::Store;

use crate::log;

/// Owned by GhostHands: only made in databases of our own making.
const GH_TABLES: &str = include_str!("../../../scripts/gh-tables.sql");

#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// Postgres itself, when the other is a pooler: sessions are needed.
    #[arg(long, env = "DIRECT_DATABASE_URL", hide_env_values = true)]
    direct_database_url: Option<String>,
    /// Also make the three tables of the GhostHands service, for a local or test database.
    #[arg(long)]
    with_gh_tables: bool,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let store = Store::connect(&args.database_url, args.direct_database_url.as_deref(), 2)?;
    apply(&store, args.with_gh_tables).await?;
    store.close().await;
    log::say("the database is up to date");
    Ok(())
}

/// # Errors
/// When a migration fails; those before it stay applied.
pub async fn apply(store: &Store, with_gh_tables: bool) -> anyhow::Result<()> {
    store.migrate().await.context("the database migrations failed")?;
    if with_gh_tables {
        store.run_script(GH_TABLES).await.context("the GhostHands tables could not be made")?;
    }
    Ok(())
}

//! Connections. Only transactions are handed out: through a transaction pooler, statements outside of one can land
//! on other clients' sessions.
//!
//! With a pooler (PgBouncer) there are two ways to the database. Through the pooler goes what many processes do beside
//! each other: reading, and taking in what people ask. Past it goes what must not wait in its queue or needs a session
//! of its own: everything a coordinator does ([`Store::direct`]), the journal, listening, migrations.

use std::time::Duration;

use sqlx::Connection as _;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool, Postgres};

use crate::{StoreError, Transaction, Tx};

/// How to reach the server, for those who do not have a URL.
pub type ConnectOptions = PgConnectOptions;

/// How long a caller waits for a free connection. A healthy pool hands one out in microseconds; an outage should
/// be an answer, not a hang.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A statement that runs longer is a mistake of ours; the server ends it.
const STATEMENT_TIMEOUT: &str = "15s";

/// How long a connection that is given back may take to answer before it is closed instead.
const RELEASE_PATIENCE: Duration = Duration::from_secs(2);
/// How long the whole of a short transaction may take: more than any statement of it waits for locks, less than those
/// who wait for what it decides.
const ANSWER_PATIENCE: Duration = Duration::from_secs(6);
/// A transaction that is left open this long belongs to a process that was stopped in the middle: the server ends it,
/// because others wait for the rows it locked.
const IDLE_IN_TRANSACTION_TIMEOUT: &str = "3s";

/// A connection out of the pool. Closed when dropped, whatever conversation it is in.
#[derive(Debug)]
pub struct Connection(PoolConnection<Postgres>);

impl Connection {
    pub(crate) async fn begin(&mut self) -> Result<Transaction<'_>, sqlx::Error> {
        self.0.begin().await.map(Transaction::direct)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.close_on_drop();
    }
}

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
    /// Past the pooler; where there is none, the same as `pool`.
    direct: PgPool,
    pooled: bool,
}

impl Store {
    /// Connects lazily: the first statement opens the first connection. With a `direct_url`, `url` is that of a pooler.
    ///
    /// # Errors
    /// When a URL is not one.
    pub fn connect(url: &str, direct_url: Option<&str>, connections_max: u32) -> Result<Self, StoreError> {
        let options: PgConnectOptions = url.parse().map_err(StoreError::during("reading DATABASE_URL"))?;
        let Some(direct) = direct_url else { return Ok(Self::with_options(options, connections_max)) };
        let direct = direct.parse().map_err(StoreError::during("reading DIRECT_DATABASE_URL"))?;
        Ok(Self::with_pooler(options, direct, connections_max))
    }

    #[must_use]
    pub fn with_options(options: PgConnectOptions, connections_max: u32) -> Self {
        let options = options.options([
            ("statement_timeout", STATEMENT_TIMEOUT),
            ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_TIMEOUT),
        ]);
        Self::from_pool(pool(options, connections_max))
    }

    /// As many connections to the pooler as past it.
    #[must_use]
    pub fn with_pooler(pooler: PgConnectOptions, direct: PgConnectOptions, connections_max: u32) -> Self {
        // A pooler refuses a session parameter that it cannot keep for each client.
        let pooler = pooler.extra_float_digits(None);
        Self { pool: pool(pooler, connections_max), pooled: true, ..Self::with_options(direct, connections_max) }
    }

    #[must_use]
    pub fn from_pool(pool: PgPool) -> Self {
        Self { direct: pool.clone(), pool, pooled: false }
    }

    /// The same database, never through a pooler.
    #[must_use]
    pub fn direct(&self) -> Self {
        Self::from_pool(self.direct.clone())
    }

    /// Opens a transaction. Runs apart from the caller: one that is dropped in the middle (a client that hung up) would
    /// else leave a connection in the pool whose transaction nobody knows of, and the next user inside it.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let (pool, pooled) = (self.pool.clone(), self.pooled);
        let begin = async move {
            if pooled {
                pool.begin_with(AssertSqlSafe(begin_pooled())).await.map(Transaction::pooled)
            } else {
                pool.begin().await.map(Transaction::direct)
            }
        };
        let begun = tokio::spawn(begin).await;
        // Nothing has been sent yet when this fails, whatever the driver calls the failure.
        let unreachable = |source| StoreError::Unreachable { doing: "opening a transaction", source };
        begun.map_err(|_| unreachable(sqlx::Error::WorkerCrashed))?.map_err(unreachable)
    }

    /// A connection for one who has it to themselves, for as long as they are content with it; never a pooler's.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn connection(&self) -> Result<Connection, StoreError> {
        let pool = self.direct.clone();
        // Apart from the caller, as in `begin`.
        let got = tokio::spawn(async move { pool.acquire().await }).await;
        let unreachable = |source| StoreError::Unreachable { doing: "opening a connection", source };
        let connection = got.map_err(|_| unreachable(sqlx::Error::WorkerCrashed))?.map_err(unreachable)?;
        Ok(Connection(connection))
    }

    /// Listens to a channel over a connection of its own, and calls `tell` for each word, once when it begins to listen,
    /// and whenever the connection was lost and made again: what was said meanwhile nobody heard. Ends when `tell`
    /// answers false.
    ///
    /// # Errors
    /// When no connection can be had; listen again later.
    pub async fn listen(&self, channel: &str, mut tell: impl FnMut() -> bool) -> Result<(), StoreError> {
        let listening = || StoreError::during("listening to the database");
        let mut listener = PgListener::connect_with(&self.direct).await.map_err(listening())?;
        listener.listen(channel).await.map_err(listening())?;
        while tell() {
            listener.try_recv().await.map_err(listening())?;
        }
        Ok(())
    }

    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Applies every migration that is missing.
    ///
    /// # Errors
    /// When one fails; those before it stay applied.
    pub async fn migrate(&self) -> Result<(), sqlx::migrate::MigrateError> {
        crate::MIGRATIONS.run(&self.direct).await
    }

    /// Migrations that this program knows and the database lacks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn migrations_behind(&self) -> Result<usize, StoreError> {
        let doing = "reading the migrations";
        let mut tx = self.begin().await?;
        let there: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
            .fetch_one(&mut tx)
            .await
            .map_err(StoreError::during(doing))?;
        let applied: Vec<i64> = if there {
            sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success")
                .fetch_all(&mut tx)
                .await
                .map_err(StoreError::during(doing))?
        } else {
            Vec::new()
        };
        Ok(crate::MIGRATIONS.iter().filter(|migration| !applied.contains(&migration.version)).count())
    }

    /// Runs a script of several statements, all or none.
    ///
    /// # Errors
    /// When one fails.
    pub async fn run_script(&self, script: &'static str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::raw_sql(script).execute(&mut tx).await.map_err(StoreError::during("running a script"))?;
        commit(tx, "running a script").await
    }

    /// Waits a moment for what is under way; a server that does not answer is left.
    pub async fn close(&self) {
        let _ = tokio::time::timeout(ANSWER_PATIENCE, self.pool.close()).await;
        self.direct.close().await;
    }
}

fn pool(options: PgConnectOptions, connections_max: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_release(|connection, _| {
            Box::pin(async move {
                // The pool itself would wait for ever for a server that is gone without a word.
                let alive = tokio::time::timeout(RELEASE_PATIENCE, connection.ping()).await;
                alive.map_err(|_| sqlx::Error::PoolTimedOut)?.map(|()| true)
            })
        })
        .connect_lazy_with(options.application_name("valet"))
}

/// The limits of a session, for one transaction at a session that a pooler lends.
fn begin_pooled() -> String {
    format!(
        "BEGIN; SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}';
         SET LOCAL idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_TIMEOUT}'"
    )
}

/// Gives up on a transaction whose server does not answer: one that vanished leaves its connections open for a quarter
/// of an hour.
///
/// # Errors
/// [`StoreError::Silent`] then; the outcome is open, as for any answer that is lost.
pub async fn in_time<T, E: From<StoreError>>(
    doing: &'static str,
    transaction: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match tokio::time::timeout(ANSWER_PATIENCE, transaction).await {
        Ok(answered) => answered,
        Err(_) => Err(StoreError::Silent { doing }.into()),
    }
}

/// Ends the transaction. An error here leaves the outcome open: the caller must not conclude either way.
///
/// # Errors
/// [`StoreError::Unanswered`] when the answer was lost, [`StoreError::Refused`] when the server rolled back.
pub async fn commit(tx: Tx, doing: &'static str) -> Result<(), StoreError> {
    tx.commit().await.map_err(StoreError::during(doing))
}

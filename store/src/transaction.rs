//! A transaction of the database, and how statements run in it: kept by name with the connection, or, through a
//! transaction pooler, under no name, since the connection's next transaction may be at another server session, where
//! a name is unknown or means another statement.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Describe, Either, Error, Execute, Executor, Postgres, SqlStr};

/// A transaction; rolled back unless committed.
#[derive(Debug)]
pub struct Transaction<'c> {
    inner: sqlx::Transaction<'c, Postgres>,
    named: bool,
}

/// One that has its connection to itself.
pub type Tx = Transaction<'static>;

impl<'c> Transaction<'c> {
    /// On a server session of its own, which keeps its statements by their names.
    pub(crate) const fn direct(inner: sqlx::Transaction<'c, Postgres>) -> Self {
        Self { inner, named: true }
    }

    /// On whichever server session a pooler lends for it.
    pub(crate) const fn pooled(inner: sqlx::Transaction<'c, Postgres>) -> Self {
        Self { inner, named: false }
    }

    pub(crate) async fn commit(self) -> Result<(), Error> {
        self.inner.commit().await
    }

    /// Gives it up, and waits until the server has.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn rollback(self) -> Result<(), Error> {
        self.inner.rollback().await
    }
}

impl<'t> Executor<'t> for &'t mut Transaction<'_> {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        't: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        (&mut *self.inner).fetch_many(Statement { query, named: self.named })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        't: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        (&mut *self.inner).fetch_optional(Statement { query, named: self.named })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        't: 'e,
    {
        (&mut *self.inner).prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        't: 'e,
    {
        (&mut *self.inner).describe(sql)
    }
}

/// A query that is kept by name only where that means something.
struct Statement<Q> {
    query: Q,
    named: bool,
}

impl<'q, Q: Execute<'q, Postgres>> Execute<'q, Postgres> for Statement<Q> {
    fn sql(self) -> SqlStr {
        self.query.sql()
    }

    fn statement(&self) -> Option<&PgStatement> {
        self.query.statement()
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, BoxDynError> {
        self.query.take_arguments()
    }

    fn persistent(&self) -> bool {
        self.named && self.query.persistent()
    }
}

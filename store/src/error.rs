//! Driver errors, sorted by what the caller may conclude from them.

/// What went wrong, and above all whether the write certainly did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database understood and refused: nothing was written.
    #[error("the database refused {doing}")]
    Refused {
        doing: &'static str,
        #[source]
        source: sqlx::Error,
    },
    /// A uniqueness rule was violated; `constraint` is its name.
    #[error("{doing}: {constraint} is taken")]
    Conflict { doing: &'static str, constraint: String },
    /// No connection could be had: nothing was written.
    #[error("the database cannot be reached for {doing}")]
    Unreachable {
        doing: &'static str,
        #[source]
        source: sqlx::Error,
    },
    /// The database rolled it back and would take it at another time: nothing was written.
    #[error("the database cannot take it now, {doing}")]
    Unavailable {
        doing: &'static str,
        #[source]
        source: sqlx::Error,
    },
    /// The connection broke or timed out on the way: the statement may or may not have taken effect.
    #[error("no answer from the database while {doing}")]
    Unanswered {
        doing: &'static str,
        #[source]
        source: sqlx::Error,
    },
    /// No answer within our own patience: the statement may or may not have taken effect.
    #[error("the database is silent while {doing}")]
    Silent { doing: &'static str },
    /// A stored value is not one this program knows.
    #[error("{doing}: a stored value is not understood")]
    Corrupt { doing: &'static str },
}

impl StoreError {
    /// Sorts a driver error; use as `.map_err(StoreError::during("reading a task"))`.
    pub fn during(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| match source {
            sqlx::Error::Database(ref error) if error.is_unique_violation() => {
                Self::Conflict { doing, constraint: error.constraint().unwrap_or("a unique value").to_owned() }
            }
            // The server says that it goes away (57P01..57P03 end the session, and with it the transaction), or a pooler
            // that it lost the server (class 08), which may have done what it was told.
            sqlx::Error::Database(ref error) if error.code().is_some_and(|code| goes_away(&code)) => {
                Self::Unanswered { doing, source }
            }
            // Rolled back by the server for reasons that pass: a deadlock, a lack of room or connections, a statement
            // that waited too long.
            sqlx::Error::Database(ref error) if error.code().is_some_and(|code| passes(&code)) => {
                Self::Unavailable { doing, source }
            }
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Self::Unreachable { doing, source },
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed | sqlx::Error::Tls(_) => {
                Self::Unanswered { doing, source }
            }
            source => Self::Refused { doing, source },
        }
    }

    /// True when a repeat may go well without anything else changing.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Unavailable { .. } | Self::Unanswered { .. } | Self::Silent { .. }
        )
    }

    /// True for an answer to COMMIT that says for certain that nothing was written: the transaction was at fault, or the
    /// server had no room for it. Any other, one of a proxy in between for instance, leaves it open.
    #[must_use]
    pub fn is_rolled_back(&self) -> bool {
        match self {
            Self::Conflict { .. } => true,
            Self::Refused { source: sqlx::Error::Database(error), .. }
            | Self::Unavailable { source: sqlx::Error::Database(error), .. } => error.code().is_some_and(|code| {
                // Data, integrity, transaction rollback, insufficient resources.
                ["22", "23", "40", "53"].iter().any(|class| code.starts_with(class))
            }),
            _ => false,
        }
    }
}

fn goes_away(code: &str) -> bool {
    code.starts_with("57P") || code.starts_with("08")
}

/// SQLSTATE classes 40 (transaction rollback) and 53 (insufficient resources), and a statement's time limit.
fn passes(code: &str) -> bool {
    code.starts_with("40") || code.starts_with("53") || code == "57014"
}

//! Whether a token's owner still stands as the token says: asked of the database, remembered for a second.

use std::time::{Duration, Instant};

use dashmap::DashMap;
use protocol::ids::UserId;
use store::users::Standing;
use store::{Store, StoreError};

/// How long an answer is believed: a deactivated person is out within this time.
const FRESH: Duration = Duration::from_secs(1);
/// Answers kept at most.
const KEPT_MAX: usize = 10_000;

/// Remembers standings.
#[derive(Debug, Default)]
pub struct Accounts {
    known: DashMap<UserId, (Instant, Option<Standing>)>,
}

impl Accounts {
    /// # Errors
    /// When the database fails.
    pub async fn standing(&self, store: &Store, user: UserId) -> Result<Option<Standing>, StoreError> {
        if let Some(known) = self.known.get(&user)
            && known.0.elapsed() < FRESH
        {
            return Ok(known.1.clone());
        }
        let mut db = store.begin().await?;
        let standing = store::users::standing(&mut db, user).await?;
        if self.known.len() >= KEPT_MAX {
            self.known.retain(|_, known| known.0.elapsed() < FRESH);
        }
        if self.known.len() < KEPT_MAX {
            self.known.insert(user, (Instant::now(), standing.clone()));
        }
        Ok(standing)
    }

    /// Forgets what is remembered, after a change made here.
    pub fn forget(&self, user: UserId) {
        self.known.remove(&user);
    }
}

//! Passwords: hashed with Argon2id; hashes made by bcrypt elsewhere are accepted and renewed on signing in.
//!
//! Each computation takes 19 MiB, so only a few run at once, away from the async threads.

use std::sync::LazyLock;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use crate::error::ApiError;

/// Computations at once: 38 MiB at worst.
const AT_ONCE: usize = 2;
/// How long one may wait for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// What a comparison takes when there is nothing to compare with, so that an unknown address takes as long to
/// refuse as a wrong password.
static DECOY: LazyLock<String> = LazyLock::new(|| hash("no such account").unwrap_or_default());

/// The outcome of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub right: bool,
    /// The hash is of an older kind and should be replaced.
    pub outdated: bool,
}

/// Hashes and compares, a few at a time.
#[derive(Debug)]
pub struct Passwords {
    turns: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE) }
    }
}

impl Passwords {
    /// # Errors
    /// When too many others are waiting.
    pub async fn hash(&self, password: String) -> Result<String, ApiError> {
        self.run("hashing a password", move || hash(&password))
            .await?
            .ok_or(ApiError::Internal { doing: "hashing a password" })
    }

    /// Compares with a stored hash; without one, takes as long and says no.
    ///
    /// # Errors
    /// When too many others are waiting.
    pub async fn verify(&self, stored: Option<String>, password: String) -> Result<Verdict, ApiError> {
        self.run("comparing a password", move || match stored {
            Some(stored) => verify(&stored, &password),
            None => {
                verify(&DECOY, &password);
                Verdict { right: false, outdated: false }
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let busy = ApiError::Unavailable { message: "Too many people are signing in, please try again" };
        let Ok(Ok(_turn)) = tokio::time::timeout(TURN_TIMEOUT, self.turns.acquire()).await else { return Err(busy) };
        tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::Internal { doing })
    }
}

/// The hash to store. `None` only when the system has no randomness.
#[must_use]
pub fn hash(password: &str) -> Option<String> {
    Argon2::default().hash_password(password.as_bytes()).ok().map(|hash| hash.to_string())
}

fn verify(stored: &str, password: &str) -> Verdict {
    if stored.starts_with("$2") {
        return Verdict { right: bcrypt::verify(password, stored).unwrap_or(false), outdated: true };
    }
    let right = PasswordHash::new(stored)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
    Verdict { right, outdated: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_argon2id_and_fits_only_its_password() {
        let stored = hash("correct horse").unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert_eq!(verify(&stored, "correct horse"), Verdict { right: true, outdated: false });
        assert_eq!(verify(&stored, "wrong horse"), Verdict { right: false, outdated: false });
    }

    #[test]
    fn bcrypt_still_fits_and_asks_to_be_replaced() {
        let stored = bcrypt::hash("correct horse", 4).unwrap();
        assert_eq!(verify(&stored, "correct horse"), Verdict { right: true, outdated: true });
        assert!(!verify(&stored, "wrong horse").right);
    }

    #[test]
    fn a_stored_text_that_is_no_hash_fits_nothing() {
        for stored in ["", "plain", "$argon2id$broken", "$2b$broken"] {
            assert!(!verify(stored, stored).right, "{stored}");
        }
    }

    #[test]
    fn the_decoy_is_a_hash_to_compute_on() {
        assert!(DECOY.starts_with("$argon2id$"));
    }
}

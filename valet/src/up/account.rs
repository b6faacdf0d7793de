//! The first account of a machine: made when nobody has one, its password shown once and kept beside the data.

use anyhow::Context as _;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use store::Store;
use store::users::{self, NewUser, PLACEHOLDER_EMAIL};

use crate::datadir::DataDir;

const FILE: &str = "first-account.json";
/// 16 of 32 letters are 80 bits: nobody guesses it, and it can be typed.
const PASSWORD_LEN: usize = 16;
/// Without letters that are taken for one another.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789-";

#[derive(Serialize, Deserialize)]
pub struct First {
    pub email: String,
    pub password: String,
    /// Made by this very start.
    #[serde(skip)]
    pub new: bool,
}

/// # Errors
/// When the database or the data directory cannot be used.
pub async fn first(store: &Store, data: &DataDir) -> anyhow::Result<First> {
    if let Some(bytes) = data.read(FILE)? {
        let known: First =
            serde_json::from_slice(&bytes).context("first-account.json in the data directory is damaged")?;
        let mut tx = store.begin().await?;
        if users::by_email(&mut tx, &known.email).await?.is_some() {
            return Ok(known);
        }
    }
    let mut rng = rand::rng();
    let password: String =
        (0..PASSWORD_LEN).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len() - 1)])).collect();
    let account = First { email: PLACEHOLDER_EMAIL.to_owned(), password, new: true };
    let hash = gateway::hash_password(&account.password).context("the password could not be hashed")?;
    // Kept first: an account whose password nobody knows is of no use.
    data.write_secret(FILE, &serde_json::to_vec(&account)?)?;
    let mut tx = store.begin().await?;
    let new = NewUser {
        email: PLACEHOLDER_EMAIL,
        name: "You",
        password_hash: &hash,
        email_verified: true,
        role: "superadmin",
    };
    users::create(&mut tx, new).await?;
    store::db::commit(tx, "making the first account").await?;
    Ok(account)
}

//! What the handlers share.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::Uri;
use tokio::sync::watch;

use crate::codes::Codes;
use crate::record::Record;

/// Applicants remembered by the `?fail=…-once` switches; the oldest are forgotten first.
const FAILED_MAX: usize = 10_000;

/// The state of one practice employer.
pub struct Site {
    pub record: Record,
    pub codes: Codes,
    /// Becomes true when the site shuts down.
    pub stopping: watch::Sender<bool>,
    failed: Mutex<Failed>,
}

#[derive(Default)]
struct Failed {
    hasher: RandomState,
    seen: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Site {
    /// Blocks while the record is read.
    pub fn open(folder: Option<&Path>) -> io::Result<Self> {
        Ok(Self {
            record: Record::open(folder)?,
            codes: Codes::default(),
            stopping: watch::Sender::new(false),
            failed: Mutex::default(),
        })
    }

    /// Whether this applicant sends a form at this address for the first time.
    pub fn first_time(&self, uri: &Uri, email: &str) -> bool {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let key = failed.hasher.hash_one((uri.to_string(), email.to_lowercase()));
        if !failed.seen.insert(key) {
            return false;
        }
        failed.order.push_back(key);
        if failed.order.len() > FAILED_MAX
            && let Some(oldest) = failed.order.pop_front()
        {
            failed.seen.remove(&oldest);
        }
        true
    }

    /// Waits for `delay`, or until the site shuts down.
    pub async fn pause(&self, delay: Duration) {
        if delay.is_zero() {
            return;
        }
        let mut stopping = self.stopping.subscribe();
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    }
}

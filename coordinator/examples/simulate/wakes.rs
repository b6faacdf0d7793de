//! When each row is to be looked at again: one instant a row, as its `wake_at` has it.

use chrono::{DateTime, Utc};

/// In microseconds, as the rows keep instants: what is asked most, whether one is due, is then one comparison.
pub struct Wakes {
    due: Vec<i64>,
    /// No row is due before.
    first: i64,
}

const NEVER: i64 = i64::MAX;

impl Wakes {
    pub fn new(rows: usize) -> Self {
        Self { due: vec![NEVER; rows], first: NEVER }
    }

    pub fn set(&mut self, row: usize, due: Option<DateTime<Utc>>) {
        self.due[row] = due.map_or(NEVER, |due| due.timestamp_micros());
        self.first = self.first.min(self.due[row]);
    }

    pub fn first(&mut self) -> Option<DateTime<Utc>> {
        self.first = self.due.iter().copied().min().unwrap_or(NEVER);
        DateTime::from_timestamp_micros(self.first).filter(|_| self.first != NEVER)
    }

    /// A row that is due: it is not again until another instant is set.
    pub fn take(&mut self, now: DateTime<Utc>) -> Option<usize> {
        let now = now.timestamp_micros();
        if self.first > now {
            return None;
        }
        let (row, due) = self.due.iter_mut().enumerate().min_by_key(|(_, due)| **due)?;
        self.first = *due;
        (*due <= now).then(|| {
            *due = NEVER;
            row
        })
    }
}

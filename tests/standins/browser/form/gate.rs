//! The guard of the form engine, as its script keeps it.

use std::time::Instant;

use serde_json::{Value as Json, json};

/// What may be sent, and what was tried.
#[derive(Default)]
pub struct Gate {
    pub until: Option<Instant>,
    pub watch: Option<Instant>,
    pub clicked: bool,
    pub gone: bool,
    pub seen: u32,
    pub blocked: u32,
    pub allowed: u32,
    pub late: u32,
    pub clicks: u32,
}

impl Gate {
    /// A click on the control that sends. Whether it may go on.
    pub fn click(&mut self) -> bool {
        let open = self.until.is_some_and(|until| Instant::now() <= until);
        if !open || self.clicked {
            self.late += u32::from(self.until.is_some() && !self.clicked);
            self.blocked += 1;
            return false;
        }
        self.clicked = true;
        self.clicks += 1;
        true
    }

    /// The form's own submit event. Whether it may go on.
    pub fn submit(&mut self) -> bool {
        self.seen += 1;
        let until = if self.clicked { self.watch } else { self.until };
        let open = !self.gone && until.is_some_and(|until| Instant::now() <= until);
        if !open {
            self.late += u32::from(self.until.is_some() && !self.clicked);
            self.blocked += 1;
            return false;
        }
        (self.clicked, self.gone) = (true, true);
        self.allowed += 1;
        true
    }

    pub fn report(&self) -> Json {
        let Self { seen, blocked, allowed, clicks, late, .. } = self;
        json!({"seen": seen, "blocked": blocked, "allowed": allowed, "clicks": clicks, "late": late})
    }
}

//! The chaos test: a fleet of real programs under kills, stops and cuts, and proof afterwards that nothing was lost and
//! nothing was sent twice.
//!
//! [`fleet`] runs the programs and their fault proxies; [`people`] are the users with their tasks and answers;
//! [`screens`] follow each user's event stream; [`record`] samples the database; [`strikes`] decide by a seed what is
//! hit and when; [`verdict`] weighs it all, and [`tally`] adds up what several runs hit. `cargo run --bin chaos` is the front. [`rolling`] does something gentler to
//! the same fleet: the roll-out of a new version, under which nothing may fail at all; [`outage`] takes its database
//! away for a while; [`clocks`] sets the clocks of its hosts wrong.

pub mod client;
pub mod clocks;
pub mod fleet;
pub mod keeper;
pub mod outage;
pub mod people;
pub mod record;
pub mod rolling;
pub mod screens;
pub mod strikes;
pub mod tally;
pub mod verdict;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use verdict::Verdict;

use crate::faults::Cut;

/// What is done to the fleet while people apply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trial {
    /// Kills, stops and cuts.
    #[default]
    Strikes,
    /// Every process is told to end and started again, one after the other.
    RollingRestart,
    /// Nobody reaches Postgres for a while.
    Outage { lasts: Duration, how: Cut },
    /// The clocks of coordinators and agents jump by an hour, apart. Needs [`clocks::library`].
    Clocks,
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    pub seed: u64,
    pub trial: Trial,
    /// How many processes are killed.
    pub kills: u32,
    pub tasks: usize,
    pub users: usize,
    /// Agents with stand-in browsers, and with Chromium.
    pub standins: usize,
    pub chromium: usize,
    /// Coordinators and gateways of their own; none means `valet up`, which is both.
    pub coordinators: usize,
    pub gateways: usize,
    /// Gateways reach Postgres through PgBouncer, in transaction mode. Needs [`fleet::pooler`].
    pub pooler: bool,
    /// How long after the last strike everything may take to come to rest.
    pub rest: Duration,
    /// Keep the folder with the logs.
    pub keep: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            trial: Trial::Strikes,
            kills: 200,
            tasks: 300,
            users: 20,
            standins: 3,
            chromium: 1,
            coordinators: 2,
            gateways: 2,
            pooler: false,
            rest: Duration::from_secs(240),
            keep: false,
        }
    }
}

impl Options {
    /// A trial of a few tasks on two agents with stand-in browsers. KEEP keeps the logs.
    #[must_use]
    pub fn small(trial: Trial, tasks: usize, users: usize) -> Self {
        let keep = std::env::var_os("KEEP").is_some();
        Self { trial, kills: 0, tasks, users, standins: 2, chromium: 0, keep, ..Self::default() }
    }
}

/// Numbers that follow from a seed: SplitMix64.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x6a09_e667_f3bc_c909)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `count` numbers from 0.
    pub fn below(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }

    /// A duration between two.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let spread = high.saturating_sub(low).as_micros().max(1) as u64;
        low + Duration::from_micros(self.next() % spread)
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// Runs the whole test. Everything that was started is ended when it returns.
///
/// # Errors
/// When the fleet cannot be started; what goes wrong under fire is in the verdict.
pub async fn run(options: Options) -> anyhow::Result<Verdict> {
    let began = Instant::now();
    let fleet = Arc::new(fleet::Fleet::start(&options).await?);
    tracing::info!(seconds = began.elapsed().as_secs_f64(), folder = %fleet.folder().display(), "the fleet runs");
    let record = record::Record::start(&fleet).await?;
    let crowd = people::Crowd::gather(&fleet, &options).await?;
    tracing::info!(seconds = began.elapsed().as_secs_f64(), "the people are there");
    let screens = screens::Screens::open(&crowd, options.seed);
    let strikes = strikes::Strikes::begin(&fleet, &record, &options);
    crowd.apply(&options, &record, strikes.share()).await;
    let struck = strikes.done().await;
    tracing::info!(seconds = began.elapsed().as_secs_f64(), kills = struck.kills, "the last strike is over");
    let rested = record.rest(crowd.tasks(), options.rest).await;
    crowd.stop().await;
    tracing::info!(seconds = began.elapsed().as_secs_f64(), rested, "at rest");
    let verdict = verdict::weigh(&fleet, &record, &crowd, screens, struck).await;
    let fleet = Arc::into_inner(fleet);
    let left = match fleet {
        Some(fleet) => fleet.stop(options.keep).await,
        None => anyhow::bail!("something still holds the fleet"),
    };
    Ok(verdict?.with_left_behind(left))
}

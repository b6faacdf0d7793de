//! Clocks that jump by an hour, either way, and each its own: those of coordinators and agents, while they work, and again
//! when a coordinator is restarted and everybody must know each other anew.
//!
//! `libfaketime` tells a program another date; monotonic time goes on as it is, as on a host whose clock is set.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use tokio::process::Command;
use tokio::sync::watch;

use super::fleet::{Fleet, Part};
use super::record::Tasks;
use super::rolling::restart;
use super::strikes::Struck;

const HOUR: i64 = 3_600;
/// How far each clock is off, jump by jump: no two hosts agree.
const JUMPS: [[(Part, i64); 4]; 2] = [
    [(Part::Coordinator(0), HOUR), (Part::Coordinator(1), -HOUR), (Part::Agent(0), -HOUR), (Part::Agent(1), HOUR)],
    [(Part::Coordinator(0), -HOUR), (Part::Coordinator(1), HOUR), (Part::Agent(0), HOUR), (Part::Agent(1), 0)],
];

/// The library, where it is installed.
#[must_use]
pub fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|library| library.exists())
}

/// The clock of one process, as a file that it reads each second.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    library: PathBuf,
    file: PathBuf,
}

fn file(folder: &Path, part: Part) -> PathBuf {
    let index = match part {
        Part::Coordinator(index) | Part::Agent(index) => index,
        _ => 0,
    };
    folder.join(format!("{}-{index}.clock", part.kind()))
}

fn set(file: &Path, off: i64) -> std::io::Result<()> {
    std::fs::write(file, format!("{off:+}\n"))
}

impl Clock {
    /// A clock that is right, until it is set otherwise.
    pub fn of(folder: &Path, part: Part) -> anyhow::Result<Self> {
        let clock = Self { library: library().context("libfaketime is not installed")?, file: file(folder, part) };
        set(&clock.file, 0)?;
        Ok(clock)
    }

    pub fn give(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("FAKETIME_TIMESTAMP_FILE", &self.file);
        command.env("FAKETIME_CACHE_DURATION", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}

pub(super) async fn run(fleet: Arc<Fleet>, mut tasks: watch::Receiver<Tasks>, tell: watch::Sender<f64>) -> Struck {
    let mut struck = Struck::default();
    let mut over = 0_usize;
    let step = |over: &mut usize| {
        *over += 1;
        tell.send_replace(*over as f64 / (2 * JUMPS.len()) as f64);
    };
    for (number, jump) in JUMPS.iter().enumerate() {
        for (part, off) in jump {
            if let Err(error) = set(&file(fleet.folder(), *part), *off) {
                struck.troubles.push(format!("the clock of {part:?} cannot be set: {error}"));
            }
        }
        step(&mut over);
        // Its agents and peers dial it or another one, and show their certificates.
        let part = Part::Coordinator(number % 2);
        match restart(&fleet, part, &mut tasks).await {
            Ok(()) => struck.restarts += 1,
            Err(trouble) => struck.troubles.push(format!("{part:?} {trouble}")),
        }
        step(&mut over);
    }
    struck
}

//! What is hit, how and when: by the seed, in a phase of a task that was chosen before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

use super::fleet::{Fleet, Part};
use super::record::{Record, Tasks};
use super::{Options, Rng, Trial, clocks, outage, rolling};
use crate::faults::{Cut, Faults};

/// How long a phase is waited for before the strike falls anyway.
const AIM: Duration = Duration::from_secs(2);
/// Between two kills.
const PAUSE: (Duration, Duration) = (Duration::from_millis(150), Duration::from_millis(900));
/// How long a process is stopped, a way cut or bad.
const STOPPED: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(4));
const CUT: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(4));
const BAD: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// Every so many kills one of the gentler strikes falls beside.
const BESIDE: u32 = 3;

pub const PHASES: [&str; 8] =
    ["starting_browser", "navigating", "analyzing", "filling", "reviewing", "submitting", "verifying", "cleanup"];

/// From the permit to the last word on how its click ended.
const CLICK_WINDOW: [&str; 2] = ["submitting", "verifying"];

/// What was done.
#[derive(Debug, Clone, Default)]
pub struct Struck {
    pub kills: u32,
    pub stops: u32,
    pub cuts: u32,
    /// Processes that were told to end, ended, and serve again.
    pub restarts: u32,
    /// What did not go as it should when a process was told to end.
    pub troubles: Vec<String>,
    /// Kills by the kind of process and the phase of the task they were aimed at.
    pub hits: BTreeMap<(&'static str, String), u32>,
    /// Kills that fell while a click was, or may have been, under way, and the tasks whose click that was.
    pub in_click_window: u32,
    pub clicked: BTreeSet<uuid::Uuid>,
}

pub struct Strikes {
    task: JoinHandle<Struck>,
    share: watch::Receiver<f64>,
}

impl Strikes {
    #[must_use]
    pub fn begin(fleet: &Arc<Fleet>, record: &Record, options: &Options) -> Self {
        let (fleet, tasks) = (Arc::clone(fleet), record.follow());
        let (tell, share) = watch::channel(0.0);
        let task = match options.trial {
            Trial::RollingRestart => tokio::spawn(rolling::run(fleet, tasks, tell)),
            Trial::Outage { lasts, how } => tokio::spawn(outage::run(fleet, tasks, tell, lasts, how)),
            Trial::Clocks => tokio::spawn(clocks::run(fleet, tasks, tell)),
            Trial::Strikes => {
                let (rng, struck, beside) = (Rng::new(options.seed), Struck::default(), JoinSet::new());
                let striker = Striker { fleet, tasks, rng, struck, beside };
                if options.kills == 0 {
                    tell.send_replace(1.0);
                }
                tokio::spawn(striker.run(options.kills, tell))
            }
        };
        Self { task, share }
    }

    /// The share of strikes that is over.
    #[must_use]
    pub fn share(&self) -> watch::Receiver<f64> {
        self.share.clone()
    }

    /// Waits for the last strike.
    ///
    /// # Panics
    /// When the striker does.
    pub async fn done(self) -> Struck {
        self.task.await.expect("the striker ends by itself")
    }
}

struct Striker {
    fleet: Arc<Fleet>,
    tasks: watch::Receiver<Tasks>,
    rng: Rng,
    struck: Struck,
    beside: JoinSet<()>,
}

impl Striker {
    async fn run(mut self, kills: u32, tell: watch::Sender<f64>) -> Struck {
        let mut kinds: Vec<&'static str> = self.fleet.parts().iter().map(|part| part.kind()).collect();
        kinds.dedup();
        let mut aims: Vec<(&'static str, &'static str)> =
            kinds.iter().flat_map(|kind| PHASES.map(|phase| (*kind, phase))).collect();
        // Nothing is struck before there is work.
        let _ = tokio::time::timeout(Duration::from_secs(30), self.tasks.wait_for(|tasks| !tasks.is_empty())).await;
        for number in 0..kills {
            // What was hit least comes first, in an order of the seed's.
            self.rng.shuffle(&mut aims);
            let hits = &self.struck.hits;
            let least = aims.iter().min_by_key(|(kind, phase)| hits.get(&(*kind, (*phase).to_owned())).unwrap_or(&0));
            let Some((kind, phase)) = least.copied() else { break };
            self.kill(kind, phase).await;
            if number % BESIDE == BESIDE - 1 {
                self.beside();
            }
            tell.send_replace(f64::from(number + 1) / f64::from(kills));
            let pause = self.rng.between(PAUSE.0, PAUSE.1);
            sleep(pause).await;
        }
        while self.beside.join_next().await.is_some() {}
        self.struck
    }

    /// A part of a kind: of an agent or browser, the one that has the task.
    fn part(&mut self, kind: &str, sandbox: Option<uuid::Uuid>) -> Option<Part> {
        let parts: Vec<Part> = self.fleet.parts().into_iter().filter(|part| part.kind() == kind).collect();
        let with = sandbox.and_then(|id| self.fleet.sandboxes.iter().position(|known| *known == id));
        let having = |part: &&Part| matches!(part, Part::Agent(at) | Part::Browser(at) if Some(*at) == with);
        let any = self.rng.below(parts.len());
        parts.iter().find(having).or_else(|| parts.get(any)).copied()
    }

    /// Waits for a task in the phase and kills.
    async fn kill(&mut self, kind: &'static str, phase: &str) {
        let wanted = |tasks: &Tasks| {
            let mut found = tasks.values().filter(|now| now.phase.as_deref() == Some(phase));
            found.next().map(|now| (now.sandbox, phase.to_owned()))
        };
        let seen = tokio::time::timeout(AIM, self.tasks.wait_for(|tasks| wanted(tasks).is_some())).await;
        let aimed = seen.ok().and_then(|tasks| tasks.ok().and_then(|tasks| wanted(&tasks)));
        // Nobody came into that phase: of those that somebody is in, the one this kind was hit in least.
        let (sandbox, phase) = aimed.unwrap_or_else(|| {
            let tasks = self.tasks.borrow();
            let hits = |phase: &String| self.struck.hits.get(&(kind, phase.clone())).copied().unwrap_or_default();
            let there = tasks.values().filter_map(|now| now.phase.clone().map(|phase| (now.sandbox, phase)));
            there.min_by_key(|(_, phase)| hits(phase)).unwrap_or((None, "none".to_owned()))
        });
        let Some(part) = self.part(kind, sandbox) else { return };
        let deadline = Instant::now() + AIM;
        while Instant::now() < deadline {
            // One that is being started again cannot be killed.
            if self.fleet.pid(part).is_some_and(|pid| pid.signal(libc::SIGKILL)) {
                tracing::info!(number = self.struck.kills, ?part, phase, "killed");
                self.struck.kills += 1;
                self.note_clicks(part);
                *self.struck.hits.entry((kind, phase)).or_default() += 1;
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        tracing::warn!(?part, "there was nothing to kill");
    }

    /// Tasks that a kill of this part may leave without anybody who saw how their click ended.
    fn note_clicks(&mut self, part: Part) {
        let host = match part {
            Part::Agent(at) | Part::Browser(at) => Some(self.fleet.sandboxes[at]),
            _ => None,
        };
        let tasks = self.tasks.borrow();
        let clicking = tasks.iter().filter(|(_, now)| {
            let phase = now.phase.as_deref();
            CLICK_WINDOW.iter().any(|click| phase == Some(*click)) && (host.is_none() || now.sandbox == host)
        });
        let clicking: Vec<uuid::Uuid> = clicking.map(|(id, _)| *id).collect();
        self.struck.in_click_window += u32::from(!clicking.is_empty());
        self.struck.clicked.extend(clicking);
    }

    /// Stops a process or spoils a way for a while, beside the kills.
    fn beside(&mut self) {
        while self.beside.try_join_next().is_some() {}
        let parts = self.fleet.parts();
        let part = parts[self.rng.below(parts.len())];
        let fleet = Arc::clone(&self.fleet);
        let how = self.rng.below(4);
        if how == 0 {
            let Some(pid) = fleet.pid(part) else { return };
            let lasts = self.rng.between(STOPPED.0, STOPPED.1);
            tracing::info!(?part, ?lasts, "stopped");
            pid.signal(libc::SIGSTOP);
            self.struck.stops += 1;
            self.beside.spawn(async move {
                sleep(lasts).await;
                pid.signal(libc::SIGCONT);
            });
            return;
        }
        let part = if let Part::Browser(at) = part { Part::Agent(at) } else { part };
        let ways = fleet.ways(part);
        if ways.is_empty() {
            return;
        }
        self.struck.cuts += 1;
        let (cut, faults, lasts) = match how {
            1 => (Cut::Silent, Faults::default(), self.rng.between(CUT.0, CUT.1)),
            2 => (Cut::Refused, Faults::default(), self.rng.between(CUT.0, CUT.1)),
            _ => {
                let jitter = Duration::from_millis(30);
                let faults =
                    Faults { loss: 0.2, jitter, duplicate: 0.02, reorder: 0.05, delay: Duration::from_millis(5) };
                (Cut::Open, faults, self.rng.between(BAD.0, BAD.1))
            }
        };
        tracing::info!(?part, ?cut, ?lasts, "way spoiled");
        for way in &ways {
            way.set(faults);
            way.cut(cut);
        }
        self.beside.spawn(async move {
            sleep(lasts).await;
            for way in &ways {
                way.heal();
                way.set(Faults::default());
            }
        });
    }
}

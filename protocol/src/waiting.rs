//! Why an application is where it is: the codes, and what a queued one waits for, in one sentence. Pure;
//! `store::queue::waiting` reads the facts, the gateway asks for them and speaks about applications that do not wait.

use chrono::{DateTime, TimeDelta, Utc};

use crate::named_enum;
use crate::site::Limit;

named_enum! {
    /// Why a task is where it is: stable, for programs.
    pub enum Reason {
        /// It was taken in and is about to be queued.
        Starting = "starting",
        NoCoordinator = "no_coordinator",
        /// Queued: a failed attempt is repeated after a pause.
        BackOff = "back_off",
        /// Queued: no host was set up.
        NoHost = "no_host",
        HostsDisconnected = "hosts_disconnected",
        HostsDraining = "hosts_draining",
        /// Queued: no host has the engine and the tags that it asks for.
        NoFittingHost = "no_fitting_host",
        UserCap = "user_cap",
        SitePaused = "site_paused",
        SiteBusy = "site_busy",
        SiteRate = "site_rate",
        HostsFull = "hosts_full",
        /// Queued: places are free, for those before it.
        Turn = "turn",
        /// Queued: it starts in a moment.
        Next = "next",
        Running = "running",
        HostSilent = "host_silent",
        /// A person is needed; a browser is held for them.
        WaitingForYou = "waiting_for_you",
        /// A person is needed; the browser was closed meanwhile.
        Parked = "parked",
        OutcomeUnknown = "outcome_unknown",
        Completed = "completed",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

/// Whom a sentence is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    Owner,
    Admin,
}

impl Reader {
    #[must_use]
    pub const fn say(self, owner: &'static str, admin: &'static str) -> &'static str {
        match self {
            Self::Owner => owner,
            Self::Admin => admin,
        }
    }
}

/// What is known about a queued task and what it waits for, at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Not before this instant.
    pub not_before: DateTime<Utc>,
    /// Tasks that would be placed before this one if places came free one by one and nothing else changed. An estimate: how
    /// much of somebody's turn is left, and who waits for a busy site, is known to the dispatcher alone.
    pub ahead: u32,
    /// Waiting tasks of the same person that come first.
    pub own_ahead: u32,
    /// Tasks of the same person being worked on, and how many may be.
    pub running: u32,
    pub cap: u32,
    pub site: Option<AtSite>,
    pub hosts: Hosts,
}

/// The employer's site, and what goes on there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtSite {
    pub name: String,
    pub limit: Limit,
    pub running: u32,
    /// Begun within the last minute.
    pub started: u32,
    /// When the oldest of those is a minute old.
    pub next_start: Option<DateTime<Utc>>,
    /// The site asked for a pause.
    pub paused_until: Option<DateTime<Utc>>,
}

/// Browser hosts, as far as they have what the task needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hosts {
    /// Set up and not revoked.
    pub known: u32,
    /// Of those, connected and healthy, draining or not, whatever they have.
    pub ready: u32,
    /// Of those, not draining and with the engine and tags that the task needs.
    pub fitting: u32,
    /// Draining hosts that would fit.
    pub draining: u32,
    /// Places of the fitting ones, and how many of them are taken.
    pub places: u32,
    pub taken: u32,
}

impl Hosts {
    #[must_use]
    pub const fn free(self) -> u32 {
        self.places.saturating_sub(self.taken)
    }
}

/// Why a task waits: the first of these that is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A failed attempt is repeated after a pause.
    BackOff { until: DateTime<Utc> },
    /// The hosts that could take it take no new work.
    HostsDraining,
    /// No host was set up.
    NoHost,
    /// None is connected and well.
    HostsDisconnected,
    /// None has what it needs.
    NoFittingHost,
    /// The person's other tasks, running or before this one, fill their share.
    Cap { running: u32, before: u32, cap: u32 },
    /// The employer's site asked for a pause.
    SitePaused { site: String, until: DateTime<Utc> },
    /// As many are being worked on at the site as it is asked to bear.
    SiteBusy { site: String, running: u32 },
    /// As many were begun there within a minute as it is asked to bear.
    SiteRate { site: String, until: Option<DateTime<Utc>> },
    /// Every place is taken.
    Full { places: u32 },
    /// Places are free, and others come first.
    Turn,
    /// Nothing is in its way: it is about to be placed.
    Next,
}

impl Waiting {
    /// The first thing that is in the task's way.
    #[must_use]
    pub fn why(&self, now: DateTime<Utc>) -> Why {
        if self.not_before > now {
            return Why::BackOff { until: self.not_before };
        }
        let hosts = self.hosts;
        match hosts {
            Hosts { fitting: 1.., .. } => {}
            Hosts { draining: 1.., .. } => return Why::HostsDraining,
            Hosts { known: 0, .. } => return Why::NoHost,
            Hosts { ready: 0, .. } => return Why::HostsDisconnected,
            _ => return Why::NoFittingHost,
        }
        if self.running.saturating_add(self.own_ahead) >= self.cap {
            return Why::Cap { running: self.running, before: self.own_ahead, cap: self.cap };
        }
        if let Some(site) = &self.site {
            if let Some(until) = site.paused_until.filter(|until| *until > now) {
                return Why::SitePaused { site: site.name.clone(), until };
            }
            if site.running >= site.limit.running {
                return Why::SiteBusy { site: site.name.clone(), running: site.running };
            }
            if site.started >= site.limit.starts {
                return Why::SiteRate { site: site.name.clone(), until: site.next_start };
            }
        }
        match hosts.free() {
            0 => Why::Full { places: hosts.places },
            free if free <= self.ahead => Why::Turn,
            _ => Why::Next,
        }
    }

    /// Where it stands in the queue: 1 for the task whose turn it is.
    #[must_use]
    pub const fn position(&self) -> u32 {
        self.ahead.saturating_add(1)
    }
}

impl Why {
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::BackOff { .. } => Reason::BackOff,
            Self::HostsDraining => Reason::HostsDraining,
            Self::NoHost => Reason::NoHost,
            Self::HostsDisconnected => Reason::HostsDisconnected,
            Self::NoFittingHost => Reason::NoFittingHost,
            Self::Cap { .. } => Reason::UserCap,
            Self::SitePaused { .. } => Reason::SitePaused,
            Self::SiteBusy { .. } => Reason::SiteBusy,
            Self::SiteRate { .. } => Reason::SiteRate,
            Self::Full { .. } => Reason::HostsFull,
            Self::Turn => Reason::Turn,
            Self::Next => Reason::Next,
        }
    }

    /// What it waits for and, where its turn decides, where it stands in the queue.
    #[must_use]
    pub fn sentence(&self, position: u32, reader: Reader, now: DateTime<Utc>) -> String {
        let place = match position {
            ..=1 => "it is the next".to_owned(),
            position => format!("it is about number {position} in the queue"),
        };
        match self {
            Self::BackOff { until } => {
                format!("The last attempt did not succeed; it is tried again in {}.", span(*until - now))
            }
            Self::HostsDraining => {
                format!("The browser hosts that could take it are drained by an administrator; {place}.")
            }
            Self::NoHost => "No browser host has been set up yet.".to_owned(),
            Self::HostsDisconnected => format!("No browser host is connected and well at the moment; {place}."),
            Self::NoFittingHost => format!("No browser host has what this application needs; {place}."),
            Self::Cap { running, before, cap } => {
                let whose = reader.say("your applications", "its person's applications");
                let now = if *running == 1 { "1 runs now".to_owned() } else { format!("{running} run now") };
                let next = match before {
                    0 => "this is the next".to_owned(),
                    before => format!("{before} more come first"),
                };
                format!("At most {cap} of {whose} run at a time; {now}, and {next}.")
            }
            Self::SitePaused { site, until } => {
                format!("{site} asked for a pause; it goes on in {}.", span(*until - now))
            }
            Self::SiteBusy { site, running } => {
                format!("{site} is asked to bear {running} applications at a time, and that many are being worked on.")
            }
            Self::SiteRate { site, until } => {
                let when = until.map_or_else(|| "within a minute".to_owned(), |at| format!("in {}", span(at - now)));
                format!("Enough applications were begun at {site} within a minute; the next one may begin {when}.")
            }
            Self::Full { places: 1 } => format!("The only browser is in use; {place}."),
            Self::Full { places } => format!("All {places} browsers are in use; {place}."),
            Self::Turn => format!("Browsers are free for those before it; {place}."),
            Self::Next => "A browser is free: it starts in a moment.".to_owned(),
        }
    }
}

/// A wait in a person's words.
#[must_use]
pub fn span(left: TimeDelta) -> String {
    match left.num_seconds() {
        ..=0 => "a moment".to_owned(),
        1 => "a second".to_owned(),
        seconds @ ..90 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", (seconds + 30) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site;

    fn waiting() -> (Waiting, DateTime<Utc>) {
        let now = Utc::now();
        let hosts = Hosts { known: 3, ready: 2, fitting: 2, draining: 0, places: 10, taken: 3 };
        (Waiting { not_before: now, ahead: 6, own_ahead: 0, running: 0, cap: 3, site: None, hosts }, now)
    }

    #[test]
    fn the_first_thing_in_its_way_is_named() {
        let (mut task, now) = waiting();
        let sentence = |task: &Waiting| task.why(now).sentence(task.position(), Reader::Owner, now);
        assert_eq!(task.why(now), Why::Next);
        task.hosts.taken = 4;
        assert_eq!((task.why(now), task.position()), (Why::Turn, 7), "six places for the six before it");
        task.hosts.taken = 10;
        assert_eq!((task.why(now), task.position()), (Why::Full { places: 10 }, 7));
        assert_eq!(sentence(&task), "All 10 browsers are in use; it is about number 7 in the queue.");
        task.site = Some(AtSite {
            name: "crumb.example".into(),
            limit: site::OWN,
            running: 0,
            started: site::OWN.starts,
            next_start: Some(now + TimeDelta::seconds(12)),
            paused_until: None,
        });
        assert!(sentence(&task).ends_with("the next one may begin in 12 seconds."));
        if let Some(site) = &mut task.site {
            site.running = site::OWN.running;
        }
        assert!(matches!(task.why(now), Why::SiteBusy { .. }));
        if let Some(site) = &mut task.site {
            site.paused_until = Some(now + TimeDelta::seconds(300));
        }
        assert!(sentence(&task).contains("asked for a pause; it goes on in 5 minutes"));
        (task.running, task.own_ahead) = (1, 1);
        assert!(matches!(task.why(now), Why::SitePaused { .. }), "the second and the third may run");
        task.own_ahead = 2;
        assert_eq!(task.why(now), Why::Cap { running: 1, before: 2, cap: 3 });
        let expected = "At most 3 of your applications run at a time; 1 runs now, and 2 more come first.";
        assert_eq!(sentence(&task), expected);
        (task.running, task.own_ahead) = (3, 0);
        let told = task.why(now).sentence(1, Reader::Admin, now);
        assert_eq!(told, "At most 3 of its person's applications run at a time; 3 run now, and this is the next.");
        task.hosts.fitting = 0;
        assert_eq!(task.why(now), Why::NoFittingHost);
        task.hosts.ready = 0;
        assert_eq!(task.why(now), Why::HostsDisconnected);
        task.hosts.known = 0;
        assert_eq!(task.why(now), Why::NoHost);
        task.hosts.draining = 1;
        assert_eq!(task.why(now), Why::HostsDraining);
        task.not_before = now + TimeDelta::seconds(4);
        assert_eq!(sentence(&task), "The last attempt did not succeed; it is tried again in 4 seconds.");
    }

    #[test]
    fn a_wait_is_told_in_round_figures() {
        let told = [-3, 1, 89, 91, 539, 601].map(|seconds| span(TimeDelta::seconds(seconds)));
        assert_eq!(told, ["a moment", "a second", "89 seconds", "2 minutes", "9 minutes", "10 minutes"]);
    }
}

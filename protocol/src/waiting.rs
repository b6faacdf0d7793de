//! Why a queued application is not being worked on yet, in one sentence. Pure; `store::queue::waiting` reads the facts.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::site::Limit;

/// What is known about a queued task and what it waits for, at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Not before this instant.
    pub not_before: DateTime<Utc>,
    /// Tasks that come before this one when everybody takes turns.
    pub ahead: u32,
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
    /// Connected, healthy and not draining, whatever they have.
    pub ready: u32,
    /// Of those, with the engine and tags that the task needs.
    pub fitting: u32,
    /// Places of the fitting ones, and how many of them are taken.
    pub places: u32,
    pub taken: u32,
    /// Draining hosts that would fit.
    pub draining: u32,
}

/// Why a task waits: the first of these that is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Why {
    /// A failed attempt is repeated after a pause.
    BackOff { until: DateTime<Utc> },
    /// No host is there that could take it.
    NoHost { ready: u32, draining: u32 },
    /// The person's other tasks fill their share.
    Cap { running: u32, cap: u32 },
    /// The employer's site asked for a pause.
    SitePaused { site: String, until: DateTime<Utc> },
    /// As many are being worked on at the site as it is asked to bear.
    SiteBusy { site: String, running: u32 },
    /// As many were begun there within a minute as it is asked to bear.
    SiteRate { site: String, until: Option<DateTime<Utc>> },
    /// Every place is taken.
    Full { places: u32 },
    /// Nothing is in its way: it is about to be placed.
    Next,
}

/// The answer to "why is it not running?".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    #[serde(flatten)]
    pub why: Why,
    /// 1 for the task whose turn it is.
    pub position: u32,
    pub sentence: String,
}

impl Waiting {
    /// The first thing that is in the task's way.
    #[must_use]
    pub fn why(&self, now: DateTime<Utc>) -> Why {
        if self.not_before > now {
            return Why::BackOff { until: self.not_before };
        }
        if self.hosts.fitting == 0 {
            return Why::NoHost { ready: self.hosts.ready, draining: self.hosts.draining };
        }
        if self.running >= self.cap {
            return Why::Cap { running: self.running, cap: self.cap };
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
        if self.hosts.taken >= self.hosts.places {
            return Why::Full { places: self.hosts.places };
        }
        Why::Next
    }

    #[must_use]
    pub fn explain(&self, now: DateTime<Utc>) -> Explained {
        let (why, position) = (self.why(now), self.ahead.saturating_add(1));
        let sentence = why.sentence(position, now);
        Explained { why, position, sentence }
    }
}

impl Why {
    /// For the person: what it waits for, and where it stands in the queue.
    #[must_use]
    pub fn sentence(&self, position: u32, now: DateTime<Utc>) -> String {
        match self {
            Self::BackOff { until } => format!("The last attempt failed; it is tried again in {}.", span(*until, now)),
            Self::NoHost { draining: 1.., .. } => {
                format!("The browser hosts that could take it are being emptied; number {position} in the queue.")
            }
            Self::NoHost { ready: 0, .. } => format!("No browser host is connected; number {position} in the queue."),
            Self::NoHost { .. } => {
                format!("No browser host has what this application needs; number {position} in the queue.")
            }
            Self::Cap { running, cap } => {
                format!("{running} of your applications are being worked on, and {cap} may be at once.")
            }
            Self::SitePaused { site, until } => {
                format!("{site} asked for a pause; it goes on in {}.", span(*until, now))
            }
            Self::SiteBusy { site, running } => {
                format!("{running} applications are being worked on at {site}, as many as it is asked to bear.")
            }
            Self::SiteRate { site, until } => {
                let when =
                    until.map_or_else(|| "within a minute".to_owned(), |until| format!("in {}", span(until, now)));
                format!("Enough applications were begun at {site} within a minute; the next one may begin {when}.")
            }
            Self::Full { places: 1 } => format!("The only browser is in use; number {position} in the queue."),
            Self::Full { places } => format!("All {places} browsers are in use; number {position} in the queue."),
            Self::Next => "It is about to begin.".to_owned(),
        }
    }
}

/// How long until then, in a person's words.
fn span(until: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match (until - now).num_seconds().max(1) {
        1 => "a second".to_owned(),
        seconds @ ..90 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", (seconds + 59) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site;
    use chrono::TimeDelta;

    fn waiting() -> (Waiting, DateTime<Utc>) {
        let now = Utc::now();
        let hosts = Hosts { ready: 2, fitting: 2, places: 10, taken: 4, draining: 0 };
        (Waiting { not_before: now, ahead: 6, running: 0, cap: 3, site: None, hosts }, now)
    }

    #[test]
    fn the_first_thing_in_its_way_is_named() {
        let (mut task, now) = waiting();
        assert_eq!(task.why(now), Why::Next);
        task.hosts.taken = 10;
        let explained = task.explain(now);
        assert_eq!((explained.why.clone(), explained.position), (Why::Full { places: 10 }, 7));
        assert_eq!(explained.sentence, "All 10 browsers are in use; number 7 in the queue.");
        task.site = Some(AtSite {
            name: "crumb.example".into(),
            limit: site::OWN,
            running: 0,
            started: site::OWN.starts,
            next_start: Some(now + TimeDelta::seconds(12)),
            paused_until: None,
        });
        assert!(task.explain(now).sentence.ends_with("the next one may begin in 12 seconds."));
        if let Some(site) = &mut task.site {
            site.running = site::OWN.running;
        }
        assert!(matches!(task.why(now), Why::SiteBusy { .. }));
        if let Some(site) = &mut task.site {
            site.paused_until = Some(now + TimeDelta::seconds(300));
        }
        assert!(task.explain(now).sentence.contains("asked for a pause; it goes on in 5 minutes"));
        task.running = 3;
        assert_eq!(task.why(now), Why::Cap { running: 3, cap: 3 });
        task.hosts = Hosts::default();
        assert!(task.explain(now).sentence.starts_with("No browser host is connected"));
        task.hosts.draining = 1;
        assert!(task.explain(now).sentence.contains("being emptied"));
        task.not_before = now + TimeDelta::seconds(4);
        assert_eq!(task.explain(now).sentence, "The last attempt failed; it is tried again in 4 seconds.");
    }

    #[test]
    fn an_explanation_is_one_flat_object() {
        let (task, now) = waiting();
        let json = serde_json::to_value(task.explain(now)).unwrap();
        assert_eq!(json, serde_json::json!({ "reason": "next", "position": 7, "sentence": "It is about to begin." }));
    }
}

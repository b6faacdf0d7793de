//! Which employer's site an application goes to, as far as politeness is concerned, and how much of it that site is
//! asked to bear. Pure.

use std::net::IpAddr;

use url::{Host, Url};

use crate::net;
use crate::task::Ats;

/// Characters of a site's name: a host name's longest.
pub const SITE_MAX: usize = 253;

/// What a site is asked to bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Applications worked on at once.
    pub running: u32,
    /// Applications begun within a minute.
    pub starts: u32,
}

/// LinkedIn forbids automation: what happens there with a person's own consent stays at the pace of one person who
/// clicks.
pub const LINKEDIN: Limit = Limit { running: 2, starts: 4 };
/// One system serves thousands of employers from the same hosts, and is built for it.
pub const SHARED: Limit = Limit { running: 40, starts: 120 };
/// One employer's own host: about what a handful of applicants do who found the posting the same morning.
pub const OWN: Limit = Limit { running: 6, starts: 20 };

/// Systems whose postings all lie on the system's own hosts; with the others each employer has a host.
const ON_SHARED_HOSTS: [Ats; 6] =
    [Ats::Greenhouse, Ats::Lever, Ats::Linkedin, Ats::Ashby, Ats::Smartrecruiters, Ats::Workable];

/// The site of a posting: its system where that has hosts of its own, else its host. `None` for addresses that are not
/// public (the practice employer on this machine, an intranet the operator allowed): they have no limit of ours.
#[must_use]
pub fn of(url: &Url, ats: Ats) -> Option<String> {
    let host = match url.host()? {
        Host::Ipv4(ip) if !net::is_public(IpAddr::V4(ip)) => return None,
        Host::Ipv6(ip) if !net::is_public(IpAddr::V6(ip)) => return None,
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
        Host::Domain(name) => name.trim_end_matches('.').to_ascii_lowercase(),
    };
    if host == "localhost" || host.ends_with(".localhost") {
        return None;
    }
    if ON_SHARED_HOSTS.contains(&ats) {
        return Some(ats.as_str().to_owned());
    }
    let host = host.strip_prefix("www.").unwrap_or(&host);
    Some(host.chars().take(SITE_MAX).collect())
}

/// The limit of a site that nobody set another one for.
#[must_use]
pub fn limit(site: &str) -> Limit {
    match ON_SHARED_HOSTS.iter().find(|ats| ats.as_str() == site) {
        Some(Ats::Linkedin) => LINKEDIN,
        Some(_) => SHARED,
        None => OWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(url: &str, ats: Ats) -> Option<String> {
        of(&url.parse().unwrap(), ats)
    }

    #[test]
    fn employers_on_shared_hosts_share_a_limit_and_others_have_their_own() {
        assert_eq!(site("https://jobs.lever.co/crumb/1", Ats::Lever).as_deref(), Some("lever"));
        assert_eq!(site("https://www.linkedin.com/jobs/1", Ats::Linkedin).as_deref(), Some("linkedin"));
        let tenant = site("https://crumb.wd5.myworkdayjobs.com/x", Ats::Workday);
        assert_eq!(tenant.as_deref(), Some("crumb.wd5.myworkdayjobs.com"));
        assert_eq!(site("https://WWW.Crumb.example./jobs", Ats::Unknown).as_deref(), Some("crumb.example"));
        let limits = ["linkedin", "lever", "crumb.example"].map(limit);
        assert_eq!(limits, [LINKEDIN, SHARED, OWN]);
        let [linkedin, _, own] = limits;
        assert!(linkedin.running < own.running && linkedin.starts < own.starts, "LinkedIn is asked for least");
    }

    #[test]
    fn what_is_not_public_has_no_limit() {
        for url in [
            "http://127.0.0.1:4100/x",
            "http://localhost/",
            "http://jobs.localhost/",
            "http://[::1]/",
            "http://10.1.2.3/",
        ] {
            assert_eq!(site(url, Ats::Unknown), None, "{url}");
        }
        assert_eq!(site("http://8.8.8.8/", Ats::Unknown).as_deref(), Some("8.8.8.8"));
    }
}

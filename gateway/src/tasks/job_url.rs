//! What a posting's address tells: the employer's system, and which addresses are one job.

use protocol::task::Ats;
use url::Url;

/// Parameters that say where a reader came from, not what they read.
const TRACKING: &[&str] = &["gh_src", "lever-source", "lever-origin", "fbclid", "gclid", "msclkid", "trk", "refid"];

/// Path endings that lead from a posting to its form.
const FORM_ENDINGS: &[(Ats, &[&str])] = &[
    (Ats::Lever, &["/apply"]),
    (Ats::Ashby, &["/application"]),
    (Ats::Workday, &["/apply/applyManually", "/apply/autofillWithResume", "/apply"]),
    (Ats::Breezy, &["/apply"]),
    (Ats::Icims, &["/login", "/job"]),
    (Ats::Workable, &["/apply"]),
];

/// The system a posting lives on, by its host alone: paths are anybody's.
#[must_use]
pub fn ats_of(url: &Url) -> Ats {
    let Some(host) = url.domain() else { return Ats::Unknown };
    let host = host.trim_end_matches('.');
    let within = |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    let systems: &[(Ats, &[&str])] = &[
        (Ats::Greenhouse, &["greenhouse.io"]),
        (Ats::Lever, &["lever.co"]),
        (Ats::Workday, &["myworkdayjobs.com", "myworkdaysite.com", "myworkday.com", "workday.com"]),
        (Ats::Linkedin, &["linkedin.com"]),
        (Ats::Ashby, &["ashbyhq.com"]),
        (Ats::Icims, &["icims.com"]),
        (Ats::Smartrecruiters, &["smartrecruiters.com"]),
        (Ats::Workable, &["workable.com"]),
        (Ats::Bamboohr, &["bamboohr.com"]),
        (Ats::Taleo, &["taleo.net"]),
        (Ats::Successfactors, &["successfactors.com", "successfactors.eu"]),
        (Ats::Teamtailor, &["teamtailor.com"]),
        (Ats::Jazzhr, &["applytojob.com", "jazzhr.com", "jazz.co"]),
        (Ats::Breezy, &["breezy.hr"]),
    ];
    let found = systems.iter().find(|(_, domains)| domains.iter().any(|domain| within(domain)));
    found.map_or(Ats::Unknown, |(ats, _)| *ats)
}

/// One address per job: without fragment, tracking parameters, the way to the form and a final slash.
#[must_use]
pub fn canonical(url: &Url) -> String {
    let mut canonical = url.clone();
    canonical.set_fragment(None);
    let mut kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| {
            let name = name.to_ascii_lowercase();
            !name.starts_with("utm_") && !TRACKING.contains(&name.as_str())
        })
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    kept.sort();
    canonical.set_query(None);
    if !kept.is_empty() {
        canonical.query_pairs_mut().extend_pairs(kept);
    }
    let ats = ats_of(url);
    let mut path = url.path().trim_end_matches('/');
    for (_, endings) in FORM_ENDINGS.iter().filter(|(system, _)| *system == ats) {
        if let Some(posting) = endings.iter().find_map(|ending| path.strip_suffix(ending)) {
            path = posting;
        }
    }
    let path = path.to_owned();
    canonical.set_path(&path);
    // Greenhouse serves one board under both names.
    if let (Ats::Greenhouse, Some(host)) = (ats, canonical.host_str().and_then(|host| host.strip_prefix("job-boards.")))
    {
        let host = format!("boards.{host}");
        // A host made of a valid host's labels is valid; were it not, the address would stay as it is.
        let _ = canonical.set_host(Some(&host));
    }
    canonical.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn systems_are_known_by_their_hosts() {
        for (url, ats) in [
            ("https://boards.greenhouse.io/acme/jobs/1", Ats::Greenhouse),
            ("https://job-boards.eu.greenhouse.io/acme/jobs/1", Ats::Greenhouse),
            ("https://jobs.eu.lever.co/acme/1", Ats::Lever),
            ("https://acme.wd5.myworkdayjobs.com/en-US/External/job/X_R-1", Ats::Workday),
            ("https://www.linkedin.com/jobs/view/1/", Ats::Linkedin),
            ("https://apply.workable.com/acme/j/ABC/", Ats::Workable),
            ("https://GREENHOUSE.IO./acme", Ats::Greenhouse),
        ] {
            assert_eq!(ats_of(&parse(url)), ats, "{url}");
        }
    }

    #[test]
    fn look_alikes_are_unknown() {
        for url in [
            "https://notgreenhouse.io/acme/jobs/1",
            "https://greenhouse.io.evil.example/acme",
            "https://www.example.com/jobs.lever.co/fake",
            "https://example.com/?u=https://jobs.lever.co/1",
            "https://jobs.lever.co@example.com/1",
            "http://127.0.0.1:8100/greenhouse.io",
        ] {
            assert_eq!(ats_of(&parse(url)), Ats::Unknown, "{url}");
        }
    }

    #[test]
    fn one_job_has_one_address() {
        let same = [
            "https://jobs.lever.co/acme/1b2c?lever-source=LinkedIn&utm_campaign=x",
            "https://JOBS.lever.co:443/acme/1b2c/apply#form",
            "https://jobs.lever.co/acme/1b2c/",
        ];
        for url in same {
            assert_eq!(canonical(&parse(url)), "https://jobs.lever.co/acme/1b2c", "{url}");
        }
        assert_eq!(
            canonical(&parse("https://job-boards.greenhouse.io/acme/jobs/7?gh_src=abc")),
            canonical(&parse("https://boards.greenhouse.io/acme/jobs/7"))
        );
        assert_eq!(
            canonical(&parse("https://x.example/job?b=2&a=1")),
            canonical(&parse("https://x.example/job?a=1&b=2"))
        );
    }

    #[test]
    fn parameters_and_paths_that_name_the_job_stay() {
        assert_ne!(canonical(&parse("https://x.example/job?id=1")), canonical(&parse("https://x.example/job?id=2")));
        assert_ne!(canonical(&parse("https://x.example/apply")), canonical(&parse("https://x.example/")));
        assert_ne!(canonical(&parse("https://x.example/Job")), canonical(&parse("https://x.example/job")));
    }
}

//! Facts made from facts: parts of names, phones and places, the present job, years of experience. Each comes with
//! where it was taken from.

use chrono::{Datelike as _, NaiveDate};

use protocol::plan::Source;

use super::facts::{Facts, Position, Schooling};
use super::geo::{Country, Place, State};
use super::text::{normalise, words};

/// A fact and where it came from, in words for the person.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact<T = String> {
    pub value: T,
    pub source: Source,
    pub detail: &'static str,
}

impl<T> Fact<T> {
    fn new(value: T, source: Source, detail: &'static str) -> Self {
        Self { value, source, detail }
    }

    /// The same origin with another value.
    pub(super) fn map<U>(self, f: impl FnOnce(T) -> U) -> Fact<U> {
        Fact { value: f(self.value), source: self.source, detail: self.detail }
    }
}

/// A month, as precise as a resume writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    pub year: i32,
    /// 1..=12; none when only the year is known.
    pub month: Option<u32>,
}

impl Month {
    /// Reads `2021-03`, `2021-03-15` or `2021`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let year = parts.next()?.parse().ok().filter(|year| (1940..=2100).contains(year))?;
        let month = parts.next().and_then(|month| month.parse().ok()).filter(|month| (1..=12).contains(month));
        Some(Self { year, month })
    }

    fn index(self, default: u32) -> i32 {
        self.year * 12 + i32::try_from(self.month.unwrap_or(default)).unwrap_or(1) - 1
    }
}

/// How high a degree stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DegreeLevel {
    Secondary,
    Associate,
    Bachelor,
    Master,
    Doctorate,
}

impl DegreeLevel {
    /// The level a degree's name speaks of.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let words = words(text);
        let has = |list: &[&str]| {
            words.iter().any(|word| {
                list.iter().any(|want| want.strip_suffix('*').map_or(*want == word, |s| word.starts_with(s)))
            })
        };
        let pair = |a: &str, b: &str| words.windows(2).any(|pair| pair[0] == a && pair[1].starts_with(b));
        if has(&["phd", "doctor*", "dphil", "doutor*", "promotion"]) || pair("ph", "d") || pair("juris", "doctor") {
            Some(Self::Doctorate)
        } else if has(&["master", "masters", "mba", "msc", "ms", "ma", "meng", "mestrado", "maestria", "magister"]) {
            Some(Self::Master)
        } else if has(&["bachelor*", "bsc", "bs", "ba", "beng", "bba", "licence", "licenciatura", "undergraduate"]) {
            Some(Self::Bachelor)
        } else if has(&["associate", "associates", "aa", "aas"]) {
            Some(Self::Associate)
        } else if has(&["ged", "abitur", "baccalaureat", "bachillerato", "secondary", "secundario"])
            || pair("high", "school")
        {
            Some(Self::Secondary)
        } else {
            None
        }
    }
}

/// A phone number in the shapes that forms want.
#[derive(Debug, Clone, PartialEq)]
pub struct Phone {
    /// `+15105550142`.
    pub e164: String,
    /// The digits after the country code.
    pub national: String,
    pub country: &'static Country,
}

impl Phone {
    /// Reads a number; one without a leading `+` is of `home`. Numbers of plainly wrong length are refused.
    #[must_use]
    pub fn parse(text: &str, home: Option<&'static Country>) -> Option<Self> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let international = text.trim_start().starts_with('+');
        let (country, national) = if international {
            let dial_is = |country: &&Country| digits.starts_with(country.dial);
            // Several countries share a code: the person's own first, then the table's order.
            let country = home.filter(|home| dial_is(home)).or_else(|| {
                let longest = super::geo::COUNTRIES.iter().filter(dial_is).map(|country| country.dial.len()).max()?;
                super::geo::COUNTRIES.iter().find(|country| dial_is(country) && country.dial.len() == longest)
            })?;
            (country, digits[country.dial.len()..].to_owned())
        } else {
            let country = home?;
            let national = match country.dial {
                "1" if digits.len() == 11 && digits.starts_with('1') => digits[1..].to_owned(),
                "1" | "39" => digits,
                _ => digits.strip_prefix('0').unwrap_or(&digits).to_owned(),
            };
            (country, national)
        };
        let fits = if country.dial == "1" { national.len() == 10 } else { (6..=13).contains(&national.len()) };
        fits.then(|| Self { e164: format!("+{}{national}", country.dial), national, country })
    }
}

/// Whom the form is filled for: [`Facts`] read once per plan.
#[derive(Debug)]
pub struct Known<'a> {
    pub facts: &'a Facts,
    pub place: Place,
    pub jobs: Vec<&'a Position>,
    pub schools: Vec<&'a Schooling>,
    jobs_from: (Source, &'static str),
    schools_from: (Source, &'static str),
    place_from: (Source, &'static str),
}

impl<'a> Known<'a> {
    #[must_use]
    pub fn new(facts: &'a Facts) -> Self {
        let resume = facts.resume.as_ref();
        let (jobs, jobs_from) = match (&facts.profile.work_history, resume.map(|resume| &resume.work_history)) {
            (own, Some(theirs)) if own.is_empty() => {
                (theirs.iter().collect(), (Source::Resume, "Resume: work history"))
            }
            (own, _) => (own.iter().collect(), (Source::Profile, "Profile: work history")),
        };
        let (schools, schools_from) = match (&facts.profile.education, resume.map(|resume| &resume.education)) {
            (own, Some(theirs)) if own.is_empty() => (theirs.iter().collect(), (Source::Resume, "Resume: education")),
            (own, _) => (own.iter().collect(), (Source::Profile, "Profile: education")),
        };
        let (mut place, place_from) =
            match (&facts.profile.location, resume.and_then(|resume| resume.location.as_ref())) {
                (Some(own), _) => (Place::parse(own), (Source::Profile, "Profile: location")),
                (None, Some(theirs)) => (Place::parse(theirs), (Source::Resume, "Resume: location")),
                (None, None) => (Place::default(), (Source::Profile, "Profile: address")),
            };
        let address = &facts.profile.address;
        if let Some(country) = address.country.as_deref().and_then(Country::named) {
            place.country = Some(country);
        }
        if let Some(state) =
            address.state.as_deref().and_then(|state| State::named(state, place.country.map(|country| country.code)))
        {
            place.state = Some(state);
        }
        place.city = address.city.clone().or(place.city);
        place.postal_code = address.postal_code.clone().or(place.postal_code);
        let mut known = Self { facts, place, jobs, schools, jobs_from, schools_from, place_from };
        // Newest first; the present one before those that ended. Stable, so undated ones keep their order.
        known.jobs.sort_by_key(|job| std::cmp::Reverse(job_end(job)));
        known
    }

    pub(super) fn place_fact<T>(&self, value: T) -> Fact<T> {
        Fact::new(value, self.place_from.0, self.place_from.1)
    }

    fn name(&self) -> Option<Fact> {
        let own = self.facts.account.name.trim();
        if !own.is_empty() {
            return Some(Fact::new(own.to_owned(), Source::Profile, "Account: name"));
        }
        let resume = self.facts.resume.as_ref()?.full_name.clone()?;
        Some(Fact::new(resume, Source::Resume, "Resume: name"))
    }

    #[must_use]
    pub fn full_name(&self) -> Option<Fact> {
        let profile = &self.facts.profile;
        match (&profile.first_name, &profile.last_name) {
            (Some(first), Some(last)) => Some(Fact::new(format!("{first} {last}"), Source::Profile, "Profile: name")),
            _ => self.name(),
        }
    }

    #[must_use]
    pub fn first_name(&self) -> Option<Fact> {
        if let Some(first) = filled(&self.facts.profile.first_name) {
            return Some(Fact::new(first, Source::Profile, "Profile: first name"));
        }
        let name = self.name()?;
        let (first, _, _) = split_name(&name.value)?;
        Some(name.map(|_| first))
    }

    #[must_use]
    pub fn middle_name(&self) -> Option<Fact> {
        if let Some(middle) = filled(&self.facts.profile.middle_name) {
            return Some(Fact::new(middle, Source::Profile, "Profile: middle name"));
        }
        let name = self.name()?;
        let (_, middle, _) = split_name(&name.value)?;
        (!middle.is_empty()).then(|| name.map(|_| middle))
    }

    #[must_use]
    pub fn last_name(&self) -> Option<Fact> {
        if let Some(last) = filled(&self.facts.profile.last_name) {
            return Some(Fact::new(last, Source::Profile, "Profile: last name"));
        }
        let name = self.name()?;
        let (_, _, last) = split_name(&name.value)?;
        (!last.is_empty()).then(|| name.map(|_| last))
    }

    #[must_use]
    pub fn preferred_name(&self) -> Option<Fact> {
        match filled(&self.facts.profile.preferred_name) {
            Some(name) => Some(Fact::new(name, Source::Profile, "Profile: preferred name")),
            None => self.first_name().map(|fact| Fact::new(fact.value, Source::Inferred, "Your first name")),
        }
    }

    #[must_use]
    pub fn email(&self) -> Option<Fact> {
        let own = self.facts.account.email.trim();
        if !own.is_empty() {
            return Some(Fact::new(own.to_owned(), Source::Profile, "Account: e-mail"));
        }
        let resume = self.facts.resume.as_ref()?.email.clone()?;
        Some(Fact::new(resume, Source::Resume, "Resume: e-mail"))
    }

    #[must_use]
    pub fn phone(&self) -> Option<Fact<Phone>> {
        let resume = self.facts.resume.as_ref().and_then(|resume| filled(&resume.phone));
        let (text, source, detail) = match (filled(&self.facts.profile.phone), resume) {
            (Some(own), _) => (own, Source::Profile, "Profile: phone"),
            (None, Some(theirs)) => (theirs, Source::Resume, "Resume: phone"),
            (None, None) => return None,
        };
        Some(Fact::new(Phone::parse(&text, self.place.country)?, source, detail))
    }

    /// "Oakland, CA, United States": as the profile writes it, completed by the address.
    #[must_use]
    pub fn location(&self) -> Option<Fact> {
        let city = self.place.city.clone()?;
        let state = self.place.state.map(|state| state.code.to_owned());
        let country = self.place.country.map(|country| country.name.to_owned());
        let parts: Vec<String> = [Some(city), state, country].into_iter().flatten().collect();
        Some(self.place_fact(parts.join(", ")))
    }

    /// Street, city, state and postal code, country: for boxes that want it all.
    #[must_use]
    pub fn full_address(&self) -> Option<Fact> {
        let address = &self.facts.profile.address;
        let mut lines: Vec<String> = [filled(&address.line1), filled(&address.line2)].into_iter().flatten().collect();
        if lines.is_empty() {
            return None;
        }
        lines.extend(self.place.city.clone());
        let state = self.place.state.map(|state| state.code.to_owned()).or_else(|| filled(&address.state));
        let region: Vec<String> = [state, self.place.postal_code.clone()].into_iter().flatten().collect();
        lines.extend((!region.is_empty()).then(|| region.join(" ")));
        lines.extend(self.place.country.map(|country| country.name.to_owned()));
        Some(Fact::new(lines.join(", "), Source::Profile, "Profile: address"))
    }

    /// The job the person has now, else the newest.
    #[must_use]
    pub fn latest_job(&self) -> Option<Fact<&'a Position>> {
        self.job(0)
    }

    /// The `n`th job, newest first.
    #[must_use]
    pub fn job(&self, n: usize) -> Option<Fact<&'a Position>> {
        self.jobs.get(n).map(|job| Fact::new(*job, self.jobs_from.0, self.jobs_from.1))
    }

    #[must_use]
    pub fn school(&self, n: usize) -> Option<Fact<&'a Schooling>> {
        self.schools.get(n).map(|school| Fact::new(*school, self.schools_from.0, self.schools_from.1))
    }

    /// The highest degree, by level.
    #[must_use]
    pub fn highest_degree(&self) -> Option<Fact<&'a Schooling>> {
        let best = self
            .schools
            .iter()
            .filter(|school| !school.degree.is_empty())
            .max_by_key(|s| DegreeLevel::of(&s.degree))?;
        Some(Fact::new(*best, self.schools_from.0, self.schools_from.1))
    }

    /// Whole years of work, overlapping jobs counted once.
    #[must_use]
    pub fn years_of_experience(&self) -> Option<Fact<f64>> {
        let computed = years_worked(&self.jobs, self.facts.today);
        let stated = self.facts.resume.as_ref().and_then(|resume| resume.total_years_experience);
        match (computed, stated) {
            (Some(years), _) => Some(Fact::new(years, Source::Inferred, "Computed from your work history")),
            (None, Some(years)) => Some(Fact::new(years, Source::Resume, "Resume: years of experience")),
            (None, None) => None,
        }
    }

    /// A link whose host has one of these names, or, for `None`, one that is of no known network.
    #[must_use]
    pub fn link(&self, hosts: Option<&[&str]>) -> Option<Fact> {
        const NETWORKS: &[&str] = &["linkedin", "github", "twitter", "x.com", "facebook", "instagram"];
        let sites = self.facts.resume.as_ref().map_or(&[][..], |resume| &resume.websites);
        let found = sites.iter().find(|site| {
            let host = host_of(site);
            hosts.map_or_else(
                || !NETWORKS.iter().any(|n| host.contains(n)),
                |hosts| hosts.iter().any(|h| host.contains(h)),
            )
        })?;
        let url = if found.contains("://") { found.clone() } else { format!("https://{found}") };
        Some(Fact::new(url, Source::Resume, "Resume: links"))
    }
}

pub(super) fn host_of(link: &str) -> String {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default().to_lowercase()
}

/// The text of a fact that is there and not blank.
pub(super) fn filled(text: &Option<String>) -> Option<String> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// First, middle and last name. "van", "de" and alike belong to the last name; suffixes are left out.
#[must_use]
pub fn split_name(name: &str) -> Option<(String, String, String)> {
    const PARTICLES: &[&str] =
        &["van", "von", "de", "del", "della", "da", "di", "la", "le", "bin", "al", "el", "ter", "dos", "der", "den"];
    const SUFFIXES: &[&str] = &["jr", "sr", "ii", "iii", "iv", "phd", "md"];
    let mut parts: Vec<&str> = name.split([' ', ',']).filter(|part| !part.is_empty()).collect();
    while parts.len() > 2 && parts.last().is_some_and(|last| SUFFIXES.contains(&normalise(last).as_str())) {
        parts.pop();
    }
    let (first, rest) = parts.split_first()?;
    let last_at = rest.iter().position(|part| PARTICLES.contains(&part.to_lowercase().as_str()));
    let last_at = last_at.unwrap_or(rest.len().saturating_sub(1));
    Some(((*first).to_owned(), rest[..last_at].join(" "), rest[last_at..].join(" ")))
}

fn job_end(job: &Position) -> Month {
    match (&job.end_date, job.start_date.as_deref().and_then(Month::parse)) {
        (Some(end), _) if Month::parse(end).is_some() => Month::parse(end).unwrap_or(Month { year: 0, month: None }),
        // Present jobs first, the one begun last before the others.
        (_, Some(start)) => Month { year: start.year + 1_000, month: start.month },
        (_, None) => Month { year: 0, month: None },
    }
}

/// True for a job that has a start and no end.
#[must_use]
pub fn is_current(job: &Position) -> bool {
    job.start_date.is_some() && job.end_date.as_deref().is_none_or(|end| Month::parse(end).is_none())
}

fn years_worked(jobs: &[&Position], today: NaiveDate) -> Option<f64> {
    let now = today.year() * 12 + i32::try_from(today.month()).unwrap_or(1) - 1;
    // Internships are kept out: employers who ask for years mean employment after studies.
    let mut spans: Vec<(i32, i32)> = jobs
        .iter()
        .filter(|job| !words(&job.title).iter().any(|word| word.starts_with("intern") && word != "internal"))
        .filter_map(|job| {
            let start = Month::parse(job.start_date.as_deref()?)?.index(1);
            let end = job.end_date.as_deref().and_then(Month::parse).map_or(now, |end| end.index(12));
            (start <= end.min(now)).then_some((start, end.min(now)))
        })
        .collect();
    if spans.is_empty() {
        return None;
    }
    spans.sort_unstable();
    let mut months = 0;
    let mut covered = i32::MIN;
    for (start, end) in spans {
        months += (end + 1 - start.max(covered)).max(0);
        covered = covered.max(end + 1);
    }
    Some(f64::from(months) / 12.0)
}

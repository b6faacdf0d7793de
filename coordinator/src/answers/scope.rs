//! What a question is limited to: a country, a place, a company, a skill. An answer holds only within its scope.

use protocol::form::{Field, FieldKind, FormModel};

use super::geo::{Country, Place, countries_in, country_of_city};
use super::options::numbers_in;
use super::text::{alike, content, has_phrase, is_filler, normalise, words};

/// Options are read for a question's scope only in short lists: a list of countries limits nothing.
const CHOICES_READ: usize = 6;

/// Words that leave a question about years of experience general.
const GENERAL: &[&str] = &[
    "how",
    "many",
    "much",
    "year",
    "years",
    "experience",
    "total",
    "professional",
    "relevant",
    "overall",
    "work",
    "working",
    "worked",
    "hands",
    "full",
    "time",
    "paid",
    "prior",
    "related",
    "number",
    "at",
    "least",
    "minimum",
    "industry",
    "field",
    "role",
    "roles",
    "position",
    "similar",
    "job",
    "as",
    "relevante",
    "relevantes",
    "months",
    "applicable",
    "area",
    "combined",
    "approximately",
    "about",
    "any",
    "using",
    "level",
    "post",
    "yoe",
];

/// Names that are no scope: days, months and words often written with a capital.
const NOT_NAMES: &[&str] = &[
    "i",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "yes",
    "no",
    "na",
    "n",
    "a",
    "ai",
    "company",
    "cv",
    "linkedin",
    "eg",
    "hr",
    "sms",
    "gdpr",
    "visa",
    "ok",
    "us",
    "if",
];

/// Which country a question on the right to work is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// A country, by its words or by where the job is.
    Country(&'static Country),
    /// A region of several countries: an answer for one of them does not hold in it, nor the other way round.
    Region(&'static str),
    /// None named: the country the person lives in.
    Home,
    /// Several, or "where this job is located" without knowing where: not answerable from one answer.
    Unclear,
}

/// A question's limits.
#[derive(Debug, Clone)]
pub struct Scope {
    pub place: Where,
    /// Proper names within the sentence, normalised.
    pub names: Vec<String>,
    pub numbers: Vec<f64>,
    /// "… without sponsorship".
    pub without_sponsorship: bool,
    /// All words of the question.
    pub words: Vec<String>,
    /// What the years of experience are in; empty for experience in general.
    pub topic: Vec<String>,
}

impl Scope {
    /// The scope of a question on a form.
    #[must_use]
    pub fn of_field(field: &Field, form: &FormModel) -> Self {
        let mut scope = Self::of_question(&field.label);
        // "Right to work", and only the choices say where: "Yes, in the advertised region".
        let choices: Vec<&str> = match field.kind {
            FieldKind::Radio | FieldKind::CheckboxGroup | FieldKind::Select if field.options.len() <= CHOICES_READ => {
                field.options.iter().map(|option| option.label.as_str()).collect()
            }
            _ => Vec::new(),
        };
        let text = format!("{}. {}. {}", field.label, field.description, choices.join(". "));
        if scope.place == Where::Home && choices.iter().any(|choice| words(choice).len() > 3) {
            scope.place = Self::of_question(&choices.join(". ")).place;
        }
        if scope.place == Where::Home && !speaks_of_home(&scope.words) {
            scope.place = match where_job_is(form) {
                Where::Home if speaks_of_job_location(&text) => Where::Unclear,
                place => place,
            };
        }
        scope
    }

    /// The scope of a question by its words alone.
    #[must_use]
    pub fn of_question(text: &str) -> Self {
        let place = match (countries_in(text).as_slice(), region_in(text)) {
            ([], Some(region)) => Where::Region(region),
            ([], None) => Where::Home,
            ([country], None) => Where::Country(country),
            _ => Where::Unclear,
        };
        let all = words(text);
        let without = ["without", "not require", "not need", "ohne", "sin", "sans"].iter().any(|w| has_phrase(&all, w));
        let without_sponsorship =
            without && all.iter().any(|w| w.starts_with("sponsor") || w == "visa" || w == "visum");
        let topic = content(text).into_iter().filter(|word| !GENERAL.contains(&word.as_str())).collect();
        Self { place, names: names_in(text), numbers: numbers_in(text), without_sponsorship, words: all, topic }
    }

    /// The same country, where "home" is the country the person lives in.
    #[must_use]
    pub fn same_country(&self, other: &Self, home: Option<&'static Country>) -> bool {
        let country = |place: Where| match place {
            Where::Country(country) => Some(Some(country)),
            Where::Home => Some(home),
            Where::Region(_) | Where::Unclear => None,
        };
        if let (Where::Region(a), Where::Region(b)) = (self.place, other.place) {
            return a == b;
        }
        match (country(self.place), country(other.place)) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        }
    }

    /// The same subject of experience.
    #[must_use]
    pub fn same_topic(&self, other: &Self) -> bool {
        let within = |a: &[String], b: &[String]| a.iter().all(|word| b.iter().any(|other| alike(word, other)));
        within(&self.topic, &other.topic) && within(&other.topic, &self.topic)
    }
}

/// The region of several countries that a text names.
fn region_in(text: &str) -> Option<&'static str> {
    const REGIONS: &[(&str, &[&str])] = &[
        ("eu", &["european union", "european economic area", "schengen", "schengen area", "eu eea"]),
        ("europe", &["europe", "emea"]),
        ("apac", &["apac", "asia pacific", "asia"]),
        ("latam", &["latam", "latin america", "south america"]),
        ("north america", &["north america"]),
        ("middle east", &["middle east", "gcc"]),
        ("africa", &["africa"]),
    ];
    let all = words(text);
    let found = REGIONS.iter().find(|(_, names)| names.iter().any(|name| has_phrase(&all, name)));
    // "EU" is a region, "eu" a Portuguese "I".
    let code = || text.split(|c: char| !c.is_alphanumeric()).any(|word| matches!(word, "EU" | "EEA")).then_some("eu");
    let named = found.map(|(region, _)| *region);
    // "South Africa" is a country.
    named.filter(|region| *region != "africa" || !has_phrase(&all, "south africa")).or_else(code)
}

/// The country of the job as the page says it; home when it says nothing, or only that it is remote.
fn where_job_is(form: &FormModel) -> Where {
    match (named_place(form), countries_in(form.page.job_title.as_deref().unwrap_or_default()).as_slice()) {
        // "Architect (United Kingdom)", remote.
        (Where::Home | Where::Unclear, [country]) => Where::Country(country),
        (place, _) => place,
    }
}

fn named_place(form: &FormModel) -> Where {
    let Some(text) = form.page.job_location.as_deref().filter(|text| !normalise(text).is_empty()) else {
        return Where::Home;
    };
    if let Some(country) = Place::parse(text).country {
        return Where::Country(country);
    }
    match countries_in(text).as_slice() {
        [country] => Where::Country(country),
        [] if words(text).iter().all(|word| matches!(word.as_str(), "remote" | "hybrid" | "anywhere" | "flexible")) => {
            Where::Home
        }
        [] => country_of_city(text).map_or(Where::Unclear, Where::Country),
        _ => Where::Unclear,
    }
}

/// "The country where this job is located", "the advertised region".
fn speaks_of_job_location(text: &str) -> bool {
    let all = words(text);
    [
        "advertised region",
        "job is located",
        "role is located",
        "position is located",
        "job is based",
        "role is based",
        "position is based",
        "you are applying",
        "youre applying",
        "country of employment",
        "this country",
        "this location",
        "country of the job",
        "location of this",
        "location of the",
        "country in which",
        "country where",
        "this region",
    ]
    .iter()
    .any(|phrase| has_phrase(&all, phrase))
}

/// "Your current location", "the country you live in": where the person is, wherever the job is.
fn speaks_of_home(words: &[String]) -> bool {
    [
        "your current location",
        "your current country",
        "your home country",
        "your country of residence",
        "your country",
        "country you live",
        "country you reside",
        "where you live",
        "where you reside",
        "where you currently live",
        "where you currently reside",
        "where you are located",
        "where you are currently located",
    ]
    .iter()
    .any(|phrase| has_phrase(words, phrase))
}

/// Words written with a capital inside a sentence that is not in title case.
#[must_use]
pub fn names_in(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut capital, mut lower) = (0, 0);
    let mut starts = true;
    for word in text.split_whitespace() {
        let core: String = word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
        let is_name = core.chars().next().is_some_and(char::is_uppercase);
        let plain = normalise(&core);
        if !core.is_empty() && !starts && !is_filler(&plain) {
            if is_name {
                capital += 1;
                if !NOT_NAMES.contains(&plain.as_str()) {
                    names.extend(words(&core));
                }
            } else {
                lower += 1;
            }
        }
        starts = word.ends_with(['.', '?', '!', ':', '(']) || word.starts_with('(');
    }
    // In Title Case every word has a capital, and none tells a name.
    if capital > lower { Vec::new() } else { names }
}

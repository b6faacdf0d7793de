//! Answers from the person's profile and resume, by kind of field.

use protocol::form::{Field, FieldKind, FormModel, Value};
use protocol::plan::Source;

use super::classify::{Class, Context};
use super::derive::{DegreeLevel, Fact, Known, Month, filled, host_of, is_current};
use super::geo::{STATES, countries_in};
use super::kind::Canonical::{self, *};
use super::options::{Want, pick};
use super::render::{self, Rendered, is_choice};
use super::scope::Scope;
use super::text::{has_phrase, normalise, words};

/// A value made from the person's own facts.
#[derive(Debug, Clone, PartialEq)]
pub struct Own {
    pub value: Value,
    pub source: Source,
    pub detail: String,
    /// 0..=1: that the fact is what the field wants, given that its kind is right.
    pub fit: f32,
}

/// What the rest of the form says about a field: which repetition it is, which parts of an address or phone stand in
/// fields of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Setting {
    /// The number of the job or school the field belongs to, newest first.
    pub nth: usize,
    pub has_city: bool,
    pub has_phone_country: bool,
}

/// The value the person's facts give for a field of this kind; `None` when they hold none.
#[must_use]
pub fn answer(field: &Field, class: &Class, setting: Setting, form: &FormModel, known: &Known<'_>) -> Option<Own> {
    let profile = &known.facts.profile;
    let of_profile = |text: &Option<String>, detail: &'static str| {
        filled(text).map(|value| Fact { value, source: Source::Profile, detail })
    };
    match class.kind {
        FirstName => words_of(field, class.kind, known.first_name()?),
        MiddleName => words_of(field, class.kind, known.middle_name()?),
        LastName => words_of(field, class.kind, known.last_name()?),
        FullName => words_of(field, class.kind, known.full_name()?),
        LegalName => legal_name(field, known),
        PreferredName => words_of(field, class.kind, known.preferred_name()?),
        Email => words_of(field, class.kind, known.email()?),
        Phone => phone(field, setting, known),
        PhoneCountry => {
            let phone = known.phone()?;
            own(render::country(field, phone.value.country, true)?, &phone)
        }
        PhoneType => phone_type(field, known),
        Address => address(field, setting, known),
        AddressLine2 => words_of(field, class.kind, of_profile(&profile.address.line2, "Profile: address")?),
        City => city(field, known),
        State => {
            let state = known.place.state?;
            own(render::state(field, state)?, &known.place_fact(()))
        }
        PostalCode => words_of(field, class.kind, known.place_fact(known.place.postal_code.clone()?)),
        Country => own(render::country(field, known.place.country?, false)?, &known.place_fact(())),
        Location => location(field, known),
        Linkedin => link(field, known, of_profile(&profile.linkedin_url, "Profile: LinkedIn"), &["linkedin.com"]),
        Github => link(field, known, of_profile(&profile.github_url, "Profile: GitHub"), &["github.com"]),
        Portfolio => {
            let fact = of_profile(&profile.portfolio_url, "Profile: website").or_else(|| known.link(None))?;
            words_of(field, class.kind, fact)
        }
        OtherLink => other_link(field, known),
        Headline => {
            let fact = of_profile(&profile.headline, "Profile: headline");
            words_of(field, class.kind, fact.or_else(|| Some(known.latest_job()?.map(|job| job.title.clone())))?)
        }
        Summary => {
            let text = known.facts.resume.as_ref()?.summary.clone()?;
            words_of(field, class.kind, Fact { value: text, source: Source::Resume, detail: "Resume: summary" })
        }
        YearsExperience => years(field, known),
        CurrentCompany | CurrentTitle | JobLocation | JobDescription | JobCurrent | JobStart | JobEnd => {
            job(field, class, setting, known)
        }
        School | Degree | HighestDegree | FieldOfStudy | Gpa | EducationStart | EducationEnd => {
            school(field, class, setting, known)
        }
        Skills => list(field, class.kind, &profile.skills, known.facts.resume.as_ref().map(|r| &r.skills), "skills"),
        Languages => {
            list(field, class.kind, &profile.languages, known.facts.resume.as_ref().map(|r| &r.languages), "languages")
        }
        Certifications => list(
            field,
            class.kind,
            &profile.certifications,
            known.facts.resume.as_ref().map(|r| &r.certifications),
            "certifications",
        ),
        LanguageFluency => fluency(field, known),
        LocatedIn => located_in(field, form, known),
        CoverLetter if field.kind != FieldKind::File => {
            let text = known.facts.cover_letter.clone()?;
            words_of(field, class.kind, Fact { value: text, source: Source::Profile, detail: "Your cover letter" })
        }
        Resume => file(field, known.facts.resume_file.as_ref()?, "Your resume"),
        CoverLetter => file(field, known.facts.cover_letter_file.as_ref()?, "Your cover letter"),
        _ => None,
    }
}

fn own<T>(rendered: Rendered, fact: &Fact<T>) -> Option<Own> {
    Some(Own { value: rendered.value, source: fact.source, detail: fact.detail.to_owned(), fit: rendered.fit })
}

fn words_of(field: &Field, kind: Canonical, fact: Fact) -> Option<Own> {
    own(render::text(field, kind, &fact.value)?, &fact)
}

fn at_most(own: Option<Own>, fit: f32) -> Option<Own> {
    own.map(|own| Own { fit: own.fit.min(fit), ..own })
}

fn legal_name(field: &Field, known: &Known<'_>) -> Option<Own> {
    let full = known.full_name()?;
    match (known.first_name(), known.middle_name(), known.last_name()) {
        (Some(first), Some(middle), Some(last)) => {
            let name = format!("{} {} {}", first.value, middle.value, last.value);
            at_most(words_of(field, LegalName, full.map(|_| name)), 0.85)
        }
        // The name of the account may leave out what a passport has.
        _ => at_most(words_of(field, LegalName, full), 0.8),
    }
}

fn phone(field: &Field, setting: Setting, known: &Known<'_>) -> Option<Own> {
    let phone = known.phone()?;
    let number = &phone.value;
    let hint = normalise(&format!("{} {} {}", field.label, field.description, field.placeholder));
    let digits_asked = hint.contains("10 digit") || hint.contains("digits only") || hint.contains("without country");
    let room = field.max_length.is_none_or(|max| number.e164.len() <= max as usize);
    let national = setting.has_phone_country || digits_asked || !room || field.kind == FieldKind::Number;
    let text = if national { number.national.clone() } else { number.e164.clone() };
    let rendered = render::typed(field, &text)?;
    own(rendered, &phone)
}

/// The number people give is the one they carry: the harmless choice where the form offers it.
fn phone_type(field: &Field, known: &Known<'_>) -> Option<Own> {
    known.phone()?;
    let found = ["Mobile", "Cell", "Cellular", "Mobile Phone", "Cell Phone"]
        .iter()
        .find_map(|text| pick(&field.options, &Want::Words { text, exact: false }))?;
    let value = Value::Choices(vec![field.options[found.index].label.clone()]);
    Some(Own { value, source: Source::Default, detail: "The usual choice".to_owned(), fit: 0.9 })
}

fn address(field: &Field, setting: Setting, known: &Known<'_>) -> Option<Own> {
    let line1 = filled(&known.facts.profile.address.line1);
    let all = matches!(field.kind, FieldKind::Textarea | FieldKind::Richtext) || !setting.has_city;
    let one = words(&field.label).iter().any(|word| matches!(word.as_str(), "1" | "line" | "street"));
    match (line1, all && !one) {
        (Some(_), true) => words_of(field, Address, known.full_address()?),
        (Some(line), false) => {
            words_of(field, Address, Fact { value: line, source: Source::Profile, detail: "Profile: address" })
        }
        // A lone address box takes the place; a street of its own does not.
        (None, true) if !setting.has_city => at_most(words_of(field, Location, known.location()?), 0.75),
        (None, _) => None,
    }
}

fn city(field: &Field, known: &Known<'_>) -> Option<Own> {
    let city = known.place_fact(known.place.city.clone()?);
    if is_choice(field) && !field.options_complete {
        // A typeahead of places tells towns of one name apart by what follows.
        return location(field, known);
    }
    words_of(field, City, city)
}

fn location(field: &Field, known: &Known<'_>) -> Option<Own> {
    let location = known.location()?;
    if is_choice(field) && render::has_options(field) {
        let by_name = words_of(field, Location, location.clone());
        return by_name.or_else(|| words_of(field, Location, known.place_fact(known.place.city.clone()?))).or_else(
            || {
                (!field.options_complete).then(|| Own {
                    value: Value::Choices(vec![location.value.clone()]),
                    source: location.source,
                    detail: location.detail.to_owned(),
                    fit: 0.85,
                })
            },
        );
    }
    at_most(words_of(field, Location, location), if is_choice(field) { 0.93 } else { 1.0 })
}

fn link(field: &Field, known: &Known<'_>, fact: Option<Fact>, hosts: &[&str]) -> Option<Own> {
    let fact = fact.or_else(|| known.link(Some(hosts)))?;
    let username = words(&field.label).iter().any(|word| word == "username" || word == "handle");
    if username {
        let user = fact.value.trim_end_matches('/').rsplit('/').next()?.to_owned();
        return at_most(words_of(field, Github, fact.map(|_| user)), 0.85);
    }
    words_of(field, Linkedin, fact)
}

/// A network the label names, when the resume links to it.
fn other_link(field: &Field, known: &Known<'_>) -> Option<Own> {
    let sites = &known.facts.resume.as_ref()?.websites;
    let asked = words(&field.label);
    let site = sites.iter().find(|site| {
        let host = host_of(site);
        let name = host.trim_start_matches("www.").split('.').next().unwrap_or_default().to_owned();
        name.len() > 1 && asked.contains(&name)
    })?;
    words_of(field, OtherLink, Fact { value: site.clone(), source: Source::Resume, detail: "Resume: links" })
}

fn years(field: &Field, known: &Known<'_>) -> Option<Own> {
    // Years in one skill or trade are not the years of all work.
    if !Scope::of_question(&super::classify::without_instructions(&field.label)).topic.is_empty() {
        return None;
    }
    let years = known.years_of_experience()?;
    let rendered = render::number(field, years.value)?;
    at_most(own(rendered, &years), 0.93)
}

fn job(field: &Field, class: &Class, setting: Setting, known: &Known<'_>) -> Option<Own> {
    let nth = if matches!(class.context, Context::Work(_)) { setting.nth } else { 0 };
    let fact = known.job(nth)?;
    let job = fact.value;
    let detail = match nth {
        0 => ": latest job".to_owned(),
        n => format!(": job {}", n + 1),
    };
    let origin = fact.detail.split(':').next().unwrap_or_default().to_owned();
    let rendered = match class.kind {
        CurrentCompany => render::text(field, class.kind, &job.company),
        CurrentTitle => render::text(field, class.kind, &job.title),
        JobLocation => render::text(field, class.kind, job.location.as_deref()?),
        JobDescription => render::text(field, class.kind, &description(job)?),
        JobCurrent => render::yes_no(field, is_current(job)),
        JobStart => render::month(field, Month::parse(job.start_date.as_deref()?)?),
        JobEnd => render::month(field, Month::parse(job.end_date.as_deref()?)?),
        _ => None,
    }?;
    if rendered.value == Value::Checked(false) {
        return None;
    }
    Some(Own { value: rendered.value, source: fact.source, detail: origin + &detail, fit: rendered.fit })
}

fn description(job: &super::facts::Position) -> Option<String> {
    filled(&job.description).or_else(|| (!job.bullets.is_empty()).then(|| job.bullets.join("\n")))
}

fn school(field: &Field, class: &Class, setting: Setting, known: &Known<'_>) -> Option<Own> {
    let nth = if matches!(class.context, Context::Education(_)) { setting.nth } else { 0 };
    let fact = if class.kind == HighestDegree || class.context == Context::None {
        known.highest_degree().or_else(|| known.school(0))?
    } else {
        known.school(nth)?
    };
    let school = fact.value;
    let rendered = match class.kind {
        School => render::text(field, class.kind, &school.school),
        Degree | HighestDegree => degree(field, &school.degree),
        FieldOfStudy => render::text(field, class.kind, school.field_of_study.as_deref()?),
        Gpa => render::text(field, class.kind, school.gpa.as_deref()?),
        EducationStart => render::month(field, Month::parse(school.start_date.as_deref()?)?),
        EducationEnd => {
            let end = school.end_date.as_deref().or(school.expected_graduation.as_deref())?;
            render::month(field, Month::parse(end)?)
        }
        _ => None,
    }?;
    own(rendered, &fact)
}

fn degree(field: &Field, degree: &str) -> Option<Rendered> {
    if is_choice(field) && render::has_options(field) {
        let found = pick(&field.options, &Want::Degree { level: DegreeLevel::of(degree), text: degree })?;
        return Some(Rendered {
            value: Value::Choices(vec![field.options[found.index].label.clone()]),
            fit: found.fit,
        });
    }
    render::text(field, Degree, degree)
}

fn list(field: &Field, kind: Canonical, own_list: &[String], resume: Option<&Vec<String>>, what: &str) -> Option<Own> {
    let (values, source, origin) = match resume {
        Some(theirs) if own_list.is_empty() => (theirs.as_slice(), Source::Resume, "Resume"),
        _ => (own_list, Source::Profile, "Profile"),
    };
    let rendered = render::several(field, kind, values)?;
    Some(Own { value: rendered.value, source, detail: format!("{origin}: {what}"), fit: rendered.fit })
}

const LANGUAGES: &[&str] = &[
    "english",
    "spanish",
    "french",
    "german",
    "portuguese",
    "italian",
    "dutch",
    "swedish",
    "norwegian",
    "danish",
    "finnish",
    "polish",
    "russian",
    "ukrainian",
    "turkish",
    "arabic",
    "hebrew",
    "hindi",
    "mandarin",
    "cantonese",
    "chinese",
    "japanese",
    "korean",
    "vietnamese",
    "thai",
    "greek",
    "czech",
    "hungarian",
    "romanian",
    "catalan",
];

/// "Are you fluent in English and Swedish?": yes when the list of languages has them all, well spoken.
fn fluency(field: &Field, known: &Known<'_>) -> Option<Own> {
    let question = words(&field.label);
    let asked: Vec<&str> = LANGUAGES.iter().copied().filter(|l| question.iter().any(|word| word == l)).collect();
    let profile = &known.facts.profile.languages;
    let (spoken, source, detail) = match &known.facts.resume {
        Some(resume) if profile.is_empty() => (&resume.languages, Source::Resume, "Resume: languages"),
        _ => (profile, Source::Profile, "Profile: languages"),
    };
    // "English or Spanish" would need one of them only: left to the person.
    if spoken.is_empty() || asked.is_empty() || (asked.len() > 1 && question.iter().any(|word| word == "or")) {
        return None;
    }
    let mut all = true;
    for language in asked {
        match spoken.iter().map(|entry| words(entry)).find(|entry| entry.iter().any(|word| word == language)) {
            None => all = false,
            Some(entry)
                if entry.iter().any(|w| ["basic", "beginner", "elementary", "a1", "a2"].contains(&w.as_str())) =>
            {
                all = false;
            }
            Some(entry)
                if entry.iter().any(|w| ["intermediate", "conversational", "limited", "b1"].contains(&w.as_str())) =>
            {
                return None;
            }
            Some(_) => {}
        }
    }
    let rendered = render::yes_no(field, all)?;
    // That a language is not on the list says a little less than that it is.
    let fit = rendered.fit.min(if all { 0.92 } else { 0.85 });
    Some(Own { value: rendered.value, source, detail: detail.to_owned(), fit })
}

/// "Do you live in Canada?", "Are you based in California?": by the person's address.
fn located_in(field: &Field, form: &FormModel, known: &Known<'_>) -> Option<Own> {
    let question = words(&field.label);
    let home = known.place.country?;
    let countries = countries_in(&field.label);
    let states: Vec<_> = STATES.iter().filter(|state| has_phrase(&question, &normalise(state.name))).collect();
    let names = Scope::of_field(field, form).names;
    let here = if let [state] = states.as_slice() {
        // "New York" is a city too, and a name beside the state may be one.
        let only = names.iter().all(|name| normalise(state.name).split(' ').any(|part| part == name));
        let own = known.place.state?;
        if own == *state && !only { return None } else { own == *state }
    } else if states.is_empty() && !countries.is_empty() {
        let known_names =
            |name: &String| countries.iter().any(|c| normalise(c.name).split(' ').any(|part| part == name));
        if !names.iter().all(known_names) && countries.contains(&home) {
            return None;
        }
        countries.contains(&home)
    } else {
        return None;
    };
    let rendered = render::yes_no(field, here)?;
    let fact = Fact { value: (), source: Source::Inferred, detail: "From your address" };
    at_most(own(rendered, &fact), 0.92)
}

fn file(field: &Field, file: &protocol::form::FileRef, detail: &str) -> Option<Own> {
    (field.kind == FieldKind::File && accepts(&field.accept, &file.name)).then(|| Own {
        value: Value::File(file.clone()),
        source: Source::Profile,
        detail: detail.to_owned(),
        fit: 1.0,
    })
}

/// Whether an `accept` list lets a file of this name in.
#[must_use]
pub fn accepts(accept: &str, name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase()).unwrap_or_default();
    let types: Vec<String> =
        accept.split(',').map(|part| part.trim().to_lowercase()).filter(|p| !p.is_empty()).collect();
    let mime: &[&str] = match extension.as_str() {
        "pdf" => &["application/pdf"],
        "doc" => &["application/msword"],
        "docx" => &["application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/msword"],
        "txt" => &["text/plain", "text/*"],
        "rtf" => &["application/rtf", "text/rtf", "text/*"],
        "odt" => &["application/vnd.oasis.opendocument.text"],
        _ => &[],
    };
    types.is_empty()
        || types.iter().any(|t| {
            t == "*/*"
                || t == "*"
                || t.trim_start_matches('.') == extension
                || mime.contains(&t.as_str())
                || (t == "application/*" && !mime.is_empty())
        })
}

//! Options found by meaning, numbers and places read from text.

use super::super::derive::{DegreeLevel, Phone, split_name};
use super::super::geo::{Country, Place, State, countries_in};
use super::super::options::{Identity, Want, is_decline, pick};
use super::super::text::{normalise, similarity};
use super::*;

fn found(options: &[&str], want: &Want<'_>) -> Option<String> {
    let options = choices(options);
    pick(&options, want).map(|found| options[found.index].label.clone())
}

#[test]
fn yes_and_no_in_many_words() {
    for (options, yes, no) in [
        (&["Yes", "No"][..], Some("Yes"), Some("No")),
        (&["Yes", "N0"], Some("Yes"), Some("N0")),
        (&["Select...", "Sí", "No"], Some("Sí"), Some("No")),
        (&["Ja", "Nein"], Some("Ja"), Some("Nein")),
        (
            &["Yes, I am authorized", "No, I am not", "Prefer not to say"],
            Some("Yes, I am authorized"),
            Some("No, I am not"),
        ),
        (
            &["I am authorized to work", "I am not authorized to work"],
            Some("I am authorized to work"),
            Some("I am not authorized to work"),
        ),
        // Which yes?
        (&["Yes, as a citizen", "Yes, with a visa", "No"], None, Some("No")),
        (&["Red", "Blue"], None, None),
    ] {
        assert_eq!(found(options, &Want::Yes(true)).as_deref(), yes, "{options:?}");
        assert_eq!(found(options, &Want::Yes(false)).as_deref(), no, "{options:?}");
    }
}

#[test]
fn ranges_hold_their_numbers() {
    let years = &["Less than 1 year", "1-2 years", "3-5 years", "6-9 years", "10+ years"][..];
    for (number, wanted) in
        [(0.0, "Less than 1 year"), (2.0, "1-2 years"), (5.0, "3-5 years"), (8.0, "6-9 years"), (25.0, "10+ years")]
    {
        assert_eq!(found(years, &Want::Number(number)).as_deref(), Some(wanted));
    }
    let pay = &["Under $80,000", "$80,000 - $100,000", "$100k–$150k", "Over $150k"][..];
    assert_eq!(found(pay, &Want::Number(95_000.0)).as_deref(), Some("$80,000 - $100,000"));
    assert_eq!(found(pay, &Want::Number(150_000.0)).as_deref(), Some("$100k–$150k"));
    assert_eq!(found(pay, &Want::Number(185_000.0)).as_deref(), Some("Over $150k"));
    assert_eq!(found(&["0-1", "2-4"], &Want::Number(9.0)), None);
    assert_eq!(
        found(&["Immediately", "Up to 2 weeks", "1 month"], &Want::Days(14.0)).as_deref(),
        Some("Up to 2 weeks")
    );
}

#[test]
fn places_by_name_and_code() {
    let us = Country::by_code("US").unwrap();
    for options in [
        &["United Kingdom", "United States", "United States Minor Outlying Islands"][..],
        &["Canada (+1)", "United States of America (+1)"],
        &["United States +1", "Uruguay +598"],
        &["USA", "UK"],
        &["Estados Unidos", "México"],
        &["🇺🇸 +1 United States", "🇬🇧 +44 United Kingdom"],
        &["US", "GB"],
    ] {
        let label = found(options, &Want::Country(us)).unwrap();
        assert!(
            label.contains("nited States") && !label.contains("Minor")
                || matches!(label.as_str(), "USA" | "US" | "Estados Unidos"),
            "{label}"
        );
    }
    assert_eq!(found(&["+44", "+1"], &Want::Dial(us)).as_deref(), Some("+1"));
    let twice = ["United States +1", "Germany +49", "Albania +355", "Germany +49", "United States +1"];
    assert_eq!(found(&twice, &Want::Dial(us)).as_deref(), Some("United States +1"), "frequent ones stand on top too");
    let oregon = State::named("or", Some("US")).unwrap();
    assert_eq!(found(&["Ohio", "Oregon"], &Want::State(oregon)).as_deref(), Some("Oregon"));
    assert_eq!(found(&["OH", "OR"], &Want::State(oregon)).as_deref(), Some("OR"));
    assert_eq!(found(&["US-OH - Ohio", "US-OR - Oregon"], &Want::State(oregon)).as_deref(), Some("US-OR - Oregon"));
}

#[test]
fn towns_by_their_parts() {
    let place = Place::parse("Portland, OR, United States");
    let options =
        &["Portland, Maine, United States", "Portland, Oregon, United States", "Salem, Oregon, United States"];
    assert_eq!(found(options, &Want::Town(&place)).as_deref(), Some("Portland, Oregon, United States"));
    // Two towns of the name: ask.
    assert_eq!(found(options, &Want::Town(&Place::parse("Portland, United States"))), None);
    let known = select("Location", options);
    assert_eq!(shown(&decide(&person(), known)).as_deref(), Some("Portland, Oregon, United States"));
}

#[test]
fn self_identification_by_class() {
    let pick = |options: &[&str], identity| found(options, &Want::Identity(identity, "-"));
    assert_eq!(pick(&["Woman", "Man", "Non-binary"], Identity::Female).as_deref(), Some("Woman"));
    assert_eq!(pick(&["Male", "Female"], Identity::Male).as_deref(), Some("Male"));
    assert_eq!(
        pick(
            &["Hispanic or Latino", "White (Not Hispanic or Latino)", "Asian (Not Hispanic or Latino)"],
            Identity::White
        )
        .as_deref(),
        Some("White (Not Hispanic or Latino)")
    );
    assert_eq!(
        pick(&["No, not of Hispanic origin", "Yes, of Hispanic origin"], Identity::NotHispanic).as_deref(),
        Some("No, not of Hispanic origin")
    );
    assert_eq!(
        pick(&["0 Decline", "1 Not a Veteran", "2 Veteran"], Identity::NotVeteran).as_deref(),
        Some("1 Not a Veteran")
    );
    // Two options of one class: ask.
    assert_eq!(pick(&["East Asian", "South Asian", "White"], Identity::Asian), None);
}

#[test]
fn declining_in_many_words() {
    for label in [
        "I don't wish to answer",
        "Decline to self-identify",
        "Prefer not to say",
        "I do not want to answer",
        "Choose not to disclose",
        "Not declared",
        "Prefiero no decirlo",
        "Keine Angabe",
        "Je ne souhaite pas répondre",
    ] {
        assert!(is_decline(label), "{label}");
    }
    for label in ["No", "I am not a protected veteran", "I do not have a disability"] {
        assert!(!is_decline(label), "{label}");
    }
}

#[test]
fn degrees_months_and_sources() {
    let degree = |text: &'static str| Want::Degree { level: DegreeLevel::of(text), text };
    let levels = &["High School", "Associate's Degree", "Bachelor's Degree", "Master's Degree", "Doctorate"][..];
    assert_eq!(found(levels, &degree("Bachelor of Science")).as_deref(), Some("Bachelor's Degree"));
    assert_eq!(found(levels, &degree("MBA")).as_deref(), Some("Master's Degree"));
    assert_eq!(found(levels, &degree("Ph.D. in Physics")).as_deref(), Some("Doctorate"));
    assert_eq!(
        found(&["College - Bachelor of Arts", "College - Bachelor of Science"], &degree("Bachelor of Science"))
            .as_deref(),
        Some("College - Bachelor of Science")
    );
    assert_eq!(found(&["Jan", "Feb", "Mar"], &Want::Month(3)).as_deref(), Some("Mar"));
    assert_eq!(found(&["01", "02", "03"], &Want::Month(2)).as_deref(), Some("02"));
    assert_eq!(found(&["März", "Mai"], &Want::Month(5)).as_deref(), Some("Mai"));
    assert_eq!(found(&["Job Boards", "Friend"], &Want::HeardFrom("LinkedIn")).as_deref(), Some("Job Boards"));
    assert_eq!(
        found(&["Glassdoor", "LinkedIn", "LinkedIn Recruiter"], &Want::HeardFrom("LinkedIn")).as_deref(),
        Some("LinkedIn")
    );
}

#[test]
fn countries_of_a_sentence() {
    let codes = |text: &str| countries_in(text).iter().map(|country| country.code).collect::<Vec<_>>();
    assert_eq!(codes("Are you authorized to work in the US?"), ["US"]);
    assert_eq!(codes("How did you hear about us?"), Vec::<&str>::new());
    assert_eq!(codes("authorized to work in the U.S."), ["US"]);
    assert_eq!(codes("the right to work in the United Kingdom"), ["GB"]);
    assert_eq!(codes("Canada or Mexico"), ["CA", "MX"]);
    assert_eq!(codes("living in Papua New Guinea"), ["PG"]);
}

#[test]
fn places_phones_and_names_taken_apart() {
    let place = Place::parse("Oakland, CA 94607");
    assert_eq!((place.city.as_deref(), place.state.map(|s| s.name)), (Some("Oakland"), Some("California")));
    assert_eq!((place.country.map(|c| c.code), place.postal_code.as_deref()), (Some("US"), Some("94607")));
    let place = Place::parse("Toronto, Ontario, Canada");
    assert_eq!((place.state.map(|s| s.code), place.country.map(|c| c.code)), (Some("ON"), Some("CA")));
    assert_eq!(Place::parse("Berlin, Germany").country.map(|c| c.code), Some("DE"));

    let us = Country::by_code("US");
    assert_eq!(Phone::parse("(503) 555-0199", us).unwrap().e164, "+15035550199");
    assert_eq!(Phone::parse("+44 20 7946 0958", us).unwrap().country.code, "GB");
    assert_eq!(Phone::parse("020 7946 0958", Country::by_code("GB")).unwrap().e164, "+442079460958");
    assert_eq!(Phone::parse("555-0199", us), None);
    assert_eq!(Phone::parse("5035550199", None), None);

    let parts = |name: &str| split_name(name).unwrap();
    assert_eq!(parts("Maria del Carmen"), ("Maria".into(), String::new(), "del Carmen".into()));
    assert_eq!(parts("Ada King Jr."), ("Ada".into(), String::new(), "King".into()));
    assert_eq!(parts("Cher"), ("Cher".into(), String::new(), String::new()));
}

#[test]
fn words_compared() {
    assert_eq!(normalise("What’s your  E-mail (U.S.)?"), "whats your e mail us");
    assert_eq!(normalise("Prénom / Größe"), "prenom groesse");
    assert_eq!(normalise("C++"), "c++");
    assert!(similarity("Describe your experience with audits", "Please describe your audit experience") > 0.8);
    assert!(similarity("Years of Rust", "Favourite colour") < 0.1);
}

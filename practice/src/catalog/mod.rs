//! The open jobs. Companies, people and products are invented.

mod ashby;
mod greenhouse;
mod lever;
mod workday;

use crate::job::{Job, Style};

/// Options shared by several forms.
pub const YES_NO: &[&str] = &["Yes", "No"];
const GENDERS: &[&str] = &["Female", "Male", "Non-binary", "Decline To Self Identify"];
const HISPANIC: &[&str] = &["Yes", "No", "Decline To Self Identify"];
const RACES: &[&str] = &[
    "American Indian or Alaska Native",
    "Asian",
    "Black or African American",
    "Hispanic or Latino",
    "White",
    "Native Hawaiian or Other Pacific Islander",
    "Two or More Races",
    "Decline To Self Identify",
];
const VETERAN: &[&str] = &[
    "I am not a protected veteran",
    "I identify as one or more of the classifications of a protected veteran",
    "I don't wish to answer",
];
const DISABILITY: &[&str] = &[
    "Yes, I have a disability, or have had one in the past",
    "No, I do not have a disability and have not had one in the past",
    "I do not want to answer",
];
const NOTICE: &[&str] = &["I can start right away", "2 weeks", "1 month", "2 months", "3 months", "More than 3 months"];

/// Every open job, in the order of the front page.
pub fn jobs() -> impl Iterator<Item = &'static Job> {
    greenhouse::JOBS.iter().chain(lever::JOBS).chain(ashby::JOBS).chain(workday::JOBS)
}

/// The job at `/<style>/<slug>`.
pub fn find(style: Style, slug: &str) -> Option<&'static Job> {
    jobs().find(|job| job.style == style && job.slug == slug)
}

/// Cities the location fields suggest.
pub const PLACES: &[&str] = &[
    "Amsterdam, Netherlands",
    "Atlanta, Georgia, United States",
    "Austin, Texas, United States",
    "Barcelona, Spain",
    "Bengaluru, India",
    "Berlin, Germany",
    "Boston, Massachusetts, United States",
    "Brussels, Belgium",
    "Chicago, Illinois, United States",
    "Copenhagen, Denmark",
    "Denver, Colorado, United States",
    "Dublin, Ireland",
    "Gothenburg, Sweden",
    "Hamburg, Germany",
    "Helsinki, Finland",
    "Lisbon, Portugal",
    "London, United Kingdom",
    "Los Angeles, California, United States",
    "Lyon, France",
    "Madrid, Spain",
    "Malmö, Sweden",
    "Manchester, United Kingdom",
    "Melbourne, Australia",
    "Mexico City, Mexico",
    "Milan, Italy",
    "Montreal, Canada",
    "Munich, Germany",
    "New York, New York, United States",
    "Oslo, Norway",
    "Paris, France",
    "Philadelphia, Pennsylvania, United States",
    "Portland, Maine, United States",
    "Portland, Oregon, United States",
    "Prague, Czechia",
    "San Diego, California, United States",
    "San Francisco, California, United States",
    "San Jose, California, United States",
    "São Paulo, Brazil",
    "Seattle, Washington, United States",
    "Singapore",
    "Stockholm, Sweden",
    "Sydney, Australia",
    "Tokyo, Japan",
    "Toronto, Canada",
    "Vancouver, Canada",
    "Vienna, Austria",
    "Warsaw, Poland",
    "Washington, District of Columbia, United States",
    "Zurich, Switzerland",
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::job::Kind;

    #[test]
    fn the_benchmark_form_has_twenty_five_fields() {
        let job = find(Style::Greenhouse, "platform-engineer").unwrap();
        assert_eq!(job.fields().count(), 25);
    }

    #[test]
    fn keys_and_labels_are_unique_within_a_form_and_slugs_on_the_site() {
        let mut slugs = HashSet::new();
        for job in jobs() {
            assert!(slugs.insert(job.slug), "{}", job.slug);
            let (mut keys, mut labels) = (HashSet::new(), HashSet::new());
            for field in job.fields() {
                assert!(keys.insert(field.key), "{}: {}", job.slug, field.key);
                assert!(labels.insert(field.label), "{}: {}", job.slug, field.label);
            }
        }
    }

    #[test]
    fn every_form_asks_for_an_email_and_a_resume() {
        for job in jobs() {
            assert_eq!(job.fields().filter(|field| field.kind == Kind::Email).count(), 1, "{}", job.slug);
            assert!(job.fields().any(|field| field.kind == Kind::File && field.required), "{}", job.slug);
        }
    }
}

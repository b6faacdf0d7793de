//! Jobs with the resume first, one field for the whole name and questions in cards.

use super::{DISABILITY, GENDERS, RACES, VETERAN, YES_NO};
use crate::job::{Field, Job, Kind, Section, Style};

const PRONOUNS: &[&str] = &["He/him", "She/her", "They/them", "Use name only", "Prefer not to say"];
const ARRANGEMENT: &[&str] = &["On site", "Hybrid, two or three days a week", "Fully remote"];
const WAREHOUSE_YEARS: &[&str] = &["0–1", "2–4", "5–7", "8+"];

const EEO: Section = Section {
    title: "U.S. Equal Employment Opportunity information",
    note: "Completion is voluntary and will not subject you to adverse treatment.",
    fields: &[
        Field::new("gender", "Gender", Kind::Select(GENDERS)),
        Field::new("race", "Race", Kind::Select(RACES)),
        Field::new("veteran", "Veteran status", Kind::Select(VETERAN)),
        Field::new("disability", "Disability status", Kind::Select(DISABILITY)),
    ],
};

const LINKS: Section = Section {
    title: "Links",
    note: "",
    fields: &[
        Field::new("linkedin", "LinkedIn URL", Kind::Url),
        Field::new("github", "GitHub URL", Kind::Url),
        Field::new("portfolio", "Portfolio URL", Kind::Url),
        Field::new("other_url", "Other website", Kind::Url),
    ],
};

pub static JOBS: &[Job] = &[
    Job {
        slug: "product-designer",
        style: Style::Lever,
        title: "Senior Product Designer",
        company: "Juniper & Vale",
        company_about: "Juniper & Vale makes appointment software for small clinics.",
        team: "Design",
        location: "Toronto, Canada",
        terms: "Full-time / Hybrid",
        summary: "Join a design team of six and take the booking journey, from the first search to the \
            follow-up visit, under your wing.",
        duties: &[
            "Shape flows together with receptionists, nurses and patients, not only for them.",
            "Prototype early, throw away cheerfully, and ship with engineers in the same week.",
        ],
        wishes: &["A body of shipped product work.", "Fluency in accessible interface patterns."],
        sections: &[
            Section {
                title: "Submit your application",
                note: "",
                fields: &[
                    Field::new("resume", "Resume/CV", Kind::File).required(),
                    Field::new("name", "Full name", Kind::Text).required(),
                    Field::new("pronouns", "Pronouns", Kind::Select(PRONOUNS)),
                    Field::new("email", "Email", Kind::Email).required(),
                    Field::new("phone", "Phone", Kind::Tel).required(),
                    Field::new("location", "Current location", Kind::Text).required(),
                    Field::new("company", "Current company", Kind::Text),
                ],
            },
            LINKS,
            Section {
                title: "Questions for this role",
                note: "",
                fields: &[
                    Field::new("authorized", "Are you authorized to work in Canada?", Kind::Radio(YES_NO)).required(),
                    Field::new("sponsorship", "Will you require visa sponsorship?", Kind::Radio(YES_NO)).required(),
                    Field::new("arrangement", "Which way of working suits you best?", Kind::Radio(ARRANGEMENT))
                        .required(),
                    Field::new("proud", "Tell us about a piece of work you are proud of.", Kind::Essay).required(),
                ],
            },
            Section {
                title: "Additional information",
                note: "",
                fields: &[Field::new(
                    "additional",
                    "Add a cover letter or anything else you want to share.",
                    Kind::Essay,
                )],
            },
            EEO,
            Section {
                title: "",
                note: "",
                fields: &[Field::new(
                    "marketing",
                    "Yes, Juniper & Vale may contact me about future job opportunities for up to two years.",
                    Kind::Consent,
                )],
            },
        ],
    },
    Job {
        slug: "data-engineer",
        style: Style::Lever,
        title: "Data Engineer",
        company: "Halfmoon Grocers",
        company_about: "Halfmoon Grocers delivers from 90 neighbourhood shops, on the hour.",
        team: "Data Platform",
        location: "Chicago, Illinois",
        terms: "Full-time / Remote",
        summary: "Build the pipelines that tell a baker in Pilsen how much bread Tuesday will want.",
        duties: &["Own the ingestion of shop and weather data.", "Keep the warehouse honest, tested and cheap."],
        wishes: &["SQL you would show to a stranger.", "Experience with streaming data."],
        sections: &[
            Section {
                title: "Submit your application",
                note: "",
                fields: &[
                    Field::new("resume", "Resume/CV", Kind::File).required(),
                    Field::new("name", "Full name", Kind::Text).required(),
                    Field::new("email", "Email", Kind::Email).required(),
                    Field::new("phone", "Phone", Kind::Tel),
                    Field::new("company", "Current company", Kind::Text),
                ],
            },
            LINKS,
            Section {
                title: "Experience",
                note: "",
                fields: &[
                    Field::new(
                        "years",
                        "How many years have you worked with a data warehouse?",
                        Kind::Radio(WAREHOUSE_YEARS),
                    )
                    .required(),
                    Field::new(
                        "sponsorship",
                        "Do you need sponsorship to work in the United States?",
                        Kind::Radio(YES_NO),
                    )
                    .required(),
                ],
            },
            EEO,
        ],
    },
];

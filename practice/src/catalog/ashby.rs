//! Jobs on a single-page application with controlled inputs and button toggles.

use super::{DISABILITY, GENDERS, RACES, VETERAN, YES_NO};
use crate::job::{Field, Job, Kind, Section, Style};

const YEARS: &[&str] = &["0–2 years", "3–5 years", "6–8 years", "9+ years"];
const OFFICES: &[&str] = &["Berlin", "Lisbon", "Remote within Europe", "Remote elsewhere"];
const TOOLS: &[&str] = &["TypeScript", "React", "Web accessibility", "WebGL", "Design systems"];

const EEO: Section = Section {
    title: "Voluntary demographic survey",
    note: "Your answers are kept apart from your application and are never shown to the hiring team.",
    fields: &[
        Field::new("gender", "What gender do you identify as?", Kind::Radio(GENDERS)),
        Field::new("race", "Which race or ethnicity best describes you?", Kind::Radio(RACES)),
        Field::new("veteran", "Are you a protected veteran?", Kind::Radio(VETERAN)),
        Field::new("disability", "Do you have a disability?", Kind::Radio(DISABILITY)),
    ],
};

pub static JOBS: &[Job] = &[
    Job {
        slug: "frontend-engineer",
        style: Style::Ashby,
        title: "Frontend Engineer",
        company: "Lumen Orchard",
        company_about: "Lumen Orchard maps light, water and growth for fruit farms.",
        team: "Product Engineering",
        location: "Berlin or remote in Europe",
        terms: "Full time",
        summary: "Growers look at our maps in bright sun, with one thumb, on old phones. You will make that a \
            pleasure.",
        duties: &[
            "Build the map and calendar views that growers plan their week in.",
            "Look after speed: under a second on a five-year-old phone.",
        ],
        wishes: &["Deep knowledge of the browser.", "An eye for type, space and motion."],
        sections: &[
            Section {
                title: "Basic information",
                note: "",
                fields: &[
                    Field::new("name", "Legal Full Name", Kind::Text).required(),
                    Field::new("preferred", "Preferred Name", Kind::Text),
                    Field::new("email", "Email", Kind::Email).required(),
                    Field::new("phone", "Phone Number", Kind::Tel).required(),
                    Field::new("location", "Where are you currently based?", Kind::Place).required(),
                    Field::new("resume", "Resume", Kind::File).required(),
                    Field::new("linkedin", "LinkedIn Profile", Kind::Url),
                    Field::new("github", "GitHub Profile", Kind::Url),
                ],
            },
            Section {
                title: "Your application",
                note: "",
                fields: &[
                    Field::new(
                        "years",
                        "How many years have you built web interfaces for a living?",
                        Kind::Radio(YEARS),
                    )
                    .required(),
                    Field::new("authorized", "Are you authorized to work in the European Union?", Kind::Radio(YES_NO))
                        .required(),
                    Field::new("sponsorship", "Would you need us to sponsor a visa?", Kind::Radio(YES_NO)).required(),
                    Field::new("relocate", "Are you open to relocating to Berlin?", Kind::Radio(YES_NO)),
                    Field::new("start", "When could you start?", Kind::Date).required(),
                    Field::new("tools", "Which of these do you know well?", Kind::Many(TOOLS)),
                    Field::new("offices", "Where would you like to work from?", Kind::Radio(OFFICES)).required(),
                    Field::new("why", "Why Lumen Orchard?", Kind::Essay)
                        .required()
                        .hint("Three or four sentences are plenty."),
                    Field::new(
                        "privacy",
                        "I agree that Lumen Orchard may keep my data for the time of this application.",
                        Kind::Consent,
                    )
                    .required(),
                ],
            },
            EEO,
        ],
    },
    Job {
        slug: "office-manager",
        style: Style::Ashby,
        title: "Office Manager",
        company: "Copperline Studio",
        company_about: "Copperline Studio is a practice of forty architects in an old tram depot.",
        team: "Operations",
        location: "Lisbon, Portugal",
        terms: "Part time",
        summary: "Keep a lively house running: people, suppliers, post, plants and the good coffee.",
        duties: &["Look after suppliers, budgets and the building.", "Welcome guests and new colleagues."],
        wishes: &["Experience in a similar role.", "Portuguese and English."],
        sections: &[Section {
            title: "Application",
            note: "",
            fields: &[
                Field::new("name", "Name", Kind::Text).required(),
                Field::new("email", "Email", Kind::Email).required(),
                Field::new("phone", "Phone", Kind::Tel),
                Field::new("resume", "Resume", Kind::File).required(),
                Field::new("portuguese", "Do you speak Portuguese?", Kind::Radio(YES_NO)).required(),
            ],
        }],
    },
];

//! Jobs on one long page with native controls.

use super::{DISABILITY, GENDERS, HISPANIC, NOTICE, RACES, VETERAN, YES_NO};
use crate::job::{Field, Job, Kind, Section, Style};

const COUNTRIES: &[&str] = &[
    "Australia +61",
    "Austria +43",
    "Belgium +32",
    "Brazil +55",
    "Canada +1",
    "Denmark +45",
    "Finland +358",
    "France +33",
    "Germany +49",
    "India +91",
    "Ireland +353",
    "Italy +39",
    "Japan +81",
    "Mexico +52",
    "Netherlands +31",
    "New Zealand +64",
    "Norway +47",
    "Poland +48",
    "Portugal +351",
    "Singapore +65",
    "South Africa +27",
    "Spain +34",
    "Sweden +46",
    "Switzerland +41",
    "United Kingdom +44",
    "United States +1",
];
const YEARS: &[&str] = &["Less than 1 year", "1–2 years", "3–5 years", "6–9 years", "10 years or more"];
const SOURCES: &[&str] =
    &["Company website", "LinkedIn", "Job board", "Referred by an employee", "Conference or meetup", "Other"];
const SYSTEMS: &[&str] = &["Kubernetes", "PostgreSQL", "Kafka", "Terraform", "Prometheus", "None of the above"];

const EEO_NOTE: &str = "For government reporting purposes, we ask candidates to respond to the below \
    self-identification survey. Completion of the form is entirely voluntary. Whatever your decision, it \
    will not be considered in the hiring process or thereafter.";

const EEO: Section = Section {
    title: "Voluntary Self-Identification",
    note: EEO_NOTE,
    fields: &[
        Field::new("gender", "Gender", Kind::Select(GENDERS)),
        Field::new("hispanic", "Are you Hispanic/Latino?", Kind::Select(HISPANIC)),
        Field::new("race", "Please identify your race", Kind::Select(RACES)),
        Field::new("veteran", "Veteran Status", Kind::Select(VETERAN)),
        Field::new("disability", "Disability Status", Kind::Select(DISABILITY)),
    ],
};

pub static JOBS: &[Job] = &[
    Job {
        slug: "platform-engineer",
        style: Style::Greenhouse,
        title: "Platform Engineer",
        company: "Tidewater Robotics",
        company_about: "Tidewater Robotics builds the machines that keep small harbours running: dredgers, \
            line handlers and the software that schedules them.",
        team: "Infrastructure",
        location: "Portland, Maine or remote (US)",
        terms: "Full-time",
        summary: "You will own the platform that 140 engineers deploy to every day: clusters in three regions, \
            the delivery pipeline, and the on-call tooling that lets people sleep.",
        duties: &[
            "Run and upgrade the clusters our fleet software lives on, without anybody noticing.",
            "Make the path from a merged change to a harbour in Maine shorter and duller.",
            "Share an on-call rotation of seven people, one week in seven.",
            "Write down what you learn, so that the next person starts further along.",
        ],
        wishes: &[
            "Several years of running distributed systems in production.",
            "Comfort with Linux, networks and at least one systems language.",
            "Clear writing: half of our decisions are made in documents.",
        ],
        sections: &[
            Section {
                title: "Apply for this job",
                note: "",
                fields: &[
                    Field::new("first_name", "First Name", Kind::Text).required(),
                    Field::new("last_name", "Last Name", Kind::Text).required(),
                    Field::new("preferred_name", "Preferred First Name", Kind::Text),
                    Field::new("email", "Email", Kind::Email).required(),
                    Field::new("phone_country", "Country", Kind::Select(COUNTRIES)).required(),
                    Field::new("phone", "Phone", Kind::Tel).required(),
                    Field::new("location", "Location (City)", Kind::Place).required(),
                    Field::new("resume", "Resume/CV", Kind::File).required(),
                    Field::new("cover_letter", "Cover Letter", Kind::Essay)
                        .hint("Tell us in a few paragraphs why this job, and why now."),
                    Field::new("linkedin", "LinkedIn Profile", Kind::Text),
                    Field::new("website", "Website", Kind::Text),
                ],
            },
            Section {
                title: "A few questions",
                note: "",
                fields: &[
                    Field::new(
                        "right_to_work",
                        "Are you legally authorized to work in the country where this job is located?",
                        Kind::Select(YES_NO),
                    )
                    .required(),
                    Field::new(
                        "sponsorship",
                        "Will you now or in the future require sponsorship for an employment visa?",
                        Kind::Select(YES_NO),
                    )
                    .required(),
                    Field::new(
                        "years",
                        "How many years of experience do you have running distributed systems in production?",
                        Kind::Select(YEARS),
                    )
                    .required(),
                    Field::new("notice", "What is your notice period?", Kind::Select(NOTICE)).required(),
                    Field::new("salary", "What are your salary expectations?", Kind::Text)
                        .hint("Annual, before tax, in US dollars."),
                    Field::new("source", "How did you hear about this job?", Kind::Select(SOURCES)),
                    Field::new("start", "What is the earliest date you could start?", Kind::Date),
                    Field::new(
                        "systems",
                        "Which of these have you operated in production? (Select all that apply)",
                        Kind::Many(SYSTEMS),
                    )
                    .required(),
                    Field::new(
                        "privacy",
                        "I have read the Candidate Privacy Notice and understand how my data will be processed.",
                        Kind::Consent,
                    )
                    .required(),
                ],
            },
            EEO,
        ],
    },
    Job {
        slug: "support-specialist",
        style: Style::Greenhouse,
        title: "Customer Support Specialist",
        company: "Papercrane Books",
        company_about: "Papercrane Books prints short runs for independent publishers in eleven countries.",
        team: "Customer Care",
        location: "Dublin, Ireland (hybrid)",
        terms: "Full-time",
        summary: "You are the person a nervous first-time publisher talks to, by e-mail and on the phone.",
        duties: &[
            "Answer questions about paper, proofs and parcels within the working day.",
            "Turn the questions that keep coming back into help pages.",
        ],
        wishes: &["Two years of talking with customers in writing.", "Patience, and pleasure in detail."],
        sections: &[
            Section {
                title: "Apply for this job",
                note: "",
                fields: &[
                    Field::new("first_name", "First Name", Kind::Text).required(),
                    Field::new("last_name", "Last Name", Kind::Text).required(),
                    Field::new("email", "Email", Kind::Email).required(),
                    Field::new("phone", "Phone", Kind::Tel).required(),
                    Field::new("resume", "Resume/CV", Kind::File).required(),
                    Field::new("cover_letter", "Cover Letter", Kind::File),
                    Field::new("why", "What drew you to this role?", Kind::Essay).required(),
                    Field::new("shifts", "Are you able to work on every second Saturday?", Kind::Select(YES_NO))
                        .required(),
                ],
            },
            EEO,
        ],
    },
];

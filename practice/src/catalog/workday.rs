//! Jobs of large companies: sections that become steps, list boxes behind buttons, split dates.

use super::{DISABILITY, GENDERS, NOTICE, RACES, VETERAN, YES_NO};
use crate::job::{Field, Job, Kind, Section, Style};

const HEARD: &[&str] = &["Career Website", "Employee Referral", "Job Fair", "LinkedIn", "Recruiter", "Other"];
const COUNTRIES: &[&str] =
    &["Canada", "France", "Germany", "Ireland", "Sweden", "United Kingdom", "United States of America"];
const DEVICES: &[&str] = &["Home", "Mobile", "Work"];
const DEGREES: &[&str] = &[
    "High School Diploma or equivalent",
    "Associate's Degree",
    "Bachelor's Degree",
    "Master's Degree",
    "Doctorate",
    "No degree",
];
const SHIFTS: &[&str] = &["Early", "Late", "Night", "Weekend"];

pub static JOBS: &[Job] = &[Job {
    slug: "operations-analyst",
    style: Style::Workday,
    title: "Operations Analyst II",
    company: "Brackenfield Logistics",
    company_about: "Brackenfield Logistics moves one parcel in nine between the Rhine and the Rockies.",
    team: "Network Planning",
    location: "Columbus, Ohio",
    terms: "Full time",
    summary: "Find out why parcels wait, and make them wait less.",
    duties: &[
        "Model flows through 38 depots and propose changes to the timetable.",
        "Present findings to the people on the floor who will live with them.",
    ],
    wishes: &["Strong spreadsheet and SQL skills.", "A degree, or the experience to match one."],
    sections: &[
        Section {
            title: "My Information",
            note: "",
            fields: &[
                Field::new("heard", "How Did You Hear About Us?", Kind::Select(HEARD)).required(),
                Field::new("previous", "Have you previously worked for Brackenfield Logistics?", Kind::Radio(YES_NO))
                    .required(),
                Field::new("country", "Country", Kind::Select(COUNTRIES)).required(),
                Field::new("first_name", "Given Name(s)", Kind::Text).required(),
                Field::new("last_name", "Family Name", Kind::Text).required(),
                Field::new("address", "Address Line 1", Kind::Text),
                Field::new("city", "City", Kind::Text),
                Field::new("postal", "Postal Code", Kind::Text),
                Field::new("email", "Email Address", Kind::Email).required(),
                Field::new("device", "Phone Device Type", Kind::Select(DEVICES)).required(),
                Field::new("phone", "Phone Number", Kind::Tel).required(),
            ],
        },
        Section {
            title: "My Experience",
            note: "",
            fields: &[
                Field::new("job_title", "Current Job Title", Kind::Text),
                Field::new("employer", "Current Employer", Kind::Text),
                Field::new("degree", "Highest Level of Education", Kind::Select(DEGREES)).required(),
                Field::new("resume", "Resume/CV", Kind::File).required().hint("Upload one file of 10 MB or less."),
                Field::new("linkedin", "LinkedIn", Kind::Url),
            ],
        },
        Section {
            title: "Application Questions",
            note: "",
            fields: &[
                Field::new("adult", "Are you at least 18 years of age?", Kind::Select(YES_NO)).required(),
                Field::new(
                    "authorized",
                    "Are you legally authorized to work in the United States?",
                    Kind::Select(YES_NO),
                )
                .required(),
                Field::new(
                    "sponsorship",
                    "Will you now or in the future require sponsorship for employment visa status?",
                    Kind::Select(YES_NO),
                )
                .required(),
                Field::new("notice", "What is your notice period?", Kind::Select(NOTICE)).required(),
                Field::new("start", "When are you available to start?", Kind::Date).required(),
                Field::new("shifts", "Which shifts could you work?", Kind::Many(SHIFTS)),
                Field::new("motivation", "Why are you interested in this position?", Kind::Essay),
            ],
        },
        Section {
            title: "Voluntary Disclosures",
            note: "Completing this part is voluntary. Your answers do not affect your application.",
            fields: &[
                Field::new("gender", "Gender", Kind::Select(GENDERS)),
                Field::new("race", "Race/Ethnicity", Kind::Select(RACES)),
                Field::new("veteran", "Veteran Status", Kind::Select(VETERAN)),
                Field::new("disability", "Disability Status", Kind::Select(DISABILITY)),
                Field::new("terms", "Yes, I have read and consent to the terms and conditions.", Kind::Consent)
                    .required(),
            ],
        },
    ],
}];

//! What is known of a person from a resume: the contract's `ParsedResumeData`.
//!
//! Written by the coordinator's parser, kept as JSON by the store, read by the gateway, the planner
//! and the web client. Names on the wire are camelCase; what is unknown is left out. Reading is
//! tolerant: a missing or `null` member is the same as an empty one, because rows written by earlier
//! versions and by people's edits are read too.
//!
//! Dates are ISO-like strings as precise as the resume was: `2021-03` or `2021`.

use serde::{Deserialize, Deserializer, Serialize};

/// A whole resume.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ParsedResumeData {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Where the person lives, as written: `Oakland, CA 94607`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    #[serde(deserialize_with = "null_is_empty")]
    pub skills: Vec<String>,
    #[serde(deserialize_with = "null_is_empty")]
    pub education: Vec<EducationEntry>,
    /// In the resume's order, usually newest first.
    #[serde(deserialize_with = "null_is_empty")]
    pub work_history: Vec<WorkHistoryEntry>,
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<ProjectEntry>,
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub certifications: Vec<String>,
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub interests: Vec<String>,
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub awards: Vec<AwardEntry>,
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub volunteer_work: Vec<VolunteerEntry>,
    /// Years of paid work, overlaps counted once, to one decimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_years_experience: Option<f64>,
    /// The resume's own words on the right to work; never inferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_authorization: Option<String>,
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub websites: Vec<String>,
}

/// One position. `end_date` is absent for a present position that has a `start_date`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkHistoryEntry {
    /// Empty when the resume names only the employer.
    #[serde(deserialize_with = "null_is_empty")]
    pub title: String,
    /// Empty when the resume names only the title.
    #[serde(deserialize_with = "null_is_empty")]
    pub company: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_date: Option<String>,
    /// Running text about the position; bullet points are in `bullets`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub bullets: Vec<String>,
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub achievements: Vec<String>,
}

/// One school, or one degree of a school that gave several.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EducationEntry {
    #[serde(deserialize_with = "null_is_empty")]
    pub school: String,
    /// Empty when the resume names only the school.
    #[serde(deserialize_with = "null_is_empty")]
    pub degree: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field_of_study: Option<String>,
    /// As written, without the scale: `3.7`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpa: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_date: Option<String>,
    /// Set, with the same value as `end_date`, when the end lies ahead or is called expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_graduation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub honors: Option<String>,
}

/// One project.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProjectEntry {
    #[serde(deserialize_with = "null_is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub technologies: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_date: Option<String>,
}

/// One award or honour.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AwardEntry {
    #[serde(deserialize_with = "null_is_empty")]
    pub title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
}

/// One unpaid position.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolunteerEntry {
    #[serde(deserialize_with = "null_is_empty")]
    pub organization: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_date: Option<String>,
}

fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_and_missing_members_read_as_empty() {
        let read: ParsedResumeData = serde_json::from_str(
            r#"{"fullName":null,"skills":null,"workHistory":[{"title":"Cook","company":null,"endDate":null}],
                "education":[{"school":"Riverside College"}],"parseConfidence":0.9}"#,
        )
        .unwrap();
        assert_eq!(read.full_name, None);
        assert!(read.skills.is_empty());
        assert_eq!(read.work_history[0].title, "Cook");
        assert_eq!(read.work_history[0].company, "");
        assert_eq!(read.education[0].degree, "");
    }

    #[test]
    fn what_is_unknown_is_left_out_in_camel_case() {
        let data = ParsedResumeData {
            full_name: Some("Ada Example".into()),
            work_history: vec![WorkHistoryEntry {
                title: "Cook".into(),
                start_date: Some("2020-01".into()),
                ..Default::default()
            }],
            ..Default::default()
        };
        assert_eq!(
            serde_json::to_value(&data).unwrap(),
            serde_json::json!({
                "fullName": "Ada Example", "skills": [], "education": [],
                "workHistory": [{"title": "Cook", "company": "", "startDate": "2020-01"}],
            })
        );
    }
}

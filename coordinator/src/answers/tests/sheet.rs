//! The kinds of a sheet of labels from real forms, when it lies beside this repository (`VALET_ATS_DIR` or
//! `../shared/ats/dev`).

use std::path::PathBuf;

use super::*;

/// The sheet's coarse name of a kind of ours.
fn coarse(kind: Canonical) -> &'static str {
    use Canonical::*;
    match kind {
        LegalName => "full_name",
        Hispanic => "race",
        UsPerson => "work_authorization",
        HighestDegree => "degree",
        YearsWithSkill => "years_experience",
        Headline => "current_title",
        JobStart => "start_date",
        ResumeImport | OtherFile | PhoneExtension | OtherLink => "custom",
        kind => {
            const NAMED: &[&str] = &[
                "address",
                "city",
                "consent_marketing",
                "consent_privacy",
                "country",
                "cover_letter",
                "current_company",
                "current_title",
                "degree",
                "disability",
                "education_end",
                "education_start",
                "email",
                "field_of_study",
                "first_name",
                "full_name",
                "gender",
                "github",
                "how_heard",
                "last_name",
                "linkedin",
                "location",
                "phone",
                "phone_country",
                "portfolio",
                "postal_code",
                "preferred_name",
                "pronouns",
                "race",
                "resume",
                "salary",
                "school",
                "sponsorship",
                "start_date",
                "state",
                "veteran",
                "work_authorization",
                "years_experience",
            ];
            if NAMED.contains(&kind.as_str()) { kind.as_str() } else { "custom" }
        }
    }
}

#[test]
fn kinds_of_the_sheet_of_real_labels() {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/ats");
    let dir = std::env::var_os("VALET_ATS_DIR").map_or(beside, PathBuf::from);
    let Some(sheet) = [dir.join("labels.json"), dir.join("dev/labels.json")].into_iter().find(|path| path.exists())
    else {
        println!("skipped: no sheet of labels (set VALET_ATS_DIR)");
        return;
    };
    let rows: Vec<serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(sheet).unwrap()).unwrap();
    let (mut right, mut missed) = (0, Vec::new());
    for row in &rows {
        let label = row["label"].as_str().unwrap();
        let kind = match row["type"].as_str().unwrap() {
            "multicombobox" => FieldKind::Combobox,
            "spin" => FieldKind::Number,
            other => other.parse().unwrap(),
        };
        let options: Vec<&str> =
            row["options"].as_array().map(|list| list.iter().filter_map(|o| o.as_str()).collect()).unwrap_or_default();
        let field = Field { options: choices(&options), options_complete: !options.is_empty(), ..field(kind, label) };
        let found = classify(&field, &form(vec![field.clone()]));
        let wanted = row["canonical"].as_str().unwrap();
        // The sheet tells questions without a fact of their own ("custom") from boxes to leave ("none"): by the
        // label alone nobody can.
        let wanted = if wanted == "none" { "custom" } else { wanted };
        if coarse(found.kind) == wanted {
            right += 1;
        } else {
            missed.push(format!("{label}: {} ({:.2}), wanted {wanted}", found.kind, found.confidence));
        }
    }
    println!("{right} of {} kinds right; missed:\n  {}", rows.len(), missed.join("\n  "));
    assert!(right * 100 >= rows.len() * 95, "{right} of {}", rows.len());
}

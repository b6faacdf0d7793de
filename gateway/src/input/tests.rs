use serde_json::json;

use super::*;

#[derive(Debug, PartialEq)]
struct Sample {
    email: String,
    size: i64,
    link: Option<String>,
}

impl Input for Sample {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let email = fields.need("email", email());
        let size = fields.or("size", int(1, 5), 3);
        let link = fields.may("link", url(30));
        Some(Self { email: email?, size: size?, link: link? })
    }
}

fn read(value: Json) -> Result<Sample, Vec<Json>> {
    Fields::read(value.as_object().unwrap()).map_err(|issues| issues.iter().map(Issue::to_json).collect())
}

#[test]
fn defaults_fill_in_and_unknown_members_are_dropped() {
    let sample = read(json!({"email": "a@b.co", "other": 1})).unwrap();
    assert_eq!(sample, Sample { email: "a@b.co".into(), size: 3, link: None });
}

#[test]
fn all_complaints_are_listed_at_once() {
    let issues = read(json!({"size": 9, "link": "javascript:alert(1)"})).unwrap_err();
    let short: Vec<_> = issues.iter().map(|issue| (issue["code"].clone(), issue["path"].clone())).collect();
    assert_eq!(
        short,
        [
            (json!("invalid_type"), json!(["email"])),
            (json!("too_big"), json!(["size"])),
            (json!("invalid_string"), json!(["link"])),
        ]
    );
    assert_eq!(issues[0]["message"], "Required");
    assert_eq!(issues[0]["expected"], "string");
}

#[test]
fn addresses() {
    for good in ["a@b.co", "first.last+tag@sub.example.com", "jürgen@exämple.de"] {
        assert!(email()(&json!(good)).is_ok(), "{good}");
    }
    for bad in ["", "a", "a@b", "@b.co", "a@.co", "a b@c.de", "a@b..co", ".a@b.co", "a@-b.co", "a@b.co\n"] {
        assert!(email()(&json!(bad)).is_err(), "{bad}");
    }
}

#[test]
fn a_text_with_nul_is_refused_before_the_database_sees_it() {
    assert!(text(0, 10)(&json!("a\u{0}b")).is_err());
}

#[test]
fn ids_have_one_spelling() {
    let id = "0190163d-8694-739b-aea5-966c26f8ad91";
    assert!(uuid::<::uuid::Uuid>()(&json!(id)).is_ok());
    assert!(uuid::<::uuid::Uuid>()(&json!(id.replace('-', ""))).is_err());
    assert!(uuid::<::uuid::Uuid>()(&json!(format!("{{{id}}}"))).is_err());
}

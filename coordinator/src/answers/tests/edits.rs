//! A person's edits, what is remembered of them, and the gate before sending unseen.

use protocol::plan::{FillPlan, FillResult, FillStatus, Source};

use super::*;

fn edit(field: Field, text: &str) -> Result<Value, EditError> {
    let id = field.id.clone();
    let planned = apply_edit(&form(vec![field]), &FillPlan::default(), &id, text)?;
    assert_eq!((planned.source, planned.confidence, planned.ask), (Some(Source::User), 1.0, false));
    Ok(planned.value.unwrap_or_default())
}

#[test]
fn edits_are_checked_for_their_field() {
    let colours = &["Red; dark", "Blue", "Green"];
    let many = Field { multiple: true, kind: FieldKind::CheckboxGroup, ..select("Colours", colours) };
    let short = Field { max_length: Some(3), ..text("Code") };
    let open = Field { options_complete: false, ..select("City", &[]) };
    let locked = Field { editable: false, ..text("Fixed") };
    let choice = |labels: &[&str]| Ok(Value::Choices(labels.iter().map(|l| (*l).to_owned()).collect()));
    assert_eq!(edit(select("Colour", colours), "blue"), choice(&["Blue"]));
    assert_eq!(edit(select("Colour", colours), "Red; dark"), choice(&["Red; dark"]));
    assert_eq!(edit(select("Colour", colours), "Blue; Green"), Err(EditError::OneOnly));
    assert_eq!(edit(select("Colour", colours), "Pink"), Err(EditError::NotAnOption));
    assert_eq!(edit(many, "Green; Blue"), choice(&["Blue", "Green"]));
    assert_eq!(edit(open, "Salem"), choice(&["Salem"]));
    assert_eq!(edit(short.clone(), "abc"), Ok(Value::Text("abc".into())));
    assert_eq!(edit(short.clone(), "abcd"), Err(EditError::TooLong { max: 3 }));
    assert_eq!(edit(short, "  "), Ok(Value::Empty));
    assert_eq!(edit(field(FieldKind::Email, "E-mail"), "a@b"), Err(EditError::NotAnEmail));
    assert_eq!(edit(field(FieldKind::Email, "E-mail"), "a@b.example"), Ok(Value::Text("a@b.example".into())));
    assert_eq!(edit(field(FieldKind::Url, "Site"), "javascript:alert(1)"), Err(EditError::NotALink));
    assert_eq!(edit(field(FieldKind::Tel, "Phone"), "call me"), Err(EditError::NotAPhone));
    assert_eq!(edit(field(FieldKind::Number, "Years"), "many"), Err(EditError::NotANumber));
    assert_eq!(edit(field(FieldKind::Date, "Day"), "03/04/2026"), Err(EditError::NotADate));
    assert_eq!(edit(field(FieldKind::Checkbox, "Agree"), "yes"), Ok(Value::Checked(true)));
    assert_eq!(edit(field(FieldKind::Checkbox, "Agree"), "perhaps"), Err(EditError::NotYesOrNo));
    assert_eq!(edit(field(FieldKind::File, "Resume"), "me.pdf"), Err(EditError::IsAFile));
    assert_eq!(edit(field(FieldKind::Password, "Password"), "x"), Err(EditError::NeverEntered));
    assert_eq!(edit(locked, "x"), Err(EditError::NotEditable));
    let unknown = apply_edit(&form(vec![]), &FillPlan::default(), &FieldId("gone".into()), "x");
    assert_eq!(unknown, Err(EditError::UnknownField));
}

#[test]
fn answers_are_remembered_for_their_use() {
    let kept = |field: Field, value: Value| remember(&field, &form(vec![field.clone()]), &value);
    let text_of = |value: &str| Value::Text(value.into());
    let visa =
        kept(select("Do you require visa sponsorship?", &["Yes", "No"]), Value::Choices(vec!["No".into()])).unwrap();
    assert_eq!((visa.category.as_str(), visa.answer.as_str()), ("work_authorization", "No"));
    assert_eq!((visa.usage_mode, visa.source), (UsageMode::AlwaysUse, AnswerSource::ApplicationLearned));
    let why = kept(text("Why do you want to work here?"), text_of("Because.")).unwrap();
    assert_eq!(why.usage_mode, UsageMode::AskEachTime);
    let declined =
        kept(select("Gender", &["Man", "Prefer not to say"]), Value::Choices(vec!["Prefer not to say".into()]));
    assert_eq!(declined.unwrap().usage_mode, UsageMode::DeclineToAnswer);
    assert_eq!(kept(field(FieldKind::Checkbox, "I certify that this is true"), Value::Checked(true)), None);
    assert_eq!(kept(text("Signature"), text_of("T. R.")), None);
    assert_eq!(kept(text("Passport number"), text_of("X1")), None);
    assert_eq!(kept(text("City"), Value::Empty), None);
}

/// A remembered answer is found again for the same question.
#[test]
fn what_is_remembered_is_used() {
    let question = select("Do you own a van?", &["Yes", "No"]);
    let answer = remember(&question, &form(vec![question.clone()]), &Value::Choices(vec!["Yes".into()])).unwrap();
    let mut facts = person();
    assert_eq!(decide(&facts, question.clone()).value, None);
    let id = QaEntryId::new();
    facts.bank.push(BankEntry { id, entry: answer });
    let planned = decide(&facts, question);
    assert_eq!((shown(&planned).as_deref(), planned.qa_entry), (Some("Yes"), Some(id)));
}

fn verified(plan: &FillPlan) -> Vec<FillResult> {
    plan.fields
        .iter()
        .filter_map(|planned| {
            Some(FillResult {
                field: planned.field.clone(),
                status: FillStatus::Verified,
                value: planned.value.clone()?,
                message: String::new(),
            })
        })
        .collect()
}

#[test]
fn autopilot_sends_only_what_is_complete_sure_and_seen() {
    let facts = person();
    let whole = form(vec![text("First name"), field(FieldKind::Email, "E-mail"), field(FieldKind::File, "Resume")]);
    let planned = plan(&whole, &facts);
    let results = verified(&planned);
    assert_eq!(autopilot_gate(&whole, &planned, &results), Ok(()));

    let reasons = autopilot_gate(&whole, &planned, &results[..2]).unwrap_err();
    assert!(reasons.contains(&Reason::NoResume), "{reasons:?}");
    assert!(reasons.iter().any(|reason| matches!(reason, Reason::NotVerified { .. })), "{reasons:?}");

    let mut unsure = planned.clone();
    unsure.fields[0].confidence = 0.69;
    let reasons = autopilot_gate(&whole, &unsure, &results).unwrap_err();
    assert!(matches!(reasons.as_slice(), [Reason::Unsure { .. }]), "{reasons:?}");

    let asked = form(vec![text("First name"), field(FieldKind::Checkbox, "I certify this"), text("Shoe size")]);
    let planned = plan(&asked, &facts);
    let reasons = autopilot_gate(&asked, &planned, &verified(&planned)).unwrap_err();
    assert!(matches!(reasons.as_slice(), [Reason::MustBeSeen { .. }, Reason::RequiredBlank { .. }]), "{reasons:?}");
    assert_eq!(autopilot_gate(&form(vec![]), &FillPlan::default(), &[]), Err(vec![Reason::NothingEntered]));
}

use super::*;

fn field(id: &str, value: Value) -> Field {
    Field { value, ..Field::new(id, FieldKind::Text, id) }
}

fn form(fields: Vec<Field>) -> FormModel {
    let page = PageState::new("https://jobs.example/1", "");
    FormModel { page, fields }
}

#[test]
fn digests_change_with_what_they_cover_and_with_nothing_else() {
    let base = form(vec![field("a", Value::Text("x".into())), field("b", Value::Empty)]);

    let mut other_value = base.clone();
    other_value.fields[0].value = Value::Text("y".into());
    assert_ne!(base.values_digest(), other_value.values_digest());
    assert_eq!(base.form_digest(), other_value.form_digest());

    let mut other_label = base.clone();
    other_label.fields[1].label = "Salary".into();
    assert_eq!(base.values_digest(), other_label.values_digest());
    assert_ne!(base.form_digest(), other_label.form_digest());

    let mut moved = base.clone();
    moved.page.title = "another title".into();
    moved.fields[0].rect = Some(Rect { x: 1.0, y: 2.0, width: 3.0, height: 4.0 });
    assert_eq!((base.form_digest(), base.values_digest()), (moved.form_digest(), moved.values_digest()));
}

#[test]
fn a_value_cannot_slide_into_the_next_field() {
    let choices = |labels: &[&str]| Value::Choices(labels.iter().map(|label| (*label).to_owned()).collect());
    let split = form(vec![field("a", choices(&["x", "y"])), field("b", Value::Empty)]);
    let joined = form(vec![field("a", choices(&["xy"])), field("b", Value::Empty)]);
    let moved = form(vec![field("a", choices(&["x"])), field("b", choices(&["y"]))]);
    assert_ne!(split.values_digest(), joined.values_digest());
    assert_ne!(split.values_digest(), moved.values_digest());
}

#[test]
fn untouched_and_cleared_are_the_same_to_the_employer() {
    let untouched = form(vec![field("a", Value::Empty)]);
    for cleared in [Value::Text(String::new()), Value::Checked(false), Value::Choices(Vec::new())] {
        assert_eq!(untouched.values_digest(), form(vec![field("a", cleared)]).values_digest());
    }
}

//! Whether a field holds what it was given. Pure. Pages reformat what they take (a telephone number gets brackets, a
//! date its local order), so equality is by what the kind of field means.

use chrono::NaiveDate;
use protocol::form::{Field, FieldKind, Value};

use super::place::same_place;

/// Digits that a telephone number must have in common before a prefix of either may differ (the country code).
const TEL_DIGITS_MIN: usize = 7;

pub(super) fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The value as this kind of field takes it: one choice for a list given as text, a text given as a single choice.
pub(super) fn suited(kind: FieldKind, value: &Value) -> Value {
    match (kind, value) {
        (FieldKind::Select | FieldKind::Combobox | FieldKind::Radio | FieldKind::CheckboxGroup, Value::Text(text))
            if !text.is_empty() =>
        {
            Value::Choices(vec![text.clone()])
        }
        (
            FieldKind::Text
            | FieldKind::Email
            | FieldKind::Tel
            | FieldKind::Url
            | FieldKind::Number
            | FieldKind::Date
            | FieldKind::Textarea
            | FieldKind::Richtext,
            Value::Choices(labels),
        ) if labels.len() == 1 => Value::Text(labels[0].clone()),
        _ => value.clone(),
    }
}

/// Whether `got`, read from the page, is what `wanted` asks for.
pub(super) fn holds(field: &Field, wanted: &Value, got: &Value) -> bool {
    match (wanted, got) {
        (wanted, got) if wanted.is_empty() || got.is_empty() => wanted.is_empty() && got.is_empty(),
        (Value::Text(wanted), Value::Text(got)) => same_text(field, wanted, got),
        (Value::Choices(wanted), Value::Choices(got)) => {
            let sorted = |labels: &[String]| {
                let mut folded: Vec<_> = labels.iter().map(|label| fold(label)).collect();
                folded.sort();
                folded
            };
            sorted(wanted) == sorted(got) || (wanted.len() == 1 && got.len() == 1 && says(field, &wanted[0], &got[0]))
        }
        (Value::Checked(wanted), Value::Checked(got)) => wanted == got,
        (Value::File(wanted), Value::File(got)) => {
            wanted.name == got.name && (got.sha256.is_empty() || wanted.sha256 == got.sha256)
        }
        _ => false,
    }
}

/// The page shows a choice in more or other words than it was asked in: never when these are the words of an option, or
/// begin several. Places go by their codes only in lists that are searched.
fn says(field: &Field, wanted: &str, got: &str) -> bool {
    let labels = || field.options.iter().map(|option| &option.label);
    if labels().any(|label| fold(label) == fold(wanted)) {
        return false;
    }
    let another = || labels().any(|label| fold(label) != fold(got) && stands_for(wanted, label));
    (stands_for(wanted, got) && !another()) || (field.kind == FieldKind::Combobox && same_place(wanted, got))
}

/// The shorter label begins the longer one and ends there at the end of a word.
fn stands_for(wanted: &str, got: &str) -> bool {
    let (wanted, got) = (fold(wanted), fold(got));
    let begins = |long: &str, short: &str| {
        !short.is_empty()
            && long.strip_prefix(short).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    };
    begins(&got, &wanted)
}

fn same_text(field: &Field, wanted: &str, got: &str) -> bool {
    if fold_lines(wanted) == fold_lines(got) {
        return true;
    }
    match field.kind {
        FieldKind::Tel => {
            let (wanted, got) = (digits(wanted), digits(got));
            let (long, short) = if wanted.len() > got.len() { (wanted, got) } else { (got, wanted) };
            short.len() >= TEL_DIGITS_MIN && long.ends_with(&short)
        }
        FieldKind::Number => match (number(wanted), number(got)) {
            (Some(wanted), Some(got)) => (wanted - got).abs() < 1e-9 * wanted.abs().max(1.0),
            _ => false,
        },
        FieldKind::Date => match (iso(wanted, &field.placeholder), iso(got, &field.placeholder)) {
            (Some(wanted), Some(got)) => wanted == got,
            _ => false,
        },
        // A text box may carry a mask of its own ("$185,000", "(510) 555-0142").
        FieldKind::Text => {
            let masked = |text: &str| {
                text.chars().all(|c| {
                    c.is_ascii_digit() || c.is_ascii_punctuation() || c == ' ' || c == '$' || c == '€' || c == '£'
                })
            };
            masked(wanted) && masked(got) && digits(wanted).len() >= 3 && digits(wanted) == digits(got)
        }
        FieldKind::Password => true,
        _ => false,
    }
}

fn fold_lines(text: &str) -> String {
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

fn number(text: &str) -> Option<f64> {
    let plain: String = text.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | '-')).collect();
    plain.parse().ok()
}

/// The order of day, month and year that a placeholder shows; month first when it shows none.
fn order(placeholder: &str) -> &'static [&'static str] {
    let hint = placeholder.to_lowercase().replace(' ', "");
    if hint.starts_with("yyyy") || hint.starts_with("jjjj") || hint.starts_with("aaaa") {
        &["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d"]
    } else if hint.starts_with("dd") || hint.starts_with("jj") || hint.starts_with("tt") {
        &["%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y-%m-%d"]
    } else {
        &["%Y-%m-%d", "%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y", "%d %b %Y", "%d %B %Y", "%B %d, %Y", "%b %d, %Y"]
    }
}

fn iso(text: &str, placeholder: &str) -> Option<NaiveDate> {
    let text = text.trim();
    std::iter::once(&"%Y-%m-%d")
        .chain(order(placeholder))
        .find_map(|format| NaiveDate::parse_from_str(text, format).ok())
}

/// A date as the field takes it: an ISO date in the order and with the separator that the placeholder shows; anything
/// else unchanged.
pub(super) fn date_text(value: &str, placeholder: &str) -> String {
    let Ok(date) = NaiveDate::parse_from_str(value.trim(), "%Y-%m-%d") else { return value.to_owned() };
    if placeholder.is_empty() {
        return value.to_owned();
    }
    let separator = placeholder.chars().find(|c| matches!(c, '/' | '.' | '-')).unwrap_or('/');
    let formats = order(placeholder);
    let format = formats.iter().find(|f| f.contains(separator) && !f.contains(' ')).unwrap_or(&formats[0]);
    date.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use protocol::form::Choice;

    use super::*;

    fn field(kind: FieldKind, placeholder: &str) -> Field {
        Field { placeholder: placeholder.into(), ..Field::new("f", kind, "") }
    }

    fn text(kind: FieldKind, placeholder: &str, wanted: &str, got: &str) -> bool {
        holds(&field(kind, placeholder), &Value::Text(wanted.into()), &Value::Text(got.into()))
    }

    #[test]
    fn telephone_numbers_are_compared_by_digits() {
        assert!(text(FieldKind::Tel, "", "+1 510 555 0142", "(510) 555-0142"));
        assert!(text(FieldKind::Tel, "", "5105550142", "+15105550142"));
        assert!(!text(FieldKind::Tel, "", "5105550142", "5105550143"));
        assert!(!text(FieldKind::Tel, "", "5105550142", "42"));
    }

    #[test]
    fn dates_are_compared_by_the_order_the_field_shows() {
        assert!(text(FieldKind::Date, "dd.mm.yyyy", "2027-01-11", "11.01.2027"));
        assert!(text(FieldKind::Date, "mm/dd/yyyy", "2027-01-11", "01/11/2027"));
        assert!(!text(FieldKind::Date, "dd/mm/yyyy", "2027-01-11", "01/11/2027"));
        assert_eq!(date_text("2027-01-11", "MM/DD/YYYY"), "01/11/2027");
        assert_eq!(date_text("2027-01-11", "tt.mm.jjjj"), "11.01.2027");
        assert_eq!(date_text("2027-01-11", "yyyy-mm-dd"), "2027-01-11");
        assert_eq!(date_text("as soon as possible", "mm/dd/yyyy"), "as soon as possible");
    }

    #[test]
    fn choices_are_a_set_and_one_may_say_more_than_was_asked() {
        let choices = |labels: &[&str]| Value::Choices(labels.iter().map(|l| (*l).to_owned()).collect());
        let combo = field(FieldKind::Combobox, "");
        assert!(holds(&combo, &choices(&["A", "b"]), &choices(&["B", "a"])));
        assert!(holds(&combo, &choices(&["United States"]), &choices(&["United States +1"])));
        assert!(!holds(&combo, &choices(&["United"]), &choices(&["Unitedville"])));
        assert!(!holds(&combo, &choices(&["No"]), &choices(&["None"])));
        assert!(!holds(&combo, &choices(&["No"]), &Value::Empty));
    }

    #[test]
    fn an_option_is_only_itself() {
        let choices = |label: &str| Value::Choices(vec![label.to_owned()]);
        let listed = |labels: &[&str]| Field {
            options: labels.iter().map(|l| Choice { value: String::new(), label: (*l).to_owned() }).collect(),
            ..field(FieldKind::Select, "")
        };
        let list = listed(&["Yes", "Yes, with sponsorship"]);
        assert!(holds(&list, &choices("yes"), &choices("Yes")));
        assert!(!holds(&list, &choices("Yes"), &choices("Yes, with sponsorship")));
        let list = listed(&["Yes, at once", "Yes, later", "No, never"]);
        assert!(!holds(&list, &choices("Yes"), &choices("Yes, later")));
        assert!(holds(&list, &choices("No"), &choices("No, never")));
    }

    #[test]
    fn text_may_be_spaced_anew_but_not_changed() {
        assert!(text(FieldKind::Textarea, "", "a\r\nb  c", "a\nb c"));
        assert!(!text(FieldKind::Text, "", "Oakland", "Oakley"));
        assert!(text(FieldKind::Text, "", "185000", "$185,000"));
        assert!(text(FieldKind::Number, "", "185,000", "185000"));
    }
}

//! Rules for single values. Bounds are part of each rule; a text never holds NUL, which Postgres cannot store.

use std::str::FromStr;

use ::uuid::Uuid;
use serde_json::{Map, Value as Json};

use super::{Checked, Issue};

/// Longest address of e-mail, by the column.
const EMAIL_MAX: usize = 255;
/// How much of a refused value is repeated in a complaint.
const ECHO_MAX: usize = 60;

fn one<T>(issue: Issue) -> Checked<T> {
    Err(vec![issue])
}

fn string(value: &Json) -> Checked<&str> {
    value.as_str().ok_or_else(|| vec![Issue::wrong_type("string", Some(value))])
}

fn bounds(size: usize, min: usize, max: usize, kind: &'static str, unit: &str) -> Checked<()> {
    let noun = if kind == "array" { "Array" } else { "String" };
    if size < min {
        return one(Issue::new("too_small", format!("{noun} must contain at least {min} {unit}(s)"))
            .with("minimum", min)
            .with("type", kind)
            .with("inclusive", true)
            .with("exact", false));
    }
    if size > max {
        return one(Issue::new("too_big", format!("{noun} must contain at most {max} {unit}(s)"))
            .with("maximum", max)
            .with("type", kind)
            .with("inclusive", true)
            .with("exact", false));
    }
    Ok(())
}

/// A text of `min..=max` characters.
pub fn text(min: usize, max: usize) -> impl Fn(&Json) -> Checked<String> {
    move |value| {
        let text = string(value)?;
        bounds(text.chars().count(), min, max, "string", "character")?;
        if text.contains('\0') {
            return one(Issue::new("custom", "Must not contain NUL"));
        }
        Ok(text.to_owned())
    }
}

/// An address of e-mail, as typed.
pub fn email() -> impl Fn(&Json) -> Checked<String> {
    |value| {
        let address = text(0, EMAIL_MAX)(value)?;
        let sound = address.split_once('@').is_some_and(|(local, domain)| {
            let plain = |c: char| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c);
            !local.is_empty()
                && local.len() <= 64
                && local.chars().all(plain)
                && !local.starts_with('.')
                && !local.ends_with('.')
                && !local.contains("..")
                && domain.contains('.')
                && domain.split('.').all(|label| {
                    !label.is_empty()
                        && !label.starts_with('-')
                        && !label.ends_with('-')
                        && label.chars().all(|c| c.is_alphanumeric() || c == '-')
                })
        });
        if !sound {
            return one(Issue::new("invalid_string", "Invalid email").with("validation", "email"));
        }
        Ok(address)
    }
}

/// A link that is safe to show as one: http or https.
pub fn url(max: usize) -> impl Fn(&Json) -> Checked<String> {
    move |value| {
        let link = text(0, max)(value)?;
        let sound = ::url::Url::parse(&link).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !sound {
            return one(Issue::new("invalid_string", "Invalid url").with("validation", "url"));
        }
        Ok(link)
    }
}

/// An id.
pub fn uuid<T: From<Uuid>>() -> impl Fn(&Json) -> Checked<T> {
    |value| {
        let id = string(value)?;
        // Only the usual spelling: the parser would take others, which then do not compare equal as text.
        match Uuid::try_parse(id) {
            Ok(id_parsed) if id.len() == 36 => Ok(T::from(id_parsed)),
            _ => one(Issue::new("invalid_string", "Invalid uuid").with("validation", "uuid")),
        }
    }
}

/// One of an enum's names, listed in `names` for the complaint.
pub fn named<T: FromStr>(names: &'static [&'static str]) -> impl Fn(&Json) -> Checked<T> {
    move |value| {
        let name = string(value)?;
        if names.contains(&name)
            && let Ok(known) = name.parse()
        {
            return Ok(known);
        }
        let shown: String = name.chars().take(ECHO_MAX).collect();
        let expected = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(" | ");
        one(Issue::new("invalid_enum_value", format!("Invalid enum value. Expected {expected}, received '{shown}'"))
            .with("options", names.to_vec())
            .with("received", shown))
    }
}

fn range<N: PartialOrd + std::fmt::Display + Into<Json> + Copy>(number: N, min: N, max: N) -> Checked<N> {
    if number < min {
        return one(Issue::new("too_small", format!("Number must be greater than or equal to {min}"))
            .with("minimum", min)
            .with("type", "number")
            .with("inclusive", true)
            .with("exact", false));
    }
    if number > max {
        return one(Issue::new("too_big", format!("Number must be less than or equal to {max}"))
            .with("maximum", max)
            .with("type", "number")
            .with("inclusive", true)
            .with("exact", false));
    }
    Ok(number)
}

/// A whole number of a body.
pub fn int(min: i64, max: i64) -> impl Fn(&Json) -> Checked<i64> {
    move |value| match value.as_i64() {
        Some(number) => range(number, min, max),
        None => one(Issue::wrong_type("integer", Some(value))),
    }
}

/// Any number of a body.
pub fn number(min: f64, max: f64) -> impl Fn(&Json) -> Checked<f64> {
    move |value| match value.as_f64() {
        Some(number) => range(number, min, max),
        None => one(Issue::wrong_type("number", Some(value))),
    }
}

/// A whole number of a query.
pub fn int_text(min: i64, max: i64) -> impl Fn(&Json) -> Checked<i64> {
    move |value| match string(value)?.parse() {
        Ok(number) => range(number, min, max),
        Err(_) => one(Issue::new("invalid_type", "Expected number, received nan").with("expected", "number")),
    }
}

/// A yes or no of a body.
pub fn flag() -> impl Fn(&Json) -> Checked<bool> {
    |value| value.as_bool().ok_or_else(|| vec![Issue::wrong_type("boolean", Some(value))])
}

/// A yes or no of a query.
pub fn bool_text() -> impl Fn(&Json) -> Checked<bool> {
    |value| match string(value)? {
        "true" | "1" => Ok(true),
        "false" | "0" | "" => Ok(false),
        _ => one(Issue::new("invalid_type", "Expected boolean, received string").with("expected", "boolean")),
    }
}

/// A list of at most `max` values.
pub fn list<T>(max: usize, rule: impl Fn(&Json) -> Checked<T>) -> impl Fn(&Json) -> Checked<Vec<T>> {
    move |value| {
        let Some(values) = value.as_array() else { return one(Issue::wrong_type("array", Some(value))) };
        bounds(values.len(), 0, max, "array", "element")?;
        let mut taken = Vec::with_capacity(values.len());
        let mut issues = Vec::new();
        for (index, value) in values.iter().enumerate() {
            match rule(value) {
                Ok(value) => taken.push(value),
                Err(found) => issues.extend(found.into_iter().map(|issue| issue.at(index))),
            }
        }
        if issues.is_empty() { Ok(taken) } else { Err(issues) }
    }
}

/// An object of at most `max` texts by name.
pub fn texts(max: usize, name_max: usize, value_max: usize) -> impl Fn(&Json) -> Checked<Vec<(String, String)>> {
    move |value| {
        let members = json_object(value)?;
        bounds(members.len(), 0, max, "array", "element")?;
        let mut taken = Vec::with_capacity(members.len());
        for (name, value) in members {
            let checked_name = text(0, name_max)(&Json::String(name.clone()))?;
            let value = text(0, value_max)(value)
                .map_err(|issues| issues.into_iter().map(|issue| issue.at(name.as_str())).collect::<Vec<_>>())?;
            taken.push((checked_name, value));
        }
        Ok(taken)
    }
}

/// Any object.
pub fn json_object(value: &Json) -> Checked<&Map<String, Json>> {
    value.as_object().ok_or_else(|| vec![Issue::wrong_type("object", Some(value))])
}

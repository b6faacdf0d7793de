//! Reading requests: every member checked, every complaint listed, in the shape the contract's clients know.
//!
//! A request type implements [`Input`] by asking [`Fields`] for its members with a rule each. Members nobody asks
//! for are dropped. [`extract`] has the axum extractors.

pub mod extract;
mod rules;

use serde_json::{Map, Value as Json, json};

pub use extract::{Body, Id, Query};
pub use rules::{bool_text, email, flag, int, int_text, json_object, list, named, number, text, texts, url, uuid};

/// What is wrong with one member; extra members say more for some codes.
#[derive(Debug, Clone)]
pub struct Issue {
    pub path: Vec<Json>,
    pub code: &'static str,
    pub message: String,
    pub more: Vec<(&'static str, Json)>,
}

impl Issue {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { path: Vec::new(), code, message: message.into(), more: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Json>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    /// The value is of another type than `expected`.
    #[must_use]
    pub fn wrong_type(expected: &'static str, got: Option<&Json>) -> Self {
        let received = match got {
            None => "undefined",
            Some(Json::Null) => "null",
            Some(Json::Bool(_)) => "boolean",
            Some(Json::Number(_)) => "number",
            Some(Json::String(_)) => "string",
            Some(Json::Array(_)) => "array",
            Some(Json::Object(_)) => "object",
        };
        let message =
            if got.is_none() { "Required".to_owned() } else { format!("Expected {expected}, received {received}") };
        Self::new("invalid_type", message).with("expected", expected).with("received", received)
    }

    #[must_use]
    pub fn at(mut self, part: impl Into<Json>) -> Self {
        self.path.insert(0, part.into());
        self
    }

    #[must_use]
    pub fn to_json(&self) -> Json {
        let mut members = Map::new();
        members.insert("code".to_owned(), json!(self.code));
        members.insert("path".to_owned(), Json::Array(self.path.clone()));
        members.insert("message".to_owned(), json!(self.message));
        for (name, value) in &self.more {
            members.insert((*name).to_owned(), value.clone());
        }
        Json::Object(members)
    }
}

/// A value, or everything wrong with it.
pub type Checked<T> = Result<T, Vec<Issue>>;

/// A request body or query.
pub trait Input: Sized {
    /// Asks for every member before giving up, so that all complaints are listed. `None` only after a complaint.
    fn read(fields: &mut Fields<'_>) -> Option<Self>;
}

/// Nothing is asked for; whatever comes is dropped.
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
pub struct Nothing {}

impl Input for Nothing {
    fn read(_: &mut Fields<'_>) -> Option<Self> {
        Some(Self {})
    }
}

/// The members of one object and the complaints so far.
#[derive(Debug)]
pub struct Fields<'a> {
    members: &'a Map<String, Json>,
    issues: Vec<Issue>,
}

impl<'a> Fields<'a> {
    #[must_use]
    pub fn new(members: &'a Map<String, Json>) -> Self {
        Self { members, issues: Vec::new() }
    }

    /// Reads a whole `T`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read<T: Input>(members: &'a Map<String, Json>) -> Checked<T> {
        let mut fields = Self::new(members);
        match T::read(&mut fields) {
            Some(value) if fields.issues.is_empty() => Ok(value),
            _ => Err(fields.issues),
        }
    }

    /// A member that must be there.
    pub fn need<T>(&mut self, name: &str, rule: impl Fn(&Json) -> Checked<T>) -> Option<T> {
        match self.members.get(name) {
            None => {
                // The rule knows which type it misses: ask it about null and say that nothing came.
                let expected = rule(&Json::Null).err().and_then(|issues| issues.into_iter().next());
                let expected = expected.and_then(|issue| issue.more.into_iter().find(|(name, _)| *name == "expected"));
                let mut issue = Issue::wrong_type("value", None);
                if let Some((_, expected)) = expected {
                    issue.more[0].1 = expected;
                }
                self.issues.push(issue.at(name));
                None
            }
            Some(value) => self.check(name, rule(value)),
        }
    }

    /// A member that may be absent. The outer `None` means a complaint.
    pub fn may<T>(&mut self, name: &str, rule: impl Fn(&Json) -> Checked<T>) -> Option<Option<T>> {
        match self.members.get(name) {
            None => Some(None),
            Some(value) => self.check(name, rule(value)).map(Some),
        }
    }

    /// A member that may be absent or null: `Some(None)` when absent, `Some(Some(None))` when null.
    pub fn may_null<T>(&mut self, name: &str, rule: impl Fn(&Json) -> Checked<T>) -> Option<Option<Option<T>>> {
        match self.members.get(name) {
            None => Some(None),
            Some(Json::Null) => Some(Some(None)),
            Some(value) => self.check(name, rule(value)).map(|value| Some(Some(value))),
        }
    }

    /// A member with a default.
    pub fn or<T>(&mut self, name: &str, rule: impl Fn(&Json) -> Checked<T>, default: T) -> Option<T> {
        match self.members.get(name) {
            None => Some(default),
            Some(value) => self.check(name, rule(value)),
        }
    }

    /// Complains about a member apart from its rule.
    pub fn refuse(&mut self, name: &str, message: &str) {
        self.issues.push(Issue::new("custom", message).at(name));
    }

    fn check<T>(&mut self, name: &str, checked: Checked<T>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(issues) => {
                self.issues.extend(issues.into_iter().map(|issue| issue.at(name)));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;

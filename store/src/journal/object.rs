//! What goes into a `jsonb` column and is not looked at on the way there: written as text once, without a tree before.

use serde::Serialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

/// A JSON object, member by member; see [`object!`](crate::object).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object(Vec<u8>);

/// Room for the members of an ordinary event: a few words and an id.
const ROOM: usize = 96;

impl Default for Object {
    fn default() -> Self {
        let mut text = Vec::with_capacity(ROOM);
        text.extend_from_slice(b"{}");
        Self(text)
    }
}

impl Object {
    /// Adds a member. Its name is an identifier, and not among them yet.
    ///
    /// # Panics
    /// When JSON cannot hold the value: it is plain data.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &(impl Serialize + ?Sized)) -> Self {
        let text = &mut self.0;
        text.pop();
        if text.len() > 1 {
            text.push(b',');
        }
        text.push(b'"');
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b"\":");
        serde_json::to_writer(&mut *text, value).expect("plain data");
        text.push(b'}');
        self
    }

    pub(super) fn raw(&self) -> Result<&RawValue, serde_json::Error> {
        serde_json::from_slice(&self.0)
    }

    /// To look into it after all.
    ///
    /// # Errors
    /// Never: what was written is read.
    pub fn read(&self) -> Result<Json, serde_json::Error> {
        serde_json::from_slice(&self.0)
    }
}

/// An [`Object`] of the members named, written like `serde_json::json!`.
#[macro_export]
macro_rules! object {
    ({ $($name:literal : $value:expr),* $(,)? }) => {
        $crate::journal::Object::default()$(.with($name, &$value))*
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Object;

    #[test]
    fn an_object_reads_as_the_same_from_json() {
        let (words, none) = ("a \"quoted\"\nline", None::<u8>);
        let written = object!({ "step": words, "count": 3, "none": none });
        assert_eq!(written.read().unwrap(), json!({ "step": words, "count": 3, "none": none }));
        assert_eq!(written.raw().unwrap().get().len(), written.0.len());
        assert_eq!(Object::default().read().unwrap(), json!({}));
    }
}

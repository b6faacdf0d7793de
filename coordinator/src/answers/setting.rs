//! What the rest of a form says about each of its fields.

use protocol::form::{Field, FormModel};

use super::classify::{Class, Context, KIND_MIN};
use super::kind::Canonical;
use super::own::Setting;
use super::text::normalise;

/// What the form around each field says: siblings, and which job or school of several it belongs to.
pub(super) fn settings(form: &FormModel, classes: &[Class]) -> Vec<Setting> {
    let has = |kinds: &[Canonical]| {
        classes
            .iter()
            .any(|class| kinds.contains(&class.kind) && class.confidence >= KIND_MIN && class.context == Context::None)
    };
    let has_city = has(&[Canonical::City, Canonical::PostalCode]);
    let has_phone_country = has(&[Canonical::PhoneCountry]);
    let mut work = Counter::default();
    let mut education = Counter::default();
    form.fields
        .iter()
        .zip(classes)
        .map(|(field, class)| {
            let nth = match class.context {
                Context::Work(number) => work.count(field, class.kind, number),
                Context::Education(number) => education.count(field, class.kind, number),
                _ => 0,
            };
            Setting { nth, has_city, has_phone_country }
        })
        .collect()
}

/// Numbers the entries of a repeated section: by the page's own numbers, else by the return of its first field.
#[derive(Default)]
struct Counter {
    numbers: Vec<usize>,
    anchor: Option<(Canonical, String)>,
    entries: usize,
}

impl Counter {
    fn count(&mut self, field: &Field, kind: Canonical, number: Option<usize>) -> usize {
        if let Some(number) = number {
            let at = self.numbers.iter().position(|seen| *seen == number);
            return at.unwrap_or_else(|| {
                self.numbers.push(number);
                self.numbers.len() - 1
            });
        }
        let this = (kind, normalise(&field.label));
        match &self.anchor {
            None => self.anchor = Some(this),
            Some(anchor) if *anchor == this => self.entries += 1,
            Some(_) => {}
        }
        self.entries
    }
}

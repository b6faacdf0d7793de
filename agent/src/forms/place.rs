//! Places in other words: "Portland, OR" is "Portland, Oregon, United States". Pure; the same rule as `placeFit` of the
//! script, which chooses options by it.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::verify::fold;

/// Other names of states and countries, in lower case: what the script has, too.
static NAMES: LazyLock<HashMap<String, Vec<String>>> =
    LazyLock::new(|| serde_json::from_str(include_str!("js/places.json")).unwrap_or_default());

/// Whether both name the same town, and neither says anything that the other contradicts.
pub(super) fn same_place(a: &str, b: &str) -> bool {
    let (a, b) = (parts(a), parts(b));
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    // A town's name alone is that of several.
    if short.len() < 2 || !same_part(&short[0], &long[0]) {
        return false;
    }
    let mut rest = long.iter();
    short.iter().all(|part| rest.any(|other| same_part(part, other)))
}

/// From the town outward, each part with its other names; postal codes left out.
fn parts(text: &str) -> Vec<Vec<String>> {
    fold(text)
        .split(',')
        .map(|part| {
            part.split(' ').filter(|word| !is_postal_code(word)).collect::<Vec<_>>().join(" ").trim().to_owned()
        })
        .filter(|part| !part.is_empty())
        .map(|part| {
            let others = NAMES.get(&part).cloned().unwrap_or_default();
            std::iter::once(part).chain(others).collect()
        })
        .collect()
}

fn is_postal_code(word: &str) -> bool {
    (4..=6).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit())
}

fn same_part(a: &[String], b: &[String]) -> bool {
    a.iter().any(|name| b.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_countries_go_by_their_codes() {
        let full = "Portland, Oregon, United States";
        for text in
            ["Portland, OR", "portland, or, usa", "Portland, OR 97205", "Portland, Oregon", "Portland, United States"]
        {
            assert!(same_place(text, full) && same_place(full, text), "{text}");
        }
        for text in ["Portland, ME", "Portland", "Portland, OR, Canada", "Salem, OR", "Portland, Maine, United States"]
        {
            assert!(!same_place(text, full), "{text}");
        }
        assert!(same_place("Toronto, ON, CA", "Toronto, Ontario, Canada"));
        assert!(same_place("London, UK", "London, England, United Kingdom"));
    }
}

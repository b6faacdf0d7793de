//! How often each kind of process was killed in each phase of a task, over several runs: one run with some two hundred
//! kills hits each four or five times, and proof asks for more.
//!
//! A file of lines `KIND PHASE COUNT`, added to by each run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::strikes::PHASES;

/// Kills by kind and phase.
pub type Hits = BTreeMap<(String, String), u32>;

/// A line for each kind.
#[must_use]
pub fn lines(hits: &Hits) -> Vec<String> {
    let mut by_kind: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ((kind, phase), count) in hits {
        by_kind.entry(kind).or_default().push(format!("{phase} {count}"));
    }
    by_kind.into_iter().map(|(kind, phases)| format!("{kind} killed in: {}", phases.join(", "))).collect()
}

/// Adds a run's hits to the file, which need not be there; returns the sums.
///
/// # Errors
/// When the file cannot be read or written, or is something else.
pub fn add(file: &Path, run: &Hits) -> io::Result<Hits> {
    let before = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let mut sums = run.clone();
    for line in before.lines() {
        let mut words = line.split_whitespace();
        let (Some(kind), Some(phase), Some(Ok(count))) =
            (words.next(), words.next(), words.next().map(str::parse::<u32>))
        else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("not a tally: {line}")));
        };
        *sums.entry((kind.to_owned(), phase.to_owned())).or_default() += count;
    }
    let mut text = String::new();
    for ((kind, phase), count) in &sums {
        let _ = writeln!(text, "{kind} {phase} {count}");
    }
    std::fs::write(file, text)?;
    Ok(sums)
}

/// What was hit least, of every kind that was hit at all in every phase that there is.
#[must_use]
pub fn least(hits: &Hits) -> Option<(String, &'static str, u32)> {
    let kinds: BTreeSet<&String> = hits.keys().map(|(kind, _)| kind).collect();
    let all = kinds.into_iter().flat_map(|kind| PHASES.map(|phase| (kind.clone(), phase)));
    let counted = all.map(|(kind, phase)| {
        let count = hits.get(&(kind.clone(), phase.to_owned())).copied().unwrap_or_default();
        (kind, phase, count)
    });
    counted.min_by_key(|(_, _, count)| *count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(phases: &[&str], count: u32) -> Hits {
        phases.iter().map(|phase| (("agent".to_owned(), (*phase).to_owned()), count)).collect()
    }

    #[test]
    fn runs_add_up_and_what_was_never_hit_is_least() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hits");
        let first = add(&file, &run(&PHASES[1..], 2)).unwrap();
        assert_eq!(least(&first), Some(("agent".to_owned(), PHASES[0], 0)));
        let both = add(&file, &run(&PHASES, 3)).unwrap();
        assert_eq!(least(&both), Some(("agent".to_owned(), PHASES[0], 3)));
        assert_eq!(both[&("agent".to_owned(), PHASES[1].to_owned())], 5);
        std::fs::write(&file, "something else").unwrap();
        assert!(add(&file, &first).is_err());
    }
}

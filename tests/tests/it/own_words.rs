//! The engine knows forms in general: no form, employer or question of the practice site, or of the measuring sets,
//! is named in it.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "js" || kind == "json") {
            found.push(path);
        }
    }
}

/// Code that fills forms, without its tests (which have forms of their own).
fn engine() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for dir in ["agent/src", "coordinator/src"] {
        sources(&root().join(dir), &mut found);
    }
    let is_test = |path: &Path| path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests"));
    found.retain(|path| !is_test(path));
    found.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).expect("a source"))).collect()
}

/// Text that is one form's own question: longer than the words by which questions in general are known.
fn is_question(text: &str) -> bool {
    text.split_whitespace().count() >= 9 && !text.contains(['{', '<', '\n'])
}

/// An employer whose name a resume's links have, too.
const CODE_HOST: &str = "gitlab";

fn check(names: &[String]) {
    assert!(!names.is_empty(), "nothing to look for");
    for (path, text) in engine() {
        let text = text.to_lowercase();
        for name in names {
            assert!(!text.contains(&name.to_lowercase()), "{} names {name:?}", path.display());
        }
    }
}

#[test]
fn no_practice_employer_is_named_in_the_engine() {
    let mut files = Vec::new();
    sources(&root().join("practice/src"), &mut files);
    let mut names = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).expect("a source");
        for key in ["company: \"", "slug: \""] {
            names.extend(text.split(key).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
        names.extend(text.split('"').filter(|quoted| is_question(quoted)).map(str::to_owned));
    }
    assert!(names.iter().any(|name| is_question(name)), "the practice forms ask questions");
    names.retain(|name| name.len() > 4);
    check(&names);
}

#[test]
fn no_measured_form_is_named_in_the_engine() {
    let expected = root().parent().expect("a parent").join("shared/ats/dev/expected");
    let Ok(entries) = std::fs::read_dir(&expected) else {
        eprintln!("skipped: the measuring set is not here");
        return;
    };
    let mut names = Vec::new();
    for entry in entries.flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("an expectation");
        let form: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let id = form["id"].as_str().unwrap_or_default();
        names.push(id.to_owned());
        // A real form is named after its system and its company.
        if form["real"] == true {
            names.extend(id.split_once('-').map(|(_, company)| company.to_owned()).filter(|name| *name != CODE_HOST));
        }
        for field in form["fields"].as_array().into_iter().flatten() {
            names.extend(field["label"].as_str().filter(|label| is_question(label)).map(str::to_owned));
            let selector = field["selector"].as_str().unwrap_or_default();
            // Question ids of real forms: long runs of digits.
            names.extend(selector.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= 7).map(str::to_owned));
        }
    }
    names.retain(|name| name.len() > 4);
    check(&names);
}

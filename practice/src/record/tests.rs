use super::*;
use crate::catalog;

fn draft(email: &str) -> Draft {
    Draft {
        job: catalog::find(Style::Lever, "data-engineer").unwrap(),
        email: email.to_owned(),
        fields: vec![
            ("Zeal".to_owned(), Answer::One("much".to_owned())),
            ("Abilities".to_owned(), Answer::Many(vec!["a".to_owned(), "b".to_owned()])),
        ],
        files: Vec::new(),
        honeypot: false,
    }
}

#[test]
fn what_was_accepted_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let first = Record::open(Some(folder.path())).unwrap().accept(draft("a@b.example")).unwrap();

    let record = Record::open(Some(folder.path())).unwrap();
    let again = record.accept(draft("A@B.example")).unwrap();

    assert_eq!((first.id, first.duplicate_of), (1, None));
    assert_eq!((again.id, again.duplicate_of), (2, Some(1)));
    let kept = record.read();
    assert_eq!((kept.count, kept.duplicates), (2, 1));
    assert_eq!(kept.by_number(&first.number).unwrap().fields, first.fields, "in the order of the form");
}

#[test]
fn a_torn_last_line_is_cut_off_and_the_next_line_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    Record::open(Some(folder.path())).unwrap().accept(draft("a@b.example")).unwrap();
    // Longer than the line that is written in its place.
    let torn = format!("{{\"id\":2,\"number\":\"{}", "x".repeat(5_000));
    let path = folder.path().join(FILE_NAME);
    OpenOptions::new().append(true).open(&path).unwrap().write_all(torn.as_bytes()).unwrap();

    Record::open(Some(folder.path())).unwrap().accept(draft("c@d.example")).unwrap();

    assert!(std::fs::read_to_string(&path).unwrap().ends_with("}\n"));
    assert_eq!(Record::open(Some(folder.path())).unwrap().read().count, 2);
}

#[test]
fn an_unreadable_line_in_the_middle_is_an_error_that_quotes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    Record::open(Some(folder.path())).unwrap().accept(draft("a@b.example")).unwrap();
    let path = folder.path().join(FILE_NAME);
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"id\":\"secret\"}\n").unwrap();

    let error = Record::open(Some(folder.path())).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(error.to_string().contains("line 2") && !error.to_string().contains("secret"), "{error}");
}

#[test]
fn two_employers_cannot_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Record::open(Some(folder.path())).unwrap();
    assert_eq!(Record::open(Some(folder.path())).err().unwrap().kind(), io::ErrorKind::ResourceBusy);
}

#[test]
fn memory_is_bounded_and_nothing_is_uncounted() {
    let record = Record::open(None).unwrap();
    record.accept(draft("first@b.example")).unwrap();
    for n in 0..KEPT_MAX {
        record.accept(draft(&format!("{n}@b.example"))).unwrap();
    }
    let late = record.accept(draft("first@b.example")).unwrap();

    let kept = record.read();
    assert_eq!(kept.iter().count(), KEPT_MAX);
    assert_eq!((kept.count, kept.duplicates), (KEPT_MAX as u64 + 2, 1));
    assert_eq!(late.duplicate_of, Some(1), "a duplicate of one that is no longer listed is still one");
}

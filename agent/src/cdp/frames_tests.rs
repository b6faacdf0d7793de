use serde_json::json;

use super::*;

fn id(name: &str) -> FrameId {
    FrameId::from(name.to_owned())
}

fn frame(name: &str, parent: Option<&str>, url: &str) -> serde_json::Value {
    json!({
        "id": name, "parentId": parent, "loaderId": "L", "url": url, "domainAndRegistry": "", "securityOrigin": url,
        "mimeType": "text/html", "secureContextType": "Secure", "crossOriginIsolatedContextType": "NotIsolated",
        "gatedAPIFeatures": [],
    })
}

fn context(ctx: i64, frame: &str, name: &str) -> ExecutionContextDescription {
    let aux = json!({"isDefault": name.is_empty(), "type": "x", "frameId": frame});
    serde_json::from_value(
        json!({"id": ctx, "origin": "", "name": name, "uniqueId": format!("u{ctx}"), "auxData": aux}),
    )
    .unwrap()
}

fn names(tree: &Tree) -> Vec<String> {
    tree.list()
        .iter()
        .map(|f| format!("{}{}", f.id.as_ref() as &str, if f.out_of_process { "*" } else { "" }))
        .collect()
}

/// main(P) ── a(P) ── b(child C), c(P)
fn page() -> Tree {
    let mut tree = Tree::new(id("main"), "P");
    tree.attached("P", id("a"), id("main"));
    tree.attached("P", id("b"), id("a"));
    tree.attached("P", id("c"), id("main"));
    tree.taken_over("C", id("b"), Some(id("a")));
    tree
}

#[test]
fn frames_are_listed_parents_first_and_siblings_by_age() {
    assert_eq!(names(&page()), ["main", "a", "b*", "c"]);
}

#[test]
fn a_swap_is_the_same_in_both_orders() {
    for swap_first in [true, false] {
        let mut tree = Tree::new(id("main"), "P");
        tree.attached("P", id("b"), id("main"));
        if swap_first {
            tree.detached("P", &id("b"), true);
            assert_eq!(names(&tree), ["main"], "nobody speaks for it meanwhile");
        }
        tree.taken_over("C", id("b"), Some(id("main")));
        if !swap_first {
            tree.detached("P", &id("b"), true);
        }
        assert_eq!(names(&tree), ["main", "b*"]);
    }
}

#[test]
fn a_frame_that_came_home_outlives_its_old_session() {
    let mut tree = page();
    tree.attached("P", id("b"), id("a"));
    tree.session_ended("C");
    assert_eq!(names(&tree), ["main", "a", "b", "c"]);
}

#[test]
fn a_removed_frame_takes_its_subtree_and_contexts() {
    let mut tree = page();
    tree.context_created("C", &context(1, "b", ""));
    tree.detached("P", &id("a"), false);
    assert_eq!(names(&tree), ["main", "c"]);
    assert_eq!(tree.context(&id("b"), World::Main), None);
}

#[test]
fn the_end_of_a_session_ends_its_frames_but_never_the_main_one() {
    let mut tree = page();
    tree.session_ended("C");
    assert_eq!(names(&tree), ["main", "a", "c"]);
    tree.session_ended("P");
    assert_eq!(names(&tree), ["main"]);
}

#[test]
fn contexts_are_found_by_world_and_by_the_session_that_speaks() {
    let mut tree = page();
    tree.context_created("P", &context(1, "a", ""));
    tree.context_created("P", &context(2, "a", World::ISOLATED_NAME));
    tree.context_created("P", &context(3, "a", "someone else"));
    tree.context_created("P", &context(9, "b", ""));
    assert_eq!(tree.context(&id("a"), World::Main), Some(("P".into(), "u1".into())));
    assert_eq!(tree.context(&id("a"), World::Isolated), Some(("P".into(), "u2".into())));
    assert_eq!(tree.context(&id("b"), World::Main), None, "the old process's context is not the frame's");
    tree.context_destroyed("u2");
    assert_eq!(tree.context(&id("a"), World::Isolated), None);
    tree.contexts_cleared("P");
    assert_eq!(tree.context(&id("a"), World::Main), None);
}

#[test]
fn local_roots_follow_processes() {
    let mut tree = page();
    tree.attached("C", id("d"), id("b"));
    assert_eq!(tree.local_root(&id("d")), Some(id("b")));
    assert_eq!(tree.local_root(&id("a")), Some(id("main")));
}

#[test]
fn a_snapshot_fills_gaps_and_overwrites_nothing() {
    let mut tree = Tree::new(id("main"), "P");
    tree.navigated("P", &serde_json::from_value(frame("main", None, "https://new.example")).unwrap());
    let old: FrameTree = serde_json::from_value(json!({
        "frame": frame("main", None, "https://old.example"),
        "childFrames": [{"frame": frame("a", Some("main"), "https://a.example")}],
    }))
    .unwrap();
    tree.snapshot("P", &old);
    let list = tree.list();
    assert_eq!(list[0].url, "https://new.example");
    assert_eq!((list[1].url.as_str(), list[1].parent.as_ref()), ("https://a.example", Some(&id("main"))));
}

#[test]
fn frames_are_bounded() {
    let mut tree = Tree::new(id("main"), "P");
    for n in 0..MAX_FRAMES * 2 {
        tree.attached("P", id(&n.to_string()), id("main"));
    }
    assert_eq!(tree.list().len(), MAX_FRAMES);
}

#[test]
fn a_page_lacks_its_scripts_for_as_long_as_one_of_its_frames_does() {
    let mut tree = page();
    assert!(tree.scripted());
    tree.without_scripts("C");
    tree.without_scripts("C");
    tree.session_ended("D");
    assert!(!tree.scripted());
    tree.session_ended("C");
    assert!(tree.scripted());
}

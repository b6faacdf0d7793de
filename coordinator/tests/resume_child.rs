//! Reading through the child process: what comes back, and how a child that misbehaves is ended.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod made;

use std::path::{Path, PathBuf};
use std::time::Duration;

use coordinator::resumes::{Code, Limits, extract, extract_within, read};
use made::{bytes, docx, p, pdf};

const CHILD: &str = env!("CARGO_BIN_EXE_resume-child");

/// The child under a name that makes it misbehave.
fn child_named(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("resume-child-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let link = folder.join(name);
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(CHILD, &link).unwrap();
    link
}

fn code<T: std::fmt::Debug>(result: Result<T, coordinator::resumes::Error>) -> Code {
    result.unwrap_err().code
}

/// Children of this process by that executable name, running or not yet waited for.
fn children(name: &str) -> usize {
    let me = std::process::id().to_string();
    let stat =
        |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(entry.ok()?.path().join("stat")).ok();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(stat)
        .filter(|stat| {
            let after = stat.rsplit(')').next().unwrap_or_default();
            stat.contains(&format!("({name})")) && after.split_whitespace().nth(1) == Some(&me)
        })
        .count()
}

#[tokio::test]
async fn a_file_is_read_in_the_child() {
    let file = bytes(pdf(&[&[(40, 60, 20, "Ann Example"), (40, 100, 11, "ann@example.com")]]));
    let read = extract(Path::new(CHILD), file, "application/pdf").await.unwrap();
    assert!(read.text.contains("Ann Example") && read.text.contains("ann@example.com"), "{}", read.text);
    let read = extract(Path::new(CHILD), docx(&p("Ann"), &[]), "").await.unwrap();
    assert_eq!(read.text.trim(), "Ann");
}

#[tokio::test]
async fn refusals_come_back_with_their_codes() {
    let refused = async |file: &[u8], declared: &str| code(extract(Path::new(CHILD), file.to_vec(), declared).await);
    assert_eq!(refused(b"\x89PNG\r\n\x1a\n\0\0", "application/pdf").await, Code::NotWhatItSays);
    assert_eq!(refused(b"", "").await, Code::Empty);
    assert_eq!(refused(&vec![b'a'; 11 * 1024 * 1024], "").await, Code::TooLarge);
    assert_eq!(refused(b"%PDF-1.4 but no more", "").await, Code::Unreadable);
}

#[tokio::test]
async fn text_that_is_no_resume_has_too_little_confidence() {
    let today = chrono::NaiveDate::from_ymd_opt(2025, 6, 15).unwrap();
    let result = read(Path::new(CHILD), b"Dear diary, nothing happened.".to_vec(), "text/plain", today).await;
    assert_eq!(code(result), Code::LowConfidence);
}

#[tokio::test]
async fn a_child_that_hangs_is_ended() {
    let limits = Limits { wall: Duration::from_millis(300), ..Limits::default() };
    let result = extract_within(&child_named("hang"), b"text".to_vec(), "", limits).await;
    assert_eq!(code(result), Code::Timeout);
    // Killed and waited for: gone without a trace.
    tokio::time::timeout(Duration::from_secs(10), async {
        while children("hang") > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_child_that_does_not_read_does_not_block_the_parent() {
    let limits = Limits { wall: Duration::from_millis(300), ..Limits::default() };
    let result = extract_within(&child_named("hang"), vec![b'a'; 5 * 1024 * 1024], "", limits).await;
    assert_eq!(code(result), Code::Timeout);
}

#[tokio::test]
async fn a_child_that_spins_runs_out_of_processor_time() {
    let limits = Limits { cpu_s: 1, ..Limits::default() };
    let result = extract_within(&child_named("spin"), b"text".to_vec(), "", limits).await;
    assert_eq!(code(result), Code::Timeout);
}

#[tokio::test]
async fn a_child_that_eats_memory_dies_of_it() {
    let result = extract(&child_named("eat"), b"text".to_vec(), "").await;
    assert_eq!(code(result), Code::Crashed);
}

#[tokio::test]
async fn a_child_that_never_stops_talking_is_cut_off() {
    let result = extract(&child_named("chatter"), b"text".to_vec(), "").await;
    assert_eq!(code(result), Code::Crashed);
}

#[tokio::test]
async fn a_child_has_no_secrets_network_or_files() {
    // The child answers with what it could get at; see `look` in `src/bin/resume-child.rs`.
    let seen = extract(&child_named("look"), b"text".to_vec(), "").await.unwrap().text;
    assert!(seen.contains("environment=MALLOC_ARENA_MAX\n"), "{seen}");
    assert!(seen.contains("writes=refused\n"), "{seen}");
    assert!(seen.contains("network=refused\n") || seen.contains("isolated=false\n"), "{seen}");
    assert!(seen.contains("privileges=locked\n"), "{seen}");
}

#[tokio::test]
async fn an_executable_that_is_not_there_is_reported() {
    let result = extract(Path::new("/nonexistent/valet"), b"text".to_vec(), "").await;
    assert_eq!(code(result), Code::Crashed);
}

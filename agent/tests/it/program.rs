//! The program itself, as an operator runs it.

use std::process::Stdio;
use std::time::Duration;

use protocol::ids::SandboxId;
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::*;

/// What an idle agent may hold: 25 MB as people run it, which `make bench` measures. A build for tests is larger, its
/// code being four times as long; more than this is a leak.
const RESIDENT_MAX_KB: u64 = if cfg!(debug_assertions) { 40 << 10 } else { 25 << 10 };

#[tokio::test]
async fn the_program_enrols_serves_and_stops_on_a_signal() {
    let (core, mut events) = Core::new();
    let fleet = Fleet::new();
    let listener = fleet.listen(&core, loopback());
    let (dir, sandbox) = (tempfile::tempdir().unwrap(), SandboxId::new());
    let ready = dir.path().join("ready.json");
    let mut program = Command::new(env!("CARGO_BIN_EXE_valet-agent"))
        .args(["--coordinator", &listener.addresses()[0].to_string(), "--log-format", "json"])
        .arg("--data-dir")
        .arg(dir.path().join("data"))
        .arg("--ready-file")
        .arg(&ready)
        .env("VALET_ENROL_TOKEN", fleet.token(&core, sandbox))
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    events.hello().await;
    let pid = program.id().unwrap();
    // A heartbeat follows the welcome, and so the ready file.
    events.next(|event| matches!(event, Event::Heartbeat(_)).then_some(())).await;
    let announced: serde_json::Value = serde_json::from_slice(&std::fs::read(&ready).unwrap()).unwrap();
    assert_eq!(announced, serde_json::json!({ "sandbox": sandbox, "pid": pid }));

    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident: u64 = resident.split_whitespace().next().unwrap().parse().unwrap();
    println!("resident: {resident} kB");
    assert!(resident <= RESIDENT_MAX_KB, "{resident} kB");

    let told = Command::new("kill").args(["-TERM", &pid.to_string()]).status().await.unwrap();
    assert!(told.success());
    let status = timeout(Duration::from_secs(60), program.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}

use super::*;
use protocol::task::Confirmation;

struct Ids {
    permit: PermitId,
    lease: LeaseId,
    task: TaskId,
}

fn ids() -> Ids {
    Ids { permit: PermitId::new(), lease: LeaseId::new(), task: TaskId::new() }
}

fn confirmed() -> SubmitOutcome {
    SubmitOutcome::Confirmed(Confirmation { text: "thanks".into(), number: None, url: "https://x".into() })
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let (a, b) = (ids(), ids());
    let process = Process { pid: 7, started: 99, port: 9222, profile: "/tmp/p".into() };
    {
        let ledger = Ledger::open(&path).unwrap();
        ledger.process_started(process.clone()).unwrap();
        ledger.process_started(Process { pid: 8, ..process.clone() }).unwrap();
        ledger.process_gone(8, 99).unwrap();
        ledger.lease_began(a.lease, a.task).unwrap();
        ledger.lease_began(b.lease, b.task).unwrap();
        ledger.permit_used(a.permit, a.lease, a.task).unwrap();
        ledger.permit_outcome(a.permit, a.lease, a.task, confirmed()).unwrap();
        ledger.permit_used(b.permit, b.lease, b.task).unwrap();
        ledger.permit_returned(b.permit, b.lease, b.task, ReturnReason::Expired).unwrap();
        ledger.lease_ended(b.lease).unwrap();
    }
    let ledger = Ledger::open(&path).unwrap();
    assert_eq!(ledger.processes(), [process]);
    assert_eq!(ledger.leases(), [(a.lease, a.task)]);
    assert_eq!(ledger.permit(a.permit).unwrap().state, PermitState::Outcome(confirmed()));
    assert_eq!(ledger.permit(b.permit).unwrap().state, PermitState::Returned(ReturnReason::Expired));
    let seen = ledger.recent_permits();
    let SubmitOutcome::Confirmed(confirmation) = confirmed() else { unreachable!() };
    let confirmation = Some(confirmation);
    assert!(seen.contains(&SeenPermit { permit: a.permit, task: a.task, used: true, confirmation }));
    assert!(seen.contains(&SeenPermit { permit: b.permit, task: b.task, used: false, confirmation: None }));
}

#[test]
fn nothing_of_a_job_stays_in_the_file_after_it_ended_but_that_its_permit_was_used() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let (ledger, id) = (Ledger::open(&path).unwrap(), ids());
    ledger.lease_began(id.lease, id.task).unwrap();
    ledger.permit_outcome(id.permit, id.lease, id.task, confirmed()).unwrap();
    let holds = |path: &Path| fs::read(path).unwrap().windows(6).any(|bytes| bytes == b"thanks");
    assert!(holds(&path));
    ledger.lease_ended(id.lease).unwrap();
    assert!(!holds(&path));
    assert_eq!(ledger.permit(id.permit).unwrap().state, PermitState::Used);
    // The file that replaced it is the one written to.
    ledger.lease_began(id.lease, id.task).unwrap();
    assert_eq!(Ledger::open(&path).unwrap().leases(), [(id.lease, id.task)]);
}

#[test]
fn a_hello_with_every_confirmation_fits_a_frame() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&dir.path().join("ledger")).unwrap();
    let long = || "😀".repeat(20_000);
    for _ in 0..CONFIRMATIONS_MAX + 5 {
        let id = ids();
        let seen = Confirmation { text: long(), number: Some(long()), url: long() };
        ledger.permit_outcome(id.permit, id.lease, id.task, SubmitOutcome::Confirmed(seen)).unwrap();
    }
    let seen = ledger.recent_permits();
    assert_eq!(seen.len(), CONFIRMATIONS_MAX + 5);
    assert_eq!(seen.iter().filter(|seen| seen.confirmation.is_some()).count(), CONFIRMATIONS_MAX);
    // Beside as many permits as are ever told, 40 bytes each.
    assert!(codec::encode(&seen).unwrap().len() + PERMITS_MAX * 40 < codec::BODY_MAX);
}

#[test]
fn a_torn_or_damaged_end_costs_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let id = ids();
    let sound = {
        let ledger = Ledger::open(&path).unwrap();
        ledger.permit_used(id.permit, id.lease, id.task).unwrap();
        let sound = fs::metadata(&path).unwrap().len() as usize;
        ledger.lease_began(id.lease, id.task).unwrap();
        sound
    };
    let whole = fs::read(&path).unwrap();
    for cut in sound..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let ledger = Ledger::open(&path).unwrap();
        assert!(ledger.permit(id.permit).unwrap().used(), "cut at {cut}");
        assert!(ledger.leases().is_empty(), "cut at {cut}");
    }
    let mut damaged = whole;
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&path, &damaged).unwrap();
    assert!(Ledger::open(&path).unwrap().leases().is_empty());
}

#[test]
fn a_ledger_damaged_before_its_end_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let (a, b) = (ids(), ids());
    let first = {
        let ledger = Ledger::open(&path).unwrap();
        let empty = fs::metadata(&path).unwrap().len() as usize;
        ledger.permit_used(a.permit, a.lease, a.task).unwrap();
        ledger.permit_used(b.permit, b.lease, b.task).unwrap();
        empty..empty + (fs::metadata(&path).unwrap().len() as usize - empty) / 2
    };
    let whole = fs::read(&path).unwrap();
    // A record that cannot be read hides what it said: that one permit was used.
    for at in first {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        fs::write(&path, &damaged).unwrap();
        assert!(matches!(Ledger::open(&path), Err(Error::Damaged { .. })), "byte {at}");
        assert_eq!(fs::read(&path).unwrap(), damaged, "it is left as it was found");
    }
}

#[test]
fn a_ledger_that_was_removed_takes_no_permit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let (ledger, id) = (Ledger::open(&path).unwrap(), ids());
    fs::remove_file(&path).unwrap();
    assert!(matches!(ledger.permit_used(id.permit, id.lease, id.task), Err(Error::Removed)));
}

#[test]
fn a_write_that_fails_half_way_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let (ledger, id) = (Ledger::open(&path).unwrap(), ids());
    // A file open for reading refuses every write, as a full disk does.
    ledger.inner().file = File::open(&path).unwrap();
    assert!(matches!(ledger.permit_used(id.permit, id.lease, id.task), Err(Error::Io { .. })));
    assert!(ledger.permit(id.permit).is_none());
    assert!(matches!(ledger.lease_began(id.lease, id.task), Err(Error::Broken)), "it could not be cut back either");
}

#[test]
fn a_full_disk_takes_no_permit() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, id) = (Ledger::open(&dir.path().join("ledger")).unwrap(), ids());
    ledger.inner().file = OpenOptions::new().append(true).open("/dev/full").unwrap();
    let Err(Error::Io { source, .. }) = ledger.permit_used(id.permit, id.lease, id.task) else { panic!() };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    assert!(ledger.permit(id.permit).is_none());
}

fn tab(pid: u32) -> Tab {
    Tab { pid, started: 99, context: "context".into(), target: "target".into(), way: 4_000 }
}

#[test]
fn pages_are_found_until_their_lease_or_their_browser_ends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let (a, b, c) = (ids(), ids(), ids());
    {
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.egress_port(), None);
        ledger.egress_at(3_000).unwrap();
        ledger.egress_at(3_001).unwrap();
        for (id, pid) in [(&a, 7), (&b, 8), (&c, 7)] {
            ledger.lease_began(id.lease, id.task).unwrap();
            ledger.page_leased(id.lease, tab(pid)).unwrap();
        }
        // It went on in another tab.
        ledger.page_leased(a.lease, Tab { target: "popup".into(), ..tab(7) }).unwrap();
        ledger.process_gone(8, 99).unwrap();
        ledger.lease_ended(c.lease).unwrap();
    }
    // Once as it was written, once as it was rewritten.
    for _ in 0..2 {
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.page(a.lease), Some(Tab { target: "popup".into(), ..tab(7) }));
        assert_eq!((ledger.page(b.lease), ledger.page(c.lease)), (None, None));
        assert_eq!(ledger.egress_port(), Some(3_001));
    }
}

#[test]
fn records_are_the_same_bytes_for_ever() {
    let id = uuid::Uuid::from_bytes([7; 16]);
    let (lease, task, permit) = (LeaseId(id), TaskId(id), PermitId(id));
    let process = Process { pid: 7, started: 99, port: 922, profile: "/p".into() };
    let entry = PermitEntry { permit, lease, task, at_ms: 5, state: PermitState::Used };
    let all = [
        Record::ProcessStarted(process),
        Record::ProcessGone { pid: 7, started: 99 },
        Record::LeaseBegan { lease, task },
        Record::LeaseEnded { lease },
        Record::Permit(entry),
        Record::PageLeased { lease, tab: Tab { context: "c".into(), target: "t".into(), ..tab(7) } },
        Record::EgressAt { port: 3_000 },
    ];
    let mut bytes = Vec::new();
    all.iter().for_each(|record| record::append(record, &mut bytes).unwrap());
    assert_eq!((bytes.len(), crc32fast::hash(&bytes)), (206, 2_579_226_482));
}

#[test]
fn another_file_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    fs::write(&path, "somebody's notes").unwrap();
    assert!(matches!(Ledger::open(&path), Err(Error::NotALedger { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's notes");
    fs::write(&path, "").unwrap();
    assert!(Ledger::open(&path).is_ok());
}

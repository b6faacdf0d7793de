//! What an agent's hello means for the leases that the database has. Pure; the sandbox's actor carries it out.

use std::collections::{HashMap, HashSet};

use protocol::ids::{LeaseId, PermitId, TaskId};
use protocol::task::Confirmation;
use protocol::wire::message::{HeldLease, Hello, SeenPermit};
use store::permits::Unrecorded;
use store::tasks::Leased;

#[derive(Debug, PartialEq)]
pub(super) struct Reconciled {
    /// Leases that go on. One whose page is gone is among them: its agent knows best how it ended, and says so.
    pub attached: Vec<Leased>,
    /// Leases that the agent does not have, with what its ledger says of the permit: whether it may have been used.
    /// `None` when the ledger does not name it, which proves nothing: what lost the lease may have lost the permit, too.
    pub lost: Vec<(Leased, Option<bool>)>,
    /// Leases of the agent that are over here; it is to let go of them.
    pub over: Vec<HeldLease>,
    /// What employers confirmed under leases that are over: their jobs' streams will not say it.
    pub confirmed: Vec<(TaskId, PermitId, Confirmation)>,
    /// Permits that were used and that the database knew nothing of, with the employer's confirmation if their tasks did not
    /// go to another host since. The leases of these tasks are neither attached nor lost: with what is found, they end them.
    pub found: Vec<(TaskId, PermitId, Option<Confirmation>)>,
}

/// `unrecorded`: permits of the hello that the database knew nothing of. `gaps`: leases whose reports cannot be taken any
/// more, because one of them is missing.
pub(super) fn reconcile(
    hello: &Hello,
    leased: &[Leased],
    unrecorded: &[Unrecorded],
    gaps: &HashSet<LeaseId>,
) -> Reconciled {
    let used: HashMap<PermitId, bool> = hello.permits.iter().map(|seen| (seen.permit, seen.used)).collect();
    let (attached, lost): (Vec<Leased>, Vec<Leased>) = leased
        .iter()
        .filter(|lease| unrecorded.iter().all(|found| found.task != lease.task.id))
        .partition(|lease| !gaps.contains(&lease.lease) && hello.leases.iter().any(|held| held.lease == lease.lease));
    let known: HashSet<_> = leased.iter().map(|lease| lease.lease).filter(|lease| !gaps.contains(lease)).collect();
    let over = hello.leases.iter().filter(|held| !known.contains(&held.lease)).cloned().collect();
    let told: HashSet<PermitId> = attached.iter().filter_map(|lease| lease.permit).collect();
    let unknown = |seen: &SeenPermit| unrecorded.iter().find(|found| found.permit == seen.permit);
    let found = hello
        .permits
        .iter()
        .filter_map(|seen| {
            let found = unknown(seen)?;
            // What another host has by now, this one does not complete.
            Some((seen.task, seen.permit, seen.confirmation.clone().filter(|_| found.here)))
        })
        .collect();
    let confirmed = hello
        .permits
        .iter()
        .filter(|seen| unknown(seen).is_none() && !told.contains(&seen.permit))
        .filter_map(|seen| Some((seen.task, seen.permit, seen.confirmation.clone()?)))
        .collect();
    let lost =
        lost.into_iter().map(|lease| (lease, lease.permit.and_then(|permit| used.get(&permit).copied()))).collect();
    Reconciled { attached, lost, over, confirmed, found }
}

#[cfg(test)]
mod tests {
    use protocol::wire::message::HostFigures;
    use store::tasks::TaskAt;

    use super::*;

    fn leased(permit: bool) -> Leased {
        let permit = permit.then(PermitId::new);
        Leased {
            task: TaskAt { id: TaskId::new(), shard: 0 },
            lease: LeaseId::new(),
            last_report: 3,
            permit,
            asked: None,
        }
    }

    fn held(of: &Leased) -> HeldLease {
        HeldLease { lease: of.lease, task: of.task.id, alive: true, last_report: 3 }
    }

    fn seen(of: &Leased, used: bool, confirmation: Option<Confirmation>) -> SeenPermit {
        SeenPermit { permit: of.permit.unwrap(), task: of.task.id, used, confirmation }
    }

    fn thanks() -> Confirmation {
        Confirmation { text: "Thank you".into(), number: None, url: "https://jobs.example/ok".into() }
    }

    fn none() -> HashSet<LeaseId> {
        HashSet::new()
    }

    fn hello(leases: Vec<HeldLease>, permits: Vec<SeenPermit>) -> Hello {
        Hello {
            version_min: 1,
            version_max: 1,
            build: "test".into(),
            boot: uuid::Uuid::nil(),
            capacity: 1,
            engine: "chromium".into(),
            host: HostFigures::default(),
            leases,
            permits,
        }
    }

    #[test]
    fn leases_of_both_sides_go_on_and_the_others_are_over() {
        let (both, ours, theirs) = (leased(false), leased(false), leased(false));
        let reconciled = reconcile(&hello(vec![held(&both), held(&theirs)], Vec::new()), &[both, ours], &[], &none());
        assert_eq!(reconciled.attached, [both]);
        assert_eq!(reconciled.lost, [(ours, None)]);
        assert_eq!(reconciled.over, [held(&theirs)]);
        assert!(reconciled.confirmed.is_empty());
    }

    #[test]
    fn only_a_ledger_that_names_the_permit_proves_that_it_was_not_used() {
        let (unused, used, nowhere) = (leased(true), leased(true), leased(true));
        let permits = vec![seen(&unused, false, None), seen(&used, true, None)];
        let reconciled = reconcile(&hello(Vec::new(), permits), &[unused, used, nowhere], &[], &none());
        assert_eq!(reconciled.lost, [(unused, Some(false)), (used, Some(true)), (nowhere, None)]);
    }

    #[test]
    fn a_confirmation_under_a_lease_that_is_over_is_not_lost() {
        let (over, goes_on) = (leased(true), leased(true));
        let permits = vec![seen(&over, true, Some(thanks())), seen(&goes_on, true, Some(thanks()))];
        let reconciled = reconcile(&hello(vec![held(&over), held(&goes_on)], permits), &[goes_on], &[], &none());
        assert_eq!(
            reconciled.confirmed,
            [(over.task.id, over.permit.unwrap(), thanks())],
            "the other's stream says it"
        );
        assert_eq!(reconciled.over, [held(&over)]);
    }

    #[test]
    fn a_task_whose_permit_was_not_recorded_goes_on_with_no_lease() {
        let (held_still, gone, other) = (leased(false), leased(false), leased(true));
        let used = |of: &Leased, confirmation| SeenPermit {
            permit: PermitId::new(),
            task: of.task.id,
            used: true,
            confirmation,
        };
        let (first, second) = (used(&held_still, Some(thanks())), used(&gone, None));
        let elsewhere = used(&leased(false), Some(thanks()));
        let unrecorded = [&first, &second, &elsewhere].map(|seen| {
            let here = seen.permit != elsewhere.permit;
            Unrecorded { permit: seen.permit, task: seen.task, here }
        });
        let permits = vec![first.clone(), second.clone(), elsewhere.clone(), seen(&other, true, Some(thanks()))];
        let hello = hello(vec![held(&held_still), held(&other)], permits);
        let reconciled = reconcile(&hello, &[held_still, gone, other], &unrecorded, &none());
        assert_eq!((reconciled.attached, reconciled.lost), (vec![other], Vec::new()));
        assert!(reconciled.over.is_empty() && reconciled.confirmed.is_empty());
        let found = [(&first, Some(thanks())), (&second, None), (&elsewhere, None)];
        assert_eq!(reconciled.found, found.map(|(seen, confirmation)| (seen.task, seen.permit, confirmation)));
    }

    #[test]
    fn a_lease_with_a_gap_in_its_reports_is_lost_and_over() {
        let gap = leased(true);
        let hello = hello(vec![held(&gap)], vec![seen(&gap, true, Some(thanks()))]);
        let reconciled = reconcile(&hello, &[gap], &[], &HashSet::from([gap.lease]));
        assert!(reconciled.attached.is_empty());
        assert_eq!((reconciled.lost, reconciled.over), (vec![(gap, Some(true))], vec![held(&gap)]));
        assert_eq!(reconciled.confirmed, [(gap.task.id, gap.permit.unwrap(), thanks())], "no stream says it");
    }
}

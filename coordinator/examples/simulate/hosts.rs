//! Browser hosts with their agents, and the employer behind them: who really clicked.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::form::{Blocker, Field, FieldKind, FormModel, PageState, Value};
use protocol::ids::{CommandId, LeaseId, PermitId, SandboxId};
use protocol::plan::{FillPlan, FillResult, FillStatus, PlannedField, Source};
use protocol::task::{Ats, Confirmation, ErrorCode, Failure, FailureClass, InteractionKind};
use protocol::wire::message::{Evidence, FillItem, Report, SubmitOutcome};

/// A lease is over on its host this long after the coordinator was heard last; the page is frozen then.
pub const LEASE: TimeDelta = TimeDelta::seconds(10);

/// Permits kept: more than a host is given while one of them may still be asked about.
const LEDGER: usize = 256;

/// A task's row, in one of the lives it has had: what is meant for an earlier one is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    pub row: usize,
    pub life: u32,
}

pub struct Host {
    pub id: SandboxId,
    /// Of its agent's session, as its row has it.
    pub epoch: i64,
    pub capacity: i32,
    pub load: i32,
    /// Since when nothing goes to it or comes from it.
    pub cut: Option<DateTime<Utc>>,
    /// It was given up: its leases are lost.
    pub lost: bool,
    pub pages: Vec<Page>,
    /// Permits that its agent was given, the newest last, and whether it may have clicked with them: they outlive their
    /// pages, and each has one fate.
    pub ledger: VecDeque<(PermitId, bool)>,
    /// What its agent says meanwhile.
    pub spool: Vec<(Slot, LeaseId, u64, Report)>,
}

pub struct Page {
    pub lease: LeaseId,
    pub slot: Slot,
    pub form: FormModel,
    reports: u64,
    /// The command answered last: a repetition is not answered again.
    answered: Option<CommandId>,
    ready_at: Option<DateTime<Utc>>,
    pub permit: Option<PermitId>,
    pub confirmed: bool,
}

impl Host {
    pub fn page(&mut self, lease: LeaseId) -> Option<&mut Page> {
        self.pages.iter_mut().find(|page| page.lease == lease)
    }

    pub fn has_had(&self, permit: PermitId) -> bool {
        self.ledger.iter().any(|entry| entry.0 == permit)
    }

    pub fn may_have_used(&self, permit: PermitId) -> bool {
        self.ledger.contains(&(permit, true))
    }

    pub fn write_down(&mut self, permit: PermitId, used: bool) {
        match self.ledger.iter_mut().rev().find(|entry| entry.0 == permit) {
            Some(entry) => entry.1 = used,
            None => self.ledger.push_back((permit, used)),
        }
        if self.ledger.len() > LEDGER {
            self.ledger.pop_front();
        }
    }

    pub fn close(&mut self, lease: LeaseId) {
        self.pages.retain(|page| page.lease != lease);
    }
}

impl Page {
    pub fn open(lease: LeaseId, slot: Slot) -> Self {
        let form = form();
        Self { lease, slot, form, reports: 0, answered: None, ready_at: None, permit: None, confirmed: false }
    }

    /// The number of the next report.
    pub fn number(&mut self) -> u64 {
        self.reports += 1;
        self.reports
    }

    /// Whether the command is new; it counts as answered from now on.
    pub fn is_new(&mut self, command: CommandId) -> bool {
        self.answered.replace(command) != Some(command)
    }

    pub fn enter(&mut self, items: Vec<FillItem>) -> Vec<FillResult> {
        let enter = |item: FillItem| {
            let field = self.form.fields.iter_mut().find(|field| field.id == item.field).expect("a known field");
            field.value = item.value.clone();
            let (status, message) = (FillStatus::Verified, String::new());
            FillResult { field: item.field, status, value: item.value, message }
        };
        items.into_iter().map(enter).collect()
    }

    pub fn read_back(&mut self, now: DateTime<Utc>) {
        self.ready_at = Some(now);
    }

    /// Whether a permit for what was read back may still be used.
    pub fn in_time(&self, now: DateTime<Utc>, ttl_ms: u32) -> bool {
        self.ready_at.is_some_and(|ready| now <= ready + TimeDelta::milliseconds(ttl_ms.into()))
    }
}

/// What the page shows after a click: the employer has it, or not.
pub fn outcome(has_it: bool, seen: bool, form: &FormModel) -> SubmitOutcome {
    match (seen, has_it) {
        (false, _) => SubmitOutcome::Unknown { evidence: Evidence::default() },
        (true, true) => SubmitOutcome::Confirmed(confirmation()),
        (true, false) => SubmitOutcome::Rejected { form: form.clone() },
    }
}

pub fn confirmation() -> Confirmation {
    Confirmation { text: "Thank you".into(), number: None, url: String::new() }
}

pub fn captcha() -> Blocker {
    Blocker { kind: InteractionKind::Captcha, message: String::new() }
}

pub fn died() -> Failure {
    Failure::new(FailureClass::BrowserLost, ErrorCode::Internal, "the page died")
}

fn form() -> FormModel {
    let field = |id: &str, label: &str| Field { required: true, ..Field::new(id, FieldKind::Text, label) };
    FormModel {
        page: PageState {
            ats: Ats::Lever,
            job_title: Some("Baker".into()),
            company: Some("Crumb".into()),
            ..PageState::new("", "")
        },
        fields: vec![field("name", "Full name"), field("town", "Favourite town")],
    }
}

/// What the planner of answers says of that form.
pub fn plan() -> FillPlan {
    let planned = |id: &str, value: &str| PlannedField {
        field: id.into(),
        value: Some(Value::Text(value.into())),
        source: Some(Source::Profile),
        source_detail: String::new(),
        confidence: 0.95,
        note: String::new(),
        qa_entry: None,
        sensitive: false,
        ask: false,
    };
    FillPlan { fields: vec![planned("name", "Ada"), planned("town", "Rome")] }
}

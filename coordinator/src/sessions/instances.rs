//! EC2 instances that enrol with their identity documents: whether the document is good ([`crate::ec2`]), whether the
//! instance may still use it ([`store::instances`]), and a word about it for metrics and the audit trail.

use protocol::ids::SandboxId;
use protocol::wire::message::Refusal;
use serde_json::json;
use store::instances::{self, Starting};

use super::{CoreSessions, busy};
use crate::ec2::{self, Instance};
use crate::listener::Refused;

/// Why a document bought nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// Nobody set up whom to trust.
    Off,
    Document(ec2::Unfit),
    Instance(instances::Unfit),
}

impl Unfit {
    /// For metrics and the audit trail.
    const fn reason(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Document(unfit) => unfit.reason(),
            Self::Instance(instances::Unfit::Enrolled) => "enrolled",
            Self::Instance(instances::Unfit::Revoked) => "revoked",
        }
    }

    /// For the log of the host.
    fn refused(self) -> Refused {
        let (code, message) = match self {
            Self::Off => {
                (Refusal::Document, "this coordinator takes no instance identity documents; enrol with a token")
            }
            Self::Document(ec2::Unfit::TooLarge | ec2::Unfit::Malformed | ec2::Unfit::Document) => {
                (Refusal::Document, "that is no signed instance identity document")
            }
            Self::Document(ec2::Unfit::Signature) => (
                Refusal::Document,
                "none of the certificates given to this coordinator is for the document's signature",
            ),
            Self::Document(ec2::Unfit::Account | ec2::Unfit::Region) => {
                (Refusal::Document, "instances of this account and region may not enrol")
            }
            Self::Document(ec2::Unfit::Stale) => (
                Refusal::Document,
                "the instance was started too long ago; start it again, or enrol it with a token for its sandbox",
            ),
            Self::Instance(instances::Unfit::Enrolled) => (
                Refusal::Document,
                "the instance has enrolled with another key, which it may renew; else it needs a token for its sandbox",
            ),
            Self::Instance(instances::Unfit::Revoked) => (Refusal::Revoked, "the instance's sandbox was revoked"),
        };
        Refused::new(code, message)
    }
}

impl CoreSessions {
    pub(super) async fn by_document(&self, signed_document: &[u8], key: &[u8; 32]) -> Result<SandboxId, Refused> {
        let trust = self.core.settings.ec2.as_ref();
        let found = trust.ok_or(Unfit::Off).and_then(|trust| trust.verify(signed_document).map_err(Unfit::Document));
        let (unfit, instance) = match found {
            Ok(instance) => match self.admit(&instance, key).await? {
                Ok(sandbox) => {
                    metrics::counter!("valet_instances_enrolled_total").increment(1);
                    return Ok(sandbox);
                }
                Err(unfit) => (unfit, Some(instance)),
            },
            Err(unfit) => (unfit, None),
        };
        let reason = unfit.reason();
        metrics::counter!("valet_instances_refused_total", "reason" => reason).increment(1);
        // Its id is known only once AWS is known to have said it.
        let id = instance.map(|instance| instance.id);
        self.note_refused("agent.enrol_refused", &json!({ "reason": reason, "instanceId": id })).await;
        Err(unfit.refused())
    }

    /// Lets a real instance of ours in, if it was started just now and is the first to use its document.
    pub(crate) async fn admit(&self, instance: &Instance, key: &[u8; 32]) -> Result<Result<SandboxId, Unfit>, Refused> {
        let mut tx = self.core.store.begin().await.map_err(busy)?;
        let now = instances::now(&mut tx).await.map_err(busy)?;
        if let Err(unfit) = instance.check_recent(now) {
            return Ok(Err(Unfit::Document(unfit)));
        }
        let starting = Starting {
            instance_id: &instance.id,
            instance_type: &instance.kind,
            account_id: &instance.account,
            region: &instance.region,
            started_at: instance.pending,
            key,
        };
        match instances::enrol(&mut tx, &starting).await.map_err(busy)? {
            Ok(sandbox) => {
                store::db::commit(tx, "letting an instance in").await.map_err(busy)?;
                Ok(Ok(sandbox))
            }
            Err(unfit) => Ok(Err(Unfit::Instance(unfit))),
        }
    }
}

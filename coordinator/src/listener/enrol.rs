//! Enrolment: one request and one answer on a connection without a client certificate.

use std::time::Duration;

use metrics::counter;
use protocol::ids::SandboxId;
use protocol::wire::close;
use protocol::wire::frame::{self, HEADER_LEN, Tag};
use protocol::wire::message::{EnrolAnswer, EnrolRequest, InstanceRequest, Refusal, RenewRequest};
use quinn::{Connection, RecvStream, VarInt};
use tokio::time::timeout;
use tracing::{info, warn};

use super::Shared;
use super::accept::end;
use super::io::{self, Error};
use super::sessions::{Occasion, Refused, Sessions};
use crate::pki;

/// Tokens have 43 characters; the bound keeps a guesser from sending megabytes.
const TOKEN_MAX: usize = 256;
/// The longest name a host may have.
const HOST_NAME_MAX: usize = 253;
/// For a request to have its turn. With [`CORE_TIMEOUT`] it is within the 15 s that an agent waits for its answer.
const TURN_WITHIN: Duration = Duration::from_secs(5);
/// The core answers from its database.
const CORE_TIMEOUT: Duration = Duration::from_secs(8);
/// How long the agent may take to have read the answer.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

enum Request {
    Token(EnrolRequest),
    Renew(RenewRequest),
    Instance(InstanceRequest),
}

pub(super) async fn serve<S: Sessions>(connection: &Connection, shared: &Shared<S>) {
    let first = async {
        let (send, mut recv) = connection.accept_bi().await.map_err(|_| Error::Ended)?;
        Ok::<_, Error>((send, read_request(&mut recv).await?))
    };
    let (mut send, request) = match timeout(shared.limits.first_frame, first).await {
        Ok(Ok(first)) => first,
        Ok(Err(Error::Ended)) => return end(connection, close::DONE, "enrolment_ended"),
        Ok(Err(error)) => {
            warn!(remote = %connection.remote_address(), %error, "a malformed enrolment");
            counter!("valet_listener_malformed_total").increment(1);
            return end(connection, close::MALFORMED, "malformed");
        }
        Err(_) => return end(connection, close::TOO_SLOW, "first_frame_slow"),
    };
    let decided = in_turn(request, shared).await;
    let answer = decided.unwrap_or_else(|refused| {
        counter!("valet_enrolments_refused_total", "code" => refused.code.as_str()).increment(1);
        info!(remote = %connection.remote_address(), code = %refused.code, "an enrolment was refused");
        EnrolAnswer::Refused { code: refused.code, message: refused.message }
    });
    if io::write(&mut send, &answer).await.is_ok() && send.finish().is_ok() {
        let _ = timeout(READ_TIMEOUT, send.stopped()).await;
    }
    connection.close(VarInt::from_u32(close::DONE), b"");
}

/// Decides a request when it is its turn: a fleet that starts at one instant waits in a line here, not between attempts.
async fn in_turn<S: Sessions>(request: Request, shared: &Shared<S>) -> Result<EnrolAnswer, Refused> {
    let Ok(Ok(_turn)) = timeout(TURN_WITHIN, shared.enrolments.acquire()).await else {
        return Err(Refused::new(Refusal::Busy, "many enrol at this moment; try again"));
    };
    let internal = |_| Refused::new(Refusal::Internal, "no answer in time; try again");
    timeout(CORE_TIMEOUT, decide(request, shared)).await.map_err(internal)?
}

async fn read_request(recv: &mut RecvStream) -> Result<Request, Error> {
    let mut header = [0; HEADER_LEN];
    recv.read_exact(&mut header).await.map_err(|error| match error {
        quinn::ReadExactError::FinishedEarly(_) => Error::Truncated,
        quinn::ReadExactError::ReadError(_) => Error::Ended,
    })?;
    let (tag, length) = frame::parse_header(header)?;
    if !matches!(tag, Tag::EnrolRequest | Tag::RenewRequest | Tag::InstanceRequest) {
        return Err(frame::Error::Unexpected { want: Tag::EnrolRequest, got: tag }.into());
    }
    let body = io::read_bytes(recv, length).await?;
    Ok(match tag {
        Tag::RenewRequest => Request::Renew(frame::decode(tag, &body)?),
        Tag::InstanceRequest => Request::Instance(frame::decode(tag, &body)?),
        _ => Request::Token(frame::decode(tag, &body)?),
    })
}

async fn decide<S: Sessions>(request: Request, shared: &Shared<S>) -> Result<EnrolAnswer, Refused> {
    let malformed = |error: pki::Error| Refused::new(Refusal::Malformed, error.to_string());
    match request {
        Request::Token(request) => {
            if request.token.is_empty() || request.token.len() > TOKEN_MAX {
                return Err(Refused::new(Refusal::Token, "the enrolment token is not valid"));
            }
            // Before the token is burnt: a request that cannot be signed may be repeated with it.
            let key = pki::check_request(&request.csr_der).map_err(malformed)?;
            let mut host_name = request.host_name;
            host_name.truncate(host_name.floor_char_boundary(HOST_NAME_MAX));
            let sandbox = shared.sessions.enrol(&request.token, &host_name, key).await?;
            grant(&request.csr_der, sandbox, Occasion::Enrolled, shared).await
        }
        Request::Renew(request) => {
            let identity = shared
                .authority
                .renewal(&request.certificate_der, &request.csr_der, shared.clock.now())
                .map_err(|error| match error {
                    pki::Error::Certificate | pki::Error::RequestSize { .. } | pki::Error::Request(_) => {
                        malformed(error)
                    }
                    _ => Refused::new(Refusal::Revoked, error.to_string()),
                })?;
            shared.sessions.standing(identity).await?;
            grant(&request.csr_der, identity.sandbox, Occasion::Lapsed, shared).await
        }
        Request::Instance(request) => {
            let key = pki::requested_key(&request.csr_der).map_err(malformed)?;
            let sandbox = shared.sessions.enrol_instance(&request.signed_document, key).await?;
            grant(&request.csr_der, sandbox, Occasion::Started, shared).await
        }
    }
}

async fn grant<S: Sessions>(
    csr_der: &[u8],
    sandbox: SandboxId,
    occasion: Occasion,
    shared: &Shared<S>,
) -> Result<EnrolAnswer, Refused> {
    let issued = sign(csr_der, sandbox, occasion, shared).await?;
    info!(%sandbox, ?occasion, "an agent has a certificate");
    Ok(EnrolAnswer::Granted {
        sandbox,
        chain_der: issued.chain.iter().map(|certificate| certificate.to_vec()).collect(),
        ca_der: shared.authority.certificate().to_vec(),
    })
}

/// Signs and has the core record it, in this order: a certificate nobody knows of is not handed out.
pub(super) async fn sign<S: Sessions>(
    csr_der: &[u8],
    sandbox: SandboxId,
    occasion: Occasion,
    shared: &Shared<S>,
) -> Result<pki::Issued, Refused> {
    let issued = shared
        .authority
        .sign_agent(csr_der, sandbox, shared.clock.now(), shared.limits.certificate_ttl)
        .map_err(|error| Refused::new(Refusal::Malformed, error.to_string()))?;
    shared.sessions.issued(issued.identity, occasion).await?;
    Ok(issued)
}

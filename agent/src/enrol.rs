//! Getting a certificate: with a one-time token, with an EC2 instance's identity document, or with one that has run out
//! and its key.

use std::fs;
use std::time::Duration;

use protocol::clock::WallClock;
use protocol::wire::close;
use protocol::wire::frame::Framed;
use protocol::wire::message::{EnrolAnswer, EnrolRequest, InstanceRequest, Refusal, RenewRequest};
use quinn::{ConnectionError, VarInt};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};

use crate::config::{Config, Fingerprint, Token};
use crate::identity::{self, Identity, NewKey};
use crate::metadata;
use crate::session::dial::{self, Trust};
use crate::session::io;

/// For the whole exchange once connected: the coordinator asks its database.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is nobody to trust: neither a token nor --authority nor --ca names the coordinator's authority")]
    NoAuthority,
    #[error("the authority in --ca cannot be read")]
    Authority,
    #[error("the coordinator's authority is not the one that was named")]
    OtherAuthority,
    #[error("no connection for enrolment")]
    Connect(#[from] dial::Error),
    #[error("the enrolment was not answered")]
    Unanswered,
    #[error("the coordinator does not know this way to enrol; it may be older than this agent")]
    NotUnderstood,
    #[error("no identity document")]
    Metadata(#[from] metadata::Error),
    #[error("refused ({code}): {message}")]
    Refused { code: Refusal, message: String },
    #[error(transparent)]
    Identity(#[from] identity::Error),
}

impl Error {
    /// Whether another attempt may go well without anyone doing something.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Unanswered | Self::NotUnderstood => true,
            Self::Metadata(error) => error.is_passing(),
            Self::Refused { code, .. } => matches!(code, Refusal::Busy | Refusal::Internal | Refusal::Version),
            Self::NoAuthority | Self::Authority | Self::OtherAuthority | Self::Identity(_) => false,
        }
    }
}

/// Trades a token for an identity with this key, which never leaves this host. A token may be spent although its answer
/// does not arrive: another attempt is to be made with the same key.
///
/// # Errors
/// See [`Error::is_passing`].
pub async fn with_token(config: &Config, clock: &WallClock, token: &Token, key: &NewKey) -> Result<Identity, Error> {
    let request =
        EnrolRequest { token: token.secret().to_owned(), csr_der: key.csr().to_vec(), host_name: host_name() };
    enrol(config, clock, trust(config, token.authority())?, key, &request).await
}

/// Trades this instance's identity document for an identity of `key`. With another key it does so never again.
///
/// # Errors
/// See [`Error::is_passing`].
pub async fn with_document(config: &Config, clock: &WallClock, key: &NewKey) -> Result<Identity, Error> {
    let trust = trust(config, None)?;
    let signed_document = metadata::signed_document(&config.ec2_metadata).await?;
    let request = InstanceRequest { signed_document, csr_der: key.csr().to_vec() };
    enrol(config, clock, trust, key, &request).await
}

async fn enrol<R: Framed>(
    config: &Config,
    clock: &WallClock,
    trust: Trust,
    key: &NewKey,
    request: &R,
) -> Result<Identity, Error> {
    let (chain, authority) = exchange(config, clock, &trust, request).await?;
    let sound = match &trust {
        Trust::Authority(known) => authority == known.as_ref(),
        Trust::Fingerprint(sha256) => Sha256::digest(&authority)[..] == sha256[..],
    };
    if !sound {
        return Err(Error::OtherAuthority);
    }
    Ok(key.certified(chain, authority)?)
}

/// Trades a certificate that has run out for a new one, by its key.
///
/// # Errors
/// See [`Error::is_passing`].
pub async fn with_lapsed(config: &Config, clock: &WallClock, identity: &Identity) -> Result<Identity, Error> {
    let key = NewKey::same_as(identity)?;
    let leaf = identity.chain().first().map(|leaf| leaf.to_vec()).unwrap_or_default();
    let request = RenewRequest { certificate_der: leaf, csr_der: key.csr().to_vec() };
    let trust = Trust::Authority(identity.authority().clone());
    let (chain, authority) = exchange(config, clock, &trust, &request).await?;
    if authority != identity.authority().as_ref() {
        return Err(Error::OtherAuthority);
    }
    Ok(key.certified(chain, authority)?)
}

fn trust(config: &Config, named: Option<Fingerprint>) -> Result<Trust, Error> {
    match (named.or(config.authority), &config.ca) {
        (Some(sha256), _) => Ok(Trust::Fingerprint(sha256)),
        (None, Some(path)) => {
            let text = fs::read(path).map_err(|_| Error::Authority)?;
            let certificate = CertificateDer::from_pem_slice(&text).map_err(|_| Error::Authority)?;
            Ok(Trust::Authority(certificate.into_owned()))
        }
        (None, None) => Err(Error::NoAuthority),
    }
}

async fn exchange<R: Framed>(
    config: &Config,
    clock: &WallClock,
    trust: &Trust,
    request: &R,
) -> Result<(Vec<Vec<u8>>, Vec<u8>), Error> {
    let tls = dial::enrol_config(trust, clock)?;
    let (connection, endpoint, _) = dial::connect(tls, &config.coordinators, &config.server_name, 0).await?;
    let talk = async {
        let (mut send, mut recv) = connection.open_bi().await.ok()?;
        io::write(&mut send, request).await.ok()?;
        send.finish().ok()?;
        io::read::<EnrolAnswer>(&mut recv).await.ok()?
    };
    let answer = tokio::time::timeout(EXCHANGE_TIMEOUT, talk).await;
    let malformed = connection.close_reason().is_some_and(|reason| is_malformed(&reason));
    connection.close(VarInt::from_u32(close::DONE), b"");
    // The other side would otherwise wait for our silence.
    let _ = tokio::time::timeout(Duration::from_secs(1), endpoint.wait_idle()).await;
    match answer {
        Ok(Some(EnrolAnswer::Granted { chain_der, ca_der, .. })) => Ok((chain_der, ca_der)),
        Ok(Some(EnrolAnswer::Refused { code, message })) => Err(Error::Refused { code, message }),
        Ok(None) | Err(_) if malformed => Err(Error::NotUnderstood),
        Ok(None) | Err(_) => Err(Error::Unanswered),
    }
}

fn is_malformed(reason: &ConnectionError) -> bool {
    matches!(reason, ConnectionError::ApplicationClosed(closed) if closed.error_code == VarInt::from_u32(close::MALFORMED))
}

fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

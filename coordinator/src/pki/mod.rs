//! The fleet's own certificate authority, and the keys a QUIC endpoint keeps across restarts.
//!
//! The listener presents a server certificate and asks agents for theirs; enrolment and renewal have certificates
//! signed here. Nothing here touches a disk or a database: the caller stores [`AuthorityPem`] (mode 0600, or sealed
//! in the database) and passes it back on the next start.

mod secrets;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use protocol::ids::SandboxId;
use protocol::wire;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

pub use secrets::EndpointSecrets;

/// How long an agent's certificate is good. Short, because revocation is a matter of the core's memory and this is
/// what stands behind it; renewed at half life.
pub const AGENT_CERTIFICATE_TTL: Duration = Duration::from_secs(3600);
/// How long after its end a certificate may still buy a new one with its own key: a laptop that slept through a
/// holiday comes back, a disk found in a drawer does not.
pub const RENEWAL_GRACE: Duration = Duration::from_secs(30 * 24 * 3600);
/// The listener replaces its own certificate long before this.
const SERVER_CERTIFICATE_TTL: Duration = Duration::from_secs(30 * 24 * 3600);
/// Nodes are few and are set up by hand; another year is another command.
const NODE_CERTIFICATE_TTL: Duration = Duration::from_secs(366 * 24 * 3600);
const AUTHORITY_TTL: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// A request for a P-256 key has about 250 bytes.
const CSR_MAX: usize = 8 << 10;

/// Signs agents and coordinators.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: AuthorityPem,
}

/// What is kept of an authority. `key` is the most valuable secret of the fleet.
#[derive(Clone)]
pub struct AuthorityPem {
    pub certificate: String,
    pub key: String,
}

/// A certificate's SHA-256, by which standing and revocation are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

/// What a certificate says of its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    pub sandbox: SandboxId,
    pub fingerprint: Fingerprint,
    pub not_after: SystemTime,
}

/// A freshly signed agent certificate.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Leaf first, without the authority.
    pub chain: Vec<CertificateDer<'static>>,
    pub identity: Identity,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("a key or certificate could not be made")]
    Make(#[source] rcgen::Error),
    #[error("the authority's stored key or certificate cannot be read")]
    Stored(#[source] rcgen::Error),
    #[error("the authority's stored key does not belong to its certificate")]
    KeyMismatch,
    #[error("a certificate request of {size} bytes is too large")]
    RequestSize { size: usize },
    #[error("not a certificate request, or its signature is wrong")]
    Request(#[source] rcgen::Error),
    #[error("not a certificate")]
    Certificate,
    #[error("the certificate names no sandbox")]
    NoIdentity,
    #[error("the certificate is not one of ours")]
    NotOurs,
    #[error("the certificate ran out too long ago")]
    TooOld,
    #[error("the request is not for the key of the certificate")]
    OtherKey,
}

// === impl Authority ===

impl Authority {
    /// Makes a new authority. Once in a fleet's life.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn create(now: SystemTime) -> Result<Self, Error> {
        let key = KeyPair::generate().map_err(Error::Make)?;
        let mut params = params("Valet fleet authority", now, AUTHORITY_TTL)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(Error::Make)?;
        Self::from_pem(&AuthorityPem { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// The authority that was stored.
    ///
    /// # Errors
    /// When either text is damaged or they do not belong together.
    pub fn from_pem(pem: &AuthorityPem) -> Result<Self, Error> {
        use rustls::pki_types::pem::PemObject as _;
        let key = KeyPair::from_pem(&pem.key).map_err(Error::Stored)?;
        let certificate = CertificateDer::from_pem_slice(pem.certificate.as_bytes()).map_err(|_| Error::Certificate)?;
        let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|_| Error::Certificate)?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(Error::KeyMismatch);
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(Error::Stored)?;
        Ok(Self { issuer, certificate: certificate.into_owned(), pem: pem.clone() })
    }

    #[must_use]
    pub fn pem(&self) -> &AuthorityPem {
        &self.pem
    }

    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// SHA-256 of the authority's certificate.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(&self.certificate).into()
    }

    /// The same as lower-case hex: the second half of an enrolment token.
    #[must_use]
    pub fn fingerprint_hex(&self) -> String {
        hex::encode(self.fingerprint())
    }

    /// A certificate and key for a coordinator: chain (leaf, then the authority, so that an enrolling agent can
    /// check the fingerprint it was given) and key. `names` are added to [`wire::SERVER_NAME`].
    ///
    /// # Errors
    /// When a name is not a DNS name or address.
    pub fn server_certificate(
        &self,
        names: &[String],
        now: SystemTime,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
        let key = KeyPair::generate().map_err(Error::Make)?;
        let mut all = vec![wire::SERVER_NAME.to_owned()];
        all.extend(names.iter().filter(|name| *name != wire::SERVER_NAME).cloned());
        let mut params = params("Valet coordinator", now, SERVER_CERTIFICATE_TTL)?;
        params.subject_alt_names = CertificateParams::new(all).map_err(Error::Make)?.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(&key, &self.issuer).map_err(Error::Make)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok((vec![leaf.der().clone(), self.certificate.clone()], key.into()))
    }

    /// A certificate and key for the links of a node; `name` is `coordinator/ID` or `gateway/NAME`.
    ///
    /// # Errors
    /// When the name cannot stand in a certificate.
    pub fn node_certificate(
        &self,
        name: &str,
        now: SystemTime,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
        let key = KeyPair::generate().map_err(Error::Make)?;
        let mut params = params("Valet node", now, NODE_CERTIFICATE_TTL)?;
        let uri = format!("{}{name}", wire::NODE_URI);
        params.subject_alt_names = vec![
            SanType::URI(uri.try_into().map_err(Error::Make)?),
            SanType::DnsName(wire::CLUSTER_NAME.try_into().map_err(Error::Make)?),
        ];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(&key, &self.issuer).map_err(Error::Make)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok((vec![leaf.der().clone()], key.into()))
    }

    /// Signs an agent's key for `sandbox`. Only the key of the request is used: the names are ours.
    ///
    /// # Errors
    /// When the request is damaged, or not signed by its own key.
    pub fn sign_agent(
        &self,
        csr_der: &[u8],
        sandbox: SandboxId,
        now: SystemTime,
        ttl: Duration,
    ) -> Result<Issued, Error> {
        let request = request(csr_der)?;
        let mut params = params("Valet agent", now, ttl)?;
        let name = format!("{}{sandbox}", wire::AGENT_URI);
        params.subject_alt_names = vec![SanType::URI(name.try_into().map_err(Error::Make)?)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(&request.public_key, &self.issuer).map_err(Error::Make)?;
        let chain = vec![leaf.der().clone()];
        let identity = identity(&chain)?;
        Ok(Issued { chain, identity })
    }

    /// Who asks for a new certificate with one that has run out: it must be ours, not out for longer than
    /// [`RENEWAL_GRACE`], and the request must be signed by its key.
    ///
    /// # Errors
    /// When one of these does not hold.
    pub fn renewal(&self, certificate_der: &[u8], csr_der: &[u8], now: SystemTime) -> Result<Identity, Error> {
        let request = request(csr_der)?;
        let (rest, parsed) = X509Certificate::from_der(certificate_der).map_err(|_| Error::Certificate)?;
        let (_, authority) = X509Certificate::from_der(&self.certificate).map_err(|_| Error::Certificate)?;
        if !rest.is_empty() || parsed.verify_signature(Some(authority.public_key())).is_err() {
            return Err(Error::NotOurs);
        }
        let identity = identity(&[CertificateDer::from(certificate_der)])?;
        if now > identity.not_after + RENEWAL_GRACE {
            return Err(Error::TooOld);
        }
        if parsed.public_key().raw != request.public_key.subject_public_key_info() {
            return Err(Error::OtherKey);
        }
        Ok(identity)
    }
}

/// Who the leaf of a chain belongs to. That it is signed by us was checked by the handshake (or is by the caller).
///
/// # Errors
/// When the leaf is not a client's certificate with exactly one sandbox name.
pub fn identity(chain: &[CertificateDer<'_>]) -> Result<Identity, Error> {
    let leaf = chain.first().ok_or(Error::Certificate)?;
    let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| Error::Certificate)?;
    let usage = parsed.extended_key_usage().map_err(|_| Error::Certificate)?.ok_or(Error::NoIdentity)?;
    let names = parsed.subject_alternative_name().map_err(|_| Error::Certificate)?.ok_or(Error::NoIdentity)?;
    let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else { return Err(Error::NoIdentity) };
    let id = uri.strip_prefix(wire::AGENT_URI).ok_or(Error::NoIdentity)?;
    let sandbox = id.parse().map_err(|_| Error::NoIdentity)?;
    if !usage.value.client_auth {
        return Err(Error::NoIdentity);
    }
    let not_after = u64::try_from(parsed.validity().not_after.timestamp()).map_err(|_| Error::Certificate)?;
    Ok(Identity {
        sandbox,
        fingerprint: Fingerprint(Sha256::digest(leaf).into()),
        not_after: SystemTime::UNIX_EPOCH + Duration::from_secs(not_after),
    })
}

// === impl Fingerprint ===

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

// Said by hand so that a key never reaches a log through `{:?}`.
impl std::fmt::Debug for AuthorityPem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthorityPem(***)")
    }
}

fn request(csr_der: &[u8]) -> Result<CertificateSigningRequestParams, Error> {
    if csr_der.len() > CSR_MAX {
        return Err(Error::RequestSize { size: csr_der.len() });
    }
    CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(csr_der)).map_err(Error::Request)
}

/// Checks a certificate request without signing it: a token is not burnt for a request that could not be served. Answers
/// the SHA-256 of its public key, which the request proves to have been made by the holder of.
///
/// # Errors
/// As [`Authority::sign_agent`].
pub fn check_request(csr_der: &[u8]) -> Result<[u8; 32], Error> {
    Ok(Sha256::digest(request(csr_der)?.public_key.subject_public_key_info()).into())
}

/// The SHA-256 of the key that a certificate request is for, which its sender has.
///
/// # Errors
/// As [`Authority::sign_agent`].
pub fn requested_key(csr_der: &[u8]) -> Result<[u8; 32], Error> {
    Ok(Sha256::digest(request(csr_der)?.public_key.subject_public_key_info()).into())
}

fn params(name: &str, now: SystemTime, ttl: Duration) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = (now - wire::CERTIFICATE_BACKDATED).into();
    params.not_after = (now + ttl).into();
    let mut serial = [0; 16];
    aws_lc_rs::rand::fill(&mut serial).map_err(|_| Error::Make(rcgen::Error::RingUnspecified))?;
    serial[0] &= 0x7f; // Serial numbers are positive.
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

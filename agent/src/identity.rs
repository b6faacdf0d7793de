//! Who this agent is: its key, its certificate and the authority it trusts, in one file of the data directory.
//!
//! One file, so that a key is never beside another key's certificate: it is replaced whole, by rename.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use protocol::ids::SandboxId;
use protocol::wire;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::time::Instant;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

const FILE: &str = "identity.pem";
/// The key of an enrolment that was not answered yet. Only an instance's: with its document the first key counts, so
/// one whose answer was lost must be able to ask again.
const PENDING_FILE: &str = "enrolling.pem";

/// A key with its certificate.
#[derive(Clone)]
pub struct Identity {
    key_pem: String,
    /// Leaf first, without the authority.
    chain: Vec<CertificateDer<'static>>,
    authority: CertificateDer<'static>,
    sandbox: SandboxId,
    not_after: SystemTime,
    /// From its making to its end.
    life: Duration,
    /// When it was given, if in this life of the process: what is left of it then does not hang on anybody's date.
    received: Option<Instant>,
}

/// A key that has no certificate yet.
pub struct NewKey {
    key: KeyPair,
    csr: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path} cannot be {doing}", path = path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the agent's key cannot be made or read")]
    Key(#[source] rcgen::Error),
    #[error("the stored identity is damaged; remove it and enrol again")]
    Damaged,
    #[error("the certificate is not one for an agent")]
    NotAnAgent,
    #[error("the certificate is not for the key it was asked for")]
    OtherKey,
}

impl NewKey {
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, Error> {
        Self::from_key(KeyPair::generate().map_err(Error::Key)?)
    }

    /// A request for another certificate for the key of `identity`: proves possession of it.
    ///
    /// # Errors
    /// When the stored key is damaged.
    pub fn same_as(identity: &Identity) -> Result<Self, Error> {
        Self::from_key(KeyPair::from_pem(&identity.key_pem).map_err(Error::Key)?)
    }

    /// The key that this instance enrols with: one made earlier and kept in `dir`, or a new one.
    ///
    /// # Errors
    /// When there is one that cannot be read, or the disk does not take a new one.
    pub fn pending(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(PENDING_FILE);
        match fs::read_to_string(&path) {
            Ok(pem) => Self::from_key(KeyPair::from_pem(&pem).map_err(Error::Key)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::generate()?;
                let written = write_private(&path, key.key.serialize_pem().as_bytes());
                written.map_err(|source| Error::Io { doing: "written", path, source })?;
                Ok(key)
            }
            Err(source) => Err(Error::Io { doing: "read", path, source }),
        }
    }

    fn from_key(key: KeyPair) -> Result<Self, Error> {
        // The coordinator chooses the names.
        let csr = CertificateParams::default().serialize_request(&key).map_err(Error::Key)?.der().to_vec();
        Ok(Self { key, csr })
    }

    /// The certificate request, DER.
    #[must_use]
    pub fn csr(&self) -> &[u8] {
        &self.csr
    }

    /// Joins the key with the certificate it was given.
    ///
    /// # Errors
    /// When the certificate is not for this key, or not an agent's.
    pub fn certified(&self, chain: Vec<Vec<u8>>, authority: Vec<u8>) -> Result<Identity, Error> {
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let mut identity = Identity::new(self.key.serialize_pem(), chain, authority.into())?;
        identity.received = Some(Instant::now());
        Ok(identity)
    }
}

impl Identity {
    fn new(
        key_pem: String,
        chain: Vec<CertificateDer<'static>>,
        authority: CertificateDer<'static>,
    ) -> Result<Self, Error> {
        let key = KeyPair::from_pem(&key_pem).map_err(Error::Key)?;
        let leaf = chain.first().ok_or(Error::NotAnAgent)?;
        let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| Error::NotAnAgent)?;
        if parsed.public_key().raw != rcgen::PublicKeyData::subject_public_key_info(&key) {
            return Err(Error::OtherKey);
        }
        let names = parsed.subject_alternative_name().ok().flatten().ok_or(Error::NotAnAgent)?;
        let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else { return Err(Error::NotAnAgent) };
        let id = uri.strip_prefix(wire::AGENT_URI).ok_or(Error::NotAnAgent)?;
        let sandbox = id.parse().map_err(|_| Error::NotAnAgent)?;
        let seconds = |at: x509_parser::time::ASN1Time| u64::try_from(at.timestamp()).map_err(|_| Error::NotAnAgent);
        let until = seconds(parsed.validity().not_after)?;
        let from = seconds(parsed.validity().not_before)?;
        let life = Duration::from_secs(until.saturating_sub(from)).saturating_sub(wire::CERTIFICATE_BACKDATED);
        let not_after = SystemTime::UNIX_EPOCH + Duration::from_secs(until);
        Ok(Self { key_pem, sandbox, not_after, life, received: None, chain, authority })
    }

    /// The identity kept in `dir`; `None` before the first enrolment.
    ///
    /// # Errors
    /// When there is one that cannot be read.
    pub fn load(dir: &Path) -> Result<Option<Self>, Error> {
        let path = dir.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Io { doing: "read", path, source }),
        };
        let cut = text.find("-----BEGIN CERTIFICATE-----").ok_or(Error::Damaged)?;
        let mut chain: Vec<_> =
            CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().map_err(|_| Error::Damaged)?;
        let authority = chain.pop().ok_or(Error::Damaged)?;
        Self::new(text[..cut].to_owned(), chain, authority).map(Some).map_err(|_| Error::Damaged)
    }

    /// Writes it to `dir`, mode 0600: durable, and whole or not at all.
    ///
    /// # Errors
    /// When the disk does not take it; the former identity is then still there.
    pub fn store(&self, dir: &Path) -> Result<(), Error> {
        let mut text = self.key_pem.clone();
        for certificate in self.chain.iter().chain([&self.authority]) {
            text.push_str(&pem(certificate));
        }
        let path = dir.join(FILE);
        write_private(&path, text.as_bytes()).map_err(|source| Error::Io { doing: "written", path, source })?;
        // What is left of it does no harm: it is never read while there is an identity.
        let _ = fs::remove_file(dir.join(PENDING_FILE));
        Ok(())
    }

    #[must_use]
    pub fn sandbox(&self) -> SandboxId {
        self.sandbox
    }

    /// When the certificate runs out.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Whether it has less than `least` left: by the date, or by the time since it was given. By either, because a
    /// date may be wrong, and the time does not count the host's sleep.
    #[must_use]
    pub fn has_run_out(&self, now: SystemTime, least: Duration) -> bool {
        now + least >= self.not_after || self.received.is_some_and(|at| at.elapsed() + least >= self.life)
    }

    /// How long until half of it is over: by the time since it was given, or, after a start of the process, by the
    /// date.
    #[must_use]
    pub fn half_life(&self, now: SystemTime) -> Duration {
        match self.received {
            Some(at) => (self.life / 2).saturating_sub(at.elapsed()),
            None => self.not_after.duration_since(now).unwrap_or_default().min(self.life) / 2,
        }
    }

    /// The certificate, leaf first, DER.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The authority that signs coordinators and agents.
    #[must_use]
    pub fn authority(&self) -> &CertificateDer<'static> {
        &self.authority
    }

    /// # Errors
    /// When the key is damaged.
    pub fn private_key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        let key = KeyPair::from_pem(&self.key_pem).map_err(Error::Key)?;
        Ok(PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }
}

/// Replaces a file whole: temporary name, fsync, rename, fsync of the folder. Mode 0600.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let temporary = path.with_extension("new");
    // A leftover of a crash may have another mode.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use coordinator::pki::{AGENT_CERTIFICATE_TTL, Authority};

    use super::*;

    #[test]
    fn an_identity_is_kept_private_and_comes_back() {
        let (now, dir) = (SystemTime::now(), tempfile::tempdir().unwrap());
        let authority = Authority::create(now).unwrap();
        let (sandbox, key) = (SandboxId::new(), NewKey::generate().unwrap());
        let issued = authority.sign_agent(key.csr(), sandbox, now, AGENT_CERTIFICATE_TTL).unwrap();
        let chain: Vec<_> = issued.chain.iter().map(|certificate| certificate.to_vec()).collect();

        assert!(Identity::load(dir.path()).unwrap().is_none());
        let identity = key.certified(chain.clone(), authority.certificate().to_vec()).unwrap();
        identity.store(dir.path()).unwrap();
        identity.store(dir.path()).unwrap();
        let again = Identity::load(dir.path()).unwrap().unwrap();
        assert_eq!((again.sandbox(), again.chain()), (sandbox, identity.chain()));
        assert_eq!(again.not_after(), issued.identity.not_after);
        assert_eq!(again.authority(), authority.certificate());
        let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        // As given, the date does not matter for its renewal; as read from the disk there is nothing else to go by.
        let hour = Duration::from_secs(3600);
        for jumped in [now + hour, now - hour, now] {
            let half = identity.half_life(jumped);
            assert!(half <= hour / 2 && half > hour / 2 - Duration::from_secs(5), "{half:?}");
        }
        assert_eq!(again.half_life(now + hour), Duration::ZERO);
        assert!(again.half_life(now - hour) <= hour / 2, "a date that was set back does not lengthen its life");
        assert!(identity.has_run_out(now + hour, Duration::ZERO) && !identity.has_run_out(now, Duration::ZERO));

        let other = NewKey::generate().unwrap();
        assert!(matches!(other.certified(chain, authority.certificate().to_vec()), Err(Error::OtherKey)));
        fs::write(dir.path().join(FILE), "-----BEGIN CERTIFICATE-----").unwrap();
        assert!(matches!(Identity::load(dir.path()), Err(Error::Damaged)));
    }
}

//! Connections to the coordinator: TLS, transport, addresses.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use protocol::clock::WallClock;
use protocol::wire;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, TransportConfig, TransportErrorCode, VarInt};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest as _, Sha256};

use crate::identity::Identity;

/// For one address to let us in: a coordinator whose whole fleet comes back has each wait up to 8 s for its place.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// An address that has not let us in for this long has the next one tried, too: it may be that of a dead host.
const NEXT_AFTER: Duration = Duration::from_secs(3);
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(3);
/// Addresses tried for one name.
const ADDRESSES_MAX: usize = 8;
/// Silence after which the connection is over: as long as leases live.
const IDLE: Duration = Duration::from_secs(10);
/// Longer than between heartbeats, which do the same: only while an agent waits for its welcome are there none. A
/// coordinator that was restarted answers the next packet with a stateless reset, so agents with work, whose heartbeats
/// come every 500 ms, notice it before the idle ones do and are ahead of them in its line.
const KEEP_ALIVE: Duration = Duration::from_secs(3);
/// Job streams at a time, finished ones that linger included.
const JOB_STREAMS: u32 = 512;
/// Files on their way at a time.
const FILE_STREAMS: u32 = 16;

/// TLS alert.
const CERTIFICATE_EXPIRED: u8 = 45;

/// Whom to trust with an enrolment token.
#[derive(Clone)]
pub enum Trust {
    /// This authority.
    Authority(CertificateDer<'static>),
    /// The authority with this SHA-256, which the coordinator shows.
    Fingerprint([u8; 32]),
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("TLS settings")]
    Tls(#[from] rustls::Error),
    #[error("the authority's certificate cannot be used")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
    #[error("the agent's key")]
    Identity(#[from] crate::identity::Error),
    #[error("no cipher suite for QUIC")]
    Suite(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
    #[error("{address} cannot be resolved")]
    Resolve { address: String },
    #[error("no socket can be opened")]
    Socket(#[source] std::io::Error),
    #[error("the server name cannot be used")]
    Name(#[from] quinn::ConnectError),
    #[error("{address} does not answer")]
    Unanswered { address: SocketAddr },
    #[error("no connection to {address}")]
    Refused {
        address: SocketAddr,
        #[source]
        source: ConnectionError,
    },
}

/// Settings of a session: our certificate against the authority's.
pub(crate) fn session_config(identity: &Identity, clock: &WallClock) -> Result<ClientConfig, Error> {
    let tls = builder(clock)?
        .with_root_certificates(roots(identity.authority())?)
        .with_client_auth_cert(identity.chain().to_vec(), identity.private_key()?)?;
    finish(tls, wire::ALPN_AGENT)
}

/// Settings of an enrolment: no certificate of ours yet.
pub(crate) fn enrol_config(trust: &Trust, clock: &WallClock) -> Result<ClientConfig, Error> {
    let tls = match trust {
        Trust::Authority(authority) => builder(clock)?.with_root_certificates(roots(authority)?),
        Trust::Fingerprint(sha256) => {
            let provider = provider();
            let algorithms = provider.signature_verification_algorithms;
            let pinned = Arc::new(Pinned { sha256: *sha256, provider, algorithms });
            builder(clock)?.dangerous().with_custom_certificate_verifier(pinned)
        }
    };
    finish(tls.with_no_client_auth(), wire::ALPN_ENROL)
}

/// Connects to the first coordinator that lets us, beginning with `start`; answers the connection, its endpoint (the
/// socket, which must live as long) and which coordinator it was.
///
/// An address that is silent may be one that many come to at once, where we stand in a line: the next one is tried beside
/// it.
pub(crate) async fn connect(
    config: ClientConfig,
    coordinators: &[String],
    server_name: &str,
    start: usize,
) -> Result<(Connection, Endpoint, usize), Error> {
    let order = (0..coordinators.len()).map(|n| (start + n) % coordinators.len());
    let resolved = join_all(order.map(|index| resolve(index, &coordinators[index]))).await;
    let mut last = Error::Resolve { address: "no coordinator".to_owned() };
    let mut addresses = Vec::new();
    for found in resolved {
        match found {
            Ok(found) => addresses.extend(found),
            Err(error) => last = error,
        }
    }
    let mut waiting = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    loop {
        if let Some((index, address)) = waiting.next() {
            attempts.push(connect_one(&config, index, address, server_name));
        } else if attempts.is_empty() {
            return Err(last);
        }
        // With nothing left to try beside them, the attempts have all the time they may take.
        let patience = if waiting.len() > 0 { NEXT_AFTER } else { CONNECT_TIMEOUT };
        match tokio::time::timeout(patience, attempts.next()).await {
            Ok(Some(Ok(connected))) => return Ok(connected),
            // What one coordinator answered says more than the silence of another that ends after it.
            Ok(Some(Err(Error::Unanswered { .. }))) if matches!(last, Error::Refused { .. }) => {}
            Ok(Some(Err(error))) => last = error,
            Ok(None) | Err(_) => {}
        }
    }
}

async fn resolve(index: usize, name: &str) -> Result<Vec<(usize, SocketAddr)>, Error> {
    let unresolved = || Error::Resolve { address: name.to_owned() };
    let found = tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host(name)).await;
    let found = found.map_err(|_| unresolved())?.map_err(|_| unresolved())?;
    let addresses: Vec<_> = found.take(ADDRESSES_MAX).map(|address| (index, address)).collect();
    if addresses.is_empty() { Err(unresolved()) } else { Ok(addresses) }
}

async fn connect_one(
    config: &ClientConfig,
    index: usize,
    address: SocketAddr,
    name: &str,
) -> Result<(Connection, Endpoint, usize), Error> {
    let local: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let endpoint = Endpoint::client(local).map_err(Error::Socket)?;
    let connecting = endpoint.connect_with(config.clone(), address, name)?;
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(connection)) => Ok((connection, endpoint, index)),
        Ok(Err(source)) => Err(Error::Refused { address, source }),
        Err(_) => Err(Error::Unanswered { address }),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

type Builder = rustls::ConfigBuilder<rustls::ClientConfig, rustls::WantsVerifier>;

fn builder(clock: &WallClock) -> Result<Builder, rustls::Error> {
    let time = Arc::new(Time(clock.clone()));
    rustls::ClientConfig::builder_with_details(provider(), time).with_protocol_versions(&[&rustls::version::TLS13])
}

fn roots(authority: &CertificateDer<'static>) -> Result<RootCertStore, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone())?;
    Ok(roots)
}

fn finish(mut tls: rustls::ClientConfig, alpn: &[u8]) -> Result<ClientConfig, Error> {
    tls.alpn_protocols = vec![alpn.to_vec()];
    tls.resumption = rustls::client::Resumption::disabled();
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(VarInt::from_u32(IDLE.as_millis() as u32).into()))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_concurrent_bidi_streams(JOB_STREAMS.into())
        .max_concurrent_uni_streams(FILE_STREAMS.into())
        .datagram_receive_buffer_size(None);
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// Whether a connection was refused because our certificate is not good at the coordinator's date (RFC 8446,
/// `certificate_expired`; also for one that is not good yet), or outlived it there.
pub(crate) fn is_lapsed(reason: &ConnectionError) -> bool {
    match reason {
        ConnectionError::ConnectionClosed(closed) => {
            closed.error_code == TransportErrorCode::crypto(CERTIFICATE_EXPIRED)
        }
        ConnectionError::ApplicationClosed(closed) => closed.error_code == VarInt::from_u32(wire::close::EXPIRED),
        _ => false,
    }
}

/// Whether the coordinator would not have one more connection now.
pub(crate) fn is_turned_away(reason: &ConnectionError) -> bool {
    let refused = TransportErrorCode::CONNECTION_REFUSED;
    matches!(reason, ConnectionError::ConnectionClosed(closed) if closed.error_code == refused)
}

/// Whether the coordinator ended the connection because of something it could not do.
pub(crate) fn is_unable(reason: &ConnectionError) -> bool {
    let code = VarInt::from_u32(wire::close::INTERNAL);
    matches!(reason, ConnectionError::ApplicationClosed(closed) if closed.error_code == code)
}

/// The clock by which the coordinator's certificate is checked.
#[derive(Debug)]
struct Time(WallClock);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        self.0.now().duration_since(std::time::UNIX_EPOCH).ok().map(UnixTime::since_unix_epoch)
    }
}

/// Accepts a server whose chain leads to the authority with a known fingerprint, which it must show itself.
#[derive(Debug)]
struct Pinned {
    sha256: [u8; 32],
    provider: Arc<CryptoProvider>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let authority = intermediates
            .iter()
            .find(|certificate| Sha256::digest(certificate)[..] == self.sha256)
            .ok_or(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer))?;
        let roots = roots(&authority.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?
            .verify_server_cert(leaf, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

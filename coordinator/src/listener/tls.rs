//! TLS and transport settings of the endpoints.

use std::sync::Arc;
use std::time::Duration;

use protocol::clock::WallClock;
use protocol::wire;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{ServerConfig, TransportConfig, VarInt};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::server::WebPkiClientVerifier;
use rustls::time_provider::TimeProvider;

use super::Limits;
use crate::pki::{self, Authority};

/// An agent opens one: the control stream. One more leaves room for a stream that just ended.
const AGENT_BIDI_STREAMS: u32 = 2;
/// Artifacts and live views of one agent at a time.
const AGENT_UNI_STREAMS: u32 = 32;
/// What a connection may have sent that we have not read: two whole artifacts.
const RECEIVE_WINDOW: u32 = 20 << 20;
/// Connections that wait for their place in the pace, or for a handshake to be free.
const INCOMING_MAX: usize = 4_096;
/// Packets of connections that wait to be accepted, over all of them.
const INCOMING_BYTES: u64 = 16 << 20;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no server certificate")]
    Certificate(#[from] pki::Error),
    #[error("TLS settings")]
    Rustls(#[from] rustls::Error),
    #[error("the client verifier")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    #[error("no cipher suite for QUIC")]
    Suite(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
}

pub(super) fn server_config(
    authority: &Authority,
    names: &[String],
    limits: &Limits,
    clock: &WallClock,
) -> Result<ServerConfig, Error> {
    let (chain, key) = authority.server_certificate(names, clock.now())?;
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone())?;
    let provider = Arc::new(provider());
    // Enrolment has no certificate yet; that a session has one is checked when its ALPN is known.
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()?;
    let mut tls = rustls::ServerConfig::builder_with_details(provider, Arc::new(Time(clock.clone())))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    tls.ignore_client_order = true;
    tls.alpn_protocols = vec![wire::ALPN_AGENT.to_vec(), wire::ALPN_ENROL.to_vec()];
    // A resumed session would skip the check of the certificate's end.
    tls.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;

    let mut server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    server.transport_config(Arc::new(transport(limits.idle)));
    server.max_incoming(INCOMING_MAX).incoming_buffer_size_total(INCOMING_BYTES);
    Ok(server)
}

/// With the suite first whose hash the processor computes itself: with SHA-384 the keys of a handshake take twice as long.
fn provider() -> CryptoProvider {
    use rustls::crypto::aws_lc_rs::cipher_suite::{
        TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
    };
    let cipher_suites = vec![TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256];
    CryptoProvider { cipher_suites, ..rustls::crypto::aws_lc_rs::default_provider() }
}

/// The clock by which the agents' certificates are checked.
#[derive(Debug)]
struct Time(WallClock);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        self.0.now().duration_since(std::time::UNIX_EPOCH).ok().map(UnixTime::since_unix_epoch)
    }
}

fn transport(idle: Duration) -> TransportConfig {
    let mut transport = TransportConfig::default();
    let idle_ms = VarInt::try_from(idle.as_millis() as u64).unwrap_or(VarInt::MAX);
    transport
        .max_idle_timeout(Some(idle_ms.into()))
        .max_concurrent_bidi_streams(AGENT_BIDI_STREAMS.into())
        .max_concurrent_uni_streams(AGENT_UNI_STREAMS.into())
        .receive_window(RECEIVE_WINDOW.into())
        .datagram_receive_buffer_size(None);
    transport
}

//! Who may link: nodes with a certificate of the fleet's authority that names them coordinator or gateway.

use std::sync::Arc;

use protocol::wire;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, ServerConfig, TransportConfig};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::{IDLE, KEEP_ALIVE};

/// What a node is, as its certificate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Coordinator,
    Gateway,
}

impl Role {
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator/",
            Self::Gateway => "gateway/",
        }
    }

    pub(crate) fn named(self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }
}

/// Who this node is: chain (leaf first), key, the authority that signs all nodes, and the fleet's greeting.
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
    pub authority: CertificateDer<'static>,
    pub cookie: String,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("TLS settings")]
    Rustls(#[from] rustls::Error),
    #[error("the peers' verifier")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    #[error("no cipher suite for QUIC")]
    Suite(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
}

impl Identity {
    /// Role and name of the certificate; empty for one that is no node's.
    pub(crate) fn name(&self) -> String {
        self.chain.first().and_then(of).map(|(role, name)| role.named(&name)).unwrap_or_default()
    }
}

/// Role and name in the certificate of the other end, which the handshake has checked against the authority.
pub(crate) fn holder(connection: &Connection) -> Option<(Role, String)> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    of(chain.first()?)
}

fn of(leaf: &CertificateDer<'_>) -> Option<(Role, String)> {
    let (_, parsed) = X509Certificate::from_der(leaf).ok()?;
    let names = parsed.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(|name| {
        let GeneralName::URI(uri) = name else { return None };
        let path = uri.strip_prefix(wire::NODE_URI)?;
        [Role::Coordinator, Role::Gateway]
            .into_iter()
            .find_map(|role| Some((role, path.strip_prefix(role.prefix())?.to_owned())))
    })
}

pub(crate) fn server_config(identity: &Identity) -> Result<ServerConfig, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(identity)?), provider.clone()).build()?;
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain.clone(), identity.key.clone_key())?;
    tls.alpn_protocols = vec![wire::ALPN_CLUSTER.to_vec()];
    // A resumed session would skip the check of the certificate's end.
    tls.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;
    let mut server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    server.transport_config(Arc::new(transport()));
    Ok(server)
}

pub(crate) fn client_config(identity: &Identity) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots(identity)?)
        .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())?;
    tls.alpn_protocols = vec![wire::ALPN_CLUSTER.to_vec()];
    tls.resumption = rustls::client::Resumption::disabled();
    let mut client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    client.transport_config(Arc::new(transport()));
    Ok(client)
}

fn roots(identity: &Identity) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(identity.authority.clone())?;
    Ok(roots)
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    let idle = quinn::IdleTimeout::try_from(IDLE).ok();
    transport.max_idle_timeout(idle).keep_alive_interval(Some(KEEP_ALIVE)).datagram_receive_buffer_size(None);
    transport
}

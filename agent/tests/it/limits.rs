//! What does not come from an agent of ours, or not as it should.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use coordinator::pki::{AGENT_CERTIFICATE_TTL, Authority};
use protocol::clock::WallClock;
use protocol::ids::{ArtifactId, LeaseId, SandboxId};
use protocol::wire::frame::{self, Framed, HEADER_LEN};
use protocol::wire::message::{
    ArtifactHeader, ControlDown, ControlUp, Heartbeat, Hello, HostFigures, Refusal, UpHeader,
};
use protocol::wire::{ALPN_AGENT, ALPN_ENROL, BULK_MAX, SERVER_NAME, VERSION_MAX, VERSION_MIN, close};
use quinn::{Connection, ConnectionError, Endpoint, RecvStream, SendStream};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use valet_agent::identity::NewKey;

use crate::support::*;

/// A client that is not the agent.
pub struct Raw {
    pub connection: Connection,
    _endpoint: Endpoint,
}

pub type Certificate = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

pub fn certificate(signer: &Authority, sandbox: SandboxId) -> Certificate {
    let key = NewKey::generate().unwrap();
    let issued = signer.sign_agent(key.csr(), sandbox, SystemTime::now(), AGENT_CERTIFICATE_TTL).unwrap();
    let chain = issued.chain.iter().map(|certificate| certificate.to_vec()).collect();
    let identity = key.certified(chain, signer.certificate().to_vec()).unwrap();
    (identity.chain().to_vec(), identity.private_key().unwrap())
}

pub async fn dial(fleet: &Fleet, address: SocketAddr, alpn: &[u8], mine: Option<Certificate>) -> Raw {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(fleet.authority.certificate().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut tls = match mine {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        None => builder.with_no_client_auth(),
    };
    tls.alpn_protocols = vec![alpn.to_vec()];
    let mut config =
        quinn::ClientConfig::new(Arc::new(quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap()));
    let mut transport = quinn::TransportConfig::default();
    transport.keep_alive_interval(Some(Duration::from_millis(100)));
    config.transport_config(Arc::new(transport));
    let endpoint = Endpoint::client(loopback()).unwrap();
    let connection = endpoint.connect_with(config, address, SERVER_NAME).unwrap().await.unwrap();
    Raw { connection, _endpoint: endpoint }
}

pub async fn read<M: Framed>(recv: &mut RecvStream) -> M {
    let mut header = [0; HEADER_LEN];
    recv.read_exact(&mut header).await.unwrap();
    let (tag, length) = frame::parse_header(header).unwrap();
    let mut body = vec![0; length];
    recv.read_exact(&mut body).await.unwrap();
    frame::decode(tag, &body).unwrap()
}

pub fn hello(version: u16) -> Hello {
    Hello {
        version_min: version,
        version_max: version,
        build: "test".into(),
        boot: uuid::Uuid::new_v4(),
        capacity: 1,
        engine: "none".into(),
        host: HostFigures::default(),
        leases: vec![],
        permits: vec![],
    }
}

impl Raw {
    pub async fn closed(&self) -> (u64, String) {
        match tokio::time::timeout(Duration::from_secs(60), self.connection.closed()).await.expect("it is closed") {
            ConnectionError::ApplicationClosed(close) => {
                (close.error_code.into_inner(), String::from_utf8_lossy(&close.reason).into_owned())
            }
            other => panic!("{other}"),
        }
    }

    pub async fn greet(&self, version: u16) -> (SendStream, RecvStream, ControlDown) {
        let (mut send, mut recv) = self.connection.open_bi().await.unwrap();
        send.write_all(&frame::encode(&ControlUp::Hello(hello(version))).unwrap()).await.unwrap();
        let answer = read(&mut recv).await;
        (send, recv, answer)
    }
}

pub fn listening() -> (Fleet, Arc<Core>, Events, coordinator::listener::Listener, SocketAddr) {
    let (core, events) = Core::new();
    let fleet = Fleet::new();
    let listener = fleet.listen(&core, loopback());
    let address = listener.addresses()[0];
    (fleet, core, events, listener, address)
}

#[tokio::test]
async fn a_session_needs_a_certificate_of_ours() {
    let (fleet, _core, mut events, _listener, address) = listening();
    let none = dial(&fleet, address, ALPN_AGENT, None).await;
    assert_eq!(none.closed().await.0, u64::from(close::NO_CERTIFICATE));

    // With TLS 1.3 the client thinks it is connected before its certificate is looked at.
    let other = Authority::create(SystemTime::now()).unwrap();
    let foreign = dial(&fleet, address, ALPN_AGENT, Some(certificate(&other, SandboxId::new()))).await;
    let reason = tokio::time::timeout(Duration::from_secs(60), foreign.connection.closed()).await.unwrap();
    assert!(matches!(reason, ConnectionError::ConnectionClosed(_)), "{reason}");

    // A coordinator's own certificate is no agent's.
    let server = fleet.authority.server_certificate(&[], SystemTime::now()).unwrap();
    let server = dial(&fleet, address, ALPN_AGENT, Some(server)).await;
    assert!(!matches!(server.connection.closed().await, ConnectionError::TimedOut));
    assert!(events.so_far().is_empty(), "the core hears of none of them");
}

#[tokio::test]
async fn a_version_we_do_not_speak_is_refused_by_name() {
    let (fleet, _core, _events, _listener, address) = listening();
    let raw = dial(&fleet, address, ALPN_AGENT, Some(certificate(&fleet.authority, SandboxId::new()))).await;
    let (_send, _recv, answer) = raw.greet(VERSION_MAX + 1).await;
    assert!(matches!(answer, ControlDown::Refused { code: Refusal::Version, .. }));
    assert_eq!(raw.closed().await.0, u64::from(close::VERSION));
    let raw = dial(&fleet, address, ALPN_AGENT, Some(certificate(&fleet.authority, SandboxId::new()))).await;
    let (.., answer) = raw.greet(VERSION_MIN).await;
    assert!(matches!(answer, ControlDown::Welcome(_)));
}

/// Frames that are not ours, and whether the stream ends after them.
fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let whole =
        frame::encode(&ControlUp::Heartbeat(Heartbeat { leases: vec![LeaseId::new()], host: HostFigures::default() }))
            .unwrap();
    let header = |length: u32, tag: u16| [&length.to_le_bytes()[..], &tag.to_le_bytes()].concat();
    let mut trailing = whole.clone();
    trailing.push(0);
    let length = (trailing.len() - 4) as u32;
    trailing[..4].copy_from_slice(&length.to_le_bytes());
    let mut variant = whole.clone();
    variant[HEADER_LEN] = 200;
    vec![
        ("too long", header(u32::MAX, 1)),
        ("too short", header(1, 1)),
        ("unknown tag", header(10, 999)),
        ("another stream's tag", frame::encode(&UpHeader::Live { lease: LeaseId::new() }).unwrap()),
        ("truncated header", whole[..3].to_vec()),
        ("truncated body", whole[..whole.len() - 1].to_vec()),
        ("trailing bytes", trailing),
        ("unknown variant", variant),
        ("a message of the other direction", frame::encode(&ControlDown::HeartbeatTaken).unwrap()),
    ]
}

#[tokio::test]
async fn malformed_frames_close_their_connection_and_no_other() {
    let (fleet, _core, mut events, _listener, address) = listening();
    let mine = || certificate(&fleet.authority, SandboxId::new());
    let bystander = dial(&fleet, address, ALPN_AGENT, Some(mine())).await;
    let (mut send, mut recv, _) = bystander.greet(VERSION_MAX).await;
    events.hello().await;
    for (name, bytes) in malformed() {
        // As the first frame of a session, and of an enrolment.
        for (alpn, mine) in [(ALPN_AGENT, Some(mine())), (ALPN_ENROL, None)] {
            let raw = dial(&fleet, address, alpn, mine).await;
            let (mut send, _recv) = raw.connection.open_bi().await.unwrap();
            send.write_all(&bytes).await.unwrap();
            send.finish().unwrap();
            assert_eq!(raw.closed().await.0, u64::from(close::MALFORMED), "{name} first");
        }
        // Later on the control stream.
        let raw = dial(&fleet, address, ALPN_AGENT, Some(mine())).await;
        let (mut send, _recv, _) = raw.greet(VERSION_MAX).await;
        send.write_all(&bytes).await.unwrap();
        send.finish().unwrap();
        assert_eq!(raw.closed().await.0, u64::from(close::MALFORMED), "{name} later");
        let why = events.next(|event| match event {
            Event::Gone(why) => Some(why),
            _ => None,
        });
        assert_eq!(why.await, coordinator::listener::Gone::Malformed);
    }
    let beat = ControlUp::Heartbeat(Heartbeat { leases: vec![], host: HostFigures::default() });
    send.write_all(&frame::encode(&beat).unwrap()).await.unwrap();
    assert_eq!(read::<ControlDown>(&mut recv).await, ControlDown::HeartbeatTaken);
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let (core, _events) = Core::new();
    let mut fleet = Fleet::new();
    fleet.limits.first_frame = Duration::from_millis(500);
    let listener = fleet.listen(&core, loopback());
    let address = listener.addresses()[0];
    for (alpn, mine) in [(ALPN_AGENT, Some(certificate(&fleet.authority, SandboxId::new()))), (ALPN_ENROL, None)] {
        let raw = dial(&fleet, address, alpn, mine).await;
        assert_eq!(raw.closed().await.0, u64::from(close::TOO_SLOW));
    }
}

#[tokio::test]
async fn artifacts_are_checked_against_size_and_hash() {
    let (fleet, _core, mut events, _listener, address) = listening();
    let raw = dial(&fleet, address, ALPN_AGENT, Some(certificate(&fleet.authority, SandboxId::new()))).await;
    let (_send, mut recv, _) = raw.greet(VERSION_MAX).await;
    let header = |bytes: &[u8]| ArtifactHeader {
        artifact: ArtifactId::new(),
        lease: LeaseId::new(),
        step: "observed".into(),
        content_type: "image/jpeg".into(),
        size: bytes.len() as u64,
        sha256: hex::encode(Sha256::digest(bytes)),
        width: 1,
        height: 1,
    };
    let sound = header(b"a photograph");
    let huge = ArtifactHeader { size: BULK_MAX + 1, ..header(b"") };
    for (header, bytes, again) in [
        (&sound, &b"a photograpX"[..], true),
        (&sound, b"a photo", true),
        (&sound, b"a photograph and more", true),
        (&huge, b"", false),
    ] {
        let mut stream = raw.connection.open_uni().await.unwrap();
        stream.write_all(&frame::encode(&UpHeader::Artifact(header.clone())).unwrap()).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let _ = stream.finish();
        let refused = ControlDown::ArtifactRefused { artifact: header.artifact, again };
        assert_eq!(read::<ControlDown>(&mut recv).await, refused);
    }
    assert!(!events.so_far().iter().any(|event| matches!(event, Event::Artifact(..))));

    let mut stream = raw.connection.open_uni().await.unwrap();
    stream.write_all(&frame::encode(&UpHeader::Artifact(sound.clone())).unwrap()).await.unwrap();
    stream.write_all(b"a photograph").await.unwrap();
    stream.finish().unwrap();
    assert_eq!(read::<ControlDown>(&mut recv).await, ControlDown::ArtifactStored { artifact: sound.artifact });
}

#[tokio::test]
async fn connections_are_bounded() {
    let (core, _events) = Core::new();
    let mut fleet = Fleet::new();
    fleet.limits.connections = 1;
    let listener = fleet.listen(&core, loopback());
    let address = listener.addresses()[0];
    let first = dial(&fleet, address, ALPN_AGENT, Some(certificate(&fleet.authority, SandboxId::new()))).await;
    let _streams = first.greet(VERSION_MAX).await;
    let dir = tempfile::tempdir().unwrap();
    let refused = config(dir.path(), address, Some(&fleet.token(&core, SandboxId::new())));
    let (token, key) = (refused.enrol_token.clone().unwrap(), NewKey::generate().unwrap());
    assert!(valet_agent::enrol::with_token(&refused, &WallClock::default(), &token, &key).await.is_err());
    first.connection.close(0_u32.into(), b"");
    // Its place is free again as soon as the listener has seen it go.
    while valet_agent::enrol::with_token(&refused, &WallClock::default(), &token, &key).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_coordinator_that_was_killed_answers_with_a_reset() {
    let here = tokio::runtime::Runtime::new().unwrap();
    let there = tokio::runtime::Runtime::new().unwrap();
    let (core, mut events) = Core::new();
    let fleet = Fleet::new();
    let address = there.block_on(async { fleet.listen(&core, loopback()).addresses()[0] });
    let mine = certificate(&fleet.authority, SandboxId::new());
    let (raw, _streams) = here.block_on(async {
        let raw = dial(&fleet, address, ALPN_AGENT, Some(mine)).await;
        let streams = raw.greet(VERSION_MAX).await;
        (raw, streams)
    });
    // The core of a killed process holds no link any more: one would keep the socket open.
    drop(here.block_on(events.hello()));
    there.shutdown_timeout(Duration::from_secs(10));
    here.block_on(async {
        let _listener = listen_again(&fleet, &core, address).await;
        let reason = tokio::time::timeout(Duration::from_secs(60), raw.connection.closed()).await.unwrap();
        assert_eq!(reason, ConnectionError::Reset);
    });
}

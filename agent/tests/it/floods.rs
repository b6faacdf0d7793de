//! Agents that come all at once, and agents that send too much.

use std::time::Duration;

use coordinator::pki::Authority;
use protocol::clock::WallClock;
use protocol::ids::{LeaseId, SandboxId};
use protocol::task::Phase;
use protocol::wire::frame;
use protocol::wire::message::{
    ArtifactHeader, ControlDown, ControlUp, EnrolAnswer, Heartbeat, HostFigures, JobDown, JobUp, RenewRequest, Report,
    UpHeader,
};
use protocol::wire::{ALPN_AGENT, ALPN_ENROL, VERSION_MAX, close};
use sha2::{Digest as _, Sha256};
use valet_agent::config::Config;
use valet_agent::enrol::Error as EnrolError;
use valet_agent::identity::{Identity, NewKey};

use crate::limits::{Raw, certificate, dial, hello, listening, read};
use crate::support::*;

fn beat() -> Vec<u8> {
    let beat = ControlUp::Heartbeat(Heartbeat { leases: vec![], host: HostFigures::default() });
    frame::encode(&beat).unwrap().to_vec()
}

async fn agent(fleet: &Fleet, address: std::net::SocketAddr) -> Raw {
    dial(fleet, address, ALPN_AGENT, Some(certificate(&fleet.authority, SandboxId::new()))).await
}

#[tokio::test]
async fn hellos_beyond_the_pace_are_told_when_to_come_and_are_let_in_then() {
    let (core, mut events) = Core::new();
    let mut fleet = Fleet::new();
    (fleet.limits.hellos_per_second, fleet.limits.burst) = (1, 0);
    let listener = fleet.listen(&core, loopback());
    let address = listener.addresses()[0];
    let mut waiting = Vec::new();
    for number in 0_u32..4 {
        let raw = agent(&fleet, address).await;
        let (send, recv, answer) = raw.greet(VERSION_MAX).await;
        match answer {
            ControlDown::Welcome(_) if number == 0 => {}
            ControlDown::Later { after_ms } => waiting.push((raw, send, recv, after_ms)),
            other => panic!("{number}: {other:?}"),
        }
    }
    let places: Vec<u32> = waiting.iter().map(|(.., after)| *after).collect();
    assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "each has a place of its own: {places:?}");
    // One that does not wait is told the rest of its time, and is let in no sooner.
    let (_raw, send, recv, after) = &mut waiting[2];
    send.write_all(&frame::encode(&ControlUp::Hello(hello(VERSION_MAX))).unwrap()).await.unwrap();
    let ControlDown::Later { after_ms } = read(recv).await else { panic!("let in too soon") };
    assert!(after_ms <= *after);
    for (_raw, send, recv, after) in &mut waiting {
        tokio::time::sleep(Duration::from_millis((*after).into())).await;
        send.write_all(&frame::encode(&ControlUp::Hello(hello(VERSION_MAX))).unwrap()).await.unwrap();
        assert!(matches!(read(recv).await, ControlDown::Welcome(_)));
    }
    // The agent itself keeps to it: it has its session on the connection on which it was put off.
    for _ in 0..4 {
        events.hello().await;
    }
    let _first = agent(&fleet, address).await.greet(VERSION_MAX).await;
    let dir = tempfile::tempdir().unwrap();
    let token = fleet.token(&core, SandboxId::new());
    let running = run(config(dir.path(), address, Some(&token)), &Site::new());
    events.hello().await;
    running.stop().await;
}

/// So many hosts enrol at one instant, each with one attempt.
async fn enrol_at_once(fleet: &Fleet, core: &Core, address: std::net::SocketAddr, count: usize) {
    let enrolments = (0..count).map(|_| {
        let token = fleet.token(core, SandboxId::new());
        let config = config(std::path::Path::new("unused"), address, Some(&token));
        async move { enrol(&config).await }
    });
    for enrolled in futures::future::join_all(enrolments).await {
        enrolled.unwrap();
    }
}

async fn enrol(config: &Config) -> Result<Identity, EnrolError> {
    let (token, key) = (config.enrol_token.as_ref().unwrap(), NewKey::generate().unwrap());
    valet_agent::enrol::with_token(config, &WallClock::default(), token, &key).await
}

#[tokio::test]
async fn agents_beyond_the_pace_of_handshakes_stand_in_a_line_on_their_first_attempt() {
    let (core, _events) = Core::new();
    let mut fleet = Fleet::new();
    (fleet.limits.handshakes_per_second, fleet.limits.burst) = (1, 0);
    let listener = fleet.listen(&core, loopback());
    enrol_at_once(&fleet, &core, listener.addresses()[0], 6).await;
}

/// An address that nobody answers at, as that of a host that is off.
async fn silent() -> (tokio::net::UdpSocket, String) {
    let socket = tokio::net::UdpSocket::bind(loopback()).await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    (socket, address)
}

#[tokio::test]
async fn an_address_that_is_silent_does_not_keep_an_agent_from_the_next() {
    let (core, _events) = Core::new();
    let fleet = Fleet::new();
    let listener = fleet.listen(&core, loopback());
    let token = fleet.token(&core, SandboxId::new());
    let mut config = config(std::path::Path::new("unused"), listener.addresses()[0], Some(&token));
    let (_socket, nobody) = silent().await;
    config.coordinators.insert(0, nobody.clone());
    enrol(&config).await.unwrap();
    // With nobody else to try, it says so; what a coordinator answered, it says rather than that another is silent.
    let mut alone = config.clone();
    alone.coordinators = vec![nobody];
    let other = Authority::create(std::time::SystemTime::now()).unwrap().fingerprint_hex();
    config.enrol_token = Some(format!("{}.{other}", core.token(SandboxId::new())).parse().unwrap());
    let (alone, other) = tokio::join!(enrol(&alone), enrol(&config));
    let why = |enrolled: Result<Identity, EnrolError>| match enrolled {
        Err(EnrolError::Connect(error)) => error.to_string(),
        other => panic!("{:?}", other.err()),
    };
    assert!(why(alone).ends_with("does not answer"));
    assert!(why(other).starts_with("no connection to"));
}

#[tokio::test]
async fn hosts_that_enrol_at_one_instant_wait_for_their_turn_and_none_is_sent_away() {
    let (core, _events) = Core::new();
    let mut fleet = Fleet::new();
    fleet.limits.enrolments = 1;
    let listener = fleet.listen(&core, loopback());
    enrol_at_once(&fleet, &core, listener.addresses()[0], 24).await;
}

#[tokio::test]
async fn an_agent_that_floods_is_cut_off_and_no_other() {
    let (fleet, _core, mut events, _listener, address) = listening();
    let bystander = agent(&fleet, address).await;
    let (mut bystanding, mut heard, _) = bystander.greet(VERSION_MAX).await;
    events.hello().await;

    let raw = agent(&fleet, address).await;
    let (mut send, _recv, _) = raw.greet(VERSION_MAX).await;
    let beats = beat().repeat(100);
    while send.write_all(&beats).await.is_ok() {}
    assert_eq!(raw.closed().await, (u64::from(close::FLOOD), "control".to_owned()));

    let raw = agent(&fleet, address).await;
    let _streams = raw.greet(VERSION_MAX).await;
    let header = UpHeader::Artifact(ArtifactHeader {
        artifact: protocol::ids::ArtifactId::new(),
        lease: LeaseId::new(),
        step: "observed".into(),
        content_type: "image/jpeg".into(),
        size: 0,
        sha256: hex::encode(Sha256::digest(b"")),
        width: 1,
        height: 1,
    });
    let header = frame::encode(&header).unwrap();
    while let Ok(mut stream) = raw.connection.open_uni().await {
        let _ = stream.write_all(&header).await;
        let _ = stream.finish();
    }
    assert_eq!(raw.closed().await, (u64::from(close::FLOOD), "artifacts".to_owned()));

    for (kind, message) in [("reports", true), ("progress", false)] {
        events.so_far();
        let raw = agent(&fleet, address).await;
        let _streams = raw.greet(VERSION_MAX).await;
        let (_, link) = events.hello().await;
        let _job = link.open_job(JobDown::Start(start())).unwrap();
        let (mut send, _recv) = raw.connection.accept_bi().await.unwrap();
        let one = match message {
            true => JobUp::Report { number: 1, report: Report::Phase(Phase::Navigating) },
            false => JobUp::Progress(protocol::wire::message::Progress {
                done: 1,
                total: 1,
                field: "f1".into(),
                status: protocol::plan::FillStatus::Verified,
            }),
        };
        let many = frame::encode(&one).unwrap().repeat(500);
        while send.write_all(&many).await.is_ok() {}
        assert_eq!(raw.closed().await, (u64::from(close::FLOOD), kind.to_owned()));
    }

    bystanding.write_all(&beat()).await.unwrap();
    assert_eq!(read::<ControlDown>(&mut heard).await, ControlDown::HeartbeatTaken);
}

#[tokio::test]
async fn a_certificate_of_another_sandbox_buys_nothing() {
    let (fleet, _core, mut events, _listener, address) = listening();
    let (victims, _) = certificate(&fleet.authority, SandboxId::new());
    let mine = NewKey::generate().unwrap();
    let raw = dial(&fleet, address, ALPN_ENROL, None).await;
    let (mut send, mut recv) = raw.connection.open_bi().await.unwrap();
    let request = RenewRequest { certificate_der: victims[0].to_vec(), csr_der: mine.csr().to_vec() };
    send.write_all(&frame::encode(&request).unwrap()).await.unwrap();
    assert!(matches!(read(&mut recv).await, EnrolAnswer::Refused { .. }));
    // Nor can it be shown in a handshake without its key.
    let key = certificate(&fleet.authority, SandboxId::new()).1;
    let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_client_auth_cert(victims, key);
    assert!(tls.is_err(), "the key is not the certificate's");
    assert!(events.so_far().is_empty());
}

/// A welcome agent, its listener and the clocks of both.
async fn two_clocks() -> (
    Fleet,
    Events,
    coordinator::listener::Listener,
    Running,
    coordinator::listener::AgentLink,
    WallClock,
    tempfile::TempDir,
) {
    let (core, mut events) = Core::new();
    let fleet = Fleet::new();
    let listener = fleet.listen(&core, loopback());
    let (dir, clock) = (tempfile::tempdir().unwrap(), WallClock::default());
    let token = fleet.token(&core, SandboxId::new());
    let running = run_by(config(dir.path(), listener.addresses()[0], Some(&token)), &Site::new(), &clock);
    let (_, link) = events.hello().await;
    events.so_far();
    (fleet, events, listener, running, link, clock, dir)
}

#[tokio::test]
async fn clocks_that_jump_by_hours_cost_a_certificate_and_no_host() {
    const HOURS: i64 = 2 * 3600;
    // Whose clock jumps, by how much, and whether it takes the way of a lapsed certificate.
    for (coordinators, by, lapses) in
        [(true, HOURS, true), (true, -HOURS, false), (false, HOURS, true), (false, -HOURS, false)]
    {
        let (fleet, mut events, _listener, running, link, clock, _dir) = two_clocks().await;
        if coordinators {
            fleet.clock.jump(by)
        } else {
            clock.jump(by)
        }
        // The session goes on; only a new connection shows the certificate.
        for _ in 0..3 {
            let beat = |event| match event {
                Event::Heartbeat(_) => Some(true),
                Event::Gone(_) => Some(false),
                _ => None,
            };
            assert!(events.next(beat).await, "the session ended by a jump");
        }
        link.close(close::GOING_DOWN);
        let mut lapsed = false;
        let again = events.next(|event| match event {
            Event::Issued(_, occasion) => {
                lapsed |= occasion == coordinator::listener::Occasion::Lapsed;
                None
            }
            Event::Hello(_, link) => Some(link),
            _ => None,
        });
        let again = again.await;
        assert_eq!(lapsed, lapses, "coordinator's: {coordinators}, by {by}");
        // And no certificate is asked for again and again.
        let mut beats = 0;
        let quiet = events.next(|event| match event {
            Event::Issued(..) | Event::Gone(_) => Some(false),
            Event::Heartbeat(_) => {
                beats += 1;
                (beats == 8).then_some(true)
            }
            _ => None,
        });
        assert!(quiet.await, "coordinator's: {coordinators}, by {by}");
        drop(again);
        running.stop().await;
    }
}

//! Tokens, certificates, refusals.

use std::time::{Duration, SystemTime};

use axum::routing::{get, put};
use coordinator::listener::Refused;
use coordinator::pki::{AGENT_CERTIFICATE_TTL, Authority};
use protocol::clock::WallClock;
use protocol::ids::SandboxId;
use protocol::wire::message::Refusal;
use sha2::{Digest as _, Sha256};
use valet_agent::enrol::Error as EnrolError;
use valet_agent::identity::{Identity, NewKey};
use valet_agent::session::Error;

use crate::support::*;

async fn refused_with(token: &str, address: std::net::SocketAddr) -> EnrolError {
    let dir = tempfile::tempdir().unwrap();
    match run(config(dir.path(), address, Some(token)), &Site::new()).done().await {
        Err(Error::Enrol(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_is_good_once_and_only_if_it_is_ours() {
    let mut world = World::new().await;
    let used = config(world.dir.path(), world.address, None);
    let sandbox = Identity::load(&used.data_dir).unwrap().unwrap().sandbox();
    assert_eq!(world.link.identity().sandbox, sandbox);

    // A wrong, a used and an expired token look alike to the listener: the core burns them.
    let good = world.core.token(sandbox);
    let hexed = world.fleet.authority.fingerprint_hex();
    for token in [format!("wrong.{hexed}"), format!("{}.{hexed}", "x".repeat(1000))] {
        assert!(matches!(refused_with(&token, world.address).await, EnrolError::Refused { code: Refusal::Token, .. }));
    }
    // Without an authority there is nobody to show the token to; with another's fingerprint it is never shown.
    assert!(matches!(refused_with(&good, world.address).await, EnrolError::NoAuthority));
    let other = Authority::create(SystemTime::now()).unwrap().fingerprint_hex();
    let dir = tempfile::tempdir().unwrap();
    let config_of_other = config(dir.path(), world.address, Some(&format!("{good}.{other}")));
    let (token, key) = (config_of_other.enrol_token.clone().unwrap(), NewKey::generate().unwrap());
    let refused = valet_agent::enrol::with_token(&config_of_other, &WallClock::default(), &token, &key).await;
    assert!(matches!(refused, Err(EnrolError::Connect(_))));
    assert!(world.core.tokens.lock().unwrap().contains_key(&good));

    // A second start needs no token; the token is spent after the first use.
    world.agent.stop().await;
    let second = run(used, &world.site);
    world.events.hello().await;
    second.stop().await;
    let token = format!("{good}.{hexed}");
    let dir = tempfile::tempdir().unwrap();
    let first = run(config(dir.path(), world.address, Some(&token)), &Site::new());
    world.events.hello().await;
    first.stop().await;
    assert!(matches!(refused_with(&token, world.address).await, EnrolError::Refused { code: Refusal::Token, .. }));
}

/// A metadata service that gives this as its signed document.
async fn metadata(document: &str) -> String {
    let document = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, document);
    let router = axum::Router::new()
        .route("/latest/api/token", put(|| async { "token" }))
        .route("/latest/dynamic/instance-identity/rsa2048", get(|| async { document }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, router).into_future());
    format!("http://{address}")
}

#[tokio::test]
async fn an_instance_asks_with_one_key_until_it_is_answered() {
    let (core, mut events) = Core::new();
    let fleet = Fleet::new();
    let listener = fleet.listen(&core, loopback());
    let (dir, sandbox) = (tempfile::tempdir().unwrap(), SandboxId::new());
    let mut config = config(dir.path(), listener.addresses()[0], None);
    config.enrol_ec2 = true;
    config.ec2_metadata = metadata(&core.token(sandbox)).await;
    // Nobody is named whom the document could be shown to.
    let unnamed = run(config.clone(), &Site::new()).done().await;
    assert!(matches!(unnamed, Err(Error::Enrol(EnrolError::NoAuthority))), "{unnamed:?}");
    config.authority = Some(Sha256::digest(fleet.authority.certificate()).into());

    // The answer is lost, and the agent ends before it has another.
    *core.refuse.lock().unwrap() = Some(Refused::new(Refusal::Busy, "not now"));
    let first = run(config.clone(), &Site::new());
    let asked = || core.instance_keys.lock().unwrap().len();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while asked() < 2 {
        assert!(tokio::time::Instant::now() < deadline, "it asks again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    first.stop().await;
    *core.refuse.lock().unwrap() = None;
    let second = run(config.clone(), &Site::new());
    let (_, link) = events.hello().await;
    assert_eq!(link.identity().sandbox, sandbox);
    second.stop().await;
    let mut keys = core.instance_keys.lock().unwrap().clone();
    keys.dedup();
    assert_eq!(keys.len(), 1, "the first key counts, so it is kept");

    // From now on it has its identity; without that it is a stranger with another key.
    let third = run(config.clone(), &Site::new());
    events.hello().await;
    third.stop().await;
    std::fs::remove_file(dir.path().join("identity.pem")).unwrap();
    let refused = run(config, &Site::new()).done().await;
    assert!(matches!(refused, Err(Error::Enrol(EnrolError::Refused { code: Refusal::Document, .. }))), "{refused:?}");
    assert_ne!(core.instance_keys.lock().unwrap().last(), keys.first());
}

#[tokio::test]
async fn a_lapsed_instance_that_may_not_renew_asks_with_its_document_and_its_key() {
    let (core, mut events) = Core::new();
    let fleet = Fleet::new();
    let listener = fleet.listen(&core, loopback());
    let (dir, sandbox, key) = (tempfile::tempdir().unwrap(), SandboxId::new(), NewKey::generate().unwrap());
    // Longer ago than a key alone counts.
    let long_ago = SystemTime::now() - AGENT_CERTIFICATE_TTL * 24 * 60;
    let old = fleet.authority.sign_agent(key.csr(), sandbox, long_ago, AGENT_CERTIFICATE_TTL).unwrap();
    let chain = old.chain.iter().map(|certificate| certificate.to_vec()).collect();
    key.certified(chain, fleet.authority.certificate().to_vec()).unwrap().store(dir.path()).unwrap();
    let mut config = config(dir.path(), listener.addresses()[0], None);
    config.enrol_ec2 = true;
    config.ec2_metadata = metadata(&core.token(sandbox)).await;
    config.authority = Some(Sha256::digest(fleet.authority.certificate()).into());
    let agent = run(config, &Site::new());
    events.hello().await;
    agent.stop().await;
    let known = coordinator::pki::requested_key(key.csr()).unwrap();
    assert_eq!(*core.instance_keys.lock().unwrap(), [known]);
}

#[tokio::test]
async fn a_token_whose_certificate_did_not_arrive_is_good_for_the_same_agent() {
    let (core, mut events) = Core::new();
    let fleet = Fleet::new();
    let listener = fleet.listen(&core, loopback());
    let (dir, sandbox) = (tempfile::tempdir().unwrap(), SandboxId::new());
    let token = fleet.token(&core, sandbox);
    *core.refuse_certificate.lock().unwrap() = Some(Refused::new(Refusal::Busy, "the database went away just then"));
    let agent = run(config(dir.path(), listener.addresses()[0], Some(&token)), &Site::new());
    let (_, link) = events.hello().await;
    assert_eq!(link.identity().sandbox, sandbox);
    agent.stop().await;
    assert!(matches!(
        refused_with(&token, listener.addresses()[0]).await,
        EnrolError::Refused { code: Refusal::Token, .. }
    ));
}

#[tokio::test]
async fn two_agents_do_not_share_a_data_directory() {
    let world = World::new().await;
    let again = valet_agent::session::Agent::open(config(world.dir.path(), world.address, None));
    assert!(matches!(again, Err(Error::Taken { .. })));
}

#[tokio::test]
async fn a_revoked_agent_stops() {
    let world = World::new().await;
    let refused = Refused::new(Refusal::Revoked, "removed by an admin");
    *world.core.refuse.lock().unwrap() = Some(refused.clone());
    world.link.refuse(refused);
    assert!(matches!(world.agent.done().await, Err(Error::Revoked { .. })));
    // Coming back does not help.
    let again = run(config(world.dir.path(), world.address, None), &world.site);
    assert!(matches!(again.done().await, Err(Error::Revoked { .. })));
}

#[tokio::test]
async fn a_certificate_is_renewed_at_half_life_within_the_session() {
    let (core, mut events) = Core::new();
    let mut fleet = Fleet::new();
    fleet.limits.certificate_ttl = Duration::from_secs(6);
    let listener = fleet.listen(&core, loopback());
    let (dir, sandbox) = (tempfile::tempdir().unwrap(), SandboxId::new());
    let token = fleet.token(&core, sandbox);
    let agent = run(config(dir.path(), listener.addresses()[0], Some(&token)), &Site::new());
    let issued = |event| match event {
        Event::Issued(identity, _) => Some(Some(identity)),
        Event::Gone(_) => Some(None),
        _ => None,
    };
    let first = events.next(issued).await.unwrap();
    let second = events.next(issued).await.expect("on the same session");
    assert_ne!(first.fingerprint, second.fingerprint);
    assert_eq!(second.sandbox, sandbox);
    // Once it is renewed again the second one is on the disk, with its key.
    let third = events.next(issued).await.expect("on the same session");
    assert!(third.not_after >= second.not_after);
    let kept = Identity::load(dir.path()).unwrap().unwrap();
    assert!(kept.not_after() >= second.not_after);
    agent.stop().await;
}

#[tokio::test]
async fn a_lapsed_certificate_is_traded_for_a_new_one() {
    let (core, mut events) = Core::new();
    let fleet = Fleet::new();
    let listener = fleet.listen(&core, loopback());
    let (dir, sandbox, key) = (tempfile::tempdir().unwrap(), SandboxId::new(), NewKey::generate().unwrap());
    let long_ago = SystemTime::now() - AGENT_CERTIFICATE_TTL * 24;
    let old = fleet.authority.sign_agent(key.csr(), sandbox, long_ago, AGENT_CERTIFICATE_TTL).unwrap();
    let chain = old.chain.iter().map(|certificate| certificate.to_vec()).collect();
    key.certified(chain, fleet.authority.certificate().to_vec()).unwrap().store(dir.path()).unwrap();

    let agent = run(config(dir.path(), listener.addresses()[0], None), &Site::new());
    let (_, link) = events.hello().await;
    assert_eq!(link.identity().sandbox, sandbox);
    assert_ne!(link.identity().fingerprint, old.identity.fingerprint);
    agent.stop().await;
}

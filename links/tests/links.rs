//! Two coordinators and a gateway, linked for real: QUIC, certificates of one authority, the cluster's own handshake.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use coordinator::pki::{Authority, EndpointSecrets};
use links::{Config, Identity, Links, Peer};
use protocol::cluster::{ROUTERS, RouterMessage};
use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::watch;

/// Far above what a handshake takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

struct Fleet {
    authority: Authority,
    secrets: EndpointSecrets,
}

impl Fleet {
    fn new() -> Self {
        let authority = Authority::create(std::time::SystemTime::now()).unwrap();
        Self { authority, secrets: EndpointSecrets::derive(&[3; 32]).unwrap() }
    }

    fn identity(&self, name: &str) -> Identity {
        let (chain, key) = self.authority.node_certificate(name, std::time::SystemTime::now()).unwrap();
        Identity { chain, key, authority: self.authority.certificate().clone(), cookie: self.secrets.cookie() }
    }

    async fn start(&self, name: &str, peers: Vec<Peer>) -> (Links, watch::Sender<Vec<Peer>>) {
        start(self.identity(name), name.starts_with("coordinator"), peers).await
    }
}

async fn start(identity: Identity, listens: bool, peers: Vec<Peer>) -> (Links, watch::Sender<Vec<Peer>>) {
    let (tell, peers) = watch::channel(peers);
    let listen = listens.then(|| "127.0.0.1:0".parse().unwrap());
    let config = Config { identity, listen, endpoint: Default::default(), peers, beside: None };
    (Links::start(config).await.unwrap(), tell)
}

fn peer(name: &str, links: &Links) -> Peer {
    Peer { name: name.to_owned(), address: links.address().to_string() }
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !done() {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_breaks_is_made_again() {
    let fleet = Fleet::new();
    let (one, _tell) = fleet.start("coordinator/one", Vec::new()).await;
    let (two, _peers) = fleet.start("coordinator/two", vec![peer("one", &one)]).await;
    until("both know of the link", || !one.linked().is_empty() && !two.linked().is_empty()).await;
    assert_eq!((one.linked(), two.linked()), (vec!["coordinator/two".to_owned()], vec!["coordinator/one".to_owned()]));
    // The same node at the same address, in another life.
    let address = one.address();
    one.stop().await;
    until("the end is noticed", || two.linked().is_empty()).await;
    let (_tell, peers) = watch::channel(Vec::new());
    let again = loop {
        let (identity, peers) = (fleet.identity("coordinator/one"), peers.clone());
        let config = Config { identity, listen: Some(address), endpoint: Default::default(), peers, beside: None };
        // The socket is let go of a moment after its endpoint.
        match Links::start(config).await {
            Ok(links) => break links,
            Err(links::Error::Bind { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    until("linked again", || !two.linked().is_empty() && !again.linked().is_empty()).await;
    two.stop().await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_of_the_fleet_or_not_who_was_expected_is_refused() {
    let (fleet, other) = (Fleet::new(), Fleet::new());
    let (one, _tell) = fleet.start("coordinator/one", Vec::new()).await;
    // Another authority's node; a node that expects somebody else; a browser host with a certificate of the fleet.
    let stranger = Identity { authority: fleet.authority.certificate().clone(), ..other.identity("gateway/x") };
    let (stranger, _s) = start(stranger, false, vec![peer("one", &one)]).await;
    let (mistaken, _m) = fleet.start("gateway/y", vec![peer("somebody-else", &one)]).await;
    let (right, _r) = fleet.start("gateway/z", vec![peer("one", &one)]).await;
    until("the right one is linked", || !right.linked().is_empty()).await;
    until("and known", || !one.linked().is_empty()).await;
    // The stranger's own end of a handshake is done before ours refuses it, so what counts is whom this end knows.
    assert_eq!(one.linked(), ["gateway/z"]);
    assert!(mistaken.linked().is_empty());
    for links in [stranger, mistaken, right, one] {
        links.stop().await;
    }
}

/// Answers every command with what it was asked.
struct Echo;

impl Actor for Echo {
    type Msg = RouterMessage;
    type State = ();
    type Arguments = String;

    async fn pre_start(&self, me: ActorRef<RouterMessage>, group: String) -> Result<(), ActorProcessingErr> {
        ractor::pg::join(group, vec![me.get_cell()]);
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<RouterMessage>,
        message: RouterMessage,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        if let RouterMessage::Command(bytes, reply) = message {
            reply.send(bytes)?;
        }
        Ok(())
    }
}

/// In one process both nodes see the local actor; that the remote one, found through the link, answers is what counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_router_of_another_node_is_found_and_answers() {
    let fleet = Fleet::new();
    let (one, _tell) = fleet.start("coordinator/one", Vec::new()).await;
    let group = format!("{ROUTERS}.of-this-test");
    Actor::spawn(None, Echo, group.clone()).await.unwrap();
    let (two, _peers) = fleet.start("gateway/two", vec![peer("one", &one)]).await;
    let remote = || ractor::pg::get_members(&group).into_iter().find(|member| !member.get_id().is_local());
    until("the remote router is known", || remote().is_some()).await;
    let router: ActorRef<RouterMessage> = remote().unwrap().into();
    // As large as the largest message between nodes.
    let question = vec![7; (1 << 20) + (4 << 10)];
    let asked = question.clone();
    let answer = router.call(|reply| RouterMessage::Command(asked, reply), Some(PATIENCE)).await.unwrap();
    assert!(matches!(answer, CallResult::Success(answer) if answer == question));
    two.stop().await;
    one.stop().await;
}

//! Admins' view of the actors, with stand-ins for the coordinators' nodes.

use std::collections::BTreeMap;

use futures::{SinkExt as _, StreamExt as _};
use protocol::ids::{LeaseId, NodeId};
use protocol::inspect::{
    ADMINS, Actor, Answer, Ask, Change, Changed, Count, Deadline, Filter, Listing, Order, Reply, Request, What,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::bus::Message as BusMessage;
use tokio_tungstenite::tungstenite::Message;

use crate::auth::wait_until;
use crate::site::{FAST_SOCKETS, PATIENCE, Person, Router, Site, no_router, options, read};

pub async fn admin(site: &Site) -> Person<'_> {
    let root = site.person("root@example.com").await;
    sqlx::query("UPDATE users SET role = 'admin' WHERE id = $1").bind(root.id.0).execute(&site.pool).await.unwrap();
    // Standings are remembered for a second.
    wait_until("the role", || async { root.get("/admin/actors").await.0 != StatusCode::FORBIDDEN }).await;
    root
}

fn actor(id: &str, node: NodeId) -> Actor {
    Actor {
        id: id.to_owned(),
        kind: id.split(':').next().unwrap().to_owned(),
        parent: Some("coordinator".to_owned()),
        node,
        state: "running".to_owned(),
        depth: 2,
        oldest_ms: Some(40),
        handled: 7,
        started_at_ms: 1_700_000_000_000,
        restarts: 1,
        last_message: Some("pass".to_owned()),
        last_message_ms: Some(3),
        last_error: Some("the task has another owner".to_owned()),
        lease: Some(LeaseId::new()),
        deadline: Some(Deadline { what: "parked".to_owned(), at_ms: 1_700_000_600_000 }),
    }
}

/// Answers as a node with these actors does.
fn node(ids: &'static [&'static str], node: NodeId) -> impl Fn(&Request) -> Answer + Send {
    move |request| {
        assert!(request.caller.as_ref().is_some_and(protocol::inspect::Caller::is_admin));
        let reply = match &request.ask {
            Ask::List(filter) => Reply::List(listing(ids, node, filter)),
            Ask::One { id } => Reply::One(ids.contains(&id.as_str()).then(|| Box::new(actor(id, node)))),
            Ask::Steer { node: wanted, .. } if *wanted != node => Reply::NotHere,
            Ask::Steer { id, order: Order::Stop, .. } if !id.starts_with("task:") => {
                Reply::Conflict("It cannot be stopped.".to_owned())
            }
            Ask::Steer { .. } => Reply::Steered,
            Ask::Drained { .. } | Ask::Probe { .. } => Reply::Done,
        };
        Answer { node, reply }
    }
}

fn listing(ids: &[&str], node: NodeId, filter: &Filter) -> Listing {
    let after = filter.after.as_deref().map(protocol::inspect::key);
    let mut actors: Vec<Actor> = ids.iter().map(|id| actor(id, node)).collect();
    actors.retain(|actor| filter.kind.as_ref().is_none_or(|kind| *kind == actor.kind));
    actors.retain(|actor| after.is_none_or(|after| protocol::inspect::key(&actor.place()) > after));
    actors.sort_by_key(Actor::place);
    let more = actors.len() > filter.limit;
    actors.truncate(filter.limit);
    Listing { actors, more, counts: BTreeMap::from([("task".to_owned(), Count { total: 10_000, stuck: 1 })]) }
}

async fn audit(site: &Site) -> Vec<(String, String, Value)> {
    let rows = sqlx::query_as("SELECT user_id, action, details FROM audit_trail ORDER BY created_at");
    rows.fetch_all(&site.pool).await.unwrap()
}

#[tokio::test]
async fn only_admins_see_and_steer_actors() {
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let calls = [
        (Method::GET, "/admin/actors"),
        (Method::GET, "/admin/actors/dispatcher"),
        (Method::POST, "/admin/actors/dispatcher/restart"),
        (Method::POST, "/admin/actors/dispatcher/stop"),
        (Method::GET, "/admin/sandboxes/0190163d-8694-739b-aea5-966c26f8ad91/drain"),
        (Method::POST, "/admin/sandboxes/0190163d-8694-739b-aea5-966c26f8ad91/undrain"),
        (Method::GET, "/admin/tasks/0190163d-8694-739b-aea5-966c26f8ad91/explain"),
    ];
    for (method, path) in calls {
        assert_eq!(read(site.request(method.clone(), path)).await.0, StatusCode::UNAUTHORIZED, "{path}");
        let (status, body) = read(ada.request(method, path)).await;
        assert_eq!((status, &body["error"]), (StatusCode::FORBIDDEN, &json!("FORBIDDEN")), "{path}");
    }
    assert!(audit(&site).await.is_empty());
    site.stop().await;
}

#[tokio::test]
async fn the_lists_of_all_nodes_are_one_list_in_pages() {
    let (one, _turn) = Router::start().await;
    let two = Router::another().await;
    let (here, there) = (NodeId::new(), NodeId::new());
    one.shows(node(&["dispatcher", "task:1", "task:3"], here));
    two.shows(node(&["dispatcher", "task:2", "task:4"], there));
    let site = Site::start().await;
    let root = admin(&site).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, body) = root.get(&format!("/admin/actors?limit=2{cursor}")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(body["counts"]["task"], json!({ "total": 20_000, "stuck": 2 }));
        assert_eq!(body["nodes"].as_array().unwrap().len(), 2);
        let page = body["data"].as_array().unwrap();
        assert!(page.len() <= 2);
        seen.extend(page.iter().map(|actor| actor["id"].as_str().unwrap().to_owned()));
        match body["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["dispatcher", "dispatcher", "task:1", "task:2", "task:3", "task:4"]);
    let (_, body) = root.get("/admin/actors?kind=task&limit=200").await;
    let first = &body["data"][0];
    assert_eq!(
        (&first["id"], &first["mailboxDepth"], &first["lastMessage"]),
        (&json!("task:1"), &json!(2), &json!("pass"))
    );
    assert_eq!(first["deadline"], json!({ "what": "parked", "at": "2023-11-14T22:23:20.000Z" }));
    assert_eq!(root.get("/admin/actors?limit=201").await.0, StatusCode::BAD_REQUEST);
    site.stop().await;
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn nodes_that_do_not_answer_are_named() {
    let (one, _turn) = Router::start().await;
    let hangs = Router::another().await;
    let (here, gone) = (NodeId::new(), NodeId::new());
    one.shows(node(&["dispatcher"], here));
    let site = Site::start().await;
    let root = admin(&site).await;
    for (shard, owner) in [(0_i16, here), (1, gone)] {
        let query = sqlx::query("UPDATE shards SET node_id = $2 WHERE id = $1").bind(shard).bind(owner.0);
        query.execute(&site.pool).await.unwrap();
    }
    let (status, body) = root.get("/admin/actors").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&body["nodes"], &body["unreachable"]), (&json!([here]), &json!([gone])));
    // What was not found may be with the one that hangs.
    assert_eq!(root.get("/admin/actors/wakes").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(root.get("/admin/actors/dispatcher").await.0, StatusCode::OK);
    hangs.stop().await;
    one.stop().await;
    let (status, body) = root.get("/admin/actors").await;
    assert_eq!((status, &body["data"]), (StatusCode::OK, &json!([])), "{body}");
    site.stop().await;
}

#[tokio::test]
async fn orders_go_to_the_node_that_has_the_actor_and_leave_a_line() {
    let (one, _turn) = Router::start().await;
    let two = Router::another().await;
    let (here, there) = (NodeId::new(), NodeId::new());
    one.shows(node(&["dispatcher", "task:1"], here));
    two.shows(node(&["dispatcher"], there));
    let site = Site::start().await;
    let root = admin(&site).await;
    let (status, body) = root.post("/admin/actors/task:1/stop", json!({})).await;
    assert_eq!((status, &body["nodeId"], &body["action"]), (StatusCode::OK, &json!(here), &json!("stop")), "{body}");
    let (status, body) = root.post("/admin/actors/dispatcher/restart", json!({})).await;
    assert_eq!((status, &body["error"]), (StatusCode::CONFLICT, &json!("ACTOR_AMBIGUOUS")));
    let on_two = format!("/admin/actors/dispatcher/restart?node={there}");
    assert_eq!(root.post(&on_two, json!({})).await.0, StatusCode::OK);
    let (status, body) = root.post(&format!("/admin/actors/dispatcher/stop?node={there}"), json!({})).await;
    assert_eq!((status, &body["error"]), (StatusCode::CONFLICT, &json!("ACTOR_NOT_STEERABLE")));
    assert_eq!(body["message"], "It cannot be stopped.");
    for path in ["/admin/actors/task:9/stop", "/admin/actors/%00/stop"] {
        let (status, body) = root.post(path, json!({})).await;
        assert_eq!((status, &body["error"]), (StatusCode::NOT_FOUND, &json!("ACTOR_NOT_FOUND")), "{path}");
    }
    let lines = audit(&site).await;
    let expected = [
        ("actor.stop", json!({ "actorId": "task:1", "nodeId": here })),
        ("actor.restart", json!({ "actorId": "dispatcher", "nodeId": there })),
        ("actor.stop", json!({ "actorId": "dispatcher", "nodeId": there })),
    ];
    let expected = expected.map(|(action, details)| (root.id.to_string(), action.to_owned(), details));
    assert_eq!(lines, expected, "an order leaves its line whether or not the actor took it");
    let steers = two.requests().into_iter().filter(|request| matches!(request.ask, Ask::Steer { .. }));
    assert!(steers.clone().count() > 0);
    for request in steers {
        assert_eq!(request.caller.unwrap().user, root.id);
    }
    site.stop().await;
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn admins_screens_that_ask_are_told_of_changes_together() {
    let _turn = no_router().await;
    let mut options = options();
    options.sockets = FAST_SOCKETS;
    let site = Site::with(options).await;
    let (ada, root) = (site.person("ada@example.com").await, admin(&site).await);
    let open = async |person: &Person<'_>| {
        let url = format!("ws://{}/api/v1/ws?token={}", site.address, person.token);
        let mut socket = tokio_tungstenite::connect_async(url).await.unwrap().0;
        socket.send(Message::Text(r#"{"action":"subscribe","topic":"actors"}"#.into())).await.unwrap();
        socket
    };
    let (mut adas, mut roots) = (open(&ada).await, open(&root).await);
    let here = NodeId::new();
    let tell = |n: usize, state: &str| {
        let change = Change {
            id: format!("task:{n}"),
            kind: "task".to_owned(),
            node: here,
            change: What::State,
            state: state.to_owned(),
        };
        let changed = Changed { changes: vec![change], more: false };
        let mut json = serde_json::to_value(changed).unwrap();
        json["type"] = json!("actors_changed");
        site.app.bus.publish(BusMessage { user: ADMINS, seq: None, json: json.to_string().into() });
    };
    let next = async |socket: &mut tokio_tungstenite::WebSocketStream<_>| loop {
        if let Some(Ok(Message::Text(text))) = socket.next().await {
            let message: Value = serde_json::from_str(&text).unwrap();
            if message["type"] != "hello" {
                break message;
            }
        }
    };
    // Asking takes a moment to arrive: said until it is heard.
    let first = tokio::time::timeout(PATIENCE, async {
        loop {
            tell(0, "queued");
            let heard = tokio::time::timeout(std::time::Duration::from_millis(500), next(&mut roots)).await;
            if let Ok(message) = heard {
                break message;
            }
        }
    });
    assert_eq!(first.await.unwrap()["type"], "actors_changed");
    // A burst is a message or two, with the latest state of each.
    for n in 1..=50 {
        tell(n, "queued");
        tell(n, "filling");
    }
    let (mut messages, mut states) = (0, BTreeMap::new());
    while states.len() < 50 {
        let message = tokio::time::timeout(PATIENCE, next(&mut roots)).await.unwrap();
        messages += 1;
        for change in message["changes"].as_array().unwrap().iter().filter(|change| change["id"] != "task:0") {
            states.insert(change["id"].to_string(), change["state"].to_string());
        }
    }
    assert!(messages <= 3, "{messages} messages");
    assert!(states.values().all(|state| state == "\"filling\""));
    // Whoever is no admin hears nothing of it.
    site.app.bus.publish(BusMessage { user: ada.id, seq: None, json: r#"{"type":"field_filled"}"#.into() });
    assert_eq!(tokio::time::timeout(PATIENCE, next(&mut adas)).await.unwrap()["type"], "field_filled");
    site.stop().await;
}

//! The WebSocket: refusals, order, resuming, cutting off.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use gateway::Sockets;
use protocol::ids::UserId;
use serde_json::{Value, json};
use store::bus::Message as BusMessage;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::site::{FAST_SOCKETS, PATIENCE, Person, Site, options};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn open(site: &Site, query: &str) -> Socket {
    let url = format!("ws://{}/api/v1/ws{query}", site.address);
    tokio_tungstenite::connect_async(url).await.unwrap().0
}

async fn fast() -> Site {
    let mut options = options();
    options.sockets = FAST_SOCKETS;
    Site::with(options).await
}

impl Person<'_> {
    async fn socket(&self, since: Option<i64>) -> Socket {
        let since = since.map(|since| format!("&since={since}")).unwrap_or_default();
        open(self.site, &format!("?token={}{since}", self.token)).await
    }
}

/// The next JSON text.
async fn next(socket: &mut Socket) -> Value {
    loop {
        match tokio::time::timeout(PATIENCE, socket.next()).await.expect("a message in time") {
            Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            other => panic!("no message but {other:?}"),
        }
    }
}

/// The close code, whatever comes before it.
async fn closed(socket: &mut Socket) -> (u16, String) {
    loop {
        match tokio::time::timeout(PATIENCE, socket.next()).await.expect("an end in time") {
            Some(Ok(Message::Close(Some(frame)))) => return (frame.code.into(), frame.reason.to_string()),
            Some(Ok(_)) => {}
            other => panic!("no close frame but {other:?}"),
        }
    }
}

/// Commits messages and, when `tell`, publishes them.
async fn happen(site: &Site, user: UserId, count: usize, tell: bool) {
    for _ in 0..count {
        let mut tx = site.app.store.begin().await.unwrap();
        let events = [json!({ "type": "task_update", "n": 1 })];
        let messages = store::user_events::append(&mut tx, user, &events).await.unwrap();
        store::db::commit(tx, "a test's message").await.unwrap();
        if tell {
            messages.into_iter().for_each(|message| site.app.bus.publish(message));
        }
    }
}

#[tokio::test]
async fn bad_tokens_are_told_so_by_close_code() {
    let site = fast().await;
    for (query, reason) in
        [("", "Missing token"), ("?token=", "Missing token"), ("?token=nonsense", "Invalid or expired token")]
    {
        assert_eq!(closed(&mut open(&site, query).await).await, (4001, reason.to_owned()), "{query}");
    }
    site.stop().await;
}

#[tokio::test]
async fn messages_come_in_order_and_a_lost_one_is_read_from_the_stream() {
    let site = fast().await;
    let ada = site.person("ada@example.com").await;
    let mut socket = ada.socket(None).await;
    let hello = next(&mut socket).await;
    assert_eq!((&hello["type"], &hello["seq"]), (&json!("hello"), &json!(0)));
    happen(&site, ada.id, 1, true).await;
    // Two the bus never carried, then one that shows the gap.
    happen(&site, ada.id, 2, false).await;
    happen(&site, ada.id, 1, true).await;
    // And one that nothing shows but the number in the database.
    for seq in 1..=4 {
        let message = next(&mut socket).await;
        assert_eq!((&message["seq"], &message["type"]), (&json!(seq), &json!("task_update")));
        assert!(message["at"].as_str().unwrap().ends_with('Z'));
    }
    happen(&site, ada.id, 1, false).await;
    assert_eq!(next(&mut socket).await["seq"], 5);
    // Figures have no number and pass.
    site.app.bus.publish(BusMessage { user: ada.id, seq: None, json: r#"{"type":"field_filled"}"#.into() });
    assert_eq!(next(&mut socket).await["type"], "field_filled");
    // Another person's messages do not.
    let bob = site.person("bob@example.com").await;
    happen(&site, bob.id, 1, true).await;
    happen(&site, ada.id, 1, true).await;
    assert_eq!(next(&mut socket).await["seq"], 6);
    site.stop().await;
}

#[tokio::test]
async fn resuming_misses_nothing_and_repeats_nothing_while_messages_keep_coming() {
    let site = fast().await;
    let ada = site.person("ada@example.com").await;
    happen(&site, ada.id, 30, false).await;
    let mut seen = 10;
    let writer = async {
        for n in 0..60 {
            happen(&site, ada.id, 1, n % 3 != 0).await;
        }
    };
    let reader = async {
        while seen < 90 {
            let mut socket = ada.socket(Some(seen)).await;
            assert_eq!(next(&mut socket).await["type"], "hello");
            // A few, then the line breaks.
            for _ in 0..7 {
                if seen == 90 {
                    break;
                }
                let message = next(&mut socket).await;
                assert_eq!(message["seq"], seen + 1, "{message}");
                seen += 1;
            }
            drop(socket);
        }
    };
    tokio::join!(writer, reader);
    site.stop().await;
}

/// Messages up to this number pass their time, and are deleted.
async fn grow_old(site: &Site, seq: i64) {
    sqlx::query("UPDATE user_events SET created_at = created_at - make_interval(days => $2) WHERE seq <= $1")
        .bind(seq)
        .bind(store::retention::EVENTS_DAYS)
        .execute(&site.pool)
        .await
        .unwrap();
    let mut tx = site.app.store.begin().await.unwrap();
    store::retention::forget(&mut tx).await.unwrap();
    store::db::commit(tx, "forgetting").await.unwrap();
}

#[tokio::test]
async fn a_stream_that_is_no_longer_kept_is_reset() {
    let site = fast().await;
    let ada = site.person("ada@example.com").await;
    happen(&site, ada.id, 10, false).await;
    grow_old(&site, 5).await;
    for since in [2, 99] {
        let mut socket = ada.socket(Some(since)).await;
        assert_eq!(next(&mut socket).await["type"], "hello");
        let reset = next(&mut socket).await;
        assert_eq!((&reset["type"], &reset["seq"]), (&json!("reset"), &json!(10)), "{since}");
    }
    let mut socket = ada.socket(Some(5)).await;
    next(&mut socket).await;
    assert_eq!(next(&mut socket).await["seq"], 6);
    // Nothing at all is kept of what was missed.
    grow_old(&site, 10).await;
    let mut socket = ada.socket(Some(9)).await;
    assert_eq!(next(&mut socket).await["type"], "hello");
    let reset = next(&mut socket).await;
    assert_eq!((&reset["type"], &reset["seq"]), (&json!("reset"), &json!(10)));
    site.stop().await;
}

#[tokio::test]
async fn a_revoked_and_an_expired_token_end_the_connection() {
    let site = fast().await;
    let ada = site.person("ada@example.com").await;
    let mut socket = ada.socket(None).await;
    next(&mut socket).await;
    ada.post("/auth/revoke-all", json!({})).await;
    assert_eq!(closed(&mut socket).await, (4001, "Token revoked".to_owned()));

    let ada = site.sign_in("ada@example.com").await;
    // One that ends in a moment, signed as ours are.
    let now = chrono::Utc::now().timestamp();
    let claims = json!({ "sub": ada.id, "email": "ada@example.com", "iss": "valet-api", "iat": now, "exp": now + 2, "tokenVersion": 1 });
    let key = jsonwebtoken::EncodingKey::from_secret(&site.app.options.secrets.access);
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
    let mut socket = open(&site, &format!("?token={token}")).await;
    next(&mut socket).await;
    assert_eq!(closed(&mut socket).await, (4001, "Token expired".to_owned()));
    site.stop().await;
}

#[tokio::test]
async fn a_person_has_at_most_twenty_connections() {
    let site = fast().await;
    let ada = site.person("ada@example.com").await;
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut socket = ada.socket(None).await;
        next(&mut socket).await;
        open.push(socket);
    }
    assert_eq!(closed(&mut ada.socket(None).await).await.0, 4029);
    drop(open);
    crate::auth::wait_until("room", || async {
        matches!(ada.socket(None).await.next().await, Some(Ok(Message::Text(_))))
    })
    .await;
    site.stop().await;
}

#[tokio::test]
async fn a_peer_that_is_silent_is_given_up() {
    let mut options = options();
    options.sockets = Sockets { ping: Duration::from_millis(300), ..FAST_SOCKETS };
    let site = Site::with(options).await;
    let ada = site.person("ada@example.com").await;
    let mut socket = ada.socket(None).await;
    next(&mut socket).await;
    // Reading answers pings; not reading does not. Once given up, the connection ends behind the unread pings.
    let raw = socket.get_mut();
    let MaybeTlsStream::Plain(stream) = raw else { panic!("a plain connection") };
    let mut buffer = [0_u8; 1_024];
    let silent = async {
        loop {
            stream.readable().await.unwrap();
            match stream.try_read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
    };
    tokio::time::timeout(PATIENCE, silent).await.expect("the server hangs up");
    site.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_and_holds_nobody_up() {
    let site = fast().await;
    let ada = site.person("ada@example.com").await;
    let (mut deaf, mut good) = (ada.socket(None).await, ada.socket(None).await);
    next(&mut deaf).await;
    next(&mut good).await;
    // More than the kernel's buffers and the queue can hold.
    let padding = "x".repeat(100_000);
    for seq in 1..=600_i64 {
        let json = json!({ "type": "task_update", "seq": seq, "padding": padding }).to_string();
        site.app.bus.publish(BusMessage { user: ada.id, seq: Some(seq), json: json.into() });
        assert_eq!(next(&mut good).await["seq"], seq);
    }
    let mut last = 0;
    let end = loop {
        match tokio::time::timeout(PATIENCE, deaf.next()).await.expect("an end in time") {
            Some(Ok(Message::Text(text))) => {
                last = serde_json::from_str::<Value>(&text).unwrap()["seq"].as_i64().unwrap()
            }
            Some(Ok(Message::Close(Some(frame)))) => break Some(u16::from(frame.code)),
            Some(Ok(_)) => {}
            // The close frame may not fit any more; the end itself is what counts.
            Some(Err(_)) | None => break None,
        }
    };
    assert!(last < 600, "it was cut off after {last}");
    assert!(end.is_none_or(|code| code == 4008), "{end:?}");
    site.stop().await;
}

#[tokio::test]
async fn stopping_says_goodbye() {
    let site = fast().await;
    let ada = site.person("ada@example.com").await;
    let mut socket = ada.socket(None).await;
    next(&mut socket).await;
    socket.send(Message::Text(r#"{"action":"subscribe","taskId":"x"}"#.into())).await.unwrap();
    let goodbye = tokio::spawn(async move { closed(&mut socket).await.0 });
    site.stop().await;
    assert_eq!(goodbye.await.unwrap(), 1001);
}

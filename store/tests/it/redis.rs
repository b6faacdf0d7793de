//! The bus over a real Redis: killed and started again, stopped and continued.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use protocol::ids::UserId;
use store::bus::{Bus, Message, Signal};
use tokio::sync::broadcast::Receiver;

/// Far above what a message takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A Redis of our own on a socket file; gone with its value.
struct Redis {
    dir: tempfile::TempDir,
    child: Child,
}

impl Redis {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let child = serve(dir.path());
        let redis = Self { dir, child };
        redis.answers().await;
        redis
    }

    fn url(&self) -> String {
        format!("redis+unix://{}", self.dir.path().join("socket").display())
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn start_again(&mut self) {
        self.child = serve(self.dir.path());
        self.answers().await;
    }

    /// `STOP` freezes it as it is, with every connection open, until `CONT`.
    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    async fn answers(&self) {
        let client = redis::Client::open(self.url()).unwrap();
        tokio::time::timeout(PATIENCE, async {
            while client.get_multiplexed_async_connection().await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .expect("redis-server serves; 'make setup' installs it");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(dir: &Path) -> Child {
    Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
        .arg(dir.join("socket"))
        .arg("--dir")
        .arg(dir)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server starts; 'make setup' installs it")
}

fn note(user: UserId, seq: i64) -> Message {
    Message { user, seq: Some(seq), json: format!(r#"{{"type":"task_update","seq":{seq}}}"#).into() }
}

/// A bus that hears.
async fn connect(redis: &Redis) -> Bus {
    let bus = Bus::connect(Some(&redis.url())).unwrap();
    live(&bus, true).await;
    bus
}

async fn live(bus: &Bus, wanted: bool) {
    tokio::time::timeout(PATIENCE, async {
        while bus.is_live() != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the bus notices");
}

/// The next message; whether a [`Signal::Resync`] came before it.
async fn hear(reader: &mut Receiver<Signal>) -> (Message, bool) {
    let mut resync = false;
    loop {
        match tokio::time::timeout(PATIENCE, reader.recv()).await.expect("a signal comes").unwrap() {
            Signal::Message(message) => return (message, resync),
            Signal::Resync => resync = true,
        }
    }
}

#[tokio::test]
async fn every_node_hears_each_message_once_and_in_order() {
    let redis = Redis::start().await;
    let [publisher, other] = [connect(&redis).await, connect(&redis).await];
    let (mut own, mut far) = (publisher.subscribe(), other.subscribe());
    let user = UserId::new();
    for seq in 1..=100 {
        publisher.publish(note(user, seq));
    }
    for reader in [&mut own, &mut far] {
        for seq in 1..=100 {
            let (message, _) = hear(reader).await;
            assert_eq!((message.user, message.seq), (user, Some(seq)));
        }
    }
}

#[tokio::test]
async fn what_another_program_publishes_is_heard_and_what_is_not_a_users_is_not() {
    let redis = Redis::start().await;
    let bus = connect(&redis).await;
    let mut reader = bus.subscribe();
    let mut other = redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let user = UserId::new();
    for (channel, payload) in [("tasks:nobody".to_owned(), "{}"), (format!("tasks:{user}"), r#"{"type":"progress"}"#)] {
        let _: i64 = redis::cmd("PUBLISH").arg(channel).arg(payload).query_async(&mut other).await.unwrap();
    }
    let (message, _) = hear(&mut reader).await;
    assert_eq!((message.user, message.seq, &*message.json), (user, None, r#"{"type":"progress"}"#));
}

#[tokio::test]
async fn after_redis_was_gone_readers_are_told_to_read_the_tail_and_hear_again() {
    let mut redis = Redis::start().await;
    let bus = connect(&redis).await;
    let mut reader = bus.subscribe();
    let user = UserId::new();
    bus.publish(note(user, 1));
    assert_eq!(hear(&mut reader).await.0.seq, Some(1));
    redis.kill();
    redis.start_again().await;
    // Messages published before the bus is back are lost, which is what the resync is for.
    let told = tokio::time::timeout(PATIENCE, async {
        let mut resync = false;
        for seq in 2.. {
            bus.publish(note(user, seq));
            while let Ok(signal) = tokio::time::timeout(Duration::from_millis(50), reader.recv()).await {
                match signal.unwrap() {
                    Signal::Resync => resync = true,
                    Signal::Message(_) => return resync,
                }
            }
        }
        unreachable!("the numbers do not end")
    });
    assert!(told.await.expect("messages are heard again"), "a resync comes before the first message");
}

#[tokio::test]
async fn a_redis_that_is_not_there_yet_is_heard_once_it_comes() {
    let mut redis = Redis::start().await;
    redis.kill();
    let bus = Bus::connect(Some(&redis.url())).unwrap();
    assert!(!bus.is_live(), "it says that nothing comes in");
    redis.start_again().await;
    live(&bus, true).await;
    let (mut reader, user) = (bus.subscribe(), UserId::new());
    bus.publish(note(user, 1));
    assert_eq!(hear(&mut reader).await.0.seq, Some(1));
    redis.kill();
    live(&bus, false).await;
}

#[tokio::test]
async fn a_redis_that_hangs_is_noticed_and_heard_again_once_it_goes_on() {
    let redis = Redis::start().await;
    let bus = connect(&redis).await;
    let (mut reader, user) = (bus.subscribe(), UserId::new());
    bus.publish(note(user, 1));
    assert_eq!(hear(&mut reader).await.0.seq, Some(1));
    redis.signal("STOP");
    live(&bus, false).await;
    let told = tokio::time::timeout(PATIENCE, reader.recv()).await.expect("a signal comes").unwrap();
    assert!(matches!(told, Signal::Resync), "{told:?}");
    redis.signal("CONT");
    live(&bus, true).await;
    bus.publish(note(user, 2));
    let (message, resync) = hear(&mut reader).await;
    assert_eq!((message.seq, resync), (Some(2), true), "what was lost meanwhile is read before");
}

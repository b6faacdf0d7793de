#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure here is a failed test")]

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{Form, Parts, complete};

const JOB: &str = "/greenhouse/platform-engineer";
/// Nothing here takes a tenth of it; it only keeps a failing test from hanging.
const PATIENCE: Duration = Duration::from_secs(30);

struct Server {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

impl Server {
    async fn start(folder: Option<&Path>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let options = practice::Options { data_dir: folder.map(Path::to_owned) };
        let serving = tokio::spawn(practice::serve(listener, options, async {
            let _ = stopped.await;
        }));
        Self { addr, stop, serving }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(PATIENCE, self.serving).await.unwrap().unwrap().unwrap();
    }

    /// Everything that is answered until the connection closes.
    async fn talk(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        String::from_utf8(answer).unwrap()
    }

    async fn get(&self, path: &str) -> String {
        self.talk(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await
    }

    async fn apply(&self, path: &str) -> String {
        let form = Form::read(&self.get(path).await);
        let body = complete(&form, "ada@okafor.example").body();
        let (kind, length) = (Parts::content_type(), body.len());
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        );
        self.talk(&[head.as_bytes(), &body].concat()).await
    }

    async fn list(&self) -> Value {
        let answer = self.talk(b"GET /submissions.json HTTP/1.0\r\n\r\n").await;
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

#[tokio::test]
async fn submissions_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Some(folder.path())).await;
    assert!(server.apply(JOB).await.starts_with("HTTP/1.1 303"));
    let before = server.list().await;
    server.stop().await;

    let server = Server::start(Some(folder.path())).await;
    assert_eq!(server.list().await, before);
    server.apply(JOB).await;
    let after = server.list().await;
    assert_eq!((after["count"].as_u64(), after["duplicates"].as_u64()), (Some(2), Some(1)));
    server.stop().await;
}

#[tokio::test]
async fn a_lost_answer_is_recorded_and_nothing_is_answered() {
    let server = Server::start(None).await;
    let path = format!("{JOB}?lose_answer=1");
    assert_eq!(server.apply(&path).await, "");
    assert_eq!(server.list().await["count"], 1);
    server.stop().await;
}

#[tokio::test]
async fn a_delayed_answer_is_recorded_first_and_shutting_down_ends_the_delay() {
    let server = Server::start(None).await;
    let path = format!("{JOB}?delay_submit_ms=30000");
    tokio::time::timeout(PATIENCE, async {
        let mut applying = std::pin::pin!(server.apply(&path));
        loop {
            tokio::select! {
                answer = &mut applying => panic!("answered before the delay was over: {answer}"),
                list = server.list() => if list["count"] == 1 { break },
            }
        }
    })
    .await
    .unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_hanging_request_does_not_keep_the_site_from_stopping() {
    let server = Server::start(None).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    server.list().await;
    server.stop().await;
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
}

//! Watching a browser at work.

use futures::StreamExt as _;
use protocol::cluster::Action;
use protocol::ids::TaskId;
use serde_json::{Value, json};
use store::bus::Frame;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::site::{JOB, PATIENCE, Person, Router, Site};

async fn open(
    person: &Person<'_>,
    task: TaskId,
) -> tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>> {
    let url = format!("ws://{}/api/v1/tasks/{task}/live?token={}", person.site.address, person.token);
    tokio_tungstenite::connect_async(url).await.unwrap().0
}

#[tokio::test]
async fn frames_are_asked_for_by_the_first_viewer_and_no_longer_after_the_last() {
    let (router, _turn) = Router::start().await;
    let site = Site::start().await;
    let (ada, bob) = (site.person("ada@example.com").await, site.person("bob@example.com").await);
    let task = ada.task(JOB).await;
    let code = |message: Option<Result<Message, _>>| match message {
        Some(Ok(Message::Close(Some(frame)))) => u16::from(frame.code),
        other => panic!("no close but {:?}", other.map(|m| m.is_ok())),
    };
    assert_eq!(code(open(&ada, task).await.next().await), 4404);
    sqlx::query("UPDATE tasks SET lease_id = $1").bind(Uuid::now_v7()).execute(&site.pool).await.unwrap();
    assert_eq!(code(open(&bob, task).await.next().await), 4404);

    let mut viewer = open(&ada, task).await;
    router.wait("watching", |c| matches!(c.action, Action::Watch { task: t, on: true } if t == task)).await;
    let mut second = open(&ada, task).await;
    let frame =
        |task: TaskId, mark: u8| Frame { task, width: 800, height: 600, at_ms: 1_000, jpeg: vec![mark; 3].into() };
    // Repeated, because only the command tells that a viewer listens; each viewer passes on at most ten a second.
    let show = async {
        loop {
            site.app.bus.publish_frame(frame(TaskId::new(), 9));
            site.app.bus.publish_frame(frame(task, 7));
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        }
    };
    let see = async {
        for socket in [&mut viewer, &mut second] {
            let Some(Ok(Message::Text(meta))) = socket.next().await else { panic!("no description") };
            let meta: Value = serde_json::from_str(&meta).unwrap();
            assert_eq!(
                meta,
                json!({ "type": "frame_meta", "width": 800, "height": 600, "at": "1970-01-01T00:00:01.000Z" })
            );
            let Some(Ok(Message::Binary(jpeg))) = socket.next().await else { panic!("no picture") };
            assert_eq!(jpeg.as_ref(), [7, 7, 7]);
        }
    };
    tokio::select! {
        () = show => {}
        seen = tokio::time::timeout(PATIENCE, see) => seen.expect("frames in time"),
    }
    drop(viewer);
    drop(second);
    router.wait("the end of watching", |c| matches!(c.action, Action::Watch { on: false, .. })).await;
    let asked = router.commands().iter().filter(|c| matches!(c.action, Action::Watch { on: true, .. })).count();
    assert_eq!(asked, 1);
    site.stop().await;
    router.stop().await;
}

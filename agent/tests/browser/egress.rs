//! The one way out: private destinations are refused, however they are reached.

use protocol::net::AllowList;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use valet_agent::cdp::NavigateError;
use valet_agent::egress::Egress;

use super::site::{Host, PATIENCE, Site, within};

#[tokio::test]
async fn private_destinations_are_refused_however_they_are_reached() {
    let world = Host::start(1, 1).await;
    let secret = Site::start().await;
    let lease = world.lease().await;
    let page = lease.page();
    let redirect = |to: &str| world.site.url(&format!("/redirect?to={to}"));
    let refused = [
        secret.url("/frame"),
        secret.url("/frame").replace("http:", "https:"),
        format!("http://localhost:{}/frame", secret.port),
        format!("http://[::ffff:127.0.0.1]:{}/", secret.port),
        format!("http://2130706433:{}/", secret.port),
        "http://169.254.169.254/latest/meta-data".into(),
        "https://10.0.0.1/".into(),
        redirect(&secret.url("/frame")),
        redirect(&secret.url("/frame").replace("http:", "https:")),
        format!("http://127.0.0.1:{}/", world.egress.port()),
    ];
    for url in refused {
        let result = page.navigate(&url, PATIENCE).await;
        assert!(matches!(result, Err(NavigateError::Refused)), "{url}: {result:?}");
    }
    for url in ["file:///etc/passwd", "chrome://version", "javascript:1", "no address"] {
        assert!(matches!(page.navigate(url, PATIENCE).await, Err(NavigateError::Scheme)), "{url}");
    }
    world.stop().await;
}

#[tokio::test]
async fn arrivals_and_failures_are_told_apart() {
    let world = Host::start(1, 1).await;
    let lease = world.lease().await;
    let page = lease.page();
    let first = world.site.url("/redirect?to=/frame");
    let arrival = page.navigate(&first, PATIENCE).await.unwrap();
    assert_eq!((arrival.url, arrival.status), (world.site.url("/frame"), Some(200)));
    assert_eq!(arrival.redirects, [first]);
    let gone = page.navigate(&world.site.url("/gone"), PATIENCE).await;
    assert!(matches!(gone, Err(NavigateError::Status { code: 404, retry_after: None })), "{gone:?}");
    assert!(matches!(page.navigate("http://nowhere.invalid/", PATIENCE).await, Err(NavigateError::Dns)));
    assert!(matches!(page.navigate("https://nowhere.invalid/", PATIENCE).await, Err(NavigateError::Dns)));
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    world.egress.allow(AllowList::new(["127.0.0.1"]).unwrap());
    let nobody = format!("http://127.0.0.1:{port}/");
    assert!(matches!(page.navigate(&nobody, PATIENCE).await, Err(NavigateError::Unreachable)));
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}/", silent.local_addr().unwrap());
    let slow = page.navigate(&silent, std::time::Duration::from_secs(1)).await;
    assert!(matches!(slow, Err(NavigateError::TimedOut)), "{slow:?}");
    page.navigate(&world.site.url("/frame"), PATIENCE).await.unwrap();
    page.navigate("about:blank", PATIENCE).await.unwrap();
    assert_eq!(page.url(), "about:blank");
    world.stop().await;
}

async fn ask(egress: &Egress, text: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", egress.port())).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    within("the answer", stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_connection_checked_for_one_site_carries_nothing_to_another() {
    let site = Site::start().await;
    let egress = Egress::start(0, AllowList::new([format!("127.0.0.1:{}", site.port)]).unwrap()).await.unwrap();
    let get = format!("GET http://127.0.0.1:{}/frame HTTP/1.1\r\n\r\n", site.port);
    let twice = ask(&egress, &format!("{get}{get}")).await;
    assert_eq!(twice.matches("HTTP/1.1 200").count(), 1, "a second request rode along");
    assert!(twice.contains("Connection: close"));
    let refused = ask(&egress, "CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("X-Valet-Egress: refused"));
    let mail = ask(&egress, "CONNECT mail.example:25 HTTP/1.1\r\n\r\n").await;
    assert!(mail.starts_with("HTTP/1.1 403"), "refused before the name is looked up");
    assert!(ask(&egress, "nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    let endless = TcpStream::connect(("127.0.0.1", egress.port())).await.unwrap();
    let (mut read, mut write) = endless.into_split();
    let flood = tokio::spawn(async move { while write.write_all(&[b'a'; 4096]).await.is_ok() {} });
    let _ = within("the end of a head without end", read.read_to_end(&mut Vec::new())).await;
    within("the flood's end", flood).await.unwrap();
    egress.stop().await;
    assert!(TcpStream::connect(("127.0.0.1", egress.port())).await.is_err());
}

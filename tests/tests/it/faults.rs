//! The fault proxy: that it loses what its seed says, and nothing once it is healed.

use std::time::Duration;

use system_tests::faults::{Cut, Faults, TcpProxy, UdpProxy, Upstream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

const PATIENCE: Duration = Duration::from_secs(10);
/// How long something is waited for that must not come.
const NOTHING: Duration = Duration::from_millis(100);

/// Sends back every datagram it gets.
async fn echo_udp() -> std::net::SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("loopback works");
    let address = socket.local_addr().expect("loopback works");
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let _ = socket.send_to(&buffer[..length], from).await;
        }
    });
    address
}

async fn echo_tcp() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback works");
    let address = listener.local_addr().expect("loopback works");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = socket.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    address
}

/// Sends numbers one by one and says which came back, in the order they came.
async fn returned(seed: u64, faults: Faults, numbers: u16) -> Vec<u16> {
    let proxy = UdpProxy::start(seed, echo_udp().await).await.expect("loopback works");
    proxy.control().set(faults);
    let client = UdpSocket::bind("127.0.0.1:0").await.expect("loopback works");
    client.connect(proxy.address()).await.expect("loopback works");
    let mut came = Vec::new();
    let mut buffer = [0; 16];
    for number in 0..numbers {
        client.send(&number.to_be_bytes()).await.expect("loopback works");
        // Either it comes back or it is counted as lost, however long the machine takes to say so.
        let decided = async {
            loop {
                if let Ok(length) = tokio::time::timeout(Duration::from_millis(2), client.recv(&mut buffer)).await {
                    return came.push(u16::from_be_bytes(
                        buffer[..length.expect("loopback works")].try_into().expect("loopback works"),
                    ));
                }
                if proxy.control().counts().lost + came.len() as u64 > u64::from(number) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, decided).await.expect("it comes back or is lost");
    }
    came
}

#[tokio::test]
async fn the_same_seed_loses_the_same_datagrams() {
    let faults = Faults { loss: 0.3, ..Faults::default() };
    let (first, again, other) =
        tokio::join!(returned(5, faults, 120), returned(5, faults, 120), returned(6, faults, 120));
    assert_eq!(first, again);
    assert_ne!(first, other);
    // Lost on the way there or on the way back: about half.
    assert!((35..=85).contains(&first.len()), "{} of 120 came back", first.len());
}

#[tokio::test]
async fn datagrams_come_twice_and_out_of_order_when_asked() {
    let proxy = UdpProxy::start(9, echo_udp().await).await.unwrap();
    proxy.control().set(Faults { duplicate: 0.3, reorder: 0.3, ..Faults::default() });
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(proxy.address()).await.unwrap();
    for number in 0..100_u16 {
        client.send(&number.to_be_bytes()).await.unwrap();
    }
    let mut came = Vec::new();
    let mut buffer = [0; 16];
    while let Ok(Ok(length)) = tokio::time::timeout(NOTHING, client.recv(&mut buffer)).await {
        came.push(u16::from_be_bytes(buffer[..length].try_into().unwrap()));
    }
    assert!(came.len() > 110, "{} came", came.len());
    assert!(came.windows(2).any(|two| two[0] > two[1]), "in order: {came:?}");
    let mut each = came.clone();
    each.sort_unstable();
    each.dedup();
    assert_eq!(each.len(), 100, "none was lost");
}

#[tokio::test]
async fn a_way_that_was_cut_is_silent_until_it_is_healed() {
    let proxy = UdpProxy::start(1, echo_udp().await).await.unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(proxy.address()).await.unwrap();
    let mut buffer = [0; 16];
    client.send(b"1").await.unwrap();
    tokio::time::timeout(PATIENCE, client.recv(&mut buffer)).await.unwrap().unwrap();
    proxy.control().cut(Cut::Silent);
    client.send(b"2").await.unwrap();
    assert!(tokio::time::timeout(NOTHING, client.recv(&mut buffer)).await.is_err());
    proxy.control().heal();
    client.send(b"3").await.unwrap();
    tokio::time::timeout(PATIENCE, client.recv(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(buffer[0], b'3', "what was sent while the way was cut is gone");
}

#[tokio::test]
async fn connections_stall_while_cut_and_lose_nothing() {
    let proxy = TcpProxy::start(1, Upstream::Tcp(echo_tcp().await)).await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let mut buffer = [0; 4];
    client.write_all(b"one ").await.unwrap();
    tokio::time::timeout(PATIENCE, client.read_exact(&mut buffer)).await.unwrap().unwrap();
    proxy.control().cut(Cut::Silent);
    client.write_all(b"two ").await.unwrap();
    assert!(tokio::time::timeout(NOTHING, client.read_exact(&mut buffer)).await.is_err());
    proxy.control().heal();
    tokio::time::timeout(PATIENCE, client.read_exact(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(&buffer, b"two ");

    proxy.control().cut(Cut::Refused);
    let end = tokio::time::timeout(PATIENCE, client.read(&mut buffer)).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)), "the connection goes on: {end:?}");
    let mut another = TcpStream::connect(proxy.address()).await.unwrap();
    let end = tokio::time::timeout(PATIENCE, another.read(&mut buffer)).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)), "a new one begins: {end:?}");
    proxy.control().heal();
    let mut healed = TcpStream::connect(proxy.address()).await.unwrap();
    healed.write_all(b"back").await.unwrap();
    tokio::time::timeout(PATIENCE, healed.read_exact(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(&buffer, b"back");
}

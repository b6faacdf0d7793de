//! Listening: connections bounded in number and in how long they take to speak; an orderly end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::{debug, info, warn};

use crate::app::AppState;

/// Connections at once; further ones wait in the listener's backlog.
const CONNECTIONS_MAX: usize = 12_000;
/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// How long open requests may take to end when the gateway stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Between attempts when accepting fails, which is when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves people until `shutdown` is cancelled, then lets open requests end.
///
/// # Errors
/// When the listener has no address.
pub async fn serve(listener: TcpListener, app: AppState, shutdown: CancellationToken) -> std::io::Result<()> {
    info!(address = %listener.local_addr()?, "the gateway is listening");
    let router = crate::router(Arc::clone(&app));
    let pump = tokio::spawn({
        let (app, stop) = (Arc::clone(&app), shutdown.clone());
        async move { app.hub.clone().pump(&app, stop).await }
    });
    accept(listener, router, shutdown).await;
    // Sockets are told after the listener is closed: their clients come back to whoever listens next.
    app.stopping.cancel();
    // It may be in the middle of a word with the database.
    let _ = tokio::time::timeout(STOP_TIMEOUT, pump).await;
    app.background.close();
    let _ = tokio::time::timeout(STOP_TIMEOUT, app.background.wait()).await;
    info!("the gateway has stopped");
    Ok(())
}

/// Serves `GET /metrics` on a listener of its own, for scrapers inside the network.
///
/// # Errors
/// When the listener has no address.
pub async fn serve_metrics(
    listener: TcpListener,
    recorder: PrometheusHandle,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    info!(address = %listener.local_addr()?, "metrics are served");
    let router = Router::new().route("/metrics", get(move || async move { recorder.render() }));
    accept(listener, router, shutdown).await;
    Ok(())
}

async fn accept(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let tracker = TaskTracker::new();
    loop {
        let slot = tokio::select! {
            () = shutdown.cancelled() => break,
            slot = Arc::clone(&slots).acquire_owned() => slot,
        };
        let Ok(slot) = slot else { break };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (router, shutdown) = (router.clone(), shutdown.clone());
                tracker.spawn(async move {
                    connection(stream, peer, router, shutdown).await;
                    drop(slot);
                });
            }
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    tracker.close();
    if tokio::time::timeout(STOP_TIMEOUT, tracker.wait()).await.is_err() {
        warn!(open = tracker.len(), "requests were still open at the end");
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, shutdown: CancellationToken) {
    // Small answers leave at once.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            router.oneshot(request).await as Result<_, Infallible>
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended early");
    }
}

//! One click is one request, over TLS too: an employer whose server takes the application and then drops the
//! connection is asked once. Chromium by itself asks again when the connection had been used before.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use base64::Engine;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use protocol::net::AllowList;
use protocol::wire::message::SubmitOutcome;
use rcgen::PublicKeyData;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use valet_agent::browser::{LaunchOptions, NoRecorder, Pool, PoolOptions};
use valet_agent::cdp::{PageEvent, RequestKind, World};
use valet_agent::egress::Egress;
use valet_agent::forms::FormPage;
use valet_agent::page::{Click, Page};
use valet_agent::session::clock::Moment;

use super::world::PATIENCE;

const FORM: &str = "<!doctype html><link rel=icon href=data:,><title>Apply</title>
    <form method=post action=/apply><label>Full name<input name=name value=Ada></label>
    <label>E-mail<input type=email name=mail value=ada@example.org></label>
    <label>City<input name=city value=London></label><button>Submit application</button></form>";

/// A site over TLS that counts the applications it gets and answers none.
struct Employer {
    port: u16,
    received: watch::Sender<usize>,
    /// Hash of its key, as Chromium wants it named.
    key: String,
}

impl Employer {
    async fn start(alpn: &[u8]) -> Self {
        let pair = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&pair).unwrap();
        let key = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(pair.subject_public_key_info()));
        let mut config =
            rustls::ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(
                    vec![certificate.der().clone()],
                    rustls::pki_types::PrivateKeyDer::Pkcs8(pair.serialize_der().into()),
                )
                .unwrap();
        config.alpn_protocols = vec![alpn.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = watch::Sender::new(0);
        tokio::spawn(accept(listener, acceptor, received.clone()));
        Self { port, received, key }
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, received: watch::Sender<usize>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, received, drop) = (acceptor.clone(), received.clone(), CancellationToken::new());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let hang_up = drop.clone();
            let take = move || {
                received.send_modify(|times| *times += 1);
                hang_up.cancel();
                std::future::pending::<&str>()
            };
            let app = Router::new().route("/", get(|| async { Html(FORM) })).route("/apply", axum::routing::post(take));
            let server = auto::Builder::new(TokioExecutor::new());
            let served = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
            tokio::select! {
                _ = served => {}
                () = drop.cancelled() => {}
            }
        });
    }
}

/// How many times the employer gets the form for one click: the engine's, or one made past it.
async fn received_after_a_click(alpn: &[u8], by_engine: bool) -> usize {
    let employer = Employer::start(alpn).await;
    let egress = Egress::start(0, AllowList::new([format!("localhost:{}", employer.port)]).unwrap()).await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let launch = LaunchOptions {
        program: Some(trusting(&data, &employer.key)),
        data: data.path().to_owned(),
        egress_port: egress.port(),
        tie_to_agent: true,
    };
    let options = PoolOptions { launch, capacity: 1, spares: 1 };
    let pool = Pool::start(options, Arc::new(NoRecorder), egress.clone());
    let lease = pool.lease(PATIENCE).await.unwrap_or_else(|error| panic!("{error}: {:?}", pool.status().problem));
    let url = format!("https://localhost:{}/", employer.port);
    if by_engine {
        let mut page = FormPage::new(lease.page().clone(), Some(lease));
        page.open(&url).await.unwrap();
        assert!(page.observe().await.unwrap().page.can_submit);
        let click = page.submit(Moment::now().after(Duration::from_secs(20)), Duration::from_secs(5)).await;
        assert!(
            matches!(&click, Click::Made(outcome) if matches!(**outcome, SubmitOutcome::Unknown { .. })),
            "{click:?}"
        );
        page.close().await;
    } else {
        let page = lease.page();
        page.navigate(&url, PATIENCE).await.unwrap();
        let mut events = page.events();
        page.eval(&page.main_frame(), World::Main, "document.querySelector('form').submit()").await.unwrap();
        let failed = async {
            loop {
                match events.recv().await {
                    Ok(PageEvent::RequestFailed { kind: RequestKind::Document, .. }) | Err(_) => return,
                    Ok(_) => {}
                }
            }
        };
        let mut times = employer.received.subscribe();
        let over = async {
            tokio::select! {
                _ = times.wait_for(|times| *times > 1) => {}
                () = failed => {}
            }
        };
        tokio::time::timeout(PATIENCE, over).await.expect("the request is repeated, or fails");
        lease.close().await;
    }
    pool.stop().await;
    egress.stop().await;
    *employer.received.borrow()
}

/// Chromium, told to trust one key. It execs, so the process is the one that was started.
fn trusting(data: &tempfile::TempDir, key: &str) -> PathBuf {
    let path = data.path().join("chromium");
    let browser = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
        .expect("Chromium is installed");
    let script = format!("#!/bin/sh\nexec {browser} --ignore-certificate-errors-spki-list={key} \"$@\"\n");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn a_form_sent_over_http_1_is_sent_once() {
    assert_eq!(received_after_a_click(b"http/1.1", true).await, 1);
}

#[tokio::test]
async fn a_form_sent_over_http_2_is_sent_once() {
    assert_eq!(received_after_a_click(b"h2", true).await, 1);
}

/// Why the engine takes such care. When this fails, Chromium has changed and ADR 0005 may be looked at again.
#[tokio::test]
async fn chromium_by_itself_sends_a_form_again() {
    let received = [received_after_a_click(b"http/1.1", false).await, received_after_a_click(b"h2", false).await];
    assert!(received.iter().all(|times| *times > 1), "{received:?}");
}

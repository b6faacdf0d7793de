//! The practice employer: a small site of realistic application forms.
//!
//! New users make their first application here, and the tests apply here. It shares nothing with the
//! rest of the product and knows nothing of it: its pages are drawn as employers draw theirs, with
//! names that are random on every load. `valet up` embeds it with [`serve`]; the `practice` binary
//! runs it alone.
//!
//! A submission is on disk before it is confirmed (`record`); duplicates are accepted and counted.
//! Forms: `/greenhouse`, `/lever`, `/ashby` and `/workday` followed by a job. Bad targets: `targets`.
//! Misbehaviour on request: `switches`. What was received: `/submissions`.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::apply::{Form, Gate};
use crate::job::Style;
use crate::line::{Cut, Door};
use crate::site::Site;

mod apply;
mod catalog;
mod challenge;
mod check;
mod codes;
mod intake;
mod job;
mod line;
mod listing;
mod names;
mod page;
mod record;
mod site;
mod style;
mod switches;
mod targets;

/// How long requests under way may take once the site shuts down.
const GRACE: Duration = Duration::from_secs(3);

const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    // Every load has names of its own; a stored page must not be shown for a new one.
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
];

/// How to run a practice employer.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where submissions are kept, created if missing; without it they live as long as the process.
    pub data_dir: Option<PathBuf>,
}

/// Serves the site on `listener` until `shutdown` resolves, then lets requests finish for at most
/// three seconds.
///
/// Fails at once if the data folder cannot be used or belongs to another running practice employer.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let site = open(options).await?;
    let (stop, mut stopping) = (site.stopping.clone(), site.stopping.subscribe());
    let app = routes(site).into_make_service_with_connect_info::<Cut>();
    let serving = axum::serve(Door::new(listener), app).with_graceful_shutdown(async move {
        shutdown.await;
        stop.send_replace(true);
    });
    let out_of_time = async move {
        // An error means the sender is gone, and with it everything there was to wait for.
        let _ = stopping.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = async { serving.await } => served,
        () = out_of_time => Ok(()),
    }
}

/// The site without a listener. A lost answer is a 502 here, for want of a connection to cut.
pub async fn router(options: Options) -> io::Result<Router> {
    Ok(routes(open(options).await?))
}

async fn open(options: Options) -> io::Result<Arc<Site>> {
    let open = move || Site::open(options.data_dir.as_deref());
    Ok(Arc::new(tokio::task::spawn_blocking(open).await.map_err(io::Error::other)??))
}

fn routes(site: Arc<Site>) -> Router {
    let mut router = Router::new()
        .route("/", get(listing::jobs))
        .route("/places", get(listing::places))
        .route("/submissions", get(listing::submissions))
        .route("/submissions.json", get(listing::submissions_json))
        .route("/closed/{job}", get(targets::closed))
        .route("/login-wall/{job}", get(targets::login_wall).post(targets::log_in_fails))
        .route("/challenge/{nonce}", get(challenge::show).post(challenge::attempt))
        .route("/two-factor", post(codes::enter))
        .route("/mailbox", get(codes::mailbox))
        .route("/not-a-form", get(targets::not_a_form))
        .route("/hang", get(targets::hang))
        .route("/redirect-private", get(targets::redirect_private));
    for style in Style::ALL {
        router = router.route(
            &format!("/{}/{{job}}/thanks/{{number}}", style.slug()),
            get(move |site, path| apply::thanks(style, site, path)),
        );
        router = form(router, &format!("/{}/{{job}}", style.slug()), Form::plain(style));
    }
    let gated = |gate| Form { gate, ..Form::plain(Style::Greenhouse) };
    router = form(router, "/captcha/{job}", gated(Gate::Challenge));
    router = form(router, "/two-factor/{job}", gated(Gate::Code));
    router = form(router, "/workday/{job}/wizard", Form { wizard: true, ..Form::plain(Style::Workday) });
    let slow = Form::plain(Style::Greenhouse);
    router
        .route(
            "/slow/{job}",
            get(targets::slow).post(move |site, path, uri, extensions, parts| {
                apply::submit(slow, site, path, uri, extensions, parts)
            }),
        )
        .fallback(|| async { page::not_found() })
        .layer(DefaultBodyLimit::max(intake::BODY_BYTES_MAX))
        .layer(middleware::from_fn(plain_headers))
        .with_state(site)
}

fn form(router: Router<Arc<Site>>, path: &str, form: Form) -> Router<Arc<Site>> {
    let show = move |path, uri| apply::show(form, path, uri);
    let submit = move |site, path, uri, extensions, parts| apply::submit(form, site, path, uri, extensions, parts);
    router.route(path, get(show).post(submit))
}

async fn plain_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().extend(HEADERS);
    response
}

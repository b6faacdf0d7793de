//! Fills every form of a folder with the real engine and has the folder's own checker say how right each field is.
//!
//! `bench-forms DIR`, where DIR holds `pages/<id>.html`, `expected/<id>.json`, `profile.json`, `verify.js` and the files
//! that `profile.json` names. Multi-step forms are measured on their first step. Nothing is ever submitted. Ends with
//! one line of totals.

#![expect(clippy::print_stdout, reason = "figures are this program's result")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::browser::{LaunchOptions, NoRecorder, Pool, PoolOptions};
use agent::cdp::World;
use agent::egress::Egress;
use agent::forms::FormPage;
use agent::page::{Files, Page as _};
use anyhow::{Context as _, bail};
use axum::extract::{Path as UrlPath, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use coordinator::answers::{Facts, plan};
use coordinator::task::machine::fill_items;
use protocol::form::{FileRef, FormModel};
use protocol::net::AllowList;
use serde::Deserialize;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use system_tests::ats::facts_from_ats_profile;

/// Times a form may ask more because of what was entered.
const ROUNDS: usize = 4;
const LEASE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir: PathBuf =
        std::env::args_os().nth(1).context("say which folder of forms: make bench-forms FORMS=DIR")?.into();
    let only = std::env::args().nth(2);
    let profile: Json = read_json(&dir.join("profile.json"))?;
    let checker = std::fs::read_to_string(dir.join("verify.js")).context("verify.js")?;
    let (resume, cover) =
        (named_file(&dir, &profile, "/files/resume_pdf")?, named_file(&dir, &profile, "/files/cover_letter_txt")?);
    let disk =
        Disk([&resume, &cover].into_iter().flatten().map(|(file, path)| (file.sha256.clone(), path.clone())).collect());

    let server = serve(dir.join("pages")).await?;
    let egress = Egress::start(0, AllowList::new([server.to_string()])?).await?;
    let data = tempfile::tempdir()?;
    let launch =
        LaunchOptions { program: None, data: data.path().to_owned(), egress_port: egress.port(), tie_to_agent: true };
    let pool = Pool::start(PoolOptions::new(launch), Arc::new(NoRecorder), egress.clone());

    let mut sheets: Vec<PathBuf> =
        std::fs::read_dir(dir.join("expected"))?.flatten().map(|entry| entry.path()).collect();
    sheets.sort();
    let mut total = Figures::default();
    let mut forms = 0;
    for path in sheets {
        let sheet: Sheet = serde_json::from_value(read_json(&path)?)?;
        if only.as_ref().is_some_and(|only| *only != sheet.id) {
            continue;
        }
        let facts = facts_from_ats_profile(
            &profile,
            &sheet.qa_extra,
            resume.as_ref().map(|(file, _)| file.clone()),
            cover.as_ref().map(|(file, _)| file.clone()),
        )?;
        let url = format!("http://{server}/{}.html", sheet.id);
        let began = Instant::now();
        let lease = pool.lease(LEASE).await?;
        let session = lease.page().clone();
        let mut page = FormPage::new(session.clone(), Some(lease));
        let filled = fill(&mut page, &url, &facts, &disk).await;
        let took = began.elapsed();
        let checked = check(&session, &checker, &sheet).await;
        page.close().await;
        let mut figures = Figures::default();
        match (filled, checked) {
            (Ok(()), Ok(rows)) => figures.count(&sheet, &rows),
            (Err(error), _) | (_, Err(error)) => {
                println!("{}: {error}", sheet.id);
                figures.count_nothing(&sheet);
            }
        }
        println!("{:28} {figures} {:5} ms", sheet.id, took.as_millis());
        forms += 1;
        total.add(&figures);
    }
    pool.stop().await;
    egress.stop().await;
    println!("forms={forms} {total}");
    Ok(())
}

/// What the coordinator does with one form, without asking anybody.
async fn fill(page: &mut FormPage, url: &str, facts: &Facts, disk: &Disk) -> anyhow::Result<()> {
    let failed = |failure: protocol::task::Failure| anyhow::anyhow!("{}: {}", failure.code, failure.message);
    page.open(url).await.map_err(failed)?;
    let mut form: FormModel = page.observe().await.map_err(failed)?;
    let mut known: Vec<protocol::ids::FieldId> = Vec::new();
    for _ in 0..ROUNDS {
        let mut planned = plan(&form, facts);
        planned.fields.retain(|field| !known.contains(&field.field));
        if planned.fields.is_empty() {
            break;
        }
        // What is locked until another question is answered is planned again.
        let open = form.fields.iter().filter(|field| field.editable).map(|field| field.id.clone());
        known.extend(open.filter(|id| planned.get(id).is_some()));
        let items = fill_items(&form, &planned);
        if items.is_empty() {
            break;
        }
        page.fill(&items, disk, &mut |_| {}).await.map_err(failed)?;
        form = page.observe().await.map_err(failed)?;
    }
    Ok(())
}

async fn check(session: &agent::cdp::PageSession, checker: &str, sheet: &Sheet) -> anyhow::Result<Vec<Row>> {
    let frame = session.main_frame();
    session.call_on(&frame, World::Main, &format!("() => {{ {checker}\n }}"), &[]).await?;
    let call = format!("__atsVerify({})", serde_json::to_string(&sheet.fields)?);
    let rows = session.eval(&frame, World::Main, &call).await?;
    let submitted = session.eval(&frame, World::Main, "window.__ats ? window.__ats.submitted : null").await?;
    if !submitted.is_null() {
        bail!("the form was submitted");
    }
    Ok(serde_json::from_value(rows)?)
}

#[derive(Deserialize)]
struct Sheet {
    id: String,
    #[serde(default)]
    qa_extra: Vec<Json>,
    fields: Vec<Json>,
}

/// One line of the checker.
#[derive(Deserialize)]
struct Row {
    key: String,
    ok: bool,
    got: Json,
    want: Json,
    policy: String,
    required: bool,
}

impl Row {
    fn blank(&self) -> bool {
        match &self.got {
            Json::Null | Json::Bool(false) => true,
            Json::String(text) => text.trim().is_empty(),
            Json::Array(items) => items.is_empty(),
            _ => false,
        }
    }
}

#[derive(Default)]
struct Figures {
    fields: usize,
    fill: usize,
    fill_right: usize,
    required: usize,
    required_right: usize,
    leave: usize,
    leave_right: usize,
    wrong: usize,
    guessed: usize,
    complete: usize,
}

impl Figures {
    fn count(&mut self, sheet: &Sheet, rows: &[Row]) {
        for row in rows {
            self.fields += 1;
            let wrong = !row.ok && !row.blank();
            match row.policy.as_str() {
                "fill" => {
                    self.fill += 1;
                    self.fill_right += usize::from(row.ok);
                    self.required += usize::from(row.required);
                    self.required_right += usize::from(row.required && row.ok);
                }
                "leave" => {
                    self.leave += 1;
                    self.leave_right += usize::from(row.ok);
                }
                "ask" => self.guessed += usize::from(wrong),
                _ => {}
            }
            self.wrong += usize::from(wrong);
            if !row.ok {
                let word = if wrong { "wrong" } else { "blank" };
                println!("  {} {} ({}): {word}, got {} want {}", sheet.id, row.key, row.policy, row.got, row.want);
            }
        }
        self.complete = usize::from(self.required == self.required_right && self.leave == self.leave_right);
    }

    fn count_nothing(&mut self, sheet: &Sheet) {
        for field in &sheet.fields {
            self.fields += 1;
            let required = field["required"].as_bool().unwrap_or(false);
            match field["policy"].as_str() {
                Some("fill") => {
                    self.fill += 1;
                    self.required += usize::from(required);
                }
                Some("leave") => {
                    self.leave += 1;
                    self.leave_right += 1;
                }
                _ => {}
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.fields += other.fields;
        self.fill += other.fill;
        self.fill_right += other.fill_right;
        self.required += other.required;
        self.required_right += other.required_right;
        self.leave += other.leave;
        self.leave_right += other.leave_right;
        self.wrong += other.wrong;
        self.guessed += other.guessed;
        self.complete += other.complete;
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let share = |part: usize, whole: usize| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
        write!(
            f,
            "fields={} fill={:.3} required={:.3} leave={:.3} wrong={} asked_guessed={} complete={}",
            self.fields,
            share(self.fill_right, self.fill),
            share(self.required_right, self.required),
            share(self.leave_right, self.leave),
            self.wrong,
            self.guessed,
            self.complete
        )
    }
}

struct Disk(HashMap<String, PathBuf>);

impl Files for Disk {
    fn path(&self, sha256: &str) -> Option<PathBuf> {
        self.0.get(sha256).cloned()
    }
}

fn read_json(path: &Path) -> anyhow::Result<Json> {
    let text = std::fs::read(path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&text).with_context(|| path.display().to_string())
}

/// A file that the profile names, as a form is told of it.
fn named_file(dir: &Path, profile: &Json, at: &str) -> anyhow::Result<Option<(FileRef, PathBuf)>> {
    let Some(name) = profile.pointer(at).and_then(Json::as_str) else { return Ok(None) };
    let path = dir.join(name).canonicalize().with_context(|| name.to_owned())?;
    let bytes = std::fs::read(&path)?;
    let name = path.file_name().and_then(|name| name.to_str()).context("a file name")?.to_owned();
    let file = FileRef { name, size: bytes.len() as u64, sha256: hex::encode(Sha256::digest(&bytes)) };
    Ok(Some((file, path)))
}

/// Serves the pages on loopback.
async fn serve(pages: PathBuf) -> anyhow::Result<SocketAddr> {
    let app = axum::Router::new().route("/{name}", axum::routing::get(page)).with_state(pages);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

async fn page(State(pages): State<PathBuf>, UrlPath(name): UrlPath<String>) -> impl IntoResponse {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    match plain.then(|| std::fs::read(pages.join(&name))) {
        Some(Ok(bytes)) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], bytes).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

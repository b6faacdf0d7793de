//! Prints what the form engine sees on a page: `cargo run -p valet-agent --example observe_page -- <url>`.
//!
//! Private addresses are opened only when they are named: this is for looking at pages one has chosen.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use protocol::form::{Field, FormModel};
use protocol::net::AllowList;
use valet_agent::browser::{LaunchOptions, NoRecorder, Pool, PoolOptions};
use valet_agent::egress::Egress;
use valet_agent::forms::Engine;
use valet_agent::page::{Browsers, Page};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "printing is what it is for")]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).context("usage: observe_page <url>")?;
    let url = url::Url::parse(&address)?;
    let host = format!("{}:{}", url.host_str().context("no host")?, url.port_or_known_default().context("no port")?);
    let egress = Egress::start(0, AllowList::new([host])?).await?;
    let data = tempfile::tempdir()?;
    let launch =
        LaunchOptions { program: None, data: data.path().to_owned(), egress_port: egress.port(), tie_to_agent: true };
    let options = PoolOptions { launch, capacity: 1, spares: 1 };
    let pool = Pool::start(options, Arc::new(NoRecorder), egress.clone());
    let mut page =
        Engine::new(pool.clone()).lease(protocol::ids::TaskId::new()).await.map_err(|f| anyhow!(f.message))?;
    let seen = async {
        page.open(&address).await?;
        page.observe().await
    }
    .await;
    match &seen {
        Ok(model) => print!("{}", text(model)),
        Err(failure) => println!("{}: {}", failure.code, failure.message),
    }
    page.close().await;
    pool.stop().await;
    egress.stop().await;
    Ok(())
}

fn text(model: &FormModel) -> String {
    let page = &model.page;
    let mut out = format!("{}\n{}\n", page.url, page.title);
    for (name, value) in [("job", &page.job_title), ("company", &page.company), ("location", &page.job_location)] {
        if let Some(value) = value {
            out.push_str(&format!("{name}: {value}\n"));
        }
    }
    out.push_str(&format!("system: {}, submit: {}, next: {}\n", page.ats, page.can_submit, page.can_advance));
    if let Some(blocker) = &page.blocker {
        out.push_str(&format!("blocked by {}: {}\n", blocker.kind, blocker.message));
    }
    if let Some(said) = &page.confirmation {
        out.push_str(&format!("confirmed: {} {}\n", said.text, said.number.as_deref().unwrap_or_default()));
    }
    page.errors.iter().for_each(|error| out.push_str(&format!("error: {error}\n")));
    let mut section = "";
    for field in &model.fields {
        if field.section != section {
            section = &field.section;
            out.push_str(&format!("\n## {section}\n"));
        }
        out.push_str(&line(field));
    }
    out
}

fn line(field: &Field) -> String {
    let mark = if field.required { "*" } else { " " };
    let locked = if field.editable { "" } else { " (locked)" };
    let mut out = format!("{mark} {:<14} {}{locked}", field.kind.as_str(), field.label);
    if let Some(value) = field.value.display() {
        out.push_str(&format!(" = {value}"));
    }
    if !field.options.is_empty() {
        let some: Vec<_> = field.options.iter().take(6).map(|o| o.label.as_str()).collect();
        let more = if field.options_complete { "" } else { ", ..." };
        out.push_str(&format!(" [{}: {}{more}]", field.options.len(), some.join(" | ")));
    }
    if let Some(invalid) = &field.invalid {
        out.push_str(&format!(" !! {invalid}"));
    }
    out.push('\n');
    out
}

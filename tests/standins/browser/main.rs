//! A browser in small, for fleets larger than this machine could run Chromium for.
//!
//! The agent starts it as it starts Chromium (`--chromium PATH`) and speaks the DevTools protocol to it over a socket
//! (`devtools`). It opens pages over plain HTTP through the context's proxy (`net`), understands forms of native
//! controls (`html`, `form`), holds what is typed and ticked, and posts them as a browser would (`page`). It runs no
//! JavaScript: calls of the agent's form engine are recognised by name and answered from the form's model (`engine`),
//! the submit guard included, so that nothing is posted that the guard in a real page would have stopped.
//!
//! Plain HTTP only, one frame per page, no cookies, no scripts of the page but its list of places.

mod devtools;
mod engine;
mod events;
mod form;
mod html;
mod net;
mod page;

use std::path::PathBuf;
use std::rc::Rc;

use anyhow::Context as _;
use tokio::net::TcpListener;

/// What the agent says at the start, of what matters here.
struct Flags {
    profile: PathBuf,
    proxy: Option<String>,
    port: u16,
}

/// Reads the command line; flags that mean nothing to this browser are left alone, as Chromium does.
fn flags() -> anyhow::Result<Flags> {
    let (mut profile, mut proxy, mut port) = (None, None, 0);
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some(("--user-data-dir", path)) => profile = Some(PathBuf::from(path)),
            Some(("--proxy-server", address)) => proxy = Some(address.to_owned()),
            Some(("--remote-debugging-port", number)) => port = number.parse().context("--remote-debugging-port")?,
            _ => {}
        }
    }
    Ok(Flags { profile: profile.context("--user-data-dir is missing")?, proxy, port })
}

fn main() -> anyhow::Result<()> {
    let flags = flags()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, run(flags))
}

async fn run(flags: Flags) -> anyhow::Result<()> {
    std::fs::create_dir_all(&flags.profile).context("the profile folder cannot be made")?;
    let listener = TcpListener::bind(("127.0.0.1", flags.port)).await.context("no port to listen on")?;
    let path = format!("/devtools/browser/{}", uuid::Uuid::new_v4());
    let said = format!("{}\n{path}", listener.local_addr()?.port());
    // Whole at once: the agent reads the file as soon as it is there.
    let file = flags.profile.join("DevToolsActivePort");
    std::fs::write(file.with_extension("new"), said)?;
    std::fs::rename(file.with_extension("new"), file)?;
    let browser = Rc::new(devtools::Browser::new(path, flags.proxy));
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::task::spawn_local(devtools::serve(socket, Rc::clone(&browser)));
    }
}

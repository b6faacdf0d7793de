//! The reading process alone, as `valet resume-child` runs it; tests start it.
//!
//! Started under one of the names below it plays a reader that a hostile file has got the better of,
//! so that tests can see the parent bound it. The product's binary has none of this.

use std::io::Write;

fn main() {
    let name = std::env::args_os().next().unwrap_or_default();
    let name = std::path::Path::new(&name).file_name().map(|name| name.to_string_lossy().into_owned());
    match name.as_deref() {
        Some("hang") => loop {
            std::thread::park();
        },
        Some("spin") => loop {
            std::hint::spin_loop();
        },
        Some("eat") => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(vec![1; 16 * 1024 * 1024]);
            }
        }
        Some("chatter") => {
            let line = [b'x'; 4096];
            while std::io::stdout().write_all(&line).is_ok() {}
        }
        Some("look") => coordinator::resumes::child_main_with(|_, _, isolated| Ok(look(isolated))),
        _ => coordinator::resumes::child_main(),
    }
}

/// What a reader that runs an attacker's code could get at.
fn look(isolated: bool) -> coordinator::resumes::Extracted {
    let names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
    let said = |allowed: bool| if allowed { "allowed" } else { "refused" };
    // Trying would be fatal: writing past the limit is a signal.
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let size = limits.lines().find(|line| line.starts_with("Max file size"));
    let writes = size.is_none_or(|line| line.split_whitespace().nth(3) != Some("0"));
    // In a namespace of its own even the loopback interface is down.
    let network =
        std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", "127.0.0.1:9")).is_ok();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let locked = status.lines().any(|line| line == "NoNewPrivs:\t1");
    let text = format!(
        "isolated={isolated}\nenvironment={}\nwrites={}\nnetwork={}\nprivileges={}\n",
        names.join(","),
        said(writes),
        said(network),
        if locked { "locked" } else { "open" },
    );
    coordinator::resumes::Extracted { kind: coordinator::resumes::Kind::Text, text }
}

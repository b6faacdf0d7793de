//! The reading process alone, as `valet resume-child` runs it; tests start it.
//!
//! Started under the name `hang`, `eat` or `chatter` it plays a reader that a hostile file has got the
//! better of, so that the tests can see the parent end it.

fn main() {
    let name = std::env::args_os().next().unwrap_or_default();
    let name = std::path::Path::new(&name).file_name().map(|name| name.to_string_lossy().into_owned());
    match name.as_deref() {
        Some("hang") => loop {
            std::thread::park();
        },
        Some("eat") => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(vec![1; 16 * 1024 * 1024]);
            }
        }
        Some("chatter") => {
            let line = [b'x'; 4096];
            while std::io::Write::write_all(&mut std::io::stdout(), &line).is_ok() {}
        }
        _ => coordinator::resumes::child_main(),
    }
}

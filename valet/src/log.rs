//! What goes to the terminal: logs to standard error, results to standard output.

use std::io::Write as _;

use tracing_subscriber::EnvFilter;

/// Sets up logging: `VALET_LOG` filters (default: our own at info), `VALET_LOG_FORMAT=json` for machines.
pub fn init() {
    let filter = EnvFilter::try_from_env("VALET_LOG").unwrap_or_else(|_| {
        // The cluster library prints every message at debug, and each of its connections at info.
        EnvFilter::new("info,ractor_cluster=warn,ractor=warn,sqlx=warn,quinn=warn")
    });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::env::var("VALET_LOG_FORMAT").is_ok_and(|format| format == "json") {
        builder.json().init();
    } else {
        builder.compact().init();
    }
}

/// A result, to standard output. A closed pipe is not an error of ours.
pub fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Something for the person, to standard error.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Why the program ends.
pub fn complain(error: &anyhow::Error) {
    say(&format!("valet: {error}"));
    for cause in error.chain().skip(1) {
        say(&format!("  because {cause}"));
    }
}

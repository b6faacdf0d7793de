//! How long a person's word takes to an agent and back, and what a million parked applications cost. A line per figure.

#![expect(clippy::print_stdout, reason = "figures are this program's result")]

use system_tests::paths::Rig;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "error".into());
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).init();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let number =
        |name: &str, otherwise: usize| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let mut rig = Rig::start().await?;
    let answers = rig.answers(200).await?;
    println!("person's answer to its agent: p50 {:.1} ms, p99 {:.1} ms (limits 3, 10)", answers.p50, answers.p99);
    let (one, _) = rig.edits(1).await?;
    println!(
        "control path, edit to durable to agent to page to the person's screen, 1 client: p50 {:.1} ms, p99 {:.1} ms (limit 2 for p50)",
        one.p50, one.p99
    );
    let (many, rate) = rig.edits(64).await?;
    println!("control path, 64 clients: {rate:.0}/s (target 2000), p50 {:.1} ms, p99 {:.1} ms", many.p50, many.p99);
    let parked = number("PARKED", 1_000_000);
    let (more_mb, answers) = rig.parked(parked).await?;
    println!("{parked} parked applications: {more_mb:.1} MB more resident (limit 16)");
    println!(
        "answer to a parked one to its agent: p50 {:.1} ms, p99 {:.1} ms (limit 50 for p99)",
        answers.p50, answers.p99
    );
    Ok(())
}

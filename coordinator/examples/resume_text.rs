//! dev helper
#![expect(clippy::print_stdout, reason = "x")]
fn main() {
    let b = std::fs::read(std::env::args().nth(1).unwrap_or_default()).unwrap_or_default();
    let t = coordinator::resumes::text::extract(&b, "");
    match t {
        Ok(t) => {
            println!("{}", t.text);
            if std::env::args().nth(2).is_some() {
                println!(
                    "{:#?}",
                    coordinator::resumes::parse(&t.text, chrono::Utc::now().date_naive())
                );
            }
        }
        Err(e) => println!("{e:?}"),
    }
}

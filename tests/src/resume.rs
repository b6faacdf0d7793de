//! A resume of an invented person, as a small PDF made here.

const LINES: &[&str] = &[
    "Robin Example",
    "robin.example@example.com | (555) 010-0199 | Oakland, CA, United States",
    "https://www.linkedin.com/in/robin-example-test | https://github.com/robin-example-test",
    "",
    "Summary",
    "Platform engineer who keeps services simple and awake people asleep.",
    "",
    "Experience",
    "Senior Platform Engineer, Juniper Works, Oakland, CA",
    "Mar 2021 - Present",
    "- Moved 40 services to one deployment path and cut incidents by half.",
    "- Built the on-call rota and its training.",
    "Software Engineer, Harbour Lane Ltd, Seattle, WA",
    "Jun 2017 - Feb 2021",
    "- Wrote the billing ledger and its audits.",
    "",
    "Education",
    "Bachelor of Science in Computer Science, Example State University",
    "2013 - 2017",
    "",
    "Skills",
    "Rust, Go, PostgreSQL, Kubernetes, Terraform, Linux",
];

/// One page of text, in a built-in font.
#[must_use]
pub fn pdf() -> Vec<u8> {
    pdf_of("robin.example@example.com")
}

/// The same person under another address.
#[must_use]
pub fn pdf_of(email: &str) -> Vec<u8> {
    let mut text = String::from("BT /F1 11 Tf 54 760 Td 15 TL\n");
    for line in LINES {
        let line = line.replace("robin.example@example.com", email);
        let escaped = line.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
        text.push_str(&format!("({escaped}) Tj T*\n"));
    }
    text.push_str("ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
    ];
    let mut file = String::from("%PDF-1.4\n");
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.push_str(&format!("{} 0 obj\n{object}\nendobj\n", index + 1));
    }
    let table = file.len();
    file.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    for offset in offsets {
        file.push_str(&format!("{offset:010} 00000 n \n"));
    }
    file.push_str(&format!("trailer << /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1));
    file.into_bytes()
}

//! The confirmation page.

use crate::names::Load;
use crate::page::{Document, esc};
use crate::record::Submission;

/// The page an applicant sees once the application is recorded.
pub fn thanks(submission: &Submission) -> String {
    let (company, title) = (esc(&submission.company), esc(&submission.title));
    let number = esc(&submission.number);
    let body = format!(
        "<main class=\"«c-narrow» «c-done»\"><div class=\"«c-tick»\" aria-hidden=\"true\">✓</div>\
         <h1>Thank you for applying</h1>\
         <p>Your application for <strong>{title}</strong> at <strong>{company}</strong> has been \
         received.</p><p>Your confirmation number is <strong class=\"«c-number»\">{number}</strong>.</p>\
         <p>We read every application and answer within ten working days.</p>\
         <p><a href=\"/\">Back to all jobs</a></p></main>"
    );
    let title = format!("Thank you for applying – {}", submission.company);
    Document { title: &title, css: "", body: &body, script: "" }.render(&Load::fresh())
}

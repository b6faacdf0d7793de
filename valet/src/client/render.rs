//! What the person sees in the terminal: a progress bar, the review as a table.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{ContentArrangement, Table, TableComponent};
use indicatif::{ProgressBar, ProgressStyle};

use super::api::{Field, Review, Task};

/// Longest value shown in a cell; the whole stands in the web view.
const VALUE_MAX: usize = 60;

pub fn bar(quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {bar:30} {pos:>3} %  {msg}");
    let bar = ProgressBar::new(100);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}

pub fn show(bar: &ProgressBar, task: &Task) {
    bar.set_position(task.progress.clamp(0.0, 100.0) as u64);
    bar.set_message(step(task));
}

/// What is going on, and how many fields are filled as soon as there are some.
fn step(task: &Task) -> String {
    let step = task.current_step.as_deref().unwrap_or(&task.status);
    match task.fields_filled {
        0 => step.to_owned(),
        1 => format!("{step} · 1 field filled"),
        filled => format!("{step} · {filled} fields filled"),
    }
}

pub fn table(review: &Review) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    for line in [
        TableComponent::HorizontalLines,
        TableComponent::MiddleIntersections,
        TableComponent::LeftBorderIntersections,
        TableComponent::RightBorderIntersections,
    ] {
        table.remove_style(line);
    }
    table.set_header(["", "Question", "Answer", "Source", "Sure"]);
    for band in ["needs_you", "worth_a_look", "sure"] {
        for field in review.fields.iter().filter(|field| field.band == band) {
            table.add_row(row(field));
        }
    }
    table.to_string()
}

fn row(field: &Field) -> [String; 5] {
    let mark = match field.band.as_str() {
        "needs_you" => "needs you",
        "worth_a_look" => "worth a look",
        _ => "",
    };
    let star = if field.required { " *" } else { "" };
    let mut value = field.value.clone().unwrap_or_else(|| "—".to_owned());
    if value.chars().count() > VALUE_MAX {
        value = value.chars().take(VALUE_MAX - 1).chain(['…']).collect();
    }
    if let Some(note) = field.note.as_deref().filter(|note| !note.is_empty()) {
        value = format!("{value}\n({note})");
    }
    let source = match field.source.as_deref() {
        Some("profile") => "Profile",
        Some("resume") => "Resume",
        Some("qa_bank") => "Your answers",
        Some("user") => "You",
        Some("llm") => "Model",
        Some("inferred") => "Worked out",
        Some("default") => "Default",
        Some("page") => "The page",
        _ => "",
    };
    let sure = field.confidence.filter(|_| field.value.is_some()).map_or_else(String::new, |sure| format!("{sure:.2}"));
    [mark.to_owned(), format!("{}{star}", field.label), value, source.to_owned(), sure]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_how_many_fields_are_filled() {
        let at = |filled: u32| {
            let task = serde_json::json!({
                "id": "t", "status": "in_progress", "progress": 60, "currentStep": "Filling the form", "fieldsFilled": filled,
            });
            step(&serde_json::from_value(task).unwrap())
        };
        assert_eq!(at(0), "Filling the form");
        assert_eq!(at(1), "Filling the form · 1 field filled");
        assert_eq!(at(12), "Filling the form · 12 fields filled");
    }
}

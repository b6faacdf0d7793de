//! A form read out of its markup: its fields with their names, and what it sends beside them.

use url::Url;

use super::super::html::{Tree, squash};
use super::{Choice, Control, Field, Form, Kind};

/// The question without the mark that it must be answered.
fn bare(label: &str) -> String {
    label.trim_end_matches(['*', ' ']).trim_end_matches(':').to_owned()
}

/// Words with which a form warns people off a box that only robots fill in.
fn is_trap(label: &str) -> bool {
    let label = label.to_lowercase();
    label.contains("field blank") || label.contains("field empty")
}

fn kind_of(tree: &Tree, id: usize) -> Option<Kind> {
    Some(match (tree.tag(id), tree.said(id, "type")) {
        ("textarea", _) => Kind::Textarea,
        ("select", _) => Kind::Select,
        ("input", _) if tree.said(id, "role") == "combobox" => Kind::Combobox,
        ("input", "" | "text") => Kind::Text,
        ("input", "email") => Kind::Email,
        ("input", "tel") => Kind::Tel,
        ("input", "url") => Kind::Url,
        ("input", "number") => Kind::Number,
        ("input", "date") => Kind::Date,
        ("input", "checkbox") => Kind::CheckboxGroup,
        ("input", "radio") => Kind::Radio,
        ("input", "file") => Kind::File,
        _ => return None,
    })
}

pub(super) fn read_form(tree: &Tree, form: usize, url: &Url) -> Option<Form> {
    let action = url.join(tree.said(form, "action")).ok()?;
    let script = tree.all().filter(|id| tree.tag(*id) == "script").map(|id| tree.content(id)).collect::<String>();
    let suggestions = script.split_once("fetch('").and_then(|(_, rest)| rest.split_once("' + encodeURIComponent("));
    let mut out = Form {
        action,
        fields: Vec::new(),
        controls: Vec::new(),
        submit: None,
        sent: false,
        suggestions: suggestions.map(|(path, _)| path.to_owned()),
    };
    let (mut heading, mut row) = (String::new(), 0);
    for id in tree.all() {
        if matches!(tree.tag(id), "h2" | "h3" | "h4" | "h5" | "h6") {
            heading = tree.reads(id);
            continue;
        }
        if !tree.is_inside(id, form) {
            continue;
        }
        let name = tree.said(id, "name").to_owned();
        if tree.tag(id) == "button" && matches!(tree.said(id, "type"), "" | "submit") {
            out.submit = Some(row);
            row += 1;
            continue;
        }
        if tree.tag(id) == "input" && tree.said(id, "type") == "hidden" {
            out.controls.push(Control::Fixed(name, tree.said(id, "value").to_owned()));
            continue;
        }
        let Some(kind) = kind_of(tree, id) else { continue };
        let mut field = read_field(tree, id, kind, &heading);
        if is_trap(&field.label) {
            out.controls.push(Control::Fixed(name, String::new()));
            continue;
        }
        if matches!(kind, Kind::CheckboxGroup | Kind::Radio)
            && let Some(group) = out.fields.iter_mut().find(|known| known.name == name)
        {
            group.choices.append(&mut field.choices);
            row += 1;
            continue;
        }
        field.row = row;
        row += 1;
        out.controls.push(Control::Field(out.fields.len()));
        out.fields.push(field);
    }
    name_fields(&mut out.fields);
    Some(out)
}

fn label_for(tree: &Tree, id: usize) -> String {
    let own = tree.said(id, "id");
    let label = tree.all().find(|at| tree.tag(*at) == "label" && !own.is_empty() && tree.said(*at, "for") == own);
    label.map(|label| tree.reads(label)).unwrap_or_default()
}

fn read_field(tree: &Tree, id: usize, kind: Kind, heading: &str) -> Field {
    let set = tree.around(id, |at| tree.tag(at) == "fieldset");
    let group = matches!(kind, Kind::CheckboxGroup | Kind::Radio).then_some(set).flatten();
    let box_of_file = (kind == Kind::File).then(|| tree.around(id, |at| tree.said(at, "role") == "group")).flatten();
    let label = match (group, box_of_file) {
        (Some(set), _) => {
            let legend = tree.all().find(|at| tree.tag(*at) == "legend" && tree.is_inside(*at, set));
            legend.map(|legend| tree.reads(legend)).unwrap_or_default()
        }
        (_, Some(around)) => {
            tree.by_id(tree.said(around, "aria-labelledby")).map(|at| tree.reads(at)).unwrap_or_default()
        }
        _ => label_for(tree, id),
    };
    let holder = group.unwrap_or(id);
    let about = tree.said(holder, "aria-describedby").split_whitespace().filter_map(|at| tree.by_id(at));
    let wrong = tree.said(holder, "aria-invalid") == "true";
    let about: Vec<String> = about.map(|at| tree.reads(at)).collect();
    let (complaint, hints) = if wrong { about.split_last().unzip() } else { (None, Some(about.as_slice())) };
    let choices = match kind {
        Kind::Select => {
            let options = tree.all().filter(|at| tree.tag(*at) == "option" && tree.is_inside(*at, id));
            let real = options.filter(|at| !tree.said(*at, "value").is_empty());
            let choice = |at: usize| Choice {
                value: tree.said(at, "value").to_owned(),
                label: tree.reads(at),
                on: tree.attribute(at, "selected").is_some(),
            };
            real.map(choice).collect()
        }
        Kind::CheckboxGroup | Kind::Radio => vec![Choice {
            value: tree.attribute(id, "value").unwrap_or("on").to_owned(),
            label: label_for(tree, id),
            on: tree.attribute(id, "checked").is_some(),
        }],
        _ => Vec::new(),
    };
    let required = tree.said(holder, "aria-required") == "true" || tree.attribute(id, "required").is_some();
    Field {
        key: String::new(),
        base: String::new(),
        kind: if kind == Kind::CheckboxGroup && group.is_none() { Kind::Checkbox } else { kind },
        label: bare(&label),
        section: heading.to_owned(),
        description: hints.unwrap_or_default().join(" "),
        name: tree.said(id, "name").to_owned(),
        id: tree.said(id, "id").to_owned(),
        autocomplete: tree.said(id, "autocomplete").to_owned(),
        required,
        max_length: tree.said(id, "maxlength").parse().ok(),
        accept: tree.said(id, "accept").to_owned(),
        complaint: complaint.cloned(),
        text: match kind {
            Kind::Textarea => tree.content(id).trim_start_matches('\n').to_owned(),
            kind if kind.is_text() || kind == Kind::Date => tree.said(id, "value").to_owned(),
            _ => String::new(),
        },
        choices,
        file: None,
        row: 0,
    }
}

/// Keys as the engine makes them: from kind, section and label, so that the same question has the same id in any
/// browser.
fn name_fields(fields: &mut [Field]) {
    let mut seen = std::collections::HashMap::<String, usize>::new();
    for field in fields {
        let fold = |text: &str| squash(text).to_lowercase();
        if fold(&field.section) == fold(&field.label) {
            field.section.clear();
        }
        field.base = short_hash(&format!("{}\0{}\0{}", field.kind.name(), fold(&field.section), fold(&field.label)));
        let nth = seen.entry(field.base.clone()).or_default();
        field.key = format!("{}.{nth}", field.base);
        *nth += 1;
    }
}

fn short_hash(text: &str) -> String {
    let (mut a, mut b) = (0x811c_9dc5_u32, 0x9747_b28c_u32);
    for unit in text.encode_utf16() {
        a = (a ^ u32::from(unit)).wrapping_mul(0x0100_0193);
        b = (b ^ u32::from(unit)).wrapping_mul(0x5bd1_e995) ^ (b >> 13);
    }
    format!("{a:08x}{b:08x}")
}

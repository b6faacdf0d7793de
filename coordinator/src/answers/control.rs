//! What a field's control, options and neighbours say about its kind, beyond its words.

use protocol::form::{Field, FieldKind, FormModel};

use super::classify::{KIND_MIN, best_rule, split_name};
use super::geo::Country;
use super::kind::Canonical::{self, *};
use super::text::{normalise, words};

/// The control itself says more than its words: a file box takes files, a list of dialling codes is the phone's.
pub(super) fn by_control(kind: Canonical, confidence: f32, field: &Field, form: &FormModel) -> (Canonical, f32) {
    if field.kind == FieldKind::Password {
        return (Password, 1.0);
    }
    if field.kind == FieldKind::File && (confidence < KIND_MIN || !is_file_kind(kind)) {
        return file_kind(field, form);
    }
    if kind == Phone && matches!(field.kind, FieldKind::Select | FieldKind::Combobox) {
        // A list beside the number is its country; one without any options is the list's own search box.
        return if field.options.is_empty() { (Custom, 0.5) } else { (PhoneCountry, 0.93) };
    }
    let with_code = field.options.iter().filter(|option| dial_in(&option.label)).count();
    if with_code * 2 > field.options.len() {
        return (PhoneCountry, confidence.max(0.95));
    }
    if kind == Country && field.kind != FieldKind::Text && precedes_phone(field, form) {
        return (PhoneCountry, 0.93);
    }
    if kind == Race && lists_only_hispanic(field) {
        return (Hispanic, confidence);
    }
    if confidence < KIND_MIN
        && let Some(stated) = by_options(field)
    {
        return (stated, 0.9);
    }
    let countries = field.options.iter().filter(|option| Country::named(&option.label).is_some()).count();
    if kind == Custom && field.options.len() > 20 && countries * 3 > field.options.len() * 2 {
        let phone = neighbour(field, form, 1).is_some_and(|next| next.kind == FieldKind::Tel);
        return if phone { (PhoneCountry, 0.9) } else { (Country, 0.75) };
    }
    (kind, confidence)
}

/// "Please check one of the boxes below": what the boxes say is the question.
fn by_options(field: &Field) -> Option<Canonical> {
    const READ: usize = 8;
    if field.options.is_empty() || field.options.len() > READ {
        return None;
    }
    field.options.iter().filter(|option| words(&option.label).len() > 3).find_map(|option| {
        let (kind, confidence) =
            best_rule(&words(&option.label), |kind| matches!(kind, Disability | Veteran | Hispanic));
        (confidence >= 0.9).then_some(kind)
    })
}

/// "Ethnicity" with the two choices of US reporting: the question is whether one is Hispanic.
fn lists_only_hispanic(field: &Field) -> bool {
    let stated = |kind: Canonical| {
        field.options.iter().filter(|option| super::options::identity_of(kind, &option.label).is_some()).count()
    };
    stated(Hispanic) == 2 && stated(Race) <= 1
}

fn is_file_kind(kind: Canonical) -> bool {
    matches!(kind, Resume | CoverLetter | OtherFile | ResumeImport)
}

/// A file box whose label only says "Choose a file": its heading, else what an application cannot do without.
fn file_kind(field: &Field, form: &FormModel) -> (Canonical, f32) {
    let fits = |kind: Canonical| is_file_kind(kind);
    let heading = best_rule(&words(&field.section), fits);
    if heading.1 >= KIND_MIN {
        return (heading.0, heading.1.min(0.92));
    }
    let named = best_rule(&words(&split_name(&field.name)), fits);
    if named.1 >= KIND_MIN {
        return (named.0, named.1 * 0.9);
    }
    let files = form.fields.iter().filter(|other| other.kind == FieldKind::File).count();
    let speaks_of_image = field.accept.contains("image/") || normalise(&field.label).contains("photo");
    if files == 1 && field.required && !speaks_of_image { (Resume, 0.75) } else { (OtherFile, 0.8) }
}

fn dial_in(label: &str) -> bool {
    label.split('+').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// A country list directly before a phone box, and no address before it.
fn precedes_phone(field: &Field, form: &FormModel) -> bool {
    let next = neighbour(field, form, 1).is_some_and(|next| next.kind == FieldKind::Tel);
    let before = neighbour(field, form, -1).is_some_and(|before| {
        matches!(best_rule(&words(&before.label), |_| true).0, City | State | PostalCode | Address)
    });
    next && !before
}

fn neighbour<'a>(field: &Field, form: &'a FormModel, by: isize) -> Option<&'a Field> {
    let at = form.fields.iter().position(|other| other.id == field.id)?;
    form.fields.get(at.checked_add_signed(by)?)
}

/// Kinds that a control of this sort cannot be asking for.
pub(super) fn fits_control(kind: Canonical, control: FieldKind) -> bool {
    let is_box = matches!(control, FieldKind::Checkbox);
    let is_choice =
        matches!(control, FieldKind::Radio | FieldKind::CheckboxGroup | FieldKind::Select | FieldKind::Combobox);
    let is_file = control == FieldKind::File;
    match kind {
        Resume | CoverLetter | OtherFile | ResumeImport if is_file => true,
        _ if is_file => false,
        Resume | ResumeImport => false,
        OtherFile | ResumeText => matches!(control, FieldKind::Textarea | FieldKind::Richtext | FieldKind::Text),
        CoverLetter => !is_box && !is_choice && control != FieldKind::Url,
        ConsentPrivacy | ConsentMarketing => is_box || is_choice,
        Attestation => is_box || is_choice || control == FieldKind::Text,
        Signature | SignatureDate => !is_choice,
        Motivation | JobDescription | Summary => !is_box && !is_choice,
        kind if is_box => !is_plain_fact(kind),
        kind if matches!(control, FieldKind::Radio | FieldKind::CheckboxGroup) => !is_typed_fact(kind),
        _ => true,
    }
}

/// Facts that are typed or picked from a list, never ticked.
fn is_plain_fact(kind: Canonical) -> bool {
    is_typed_fact(kind)
        || matches!(
            kind,
            State
                | Country
                | PhoneCountry
                | PhoneType
                | CurrentCompany
                | CurrentTitle
                | School
                | Degree
                | HighestDegree
                | FieldOfStudy
                | Skills
                | Languages
                | Certifications
                | Location
                | JobStart
                | JobEnd
                | StartDate
                | NoticePeriod
                | Salary
        )
}

pub(super) fn is_typed_fact(kind: Canonical) -> bool {
    matches!(
        kind,
        FirstName
            | MiddleName
            | LastName
            | FullName
            | LegalName
            | PreferredName
            | NameSuffix
            | Email
            | Phone
            | PhoneExtension
            | Address
            | AddressLine2
            | City
            | PostalCode
            | Linkedin
            | Github
            | Portfolio
            | OtherLink
            | Headline
            | Summary
            | Password
            | IdentityNumber
            | Payment
    )
}

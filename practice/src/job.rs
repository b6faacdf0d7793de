//! What a job and its application form are made of. Pure data: `catalog` fills it in, `style` draws
//! it, `intake` checks an application against it.

use serde::{Deserialize, Serialize};

/// The family of applicant tracking system whose manner a form imitates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    Greenhouse,
    Lever,
    Ashby,
    Workday,
}

impl Style {
    pub const ALL: [Self; 4] = [Self::Greenhouse, Self::Lever, Self::Ashby, Self::Workday];

    /// The first part of the style's addresses, and its name in a record.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Greenhouse => "greenhouse",
            Self::Lever => "lever",
            Self::Ashby => "ashby",
            Self::Workday => "workday",
        }
    }

    /// What the style's confirmation numbers begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Greenhouse => "GH",
            Self::Lever => "LV",
            Self::Ashby => "AS",
            Self::Workday => "WD",
        }
    }

    /// Whether the page sends the application with a script and stays where it is.
    pub fn posts_by_script(self) -> bool {
        matches!(self, Self::Ashby | Self::Workday)
    }
}

/// How a question is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Email,
    Tel,
    Url,
    Date,
    /// Several lines.
    Essay,
    /// A city, with suggestions while typing.
    Place,
    /// One of the options, folded away until opened.
    Select(&'static [&'static str]),
    /// One of the options, all in sight.
    Radio(&'static [&'static str]),
    /// Any number of the options.
    Many(&'static [&'static str]),
    /// One box to tick; the label is the sentence agreed to.
    Consent,
    File,
}

impl Kind {
    /// The options to choose from, if there are any.
    pub fn options(self) -> &'static [&'static str] {
        match self {
            Self::Select(options) | Self::Radio(options) | Self::Many(options) => options,
            _ => &[],
        }
    }
}

/// One question of a form.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The server's own word for the field; the page shows only random names.
    pub key: &'static str,
    /// What the applicant reads, and the key in the record.
    pub label: &'static str,
    pub kind: Kind,
    pub required: bool,
    /// Small print under the field; empty for none.
    pub hint: &'static str,
}

impl Field {
    /// An optional question.
    pub const fn new(key: &'static str, label: &'static str, kind: Kind) -> Self {
        Self { key, label, kind, required: false, hint: "" }
    }

    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
    }
}

/// Questions under one heading; in the wizard, one step.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    pub title: &'static str,
    /// A paragraph under the heading; empty for none.
    pub note: &'static str,
    pub fields: &'static [Field],
}

/// An open position of an invented company.
#[derive(Debug)]
pub struct Job {
    pub slug: &'static str,
    pub style: Style,
    pub title: &'static str,
    pub company: &'static str,
    /// What the company does, in one sentence.
    pub company_about: &'static str,
    pub team: &'static str,
    pub location: &'static str,
    pub terms: &'static str,
    pub summary: &'static str,
    pub duties: &'static [&'static str],
    pub wishes: &'static [&'static str],
    pub sections: &'static [Section],
}

impl Job {
    /// Every question of the form, in the order of the page.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.sections.iter().flat_map(|section| section.fields)
    }

    /// The address of the job's form on this site.
    pub fn path(&self) -> String {
        format!("/{}/{}", self.style.slug(), self.slug)
    }
}

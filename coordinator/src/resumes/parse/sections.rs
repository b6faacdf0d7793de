//! Sections by their headings.

use super::lexicon::LANGUAGES;
use super::lines::{Line, fold, words};

/// What a stretch of a resume is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Section {
    /// Before the first heading: name, contact, often a headline or a summary.
    Top,
    Contact,
    Summary,
    Work,
    Education,
    Skills,
    Projects,
    Certifications,
    Languages,
    Interests,
    Awards,
    Volunteer,
    /// Known headings whose content has no place in the data: publications, references, courses.
    Other,
}

/// A heading and what stands under it.
#[derive(Debug)]
pub(super) struct Block {
    pub section: Section,
    pub lines: Vec<Line>,
}

/// Words that alone make a heading, most telling kinds first: "Volunteer Experience" is volunteering,
/// "Language Skills" are languages.
const HEADS: &[(Section, &str)] = &[
    (
        Section::Volunteer,
        "volunteer volunteering voluntary extracurricular extracurriculars ehrenamt ehrenamtliches benevolat benevole voluntariado volontariato leadership outreach",
    ),
    (
        Section::Other,
        "publications publication patents patent references referees referenzen references referencias coursework courses course talks presentations conferences conference memberships membership affiliations affiliation testimonials declaration seminars workshops portfolio lectures press",
    ),
    (
        Section::Certifications,
        "certifications certification certificates certificate certs licenses licences license licensure credentials zertifikate zertifizierungen certificaciones certificados certificazioni accreditations weiterbildung weiterbildungen fortbildungen trainings",
    ),
    (
        Section::Education,
        "education educational academics studies studium ausbildung bildung bildungsweg schulbildung hochschulausbildung formation formations etudes educacion formacion estudios istruzione formazione opleiding schooling academia",
    ),
    (Section::Projects, "projects project projekte projets proyectos progetti"),
    (Section::Languages, "languages language sprachen sprachkenntnisse fremdsprachen langues idiomas lingue talen"),
    (
        Section::Awards,
        "awards award honors honours honor achievements achievement accomplishments accomplishment scholarships scholarship distinctions auszeichnungen prix premios recognition recognitions fellowships",
    ),
    (
        Section::Interests,
        "interests interest hobbies hobby hobbys interessen loisirs intereses pasatiempos interets activities passions",
    ),
    (
        Section::Summary,
        "summary profile objective objectives about overview profil zusammenfassung kurzprofil resumen perfil apropos statement bio introduction qualifications highlights sommaire objectif",
    ),
    (
        Section::Skills,
        "skills skill competencies competences competence competencias expertise technologies technology tools kenntnisse fahigkeiten faehigkeiten kompetenzen habilidades aptitudes proficiencies proficiency strengths stack toolbox toolkit skillset conocimientos edv frameworks capabilities specialties abilities",
    ),
    (
        Section::Work,
        "experience experiences employment internship internships berufserfahrung berufserfahrungen werdegang berufspraxis praxiserfahrung praktika praktische experiencia experiencias esperienza esperienze werkervaring parcours positions jobs erfahrung",
    ),
    (
        Section::Contact,
        "contact contacts kontakt kontaktdaten contacto coordonnees contatti personaldaten personalien links socials social",
    ),
];

/// Words that may stand beside one of [`HEADS`].
const MODIFIERS: &str = "professional professionnelle professionnelles professionnel profesional laboral work working relevant related additional selected other key core technical personal persoenliche personliche career academic academique my and of in the a an for recent history background summary profile profil highlights industry teaching research military job areas area main details detail info information international clinical previous past current notable computer it software soft hard executive general special specialized de des du la las los le les y et und e me daten beruflicher beruflich berufliche berufsausbildung akademische community service group training development qualification qualifications programming engineering data activities competitions honors interests tools languages technologies platforms concepts methods framework domain business management leadership student campus freelance internship and/or independent open source side top major selective employment early paid field practicum co op full time on to at i";

/// Phrases made of words that would each be too weak.
const PHRASES: &[(&str, Section)] = &[
    ("work history", Section::Work),
    ("career history", Section::Work),
    ("career", Section::Work),
    ("professional background", Section::Work),
    ("professional history", Section::Work),
    ("job history", Section::Work),
    ("work", Section::Work),
    ("where i've worked", Section::Work),
    ("lebenslauf", Section::Top),
    ("curriculum vitae", Section::Top),
    ("resume", Section::Top),
    ("cv", Section::Top),
    ("who i am", Section::Summary),
    ("personal details", Section::Contact),
    ("personal information", Section::Contact),
    ("personal info", Section::Contact),
    ("personliche daten", Section::Contact),
    ("persoenliche daten", Section::Contact),
    ("academic background", Section::Education),
    ("academic history", Section::Education),
    ("academic qualifications", Section::Education),
    ("professional development", Section::Certifications),
    ("professional training", Section::Certifications),
    ("training", Section::Certifications),
    ("programming languages", Section::Skills),
    ("programming", Section::Skills),
    ("it kenntnisse", Section::Skills),
    ("centres d'interet", Section::Interests),
    ("community service", Section::Volunteer),
    ("community involvement", Section::Volunteer),
    ("activities and leadership", Section::Volunteer),
    ("research", Section::Other),
    ("websites", Section::Contact),
    ("get in touch", Section::Contact),
    ("find me online", Section::Contact),
];

/// A heading is a few words on a line of its own.
const WORDS_MAX: usize = 6;

/// The section a line opens, if it is a heading and nothing else.
pub(super) fn heading(text: &str) -> Option<Section> {
    let text = text.trim().trim_end_matches([':', '-', '–', '—', '_', ' ']);
    if text.len() > 60 || text.ends_with(['.', ',', ';']) || text.chars().any(|c| c.is_ascii_digit() || c == '@') {
        return None;
    }
    let first = text.chars().find(|char| char.is_alphabetic())?;
    if first.is_lowercase() {
        return None;
    }
    let folded = fold(text).replace(['&', '+', '/', '|'], " and ");
    let mut tokens = words(&folded);
    if tokens.len() >= 4 && tokens.iter().all(|token| token.chars().count() == 1) {
        tokens = vec![tokens.concat()]; // S K I L L S
    }
    if tokens.is_empty() || tokens.len() > WORDS_MAX {
        return None;
    }
    let phrase = tokens.join(" ");
    let exact = PHRASES.iter().find(|(known, _)| *known == phrase || known.replace(' ', "") == phrase);
    if let Some((_, section)) = exact {
        return Some(*section);
    }
    // A heading of several words shows it by its capitals; a sentence does not.
    let small = |word: &str| word.chars().next().is_some_and(char::is_lowercase) && word.chars().count() > 3;
    if tokens.len() > 2 && text.split_whitespace().filter(|word| small(word)).count() > 1 {
        return None;
    }
    let kind = |token: &str| HEADS.iter().find(|(_, heads)| heads.split(' ').any(|head| head == token));
    let allowed = |token: &String| kind(token).is_some() || MODIFIERS.split(' ').any(|word| word == *token);
    if !tokens.iter().all(allowed) {
        return joined(&phrase);
    }
    // "Education and Certifications" is about the first, "Volunteer Experience" about the more telling.
    let part = tokens
        .split(|token| matches!(token.as_str(), "and" | "und" | "et" | "y" | "e"))
        .find(|part| part.iter().any(|token| kind(token).is_some()))?;
    if part.iter().any(|token| token == "programming" || token == "computer") {
        return Some(Section::Skills);
    }
    if part[0] == "summary" || part[0] == "career" && part.iter().any(|token| token == "summary") {
        return Some(Section::Summary);
    }
    HEADS
        .iter()
        .find(|(_, heads)| part.iter().any(|token| heads.split(' ').any(|head| head == token)))
        .map(|(section, _)| *section)
}

/// Headings that lost their spaces on the way out of a PDF.
fn joined(phrase: &str) -> Option<Section> {
    let known = [
        ("workexperience", Section::Work),
        ("professionalexperience", Section::Work),
        ("employmenthistory", Section::Work),
        ("technicalskills", Section::Skills),
        ("professionalsummary", Section::Summary),
        ("aboutme", Section::Summary),
        ("coreskills", Section::Skills),
    ];
    known.iter().find(|(name, _)| *name == phrase).map(|(_, section)| *section)
}

/// Cuts a text into sections. What stands before the first heading is [`Section::Top`].
pub(super) fn blocks(lines: Vec<Line>) -> Vec<Block> {
    let mut blocks = vec![Block { section: Section::Top, lines: Vec::new() }];
    for line in lines {
        let current = blocks[blocks.len() - 1].section;
        if let Some((section, rest)) = opens(&line, current) {
            // A title such as "Resume" opens nothing.
            if section != Section::Top {
                blocks.push(Block { section, lines: Vec::new() });
            }
            if let Some(rest) = rest {
                let index = blocks.len() - 1;
                blocks[index].lines.push(Line { text: rest, bullet: false, gap: true, ..line });
            }
            continue;
        }
        let index = blocks.len() - 1;
        blocks[index].lines.push(line);
    }
    blocks
}

/// The section a line opens and what else stands on it.
fn opens(line: &Line, current: Section) -> Option<(Section, Option<String>)> {
    if line.bullet {
        return None;
    }
    if let Some(section) = heading(&line.text) {
        // Among skills, "Languages" and "Tools" are categories unless they stand apart.
        let category = current == Section::Skills && section == Section::Skills;
        return (!category || line.gap).then_some((section, None));
    }
    let cells = line.cells();
    if cells.len() > 1
        && let Some(section) = heading(cells[0])
        && section != Section::Top
        && (current != Section::Skills
            || section == Section::Languages && human(cells[1])
            || !matches!(section, Section::Skills | Section::Languages))
    {
        let at = line.text.find(cells[1]).unwrap_or(0);
        return Some((section, Some(line.text[at..].to_owned())));
    }
    let (label, rest) = line.text.split_once(':')?;
    let (rest, section) = (rest.trim(), heading(label)?);
    if rest.is_empty() || rest.starts_with("//") {
        return None;
    }
    let inline = match section {
        Section::Languages => human(rest),
        // Inside an entry "Technologies: …" belongs to it; "Skills: …" after a gap does not.
        Section::Skills => match current {
            Section::Skills => false,
            Section::Work | Section::Projects | Section::Education => line.gap && fold(label).contains("skill"),
            _ => true,
        },
        Section::Summary | Section::Certifications | Section::Interests => current != Section::Work || line.gap,
        Section::Awards => !matches!(current, Section::Work | Section::Education),
        _ => false,
    };
    inline.then(|| (section, Some(rest.to_owned())))
}

fn human(list: &str) -> bool {
    words(list).iter().any(|word| LANGUAGES.split(' ').any(|known| known == word))
}

/// A sidebar was read before the name: from the name to the next heading is the top after all. Returns
/// whether that was so.
pub(super) fn reopen_top(blocks: &mut Vec<Block>, name: &str) -> bool {
    let is_name = |line: &Line| !line.bullet && fold(&line.text).starts_with(&fold(name));
    if blocks
        .iter()
        .any(|block| matches!(block.section, Section::Top | Section::Contact) && block.lines.iter().any(is_name))
    {
        return false;
    }
    let Some(index) = blocks.iter().position(|block| block.lines.iter().any(is_name)) else {
        return false;
    };
    let at = blocks[index].lines.iter().position(is_name).unwrap_or_default();
    let lines = blocks[index].lines.split_off(at);
    blocks.insert(index + 1, Block { section: Section::Top, lines });
    true
}

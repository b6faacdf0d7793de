//! Labels of many forms and languages, and the kinds they ask for.

use super::*;
use Canonical::*;

fn kind_of(field: &Field) -> Canonical {
    classify(field, &form(vec![field.clone()])).kind
}

fn assert_kinds(kind: FieldKind, table: &[(&str, Canonical)]) {
    let wrong: Vec<String> = table
        .iter()
        .filter_map(|(label, wanted)| {
            let class = classify(&field(kind, label), &form(vec![field(kind, label)]));
            (class.kind != *wanted)
                .then(|| format!("{label}: {} ({:.2}), wanted {wanted}", class.kind, class.confidence))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn facts_in_english() {
    assert_kinds(
        FieldKind::Text,
        &[
            ("First Name", FirstName),
            ("Legal First Name", FirstName),
            ("Given name(s)", FirstName),
            ("Surname", LastName),
            ("Last name (family name)", LastName),
            ("Middle initial", MiddleName),
            ("Name", FullName),
            ("Your full name", FullName),
            ("What is your full legal name?", LegalName),
            ("What name do you prefer to be called?", PreferredName),
            ("What's the name you'd like us to use?", PreferredName),
            ("E-mail address", Email),
            ("Confirm your email", Email),
            ("Mobile Phone Number", Phone),
            ("Best contact number", Phone),
            ("Phone extension", PhoneExtension),
            ("Street Address", Address),
            ("Address Line 1", Address),
            ("Apt, suite, unit", AddressLine2),
            ("City/Town", City),
            ("State / Province / Region", State),
            ("ZIP/Postal Code", PostalCode),
            ("Country of residence", Country),
            ("In which country do you currently reside?", Country),
            ("Where are you currently located?", Location),
            ("Location (City, State)", Location),
            ("LinkedIn Profile URL", Linkedin),
            ("GitHub link", Github),
            ("Personal website", Portfolio),
            ("Website, Blog, or Portfolio", Portfolio),
            ("Twitter handle", OtherLink),
            ("Current employer", CurrentCompany),
            ("Current or most recent company", CurrentCompany),
            ("Current job title", CurrentTitle),
            ("University or college", School),
            ("Field of study / Major", FieldOfStudy),
            ("Cumulative GPA", Gpa),
            ("Desired salary", Salary),
            ("What are your compensation expectations?", Salary),
            ("Current salary", CurrentSalary),
            ("Notice period", NoticePeriod),
            ("How much notice do you need to give your employer?", NoticePeriod),
            ("Earliest start date", StartDate),
            ("When would you be able to start?", StartDate),
            ("How did you hear about us?", HowHeard),
            ("Where did you find this job?", HowHeard),
            ("How many years of relevant experience do you have?", YearsExperience),
            ("Date of birth", BirthDate),
            ("Social Security Number (last 4 digits)", IdentityNumber),
            ("Electronic signature", Signature),
        ],
    );
}

#[test]
fn facts_in_other_languages() {
    assert_kinds(
        FieldKind::Text,
        &[
            ("Nombre", FirstName),
            ("Apellidos", LastName),
            ("Correo electrónico", Email),
            ("Teléfono móvil", Phone),
            ("Código postal", PostalCode),
            ("País de residencia", Country),
            ("¿Cómo conoció esta oferta?", HowHeard),
            ("Pretensiones salariales", Salary),
            ("Prénom", FirstName),
            ("Nom de famille", LastName),
            ("Numéro de téléphone", Phone),
            ("Ville", City),
            ("Prétentions salariales", Salary),
            ("Disponibilité", StartDate),
            ("Vorname", FirstName),
            ("Nachname", LastName),
            ("Telefonnummer", Phone),
            ("PLZ", PostalCode),
            ("Gehaltsvorstellung", Salary),
            ("Frühestmöglicher Eintrittstermin", StartDate),
            ("Kündigungsfrist", NoticePeriod),
            ("Primeiro nome", FirstName),
            ("Sobrenome", LastName),
            ("Telefone", Phone),
            ("Pretensão salarial", Salary),
            ("Data de nascimento", BirthDate),
        ],
    );
    assert_kinds(
        FieldKind::File,
        &[
            ("Lebenslauf", Resume),
            ("Hoja de vida / CV", Resume),
            ("Lettre de motivation", CoverLetter),
            ("Anschreiben", CoverLetter),
        ],
    );
}

#[test]
fn questions() {
    assert_kinds(
        FieldKind::Select,
        &[
            ("Are you legally authorized to work in the United States?", WorkAuthorization),
            ("Do you have the right to work in the UK?", WorkAuthorization),
            ("Are you eligible to work in Ireland without sponsorship?", WorkAuthorization),
            ("Will you now or in the future require visa sponsorship?", Sponsorship),
            ("Do you require sponsorship for employment visa status (e.g. H-1B)?", Sponsorship),
            ("Are you at least 18 years old?", Adult),
            ("Have you previously worked for Fernhill?", PreviouslyEmployed),
            ("Have you ever been employed by us?", PreviouslyEmployed),
            ("Do any of your relatives work here?", Relatives),
            ("Are you bound by a non-compete agreement?", NonCompete),
            ("Are you willing to undergo a background check?", BackgroundCheck),
            ("Are you willing to relocate?", Relocate),
            ("Are you able to work from our office three days a week?", Onsite),
            ("Do you have a valid driver's license?", DriverLicense),
            ("Have you ever been convicted of a felony?", CriminalRecord),
            ("Are you currently located in Canada?", LocatedIn),
            ("Are you fluent in German?", LanguageFluency),
            ("I identify my gender as", Gender),
            ("Which race or ethnicity best describes you?", Race),
            ("Are you Hispanic or Latino?", Hispanic),
            ("Protected veteran status", Veteran),
            ("Do you have a disability?", Disability),
            ("What is your sexual orientation?", SexualOrientation),
            ("Do you identify as transgender?", Transgender),
            ("What are your pronouns?", Pronouns),
            ("Highest level of education completed", HighestDegree),
        ],
    );
}

#[test]
fn boxes_and_consents() {
    assert_kinds(
        FieldKind::Checkbox,
        &[
            ("I have read and agree to the Privacy Policy", ConsentPrivacy),
            ("I consent to the processing of my personal data", ConsentPrivacy),
            ("Ich habe die Datenschutzerklärung gelesen", ConsentPrivacy),
            ("Contact me about future job opportunities", ConsentMarketing),
            ("Join our talent community", ConsentMarketing),
            ("Follow Fernhill to stay up to date", ConsentMarketing),
            ("I agree to receive text messages about my application", ConsentMarketing),
            ("I certify that the information above is true and complete", Attestation),
            ("I agree to binding arbitration of any dispute", Attestation),
            ("I authorize Fernhill to contact my references and verify this information", Attestation),
            ("Accept all cookies", SiteChrome),
            ("I currently work here", JobCurrent),
        ],
    );
}

#[test]
fn someone_else_is_not_the_applicant() {
    for label in ["Emergency contact phone", "Manager's email", "Reference name", "Name of relative"] {
        assert!(
            matches!(kind_of(&text(label)), OtherPerson | Relatives | Referral | References | Custom),
            "{label}: {}",
            kind_of(&text(label))
        );
    }
    let reference = Field { section: "Reference 1".into(), ..text("Email") };
    assert_eq!(kind_of(&reference), OtherPerson);
}

#[test]
fn a_box_in_a_group_is_named_by_its_placeholder() {
    let part = |label: &str, placeholder: &str| Field { placeholder: placeholder.into(), ..text(label) };
    assert_eq!(kind_of(&part("Name", "Last Name")), LastName);
    assert_eq!(kind_of(&part("Address", "City")), City);
    assert_eq!(kind_of(&part("Address", "Street")), Address);
}

#[test]
fn hints_speak_where_the_label_is_silent() {
    let hinted = Field { autocomplete: "section-a postal-code".into(), ..text("") };
    assert_eq!(kind_of(&hinted), PostalCode);
    let named = Field { name: "candidate_linkedin_url".into(), ..text("") };
    assert_eq!(kind_of(&named), Linkedin);
    // A label that says something else is not overruled.
    let contrary = Field { autocomplete: "email".into(), ..text("Why do you want to work here?") };
    assert_eq!(kind_of(&contrary), Motivation);
}

#[test]
fn sections_give_dates_and_titles_their_meaning() {
    let within = |section: &str, label: &str| Field { section: section.into(), ..text(label) };
    assert_eq!(kind_of(&within("Work Experience 1", "From")), JobStart);
    assert_eq!(kind_of(&within("Work Experience 1", "Title")), CurrentTitle);
    assert_eq!(kind_of(&within("Work Experience 2", "Location")), JobLocation);
    assert_eq!(kind_of(&within("Education 1", "To (actual or expected)")), EducationEnd);
    assert_eq!(kind_of(&within("Education", "Start date")), EducationStart);
    assert_eq!(kind_of(&text("Start date")), StartDate);
    assert_eq!(kind_of(&within("Voluntary Self-Identification of Disability", "Name")), Signature);
}

#[test]
fn secrets_are_known_whatever_they_are_called() {
    assert_eq!(kind_of(&field(FieldKind::Password, "Choose something secret")), Password);
    assert_eq!(kind_of(&text("IBAN")), Payment);
    assert_eq!(kind_of(&text("Número de DNI")), IdentityNumber);
}

#[test]
fn words_that_only_resemble_a_fact_are_not_one() {
    for label in
        ["Company size", "Country of birth", "School district", "State your reasons", "What is your GitWorld username?"]
    {
        assert_eq!(kind_of(&text(label)), Custom, "{label}");
    }
}

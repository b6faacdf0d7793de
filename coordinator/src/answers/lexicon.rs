//! The lexicon: how forms word each canonical kind. Data only; [`super::text::Pattern`] explains the notation and
//! [`super::classify`] weighs the matches.
//!
//! English first; Spanish, French, German and Portuguese for the labels that every form has. Patterns are written
//! normalised: lower case, no accents ("telefono"), "ü" as "ue".

use std::sync::LazyLock;

use super::kind::Canonical::{self, *};
use super::text::Pattern;

/// How a match is weighed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Weight {
    /// The label names the fact: the more of it the pattern explains, the surer.
    Name,
    /// A sentence is recognised by these words, whatever else it says.
    Sentence(f32),
}

/// One kind's wordings.
#[derive(Debug)]
pub struct Rule {
    pub kind: Canonical,
    pub weight: Weight,
    pub patterns: Vec<Pattern>,
}

/// All rules.
pub static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let names = NAMES.iter().map(|(kind, patterns)| (*kind, Weight::Name, *patterns));
    let sentences = SENTENCES.iter().map(|(kind, weight, patterns)| (*kind, Weight::Sentence(*weight), *patterns));
    names
        .chain(sentences)
        .map(|(kind, weight, patterns)| Rule {
            kind,
            weight,
            patterns: patterns.iter().map(|text| Pattern::parse(text)).collect(),
        })
        .collect()
});

/// Words that make a label speak of someone else: a fact of the applicant must not be put there.
pub static OTHERS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    [
        "reference|references|referee & !reference number",
        "referrer|referrers|referred",
        "emergency",
        "manager|managers|supervisor|supervisors",
        "parent|parents|guardian|guardians|spouse|partners",
        "recruiter|recruiters",
        "relative|relatives",
        "friend|friends",
        "next of kin",
        "contact person",
        "notfallkontakt",
        "employee name",
        "name of employee",
    ]
    .iter()
    .map(|text| Pattern::parse(text))
    .collect()
});

#[rustfmt::skip] // a table: one wording per line would hide it
const NAMES: &[(Canonical, &[&str])] = &[
    (FirstName, &[
        "first name", "given name|names", "firstname", "forename", "fname", "^first", "legal first name",
        "nombre & !apellido & !usuario & !empresa & !completo & !preferido", "prenom", "vorname", "primeiro nome",
    ]),
    (MiddleName, &[
        "middle name|initial", "middlename", "segundo nombre", "deuxieme prenom", "zweiter vorname", "nome do meio",
    ]),
    (LastName, &[
        "last name|names", "family name", "lastname", "surname", "lname", "^last", "legal last name",
        "apellido|apellidos", "nom de famille", "^nom", "nachname", "familienname", "sobrenome", "apelido",
        "ultimo nome",
    ]),
    (FullName, &[
        "full name", "fullname", "^name", "^legal name & !legal", "complete name", "your name", "first and last name",
        "name first last", "applicant name", "candidate name", "nombre completo", "nombre y apellido|apellidos",
        "nom complet", "nom et prenom", "prenom et nom", "vollstaendiger name", "vor und nachname", "nome completo",
        "^nome",
    ]),
    (LegalName, &["legal name", "full legal name", "legal full name", "name as it appears"]),
    (PreferredName, &[
        "preferred name", "preferred first name", "preferred full name", "nickname", "nick name", "chosen name",
        "known as", "goes by", "nombre preferido", "prenom usuel|prefere", "rufname", "nome social|preferido",
    ]),
    (NameTitle, &[
        "^title", "^salutation", "^prefix", "^name prefix", "^honorific", "^anrede", "^civilite", "^tratamiento",
    ]),
    (NameSuffix, &["^suffix", "^name suffix"]),
    (Email, &[
        "email|emails|e-mail", "e mail", "mail address", "correo electronico", "correo", "courriel",
        "adresse electronique", "e mail adresse", "endereco de email", "emailadresse",
    ]),
    (Phone, &[
        "phone|telephone|mobile|cellphone|cell|handy|celular|movil", "phone|telephone|mobile|cell|contact number|no",
        "telefono", "numero de telefono", "telefone", "telefon", "telefonnummer", "telemovel", "telephone portable",
        "numero de telephone", "handynummer", "rufnummer", "mobilnummer", "phonenumber", "whatsapp",
    ]),
    (PhoneCountry, &[
        "country phone code", "phone|telephone|mobile country code", "country code", "dial|dialing|dialling code",
        "phone code", "area code & country", "telephone code", "country calling code", "codigo de pais", "indicatif",
        "laendervorwahl", "vorwahl", "codigo do pais", "phone country", "country phone & code",
    ]),
    (PhoneType, &[
        "phone type", "phone device type", "type of phone", "device type", "telephone type", "phone number type",
        "tipo de telefono|telefone", "telefontyp",
    ]),
    (PhoneExtension, &["phone extension|ext", "extension", "^ext", "phone number extension"]),
    (Address, &[
        "address line 1", "address 1", "street address", "address", "street", "mailing address", "home address",
        "current address", "residential address", "address line one", "street and number", "direccion", "domicilio",
        "adresse", "rue", "strasse", "anschrift", "strasse hausnummer", "endereco", "morada",
    ]),
    (AddressLine2, &[
        "address line 2|3", "address 2", "apartment|apt|suite|unit", "apt suite unit", "apt suite",
        "address line two", "complemento", "adresszusatz", "complement d adresse",
    ]),
    (City, &[
        "city", "town", "city town", "municipality", "home city", "city of residence", "ciudad", "ville", "stadt",
        "ort", "wohnort", "cidade", "localidad|localite", "poblacion",
    ]),
    (State, &[
        "state", "state province", "state region", "province", "region", "province territory", "state of residence",
        "state province region", "estado", "provincia", "bundesland", "departement", "distrito",
    ]),
    (County, &["county", "^parish"]),
    (PostalCode, &[
        "zip", "zip code", "zipcode", "postal|post code", "postcode", "postal", "zip postal code", "postal zip code",
        "codigo postal", "code postal", "plz", "postleitzahl", "cep",
    ]),
    (Country, &[
        "country", "country of residence", "country region", "home country", "country territory",
        "country you live|reside", "country & reside|live|based|located|residing", "pais", "pais de residencia",
        "pays", "pays de residence", "land", "wohnsitzland",
    ]),
    (Location, &[
        "location", "current location", "location city", "city state", "city and state", "city country",
        "city and country", "city state country", "where & located|based|live|reside|living", "place of residence",
        "location city state", "ubicacion", "localisation", "lieu de residence", "standort", "localizacao",
        "localidade",
    ]),
    (Linkedin, &[
        "linkedin", "linked in", "linkedin profile", "linkedin url", "linkedin profile url",
        "link & linkedin profile",
    ]),
    (Github, &["github", "git hub", "github url|profile|link|username & !username"]),
    (Portfolio, &[
        "portfolio", "website", "web site", "personal site|website", "blog", "website blog portfolio", "personal url",
        "portfolio url|link|website", "homepage", "sitio web", "site web", "webseite", "^url", "^link", "pagina web",
        "website url",
    ]),
    (OtherLink, &[
        "twitter", "^x", "x twitter", "x fka twitter", "twitter url", "facebook", "instagram", "tiktok", "youtube",
        "behance", "dribbble", "stack overflow|stackoverflow", "kaggle", "medium url|profile", "xing",
        "other website|websites|url|link|links", "additional website|link|links|url", "google scholar",
        "bluesky|mastodon|threads", "skype", "twitter handle|profile",
    ]),
    (CurrentCompany, &[
        "company|employer|organization|organisation",
        "current|present|recent company|employer|organization|organisation", "most recent company|employer",
        "company|employer name", "name of company|employer",
        "current or previous|recent|last|former employer|company", "empresa", "empresa actual|atual", "entreprise",
        "employeur", "entreprise actuelle", "arbeitgeber", "aktueller arbeitgeber", "unternehmen", "firma", "org",
    ]),
    (CurrentTitle, &[
        "job title", "current|present|recent title|position|role", "most recent title|role|position",
        "current job|role title", "position title", "role title", "title|position|role held",
        "current or recent job title", "^role", "^position", "cargo", "puesto", "puesto actual", "poste",
        "poste actuel", "intitule du poste", "berufsbezeichnung", "position aktuell", "cargo atual", "occupation",
    ]),
    (Headline, &["headline", "professional headline", "titular profesional"]),
    (Summary, &[
        "summary", "professional summary", "profile summary", "about yourself|me", "^bio", "^biography",
        "resumen profesional", "resumo profissional",
    ]),
    (YearsExperience, &[
        "years of experience", "years experience", "total years experience", "years & experience",
        "anos de experiencia", "annees d experience", "berufserfahrung jahren", "jahre berufserfahrung",
        "experience years", "total experience", "yoe",
    ]),
    (JobDescription, &[
        "role description", "job description", "description", "responsibilities", "duties", "job duties",
    ]),
    (JobCurrent, &[
        "currently work|working here", "current job|position|role|employer & !title", "i currently work",
        "present job", "still work|working|employed here", "trabajo aqui actualmente", "to present",
    ]),
    (JobStart, &["start date & job|employment|role", "from", "date from", "employed from"]),
    (JobEnd, &["end date", "to", "date to", "employed to|until"]),
    (School, &[
        "school", "university", "college", "institution", "school university", "school or university",
        "college university", "university college", "school name", "name of school|institution|university|college",
        "institution name", "educational institution", "universidad", "universite|ecole", "hochschule|universitaet",
        "universidade", "etablissement", "institucion",
    ]),
    (Degree, &[
        "degree", "degree type|level", "type of degree", "degree earned|obtained|received", "titulo & !profesional",
        "diplome", "abschluss", "diploma", "qualification", "grau academico",
    ]),
    (HighestDegree, &[
        "highest & education|degree|qualification", "level of education", "education level",
        "highest level & education|degree|school", "education & completed|obtained|attained",
        "nivel de estudios|educacion", "niveau d etudes", "hoechster abschluss", "hoechster bildungsabschluss",
        "escolaridade", "nivel de escolaridade",
    ]),
    (FieldOfStudy, &[
        "field of study", "major", "discipline", "area of study", "subject", "course of study", "concentration",
        "specialization", "field of study major", "campo de estudio", "domaine d etudes",
        "fachrichtung|studiengang|studienfach", "area de estudo", "course",
    ]),
    (Gpa, &["gpa", "grade point average", "overall result gpa", "overall result", "grade average", "cumulative gpa"]),
    (EducationEnd, &[
        "graduation date|year", "year of graduation", "expected graduation", "expected graduation date|year",
        "graduated", "date of graduation", "end year", "graduation", "when & graduate",
    ]),
    (EducationStart, &["start year"]),
    (Skills, &[
        "skills", "skill", "key skills", "technical skills", "type to add skills", "habilidades", "competences",
        "kenntnisse", "competencias", "skills technologies", "top skills",
    ]),
    (Languages, &[
        "languages", "language", "languages spoken", "languages & speak", "idiomas", "langues", "sprachen",
        "spoken languages",
    ]),
    (Certifications, &[
        "certifications", "certification", "certificates", "licenses certifications", "certificaciones",
        "zertifikate", "certificacoes", "licenses",
    ]),
    (Salary, &[
        "salary", "desired|expected salary|pay|compensation|wage|rate|income|ctc",
        "salary expectation|expectations|requirement|requirements|range",
        "compensation expectation|expectations|requirements", "pay expectation|expectations|requirement",
        "target|minimum salary|compensation", "total compensation expectations", "desired annual base salary",
        "desired base salary", "pretension|expectativa|expectativas salarial|salariales", "pretensiones salariales",
        "pretentions salariales", "salaire souhaite|attendu", "gehaltsvorstellung|gehaltsvorstellungen|gehaltswunsch",
        "pretensao salarial", "expectativa de salario", "hourly rate & desired|expected",
    ]),
    (CurrentSalary, &[
        "current|present salary|compensation|ctc|pay", "salary history", "current annual salary", "last salary",
        "salario actual|atual", "salaire actuel", "aktuelles gehalt",
    ]),
    (NoticePeriod, &[
        "notice period", "notice", "current notice period", "preaviso", "periodo de preaviso", "preavis",
        "kuendigungsfrist", "aviso previo", "weeks notice",
    ]),
    (StartDate, &[
        "start date", "available start date", "earliest start date", "availability", "availability date",
        "date available", "available from", "available date", "desired start date", "preferred start date",
        "earliest & start|available", "availability to start", "date of availability",
        "fecha de inicio|disponibilidad", "disponibilidad", "date de debut|disponibilite", "disponibilite",
        "eintrittsdatum|starttermin", "verfuegbar ab", "fruehestmoeglicher eintrittstermin|starttermin",
        "fruehester eintrittstermin", "data de inicio", "disponibilidade",
    ]),
    (HowHeard, &[
        "how heard", "source", "referral source", "hear about us", "how did you hear|find", "application source",
    ]),
    (Referral, &[
        "referral", "referral name", "referred by", "employee referral", "referrer name", "referrer", "referral code",
        "empfohlen von",
    ]),
    (References, &["references", "professional references", "referencias", "referenzen"]),
    (CoverLetter, &[
        "cover letter", "coverletter", "letter of motivation", "motivation letter", "covering letter",
        "carta de presentacion|motivacion", "lettre de motivation", "anschreiben", "motivationsschreiben",
        "carta de apresentacao", "upload cover letter", "attach cover letter",
    ]),
    (Resume, &[
        "resume", "cv", "resume cv", "cv resume", "curriculum", "curriculum vitae", "upload resume|cv",
        "attach resume|cv", "hoja de vida", "lebenslauf", "curriculo", "resume upload", "cv upload",
    ]),
    (ResumeText, &[
        "paste & resume|cv", "resume|cv text", "or paste & resume", "copy paste & resume|cv", "resumetext",
    ]),
    (OtherFile, &[
        "photo|picture|avatar|headshot|photograph",
        "additional|other|supporting files|file|documents|document|attachments|attachment", "transcript|transcripts",
        "writing sample", "work sample|samples", "attachments|attachment", "foto", "weitere dokumente",
        "documentos adicionales", "portfolio file", "zeugnisse", "profile picture|photo", "certificate upload",
    ]),
    (Gender, &[
        "gender", "sex", "gender identity", "genero", "sexo", "genre", "sexe", "geschlecht", "identify & gender",
        "gender & identify",
    ]),
    (Race, &[
        "race", "ethnicity", "race ethnicity", "ethnic|racial background|origin|group|identity|category",
        "race|ethnicity & identify|describes|best|identification", "raza", "etnia", "etnicidad", "origine ethnique",
        "ethnie", "ethnische herkunft", "raca", "cor raca", "ethnicity race",
    ]),
    (Hispanic, &["hispanic", "hispanic latino", "hispanic ethnicity", "latino|latina|latinx"]),
    (Veteran, &[
        "veteran status", "veteran", "protected veteran", "protected veteran status", "military status",
        "us veteran status", "military service",
    ]),
    (Disability, &[
        "disability", "disability status", "disabled", "discapacidad", "handicap", "behinderung", "schwerbehinderung",
        "deficiencia",
    ]),
    (Pronouns, &[
        "pronouns", "pronoun", "preferred pronouns", "gender pronouns", "personal pronouns", "pronombres", "pronoms",
        "pronomen", "pronomes",
    ]),
    (SexualOrientation, &[
        "sexual orientation", "orientation & sexual", "orientacion sexual", "orientation sexuelle",
        "sexuelle orientierung", "orientacao sexual",
    ]),
    (Transgender, &["transgender", "trans & identify"]),
    (BirthDate, &[
        "date of birth", "birth date", "birthdate", "birthday", "dob", "fecha de nacimiento", "date de naissance",
        "geburtsdatum", "data de nascimento", "birth year|month|day", "year|month|day of birth", "born",
    ]),
    (Age, &["age", "age range|group|bracket", "^edad", "^alter", "^idade"]),
    (Religion, &["religion", "religious", "faith"]),
    (MaritalStatus, &["marital status", "estado civil", "familienstand", "situation familiale"]),
    (Citizenship, &[
        "citizenship", "nationality", "citizenship status", "country of citizenship", "nacionalidad", "nationalite",
        "staatsangehoerigkeit|nationalitaet", "nacionalidade",
    ]),
    (Signature, &[
        "signature", "electronic signature", "e signature", "esignature", "sign here",
        "type|enter & full name & sign|signature|signing|certify|acknowledge", "firma electronica", "unterschrift",
        "assinatura", "digital signature", "initials",
    ]),
    (SignatureDate, &[
        "date signed", "signature date", "todays date", "today date", "date of signature", "signed on",
        "date of application",
    ]),
    (Password, &[
        "password", "passwort", "contrasena", "mot de passe", "senha", "passcode", "pin code",
        "security question|answer", "one time code", "verification code",
    ]),
    (Login, &["username", "user name", "login", "log in", "user id", "nombre de usuario", "benutzername"]),
    (IdentityNumber, &[
        "social security", "ssn", "national insurance number", "national id",
        "national identification|identity number", "passport number", "passport no", "tax id", "tax identification",
        "identity card|number", "id number", "driver|drivers license|licence number", "sin number", "aadhaar",
        "pan number|card", "dni", "nie", "cpf", "rg", "nif", "curp", "steuernummer", "steuer id",
        "sozialversicherungsnummer", "numero de securite sociale",
    ]),
    (Payment, &[
        "credit|debit card", "card number", "cvv", "cvc", "bank account", "iban", "routing number", "account number",
        "sort code", "expiration date & card", "bic", "swift",
    ]),
    (Captcha, &[
        "captcha", "recaptcha", "g recaptcha response", "h captcha response", "cf turnstile response", "not a robot",
        "human verification",
    ]),
    (SiteChrome, &["search", "job alert|alerts", "cookie|cookies", "^filter", "^sort by", "keyword|keywords"]),
];

/// Sentences; their weight is the confidence of a match.
#[rustfmt::skip] // as above
const SENTENCES: &[(Canonical, f32, &[&str])] = &[
    (WorkAuthorization, 0.95, &[
        "authori* & work|employment|employed & !sponsor*", "authori* to work",
        "legally work & !require|requires|required|need|needs & !not",
        "work legally & !require|requires|required|need|needs",
        "legally authori*|eligible|entitled|permitted|able|allowed & work|employ*",
        "eligible|eligibility & work|employment & !rehire & !bonus", "right to work", "rights to work",
        "work|working permit|authorization|authorisation|rights", "legal right & work",
        "permitted|entitled|allowed to work & !remote*", "permission|permit|authority & to work|be & !remote* & !home", "autorizado|autorizada|permiso para|de trabajar|trabajo",
        "autorise* a travailler", "permis de travail", "arbeitserlaubnis|arbeitsgenehmigung",
        "arbeiten & berechtigt|duerfen", "autorizacao & trabalh*", "autorizado|autorizada & trabalhar",
        "work without & sponsor*", "eligible to work & sponsor*", "right to work & sponsor*",
        "authori* to work & without",
    ]),
    (Sponsorship, 0.96, &[

        "sponsor* & require|requires|required|requiring|need|needs|visa|immigration|will|now & !without & !not require|need",
        "visa & require|need & !without & !not require|need", "^sponsorship", "^visa sponsorship",
        "immigration support|case|sponsor*", "visa status & !without", "patrocinio & visa|visado",
        "visado|visa & necesit*|requier*", "parrainage", "visum & benoetig*|brauch*", "visumsponsoring",
        "patrocinio & visto", "h1b|h 1b & !without",
    ]),
    (UsPerson, 0.95, &[
        "us person", "itar", "export control|controls|controlled|regulations|administration", "ear & citizen",
        "citizen & permanent resident & refugee|asylee|asylum", "u s person",
    ]),
    (Citizenship, 0.85, &[
        "citizen of", "are you & citizen & !permanent", "country & citizen*", "what & nationality",
    ]),
    (Salary, 0.93, &[

        "salary|compensation|pay|wage|remuneration|gehalt|salario|salaire & expect*|desir*|requir*|seeking|looking|target|minimum|wish & !current & !comfortable & !acceptable & !align*",
        "how much & earn|make|paid", "rate & expect*|desired & hourly|daily|annual",
    ]),
    (NoticePeriod, 0.93, &["notice period", "how much notice", "notice & give|required|employer"]),
    (StartDate, 0.92, &[
        "when & start|begin|available|join & !when did", "soonest|earliest & start|begin|join|available",
        "available to start|begin|join", "start date & available|earliest|soonest|ideal|desired|preferred|possible",
        "cuando & empezar|comenzar|incorporarte", "wann & anfangen|starten|beginnen", "quando & comecar|iniciar",
        "quand & commencer",
    ]),
    (Relocate, 0.94, &[
        "relocat*", "willing|open|able to move", "reubicar*|trasladar*", "demenager", "umzuziehen|umzug",
        "mudar de cidade",
    ]),
    (Onsite, 0.93, &[
        "office|onsite|hybrid & days|work|working|come|commute|able|willing|comfortable|happy|ok|commit*|requires",
        "in person & days|work|working|able|willing|comfortable", "on site & able|willing|work|comfortable|days",
        "commut*", "in office", "work from & office", "days a|per week & office|site|person",
    ]),
    (Travel, 0.9, &["travel & willing|able|percent|comfortable|required|much|role"]),
    (HowHeard, 0.96, &[

        "how & hear|heard|find|found|learn|learned|discover & about|out|position|role|job|opportunity|opening|us & !working",
        "where & hear|heard|find|found|learn & about|job|position|role",
        "como & conocio|conociste|enteraste|entero|supo|oiste", "comment & connu|entendu|decouvert|trouve",
        "wie & aufmerksam|erfahren|gefunden|gehoert", "como & soube|conheceu|sabendo|encontrou",
        "source of application|applicant|referral",
    ]),
    (Referral, 0.9, &[
        "who referred", "referred & by|employee|someone & !how", "referral & name|who", "employee & referr*",
        "name & person & referred",
    ]),
    (PreviouslyEmployed, 0.95, &[

        "have|had|ever|previously|formerly|past & worked|employed|employee|interned|contractor|consulted & for|by|at|here|us|company & !applied & !currently employed & !years & !experience & !environment & !team",
        "previously|formerly worked|employed", "former employee", "current or former|past|previous employee",
        "ever been employed", "ever worked for|at|here", "ha trabajado|trabajaste & antes|anteriormente|empresa",
        "deja travaille", "bereits & gearbeitet|beschaeftigt|angestellt", "ja trabalhou",
    ]),
    (PreviouslyApplied, 0.93, &["ever|previously|before|past & applied|interviewed & !sponsor*"]),
    (Relatives, 0.94, &[

        "relative|relatives|family|related|spouse|household & work*|employed|employee|employees|currently & !authori*",
        "relatives & employed|work*", "personal relationship & employee", "conflict of interest",
    ]),
    (NonCompete, 0.95, &[
        "non compete|solicitation|solicit|disclosure", "noncompete", "restrictive covenant|covenants",
        "employment restrictions|agreements & subject|bound|party",
        "agreement|agreements|covenant|restrictions|restriction & restrict*|prevent|limit*|prohibit* & employ*|work*",
        "post employment restrictions",
    ]),
    (BackgroundCheck, 0.95, &[
        "background check|screening|screen|investigation|verification", "background & undergo|consent|submit",
    ]),
    (DrugTest, 0.95, &["drug test|screen|screening|testing", "drug & screen*|test*"]),
    (Adult, 0.97, &[
        "18 & age|years|older|old|over|least & !months", "21 & years & age", "legal working age", "mayor de edad",
        "majeur & age", "volljaehrig", "maior de idade", "over 18", "minimum age",
    ]),
    (DriverLicense, 0.95, &[
        "driver|drivers|driving license|licence|licenses & !number", "licencia|carnet de conducir|manejo",
        "permis de conduire", "fuehrerschein", "carteira de motorista|habilitacao", "cnh",
    ]),
    (SecurityClearance, 0.95, &["security clearance", "clearance & active|hold|level|obtain", "secret clearance"]),
    (CriminalRecord, 0.95, &[
        "convicted", "felony|misdemeanor", "criminal & record|history|offense|conviction|charges", "pending charges",
    ]),
    (LocatedIn, 0.93, &[

        "are|do you & located|based|live|living|reside|residing|resident & in|within|near|area|of & !relocat* & !where & !which & !what & !willing",
        "currently located|residing|based|live|reside|living in & !what & !which & !where", "able to work from",
        "are you located|based|residing|living in & !what & !which & !where",
        "do you live|reside in|within|near & !what & !which", "located in|within & are you|currently",
    ]),
    (Motivation, 0.95, &[
        "why & interested|want|apply*|join|work|role|position|company|excite*|excited|us & !leave & !leaving & !left",
        "what & excites|interests|attracts|attracted|motivat*|draws|drew|interested",
        "interest* & working|position|role|company|join* & tell|let|describe|share|know|express", "motivation",
        "por que & quiere|quieres|interesa|trabajar", "pourquoi & souhaitez|voulez|postul*|rejoindre",
        "warum & moechten|bewerben|wir|interessier*", "por que & quer|deseja|trabalhar", "why should we hire",
        "hiring manager & message|know|note", "message to & hiring|manager|team|recruiter|company",
        "what makes you & fit|candidate", "good fit & why|role", "tell us about yourself", "about you & tell",
    ]),
    (Accommodation, 0.95, &[
        "accommodation|accommodations|adjustment|adjustments & !employ* history",
        "accessib* & need|needs|require|interview|support",
    ]),
    (Gender, 0.94, &[
        "gender|sex & identi*|describe*|which|what|select & !orientation & !pronoun* & !transgender & !birth",
        "i identify my gender", "your gender",
    ]),
    (Race, 0.94, &[
        "race|ethnicity|ethnic|racial & identi*|describe*|which|what|select|following & !hispanic & !latino",
        "race ethnicity", "raza|etnia & identific*",
    ]),
    (Hispanic, 0.96, &[
        "hispanic|latino|latina|latinx|latine & are|do|identify|origin|ethnicity|yes|indicate",
        "are you & hispanic|latino",
    ]),
    (Veteran, 0.95, &["veteran|veterans", "military & serve*|served|member|status|spouse|service", "armed forces"]),
    (Disability, 0.95, &[
        "disability|disabilities|disabled & have|status|identify|please|consider|check|voluntary|form|are|person",
        "chronic condition|illness",
    ]),
    (SexualOrientation, 0.97, &["sexual orientation", "lgbtq*|lgbt* & identify|member|consider"]),
    (Transgender, 0.97, &["transgender & identify|are|experience|do"]),
    (Pronouns, 0.96, &["pronoun|pronouns"]),
    (PreferredName, 0.95, &[
        "name & prefer*|called|go|goes|known|use & us|you|youd|your|we & !legal & !user", "what should we call",
        "name & like us to use",
    ]),
    (LegalName, 0.93, &["legal name", "name as & appears|passport|id|government"]),
    (PostalCode, 0.8, &["zip|postal code", "zipcode|postcode"]),
    (Country, 0.93, &[
        "which|what country & live|reside|based|located|residing|current*|residence & !work* & !visa & !authori*",
        "country of residence",
    ]),
    (Location, 0.88, &[
        "where & located|based|live|living|reside|residing & !want & !willing & !job & !role & !position",
        "city & state|country & live|reside|based|located|currently", "from where & work* & intend|plan",
    ]),
    (City, 0.9, &["what|which city & live|living|based|reside|located|currently & !state & !country"]),
    (HighestDegree, 0.95, &["highest & education|degree|qualification|academic", "level of education|schooling"]),
    (LanguageFluency, 0.93, &[

        "fluent|fluently|proficient|native|bilingual|conversational & english|spanish|french|german|portuguese|italian|dutch|swedish|norwegian|danish|finnish|polish|russian|ukrainian|turkish|arabic|hebrew|hindi|mandarin|cantonese|chinese|japanese|korean|vietnamese|thai|greek|czech|hungarian|romanian|catalan",
        "speak & english|spanish|french|german|portuguese|italian|dutch|swedish|norwegian|danish|finnish|polish|russian|ukrainian|turkish|arabic|hebrew|hindi|mandarin|cantonese|chinese|japanese|korean|vietnamese|thai|greek|czech|hungarian|romanian|catalan",
    ]),
    (YearsExperience, 0.94, &[
        "how many|much years & experience|work*|industry", "years of & experience & !least & !minimum & !do you have",
        "how much experience", "cuantos anos & experiencia", "combien d & annees & experience", "wie viele & jahre",
        "quantos anos & experiencia", "years & relevant|professional|total|overall & experience & !least",
    ]),
    (ResumeImport, 0.96, &[
        "autofill|autocomplete|prefill|import|parse & resume|cv|application|profile",
        "auto fill|complete & resume|cv|application", "easy apply", "apply with & resume|linkedin|indeed|seek|xing",
        "drop & resume & autofill", "import & resume|cv|profile|linkedin",
    ]),
    (Resume, 0.85, &[
        "resume|cv|lebenslauf|curriculum|curriculo & !additional & !cover & !import & !parse & !autofill",
    ]),
    (CoverLetter, 0.85, &["cover letter & !resume & !cv & !additional"]),
    (ResumeText, 0.95, &["paste & resume|cv|curriculum", "resume & type|plain text|text"]),
    (OtherFile, 0.93, &[
        "attach|upload & additional|other|supporting|any & files|documents|file|document|attachments",
    ]),
    (Attestation, 0.97, &[
        "certify|attest|swear|affirm", "i & confirm|declare|acknowledge & true|accurate|complete|correct|truthful*",
        "true|accurate|complete|correct|truthful & information|statements|application & hereby|confirm|understand|false|knowledge",
        "arbitration", "at will & employment|understand|acknowledge", "penalty of perjury",
        "authorize & investigat*|verify|verification|release|contact & references|employers|information|background",
        "consent & background|drug|investigation", "i understand & employment|false|misrepresent*|terminat*",
        "equal opportunity & acknowledge", "declaro|certifico", "certifie & exact*", "versicher* & wahr*|richtig*",
        "certifico|declaro & verdad*|veridic*",
    ]),
    (Signature, 0.97, &[
        "signature", "sign & name & typing|electronically|full",
        "typing|type & name & agree|constitutes|sign*|certify|acknowledg*", "unterschrift",
    ]),
    (ConsentPrivacy, 0.95, &[
        "privacy & policy|notice|statement|agree|consent|accept|read|acknowledge|terms",
        "data protection|processing|privacy & agree|consent|accept|read|acknowledge|notice|policy|information",
        "gdpr|ccpa|dsgvo|rgpd|lgpd", "consent & process*|store|storing|storage|collect*|retain|personal data",
        "personal data|information & consent|agree|process*|store",
        "terms & conditions|service|use|agree|accept|consent", "agree to & terms|policy|conditions",
        "politica de privacidad|privacidade", "politique de confidentialite", "datenschutz*",
        "consentimiento & datos", "proteccion de datos", "donnees personnelles & accept*|consen*",
        "candidate & privacy|data & notice|policy|consent|agree",
        "agree|consent|allow & my|your data|information & keep|hold|save|use|store|retain & !future",
    ]),
    (ConsentMarketing, 0.96, &[

        "future & opportunities|jobs|roles|openings|positions|vacancies & contact|keep|consider|notify|hear|consent|share|store|retain|inform|email|talent",
        "talent community|pool|network", "newsletter",
        "marketing & consent|agree|receive|communications|emails|contact|opt|updates|yes", "^follow",
        "follow & company|us|page|stay|latest|updates|date", "job|email alerts & receive|sign|subscribe|notify",
        "subscribe", "receive & updates|news|promotional|communications|offers|tips & !application status",
        "text messages|message|sms|texts & consent|agree|receive|opt|contact|send|permission|may",
        "sms|whatsapp & consent|opt|receive|updates",
        "keep me|my & informed|updated|posted|profile|file|details & future|jobs|opportunities|notified", "opt in",
        "boletin", "kuenftige & stellen*|jobs", "futuras & oportunidades|vacantes|ofertas|vagas", "future jobs",
        "contact me & opportunities|jobs|roles",
    ]),
    (SiteChrome, 0.95, &[
        "cookie|cookies", "remember me", "show|hide password", "job alert|alerts & create|email",
        "search & jobs|country|countries|location|options|list",
    ]),
    (Captcha, 0.98, &["captcha|recaptcha|hcaptcha|turnstile", "not a robot"]),
];

/// `autocomplete` tokens of the HTML standard.
pub const AUTOCOMPLETE: &[(&str, Canonical)] = &[
    ("given-name", FirstName),
    ("additional-name", MiddleName),
    ("family-name", LastName),
    ("name", FullName),
    ("nickname", PreferredName),
    ("honorific-prefix", NameTitle),
    ("honorific-suffix", NameSuffix),
    ("email", Email),
    ("tel", Phone),
    ("tel-national", Phone),
    ("tel-country-code", PhoneCountry),
    ("tel-extension", PhoneExtension),
    ("street-address", Address),
    ("address-line1", Address),
    ("address-line2", AddressLine2),
    ("address-level2", City),
    ("address-level1", State),
    ("postal-code", PostalCode),
    ("country", Country),
    ("country-name", Country),
    ("organization", CurrentCompany),
    ("organization-title", CurrentTitle),
    ("bday", BirthDate),
    ("sex", Gender),
    ("url", Portfolio),
    ("username", Login),
    ("new-password", Password),
    ("current-password", Password),
    ("one-time-code", Password),
    ("cc-number", Payment),
    ("cc-name", Payment),
    ("cc-exp", Payment),
    ("cc-csc", Payment),
];

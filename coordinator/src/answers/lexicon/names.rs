//! How labels name each fact.

use crate::answers::kind::Canonical::{self, *};

#[rustfmt::skip] // a table: one wording per line would hide it
pub(super) const NAMES: &[(Canonical, &[&str])] = &[
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

//! By which words a question that is a sentence is recognised.

use crate::answers::kind::Canonical::{self, *};

/// Sentences; their weight is the confidence of a match.
#[rustfmt::skip] // a table, too
pub(super) const SENTENCES: &[(Canonical, f32, &[&str])] = &[
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

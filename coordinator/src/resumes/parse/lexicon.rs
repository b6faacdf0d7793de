//! Words that tell titles, employers, schools, degrees and places apart. All folded (see
//! [`super::lines::fold`]), divided by spaces.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::lines::{fold, words};

/// Nouns a job title is built on.
const TITLES: &str = "accountant actor actress actuary adjuster administrator administratrice advisor adviser advocate agent aide ambassador analyst analyste anwalt apprentice architect architekt architecte artist assembler assessor assistant assistante associate astronomer athlete attendant attorney auditor author auxiliary azubi babysitter baker banker barback barista barman bartender berater beraterin bibliothekar biologist biochemist bookkeeper brewer broker builder buyer captain cardiologist caregiver caretaker carpenter cashier cataloger caterer ceo cfo chair chairman chairperson chef chemist chief cio ciso clerk clinician coach collaborator columnist commander commissioner comptroller concierge conductor conseiller constable consultant consultante consultor contador contractor controller cook coo coordinateur coordinator coordinadora coordinador copywriter copyeditor correspondent counsel counsellor counselor courier craftsman creator cto curator custodian dancer dealer dean deckhand decorator dentist deputy designer desenvolvedor desarrollador desarrolladora detective developer developpeur developpeuse devops dietitian direktor directeur directora director directrice dispatcher docent doctor doktorand doktorandin driver economist editor educator electrician elektriker elevator engineer engineers entrepreneur entwickler entwicklerin epidemiologist estimator evangelist examiner executive expert fabricator facilitator farmer fellow fighter filmmaker firefighter fireman fitter florist forester foreman founder cofounder freelancer fundraiser gardener geologist geschaftsfuhrer gerente governess guard guide hairdresser handler handyman hausmeister head helper historian host hostess housekeeper hygienist illustrator industriekauffrau industriekaufmann informatiker ingenieur ingenieurin ingeniero ingeniera inspector installer instructor intern interne internist interpreter investigator investor janitor jefe journalist judge kauffrau kaufmann keeper koch kellner kellnerin konstrukteur krankenschwester krankenpfleger laborer labourer landscaper lawyer lead leader lecturer lehrer lehrerin leiter leiterin librarian lifeguard linguist loader logistician machinist mailman maker manager managerin marketer mason mathematician mechanic mechaniker mediator member mentor merchandiser merchant meteorologist microbiologist midwife mitarbeiter mitarbeiterin model moderator musician nanny navigator negotiator neurologist nurse nutritionist officer official ombudsman operative operator optician optometrist orderly organizer owner packer painter paralegal paramedic parishioner partner pathologist pediatrician pharmacist phd-student photographer physician physicist physiotherapist picker pilot planner plumber podiatrist policeman porter postdoc poster practitioner praktikant praktikantin preacher president presenter principal printer processor producer product-owner professeur professor profesor profesora programmer programmierer promoter proofreader prosecutor provost psychiatrist psychologist psychotherapist publicist publisher radiographer radiologist ranger realtor receptionist recruiter redakteur referent registrar reporter rep representative researcher resident responsable reviewer rigger roofer sachbearbeiter sachbearbeiterin sailor salesman salesperson saleswoman scholar scientist scout scrum-master sculptor seamstress secretary seller sergeant server sheriff shopkeeper singer sociologist soldier solicitor specialist sprecher sre stagiaire steward stewardess stocker storekeeper strategist student stylist superintendent supervisor support surgeon surveyor swe sysadmin tailor teacher teamleiter technician techniker technologist technicien teller tester therapist trader trainee trainer translator treasurer tutor typist umpire underwriter undersecretary usher valet vendedor vendor veterinarian vice-president videographer volunteer vp waiter waitress warden watchman webmaster welder werkstudent werkstudentin worker writer zookeeper ninja generalist dba pm ta ra qa sdet ic cmo cpo cro evp svp avp mlops bookseller busser dishwasher phlebotomist sonographer hairstylist esthetician cosmetologist groundskeeper handlanger gestionnaire chargee charge ingenieure vendeur vendeuse serveur serveuse";

/// Words that lift a phrase towards a title but also stand in other phrases.
const SENIORITY: &str = "senior sr junior jr principal staff lead chief head vice assistant associate deputy interim acting trainee intern internship graduate entry-level managing executive";

/// Words that end or mark an employer's name.
const EMPLOYERS: &str = "inc incorporated llc llp ltd limited corp corporation co company gmbh ag kg ug se sa sas sarl srl spa bv nv oy ab plc pty pvt group gruppe holding holdings partners ventures capital industries systems solutions technologies technology labs laboratories laboratory lab software studio studios consulting consultants associates agency services service bank hospital clinic university universitat universite universidad college institute school academy foundation trust council department ministry authority association society enterprises international global networks network logistics analytics robotics media pharmaceuticals pharma energy motors airlines airways hotel hotels restaurant restaurants cafe bakery store stores market markets supermarket bros brothers sons church museum library center centre county city state federal bureau office army navy works werke interactive entertainment games health healthcare medical insurance financial finance securities realty properties construction engineering freelance self-employed selbststandig freiberuflich startup organization organisation cooperative union federation telecom communications electronics semiconductor aerospace dynamics retail foods brewery press publishing news times grocery";

/// Words in a school's name.
const SCHOOLS: &str = "university universitat universitaet universite universidad universita universiteit univ college school institute institut institution instituto istituto academy akademie academie academia hochschule fachhochschule fh tu polytechnic polytechnique politecnico politecnica polytechnical gymnasium lycee liceo iut ecole escuela colegio seminary conservatory bootcamp mit caltech eth epfl ucla ucsd usc nyu cuny suny lse ucl unsw iit nit bits berufsschule realschule conservatoire faculty rwth kit insead hec harvard yale stanford princeton oxford cambridge coursera udacity edx polytech assembly";

/// Human languages, English and their own names.
pub(super) const LANGUAGES: &str = "english spanish french german italian portuguese dutch swedish norwegian danish finnish polish czech slovak hungarian romanian bulgarian greek turkish russian ukrainian arabic hebrew persian farsi hindi urdu bengali punjabi tamil telugu marathi gujarati mandarin chinese cantonese japanese korean vietnamese thai indonesian malay tagalog filipino swahili catalan serbian croatian slovenian lithuanian latvian estonian icelandic irish welsh afrikaans zulu yoruba igbo amharic englisch deutsch franzosisch spanisch italienisch anglais espagnol allemand francais ingles espanol aleman frances kannada malayalam nepali asl esperanto latin";

const STATES: &str = "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR AB BC MB NB NL NS NT NU ON PE QC SK YT NSW VIC QLD WA TAS ACT UK USA US UAE EU";

const REGIONS: &str = "alabama|alaska|arizona|arkansas|california|colorado|connecticut|delaware|florida|georgia|hawaii|idaho|illinois|indiana|iowa|kansas|kentucky|louisiana|maine|maryland|massachusetts|michigan|minnesota|mississippi|missouri|montana|nebraska|nevada|new hampshire|new jersey|new mexico|new york|north carolina|north dakota|ohio|oklahoma|oregon|pennsylvania|rhode island|south carolina|south dakota|tennessee|texas|utah|vermont|virginia|washington|washington dc|d.c.|west virginia|wisconsin|wyoming|ontario|quebec|british columbia|alberta|manitoba|nova scotia|saskatchewan|england|scotland|wales|northern ireland|bavaria|bayern|hessen|catalonia|karnataka|maharashtra|tamil nadu|telangana|new south wales|victoria|queensland|usa|u.s.a.|u.s.|us|united states|united states of america|uk|united kingdom|great britain|canada|mexico|germany|deutschland|france|spain|espana|italy|italia|portugal|netherlands|the netherlands|belgium|austria|osterreich|switzerland|schweiz|suisse|sweden|norway|denmark|finland|poland|czech republic|czechia|slovakia|hungary|romania|bulgaria|greece|turkey|russia|ukraine|israel|egypt|morocco|nigeria|kenya|ghana|south africa|india|pakistan|bangladesh|sri lanka|nepal|china|hong kong|taiwan|japan|south korea|korea|singapore|malaysia|indonesia|thailand|vietnam|philippines|australia|new zealand|brazil|brasil|argentina|chile|colombia|peru|ireland|iceland|luxembourg|estonia|latvia|lithuania|croatia|serbia|slovenia|uae|united arab emirates|dubai|qatar|saudi arabia|lebanon|jordan|tunisia|algeria|costa rica|uruguay|ecuador|bay area";

const CITIES: &str = "new york|new york city|nyc|los angeles|chicago|houston|phoenix|philadelphia|san antonio|san diego|dallas|san jose|austin|jacksonville|fort worth|columbus|charlotte|san francisco|indianapolis|seattle|denver|boston|nashville|detroit|portland|las vegas|memphis|louisville|baltimore|milwaukee|albuquerque|tucson|fresno|sacramento|mesa|kansas city|atlanta|omaha|colorado springs|raleigh|miami|oakland|minneapolis|tulsa|tampa|new orleans|cleveland|pittsburgh|cincinnati|st. louis|orlando|salt lake city|palo alto|mountain view|menlo park|sunnyvale|cupertino|berkeley|brooklyn|washington|toronto|montreal|vancouver|ottawa|calgary|edmonton|waterloo|london|manchester|birmingham|leeds|glasgow|edinburgh|bristol|liverpool|belfast|cardiff|dublin|paris|lyon|marseille|toulouse|bordeaux|lille|nantes|nice|berlin|munich|munchen|hamburg|frankfurt|frankfurt am main|cologne|koln|stuttgart|dusseldorf|leipzig|dresden|hannover|nurnberg|bremen|zurich|geneva|geneve|basel|bern|lausanne|vienna|wien|graz|amsterdam|rotterdam|utrecht|eindhoven|the hague|brussels|antwerp|madrid|barcelona|valencia|sevilla|seville|malaga|bilbao|lisbon|lisboa|porto|rome|roma|milan|milano|turin|torino|naples|bologna|stockholm|gothenburg|malmo|oslo|bergen|copenhagen|aarhus|helsinki|espoo|warsaw|krakow|wroclaw|gdansk|prague|brno|budapest|bucharest|cluj-napoca|sofia|athens|istanbul|ankara|moscow|st. petersburg|kyiv|kiev|lviv|tel aviv|jerusalem|cairo|casablanca|lagos|abuja|nairobi|accra|johannesburg|cape town|mumbai|delhi|new delhi|bangalore|bengaluru|hyderabad|chennai|kolkata|pune|ahmedabad|noida|gurgaon|gurugram|karachi|lahore|islamabad|dhaka|colombo|beijing|shanghai|shenzhen|guangzhou|taipei|tokyo|osaka|kyoto|seoul|kuala lumpur|jakarta|bangkok|manila|hanoi|ho chi minh city|sydney|melbourne|brisbane|perth|adelaide|auckland|wellington|sao paulo|rio de janeiro|buenos aires|santiago|bogota|medellin|lima|mexico city|guadalajara|monterrey|abu dhabi|doha|riyadh|beirut|tallinn|riga|vilnius|zagreb|belgrade|ljubljana|reykjavik|cambridge|oxford|tempe|boulder|ann arbor|madison|santa monica|irvine|bellevue|redmond|kirkland|arlington|reston|plano|durham|santa clara|fremont";

const VERBS: &str = "achieved acted adapted addressed administered advised analyzed analysed answered applied approved architected arranged assessed assigned assisted attended audited authored automated balanced boosted brought budgeted built calculated chaired championed coached co-founded coauthored collaborated collected communicated completed composed conceived conducted configured consolidated constructed consulted contributed controlled converted coordinated counseled crafted created cultivated cut debugged decreased defined delivered demonstrated deployed designed detected developed devised diagnosed directed documented drafted drove earned edited educated eliminated enabled engaged engineered enhanced ensured established evaluated examined executed expanded facilitated fixed formulated fostered founded gathered generated grew guided handled headed helped hired identified implemented improved increased influenced initiated inspected installed instituted instructed integrated interviewed introduced investigated launched led leveraged liaised lowered maintained managed maximized mentored merged migrated minimized modernized monitored moved negotiated operated optimized orchestrated ordered organized organised oversaw owned participated partnered performed planned planted prepared presented prevented processed produced programmed prioritized promoted proposed provided published purchased raised ran received recommended reconciled recorded recruited redesigned reduced refactored reported represented researched resolved responded responsible restructured reviewed revamped rewrote saved scaled scheduled secured served shipped simplified sold solved spearheaded standardized started streamlined strengthened supervised supported surpassed taught tested tracked trained transformed translated troubleshot tutored unified updated upgraded used utilized validated verified wrote worked";

static TITLE_SET: LazyLock<HashSet<&str>> = LazyLock::new(|| TITLES.split(' ').collect());
static SENIORITY_SET: LazyLock<HashSet<&str>> = LazyLock::new(|| SENIORITY.split(' ').collect());
static EMPLOYER_SET: LazyLock<HashSet<&str>> = LazyLock::new(|| EMPLOYERS.split(' ').collect());
static SCHOOL_SET: LazyLock<HashSet<&str>> = LazyLock::new(|| SCHOOLS.split(' ').collect());
static STATE_SET: LazyLock<HashSet<&str>> = LazyLock::new(|| STATES.split(' ').collect());
static REGION_SET: LazyLock<HashSet<&str>> = LazyLock::new(|| REGIONS.split('|').collect());
static CITY_SET: LazyLock<HashSet<&str>> = LazyLock::new(|| CITIES.split('|').collect());
static VERB_SET: LazyLock<HashSet<&str>> = LazyLock::new(|| VERBS.split(' ').collect());

static STATE_ZIP: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^([A-Z]{2,3})\.?(?:\s+\d{5}(?:-\d{4})?|\s+[A-Z]\d[A-Z]\s?\d[A-Z]\d)?$").expect("constant pattern")
});
static ZIP: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\s+(?:\d{4,6}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|[A-Z]\d[A-Z]\s?\d[A-Z]\d)$|^(?:[A-Z]{1,2}-)?\d{4,5}\s+").expect("constant pattern")
});
static REMOTE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\(?(?:fully |100% )?(?:remote|hybrid|on-?site|home ?office|teletravail|work from home)\)?(?:\s*[-–,/(]?\s*[\w .]{0,25}\)?)?$").expect("constant pattern")
});

/// Whether the text begins like a sentence about what somebody did.
pub(super) fn starts_with_verb(text: &str) -> bool {
    let words = words(text);
    words.len() >= 4 && VERB_SET.contains(words[0].as_str())
}

/// How many words of a folded text are verbs of doing.
pub(super) fn verbs(words: &[String]) -> usize {
    words.iter().filter(|word| VERB_SET.contains(word.as_str())).count()
}

/// How much a phrase looks like a job title: 0 to 4.
pub(super) fn title_score(text: &str) -> i32 {
    let folded = fold(text);
    let main = folded.split([',', '(', '/', '|']).next().unwrap_or_default().split(" - ").next().unwrap_or_default();
    let before_of = main.split(" of ").next().unwrap_or(main).split(" for ").next().unwrap_or(main);
    let main = words(before_of);
    let all = words(text);
    let titled = |word: &String| {
        let word = word.trim_end_matches("'s");
        TITLE_SET.contains(word) || word.strip_suffix('s').is_some_and(|one| TITLE_SET.contains(one))
            // "Softwareentwickler", "Projektleiterin": German puts the noun last in one word.
            || word.len() > 9 && ["entwickler", "entwicklerin", "leiter", "leiterin", "berater", "ingenieur", "manager", "techniker", "assistent", "assistentin", "kaufmann", "kauffrau"].iter().any(|end| word.ends_with(end))
    };
    let mut score = 0;
    // "Engineer II", "Analyst 2": the grade stands after the noun.
    let mut tail = main.iter().rev().skip_while(|word| {
        matches!(word.as_str(), "i" | "ii" | "iii" | "iv" | "v" | "1" | "2" | "3" | "4" | "in" | "m" | "w" | "d" | "f")
    });
    if tail.next().is_some_and(titled) {
        score += 3;
    } else if all.iter().any(titled) {
        score += 2;
    }
    if all.first().is_some_and(|word| SENIORITY_SET.contains(word.as_str()))
        || all.iter().any(|word| word == "internship" || word == "praktikum")
    {
        score += 1;
    }
    score
}

/// How much a phrase looks like an employer's name: 0 to 4.
pub(super) fn employer_score(text: &str) -> i32 {
    let words = words(text);
    let last = words.last().is_some_and(|word| EMPLOYER_SET.contains(word.as_str()));
    let any = words.iter().any(|word| EMPLOYER_SET.contains(word.as_str()));
    let legal = words.iter().any(|word| {
        matches!(
            word.as_str(),
            "inc"
                | "llc"
                | "ltd"
                | "gmbh"
                | "corp"
                | "plc"
                | "llp"
                | "corporation"
                | "sarl"
                | "freelance"
                | "self-employed"
        )
    });
    i32::from(last) * 2 + i32::from(any) + i32::from(legal)
}

/// Whether a phrase names a school.
pub(super) fn is_school(text: &str) -> bool {
    let words = words(text);
    let named = words.iter().any(|word| {
        SCHOOL_SET.contains(word.as_str())
            || ["universitat", "hochschule", "schule", "gymnasium"].iter().any(|end| word.ends_with(end))
    });
    named || fold(text).contains("georgia tech") || fold(text).contains("virginia tech")
}

/// Whether a whole phrase is a place: "Oakland, CA 94607", "Berlin, Germany", "Remote".
pub(super) fn is_place(text: &str) -> bool {
    let text = text.trim().trim_end_matches(['.', ',']).trim_matches(['(', ')']);
    if text.is_empty() || text.chars().count() > 60 {
        return false;
    }
    if REMOTE.is_match(text) {
        return true;
    }
    let text = ZIP.replace(text, "").into_owned();
    let pieces: Vec<&str> = text.split(',').map(str::trim).filter(|piece| !piece.is_empty()).collect();
    match pieces[..] {
        [one] => {
            let folded = fold(one);
            if CITY_SET.contains(folded.as_str()) || REGION_SET.contains(folded.as_str()) && one.len() > 3 {
                return true;
            }
            // "San Francisco CA"
            one.rsplit_once(' ').is_some_and(|(city, state)| {
                is_state(state) && city_like(city) && CITY_SET.contains(fold(city).as_str())
            }) || folded.strip_prefix("greater ").is_some_and(|rest| rest.ends_with(" area"))
                || folded.ends_with(" bay area")
        }
        [city, region] => city_like(city) && is_region(region),
        // "Fair Housing, Washington, DC" ends in a state: its first piece is no town.
        [city, region, country] => {
            let state = is_state(country) && !matches!(country, "UK" | "US" | "USA" | "UAE");
            city_like(city) && is_region(region) && is_region(country) && !state
        }
        _ => false,
    }
}

fn is_state(text: &str) -> bool {
    STATE_ZIP.captures(text.trim()).is_some_and(|found| STATE_SET.contains(&found[1]))
}

fn is_region(text: &str) -> bool {
    let bare = ZIP.replace(text.trim(), "");
    let bare = bare.trim_end_matches(')').split('(').next().unwrap_or_default().trim();
    is_state(text) || REGION_SET.contains(fold(bare).as_str())
}

/// Whether a phrase has the form of a town's name.
pub(super) fn city_like(text: &str) -> bool {
    let count = text.split_whitespace().count();
    (1..=4).contains(&count)
        && text.chars().all(|char| char.is_alphabetic() || " .'-".contains(char))
        && text.chars().next().is_some_and(char::is_uppercase)
        && (employer_score(text) < 2 || text.ends_with(" City"))
        && !words(text).iter().any(|word| matches!(word.as_str(), "of" | "and" | "for" | "institute"))
        // "College Station" is a town, "Boston College" is not.
        && !words(text).iter().enumerate().any(|(at, word)| matches!(word.as_str(), "university" | "college") && (at > 0 || count == 1))
        || CITY_SET.contains(fold(text).as_str())
}

/// Cuts a place off the end of a phrase: "Northlake Analytics, Sacramento, CA".
pub(super) fn split_place(text: &str) -> (String, Option<String>) {
    let commas: Vec<usize> = text.match_indices(',').map(|(at, _)| at).collect();
    // The longest tail that is a place; what is before it must not be swallowed by it.
    for back in (1..=commas.len().min(3)).rev() {
        let at = commas[commas.len() - back];
        let (head, tail) = (text[..at].trim(), text[at + 1..].trim());
        // "University of California, Davis" keeps its campus.
        let campus = back == 1 && fold(head).contains("university of");
        if !head.is_empty() && is_place(tail) && !campus {
            return (head.trim_end_matches(',').to_owned(), Some(tail.to_owned()));
        }
    }
    // "Acme Corp San Francisco, CA", "Acme (Berlin, Germany)"
    if let Some((head, tail)) = text.rsplit_once('(')
        && let Some(inner) = tail.trim_end().strip_suffix(')')
        && is_place(inner)
        && !head.trim().is_empty()
    {
        return (head.trim().to_owned(), Some(inner.to_owned()));
    }
    if let Some(&at) = commas.last()
        && is_state(text[at + 1..].trim())
    {
        for city in [3, 2, 1] {
            let before: Vec<&str> = text[..at].split_whitespace().collect();
            if before.len() > city {
                let name = before[before.len() - city..].join(" ");
                if CITY_SET.contains(fold(&name).as_str()) {
                    let head = before[..before.len() - city].join(" ");
                    return (
                        head.trim_end_matches([',', ' ', '-', '–', '|']).to_owned(),
                        Some(format!("{name}{}", &text[at..])),
                    );
                }
            }
        }
    }
    (text.trim().to_owned(), None)
}

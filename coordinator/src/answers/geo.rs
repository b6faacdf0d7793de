//! Countries, their dialling codes, and the states people write as codes. Tables, and how to read a place out of a
//! text.

use std::sync::LazyLock;

use super::text::{has_phrase, normalise, words};

/// A country: ISO code, common English name, dialling code, other names (normalised, `;` between them).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country {
    pub code: &'static str,
    pub name: &'static str,
    pub dial: &'static str,
    aliases: &'static str,
}

/// A state or province: its country, code and name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    pub country: &'static str,
    pub code: &'static str,
    pub name: &'static str,
}

impl Country {
    /// The country a text names and nothing else: by name, alias or code.
    #[must_use]
    pub fn named(text: &str) -> Option<&'static Self> {
        let text = normalise(text);
        let text = text.strip_prefix("the ").unwrap_or(&text);
        COUNTRIES
            .iter()
            .zip(NAMES.iter())
            .find(|(country, names)| country.code.eq_ignore_ascii_case(text) || names.iter().any(|name| name == text))
            .map(|(country, _)| country)
    }

    #[must_use]
    pub fn by_code(code: &str) -> Option<&'static Self> {
        COUNTRIES.iter().find(|country| country.code == code)
    }

    fn aliases(&self) -> impl Iterator<Item = &'static str> {
        self.aliases.split(';').filter(|alias| !alias.is_empty())
    }
}

/// The names of every country, normalised once: sentences are searched for them often.
static NAMES: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    COUNTRIES
        .iter()
        .map(|country| {
            let mut names: Vec<String> = country.aliases().map(str::to_owned).collect();
            names.push(normalise(country.name));
            names
        })
        .collect()
});

/// Every country a sentence speaks of. Codes count only in capitals ("US" is a country, "us" is not).
#[must_use]
pub fn countries_in(text: &str) -> Vec<&'static Country> {
    let all = words(text);
    let capitals: Vec<String> = text
        .replace('.', "")
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| matches!(*word, "US" | "USA" | "UK" | "UAE"))
        .map(str::to_lowercase)
        .collect();
    // (country, its name as found)
    let mut found: Vec<(&Country, &str)> = Vec::new();
    for (country, names) in COUNTRIES.iter().zip(NAMES.iter()) {
        let longest = names
            .iter()
            .filter(|name| (name.len() > 3 && has_phrase(&all, name)) || capitals.contains(name))
            .max_by_key(|name| name.len());
        found.extend(longest.map(|name| (country, name.as_str())));
    }
    // "Guinea" within "Papua New Guinea": the longer name is meant.
    let within = |short: &str| found.iter().any(|(_, long)| long.len() > short.len() && long.contains(short));
    found.iter().filter(|(_, name)| !within(name)).map(|(country, _)| *country).collect()
}

impl State {
    /// The state a text names and nothing else, by name or code.
    #[must_use]
    pub fn named(text: &str, country: Option<&str>) -> Option<&'static Self> {
        let text = normalise(text);
        STATES
            .iter()
            .filter(|state| country.is_none_or(|code| state.country == code))
            .find(|state| normalise(state.name) == text || state.code.eq_ignore_ascii_case(&text))
    }
}

/// A place as people write it, taken apart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Place {
    pub city: Option<String>,
    pub state: Option<&'static State>,
    pub country: Option<&'static Country>,
    pub postal_code: Option<String>,
}

impl Place {
    /// Reads "Oakland, CA 94607", "Berlin, Germany", "Toronto, Ontario, Canada". What is not recognised is left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut place = Self::default();
        let mut parts: Vec<String> = text.split(',').map(|part| part.trim().to_owned()).collect();
        parts.retain(|part| !part.is_empty());
        if parts.len() > 1
            && let Some(country) = parts.last().and_then(|last| Country::named(last))
            && State::named(parts.last().map_or("", String::as_str), Some("US")).is_none_or(|_| parts.len() > 2)
        {
            place.country = Some(country);
            parts.pop();
        }
        if let Some(last) = parts.last_mut() {
            let (rest, code): (Vec<&str>, Vec<&str>) =
                last.split(' ').partition(|word| !word.chars().any(|c| c.is_ascii_digit()));
            if !code.is_empty() && parts_allow_code(&code) {
                place.postal_code = Some(code.join(" "));
                *last = rest.join(" ");
            }
            if last.is_empty() {
                parts.pop();
            }
        }
        if parts.len() > 1
            && let Some(state) =
                parts.last().and_then(|last| State::named(last, place.country.map(|country| country.code)))
        {
            place.state = Some(state);
            place.country = place.country.or_else(|| Country::by_code(state.country));
            parts.pop();
        }
        if parts.len() == 1 && place == Self::default() {
            place.country = Country::named(&parts[0]);
            if place.country.is_some() {
                return place;
            }
        }
        place.city = parts.into_iter().next();
        place
    }
}

fn parts_allow_code(code: &[&str]) -> bool {
    let joined = code.concat();
    (4..=8).contains(&joined.len()) && joined.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Cities that postings name without their country.
const CITIES: &[(&str, &[&str])] = &[
    (
        "US",
        &[
            "san francisco",
            "new york",
            "nyc",
            "los angeles",
            "seattle",
            "boston",
            "chicago",
            "austin",
            "denver",
            "atlanta",
            "miami",
            "dallas",
            "houston",
            "philadelphia",
            "san diego",
            "san jose",
            "palo alto",
            "mountain view",
            "bay area",
            "washington dc",
            "phoenix",
            "nashville",
            "salt lake city",
            "minneapolis",
            "detroit",
            "raleigh",
            "pittsburgh",
        ],
    ),
    ("GB", &["london", "manchester", "edinburgh", "bristol", "leeds", "glasgow", "belfast", "oxford"]),
    ("CA", &["toronto", "montreal", "ottawa", "calgary"]),
    ("DE", &["berlin", "munich", "muenchen", "hamburg", "cologne", "koeln", "frankfurt", "stuttgart", "duesseldorf"]),
    ("FR", &["paris", "lyon", "toulouse", "marseille"]),
    ("ES", &["madrid", "barcelona", "sevilla", "malaga"]),
    ("PT", &["lisbon", "lisboa", "porto"]),
    ("BR", &["sao paulo", "rio de janeiro"]),
    (
        "IN",
        &[
            "bangalore",
            "bengaluru",
            "hyderabad",
            "mumbai",
            "pune",
            "chennai",
            "new delhi",
            "gurgaon",
            "gurugram",
            "noida",
        ],
    ),
    ("NL", &["amsterdam", "rotterdam", "utrecht"]),
    ("IE", &["dublin"]),
    ("SE", &["stockholm"]),
    ("DK", &["copenhagen"]),
    ("NO", &["oslo"]),
    ("FI", &["helsinki"]),
    ("PL", &["warsaw", "krakow", "wroclaw"]),
    ("CH", &["zurich", "zuerich", "geneva"]),
    ("AT", &["vienna", "wien"]),
    ("IT", &["milan", "rome"]),
    ("AU", &["sydney", "brisbane"]),
    ("JP", &["tokyo"]),
    ("IL", &["tel aviv"]),
    ("MX", &["mexico city", "guadalajara"]),
    ("EE", &["tallinn"]),
    ("HU", &["budapest"]),
    ("CZ", &["prague"]),
];

/// The country of a large city that a text names; none when it names none, or cities of several countries.
#[must_use]
pub fn country_of_city(text: &str) -> Option<&'static Country> {
    let all = words(text);
    let mut found = CITIES.iter().filter(|(_, cities)| cities.iter().any(|city| has_phrase(&all, city)));
    let (code, _) = found.next()?;
    if found.next().is_some() { None } else { Country::by_code(code) }
}

macro_rules! countries {
    ($($code:literal $name:literal $dial:literal $aliases:literal;)*) => {
        /// Countries that application forms list.
        pub const COUNTRIES: &[Country] =
            &[$(Country { code: $code, name: $name, dial: $dial, aliases: $aliases }),*];
    };
}

countries! {
    "US" "United States" "1" "united states of america;usa;us;estados unidos;etats unis;vereinigte staaten;eeuu;eua";
    "GB" "United Kingdom" "44" "uk;great britain;britain;england;scotland;wales;northern ireland;united kingdom of great britain and northern ireland;reino unido;royaume uni;vereinigtes koenigreich;grossbritannien";
    "CA" "Canada" "1" "kanada";
    "UM" "United States Minor Outlying Islands" "1" "us minor outlying islands;united states outlying islands";
    "VI" "U.S. Virgin Islands" "1" "virgin islands us;united states virgin islands";
    "VG" "British Virgin Islands" "1" "virgin islands british";
    "PR" "Puerto Rico" "1" ""; "GU" "Guam" "1" ""; "AS" "American Samoa" "1" "";
    "MP" "Northern Mariana Islands" "1" "";
    "AF" "Afghanistan" "93" ""; "AL" "Albania" "355" ""; "DZ" "Algeria" "213" ""; "AD" "Andorra" "376" "";
    "AO" "Angola" "244" ""; "AG" "Antigua and Barbuda" "1" ""; "AR" "Argentina" "54" ""; "AM" "Armenia" "374" "";
    "AU" "Australia" "61" "australien"; "AT" "Austria" "43" "oesterreich;autriche"; "AZ" "Azerbaijan" "994" "";
    "BS" "Bahamas" "1" ""; "BH" "Bahrain" "973" ""; "BD" "Bangladesh" "880" ""; "BB" "Barbados" "1" "";
    "BY" "Belarus" "375" ""; "BE" "Belgium" "32" "belgique;belgien;belgica"; "BZ" "Belize" "501" ""; "BJ" "Benin" "229" "";
    "BM" "Bermuda" "1" ""; "BT" "Bhutan" "975" ""; "BO" "Bolivia" "591" "bolivia plurinational state of";
    "BA" "Bosnia and Herzegovina" "387" ""; "BW" "Botswana" "267" ""; "BR" "Brazil" "55" "brasil;bresil;brasilien";
    "BN" "Brunei" "673" "brunei darussalam"; "BG" "Bulgaria" "359" ""; "BF" "Burkina Faso" "226" "";
    "BI" "Burundi" "257" ""; "KH" "Cambodia" "855" ""; "CM" "Cameroon" "237" ""; "CV" "Cape Verde" "238" "cabo verde";
    "KY" "Cayman Islands" "1" ""; "CF" "Central African Republic" "236" ""; "TD" "Chad" "235" "";
    "CL" "Chile" "56" ""; "CN" "China" "86" "peoples republic of china"; "CO" "Colombia" "57" ""; "KM" "Comoros" "269" "";
    "CG" "Congo" "242" "republic of the congo"; "CD" "Democratic Republic of the Congo" "243" "congo the democratic republic of the;congo drc";
    "CR" "Costa Rica" "506" ""; "CI" "Ivory Coast" "225" "cote d ivoire;cote divoire"; "HR" "Croatia" "385" "";
    "CU" "Cuba" "53" ""; "CY" "Cyprus" "357" ""; "CZ" "Czech Republic" "420" "czechia"; "DK" "Denmark" "45" "daenemark;danmark";
    "DJ" "Djibouti" "253" ""; "DM" "Dominica" "1" ""; "DO" "Dominican Republic" "1" ""; "EC" "Ecuador" "593" "";
    "EG" "Egypt" "20" ""; "SV" "El Salvador" "503" ""; "GQ" "Equatorial Guinea" "240" ""; "ER" "Eritrea" "291" "";
    "EE" "Estonia" "372" ""; "SZ" "Eswatini" "268" "swaziland"; "ET" "Ethiopia" "251" ""; "FJ" "Fiji" "679" "";
    "FI" "Finland" "358" "finnland;suomi"; "FR" "France" "33" "francia;frankreich;franca"; "GF" "French Guiana" "594" "";
    "PF" "French Polynesia" "689" ""; "GA" "Gabon" "241" ""; "GM" "Gambia" "220" ""; "GE" "Georgia" "995" "";
    "DE" "Germany" "49" "deutschland;alemania;allemagne;alemanha"; "GH" "Ghana" "233" ""; "GI" "Gibraltar" "350" "";
    "GR" "Greece" "30" "griechenland"; "GL" "Greenland" "299" ""; "GD" "Grenada" "1" ""; "GP" "Guadeloupe" "590" "";
    "GT" "Guatemala" "502" ""; "GG" "Guernsey" "44" ""; "GN" "Guinea" "224" ""; "GW" "Guinea-Bissau" "245" "";
    "GY" "Guyana" "592" ""; "HT" "Haiti" "509" ""; "HN" "Honduras" "504" ""; "HK" "Hong Kong" "852" "hong kong sar;hong kong sar china";
    "HU" "Hungary" "36" ""; "IS" "Iceland" "354" ""; "IN" "India" "91" "indien;inde"; "ID" "Indonesia" "62" "";
    "IR" "Iran" "98" "iran islamic republic of"; "IQ" "Iraq" "964" ""; "IE" "Ireland" "353" "republic of ireland;irland;irlanda;irlande";
    "IM" "Isle of Man" "44" ""; "IL" "Israel" "972" ""; "IT" "Italy" "39" "italia;italie;italien"; "JM" "Jamaica" "1" "";
    "JP" "Japan" "81" ""; "JE" "Jersey" "44" ""; "JO" "Jordan" "962" ""; "KZ" "Kazakhstan" "7" ""; "KE" "Kenya" "254" "";
    "KR" "South Korea" "82" "korea republic of;republic of korea;korea south"; "KP" "North Korea" "850" "korea democratic peoples republic of";
    "XK" "Kosovo" "383" ""; "KW" "Kuwait" "965" ""; "KG" "Kyrgyzstan" "996" ""; "LA" "Laos" "856" "lao peoples democratic republic";
    "LV" "Latvia" "371" ""; "LB" "Lebanon" "961" ""; "LS" "Lesotho" "266" ""; "LR" "Liberia" "231" ""; "LY" "Libya" "218" "";
    "LI" "Liechtenstein" "423" ""; "LT" "Lithuania" "370" ""; "LU" "Luxembourg" "352" "luxemburg"; "MO" "Macao" "853" "macau;macao sar china";
    "MG" "Madagascar" "261" ""; "MW" "Malawi" "265" ""; "MY" "Malaysia" "60" ""; "MV" "Maldives" "960" ""; "ML" "Mali" "223" "";
    "MT" "Malta" "356" ""; "MQ" "Martinique" "596" ""; "MR" "Mauritania" "222" ""; "MU" "Mauritius" "230" "";
    "MX" "Mexico" "52" "mexiko;mexique"; "MD" "Moldova" "373" "moldova republic of"; "MC" "Monaco" "377" ""; "MN" "Mongolia" "976" "";
    "ME" "Montenegro" "382" ""; "MA" "Morocco" "212" ""; "MZ" "Mozambique" "258" ""; "MM" "Myanmar" "95" "burma;myanmar burma";
    "NA" "Namibia" "264" ""; "NP" "Nepal" "977" ""; "NL" "Netherlands" "31" "holland;niederlande;pays bas;paises bajos;paises baixos;nederland";
    "NC" "New Caledonia" "687" ""; "NZ" "New Zealand" "64" "neuseeland"; "NI" "Nicaragua" "505" ""; "NE" "Niger" "227" "";
    "NG" "Nigeria" "234" ""; "MK" "North Macedonia" "389" "macedonia"; "NO" "Norway" "47" "norwegen;norge;noruega"; "OM" "Oman" "968" "";
    "PK" "Pakistan" "92" ""; "PS" "Palestine" "970" "palestinian territory occupied;palestinian territories;state of palestine"; "PA" "Panama" "507" "";
    "PG" "Papua New Guinea" "675" ""; "PY" "Paraguay" "595" ""; "PE" "Peru" "51" ""; "PH" "Philippines" "63" "";
    "PL" "Poland" "48" "polen;polska;polonia"; "PT" "Portugal" "351" ""; "QA" "Qatar" "974" ""; "RE" "Reunion" "262" "";
    "RO" "Romania" "40" "rumaenien"; "RU" "Russia" "7" "russian federation;russland"; "RW" "Rwanda" "250" ""; "SM" "San Marino" "378" "";
    "SA" "Saudi Arabia" "966" ""; "SN" "Senegal" "221" ""; "RS" "Serbia" "381" ""; "SC" "Seychelles" "248" ""; "SL" "Sierra Leone" "232" "";
    "SG" "Singapore" "65" "singapur"; "SK" "Slovakia" "421" ""; "SI" "Slovenia" "386" ""; "SO" "Somalia" "252" "";
    "ZA" "South Africa" "27" "suedafrika"; "SS" "South Sudan" "211" ""; "ES" "Spain" "34" "espana;espagne;spanien;espanha"; "LK" "Sri Lanka" "94" "";
    "SD" "Sudan" "249" ""; "SR" "Suriname" "597" ""; "SE" "Sweden" "46" "schweden;sverige;suecia;suede"; "CH" "Switzerland" "41" "schweiz;suisse;suiza;svizzera;suica";
    "SY" "Syria" "963" "syrian arab republic"; "TW" "Taiwan" "886" "taiwan province of china;taiwan china"; "TJ" "Tajikistan" "992" "";
    "TZ" "Tanzania" "255" "tanzania united republic of"; "TH" "Thailand" "66" ""; "TG" "Togo" "228" ""; "TT" "Trinidad and Tobago" "1" "";
    "TN" "Tunisia" "216" ""; "TR" "Turkey" "90" "turkiye;tuerkei"; "TM" "Turkmenistan" "993" ""; "UG" "Uganda" "256" "";
    "UA" "Ukraine" "380" ""; "AE" "United Arab Emirates" "971" "uae;emiratos arabes unidos"; "UY" "Uruguay" "598" "";
    "UZ" "Uzbekistan" "998" ""; "VE" "Venezuela" "58" "venezuela bolivarian republic of"; "VN" "Vietnam" "84" "viet nam";
    "YE" "Yemen" "967" ""; "ZM" "Zambia" "260" ""; "ZW" "Zimbabwe" "263" "";
}

macro_rules! states {
    ($($country:literal: $($code:literal $name:literal),*;)*) => {
        /// States and provinces that are written as codes.
        pub const STATES: &[State] = &[$($(State { country: $country, code: $code, name: $name }),*),*];
    };
}

states! {
    "US": "AL" "Alabama", "AK" "Alaska", "AZ" "Arizona", "AR" "Arkansas", "CA" "California", "CO" "Colorado",
        "CT" "Connecticut", "DE" "Delaware", "DC" "District of Columbia", "FL" "Florida", "GA" "Georgia",
        "HI" "Hawaii", "ID" "Idaho", "IL" "Illinois", "IN" "Indiana", "IA" "Iowa", "KS" "Kansas", "KY" "Kentucky",
        "LA" "Louisiana", "ME" "Maine", "MD" "Maryland", "MA" "Massachusetts", "MI" "Michigan", "MN" "Minnesota",
        "MS" "Mississippi", "MO" "Missouri", "MT" "Montana", "NE" "Nebraska", "NV" "Nevada", "NH" "New Hampshire",
        "NJ" "New Jersey", "NM" "New Mexico", "NY" "New York", "NC" "North Carolina", "ND" "North Dakota",
        "OH" "Ohio", "OK" "Oklahoma", "OR" "Oregon", "PA" "Pennsylvania", "PR" "Puerto Rico", "RI" "Rhode Island",
        "SC" "South Carolina", "SD" "South Dakota", "TN" "Tennessee", "TX" "Texas", "UT" "Utah", "VT" "Vermont",
        "VA" "Virginia", "WA" "Washington", "WV" "West Virginia", "WI" "Wisconsin", "WY" "Wyoming";
    "CA": "AB" "Alberta", "BC" "British Columbia", "MB" "Manitoba", "NB" "New Brunswick",
        "NL" "Newfoundland and Labrador", "NS" "Nova Scotia", "NT" "Northwest Territories", "NU" "Nunavut",
        "ON" "Ontario", "PE" "Prince Edward Island", "QC" "Quebec", "SK" "Saskatchewan", "YT" "Yukon";
    "AU": "NSW" "New South Wales", "VIC" "Victoria", "QLD" "Queensland", "WA" "Western Australia",
        "SA" "South Australia", "TAS" "Tasmania", "ACT" "Australian Capital Territory", "NT" "Northern Territory";
}

//! Whether the pay a form asks for is the pay a person named: same currency, same period.

use protocol::form::Field;

use super::geo::Country;
use super::kind::Canonical;
use super::text::words;

/// Pay in another currency or for another time than the person answered for is not the same figure.
pub(super) fn differs(field: &Field, kind: Canonical, answer: &str, home: Option<&Country>) -> Option<String> {
    if !matches!(kind, Canonical::Salary | Canonical::CurrentSalary) {
        return None;
    }
    let text = format!("{} {}", field.label, field.description);
    let asked = currency_in(&text);
    let told = currency_in(answer).or_else(|| home.and_then(|country| currency_of(country.code)));
    if asked.is_some() && told.is_some() && asked != told {
        return Some("The form asks for another currency than you answered in".to_owned());
    }
    let period = |text: &str| {
        words(text).iter().find_map(|word| match word.as_str() {
            "hourly" | "hour" | "hr" => Some("hour"),
            "daily" | "day" => Some("day"),
            "weekly" | "week" => Some("week"),
            "monthly" | "month" | "mensual" | "mensuel" | "monatlich" | "mensal" => Some("month"),
            _ => None,
        })
    };
    (period(&text) != period(answer))
        .then(|| "The form asks for pay by another period than you answered for".to_owned())
}

fn currency_in(text: &str) -> Option<&'static str> {
    let found = words(text).iter().find_map(|word| match word.as_str() {
        "usd" | "dollar" | "dollars" => Some("USD"),
        "eur" | "euro" | "euros" => Some("EUR"),
        "gbp" | "pounds" | "sterling" => Some("GBP"),
        "inr" | "rupees" | "lpa" | "lakh" | "lakhs" => Some("INR"),
        "cad" => Some("CAD"),
        "aud" => Some("AUD"),
        "chf" => Some("CHF"),
        "brl" | "reais" => Some("BRL"),
        "sek" => Some("SEK"),
        "sgd" => Some("SGD"),
        "mxn" => Some("MXN"),
        _ => None,
    });
    found.or_else(|| {
        [("$", "USD"), ("€", "EUR"), ("£", "GBP"), ("₹", "INR"), ("R$", "BRL")]
            .iter()
            .rev()
            .find(|(sign, _)| text.contains(sign))
            .map(|(_, code)| *code)
    })
}

fn currency_of(country: &str) -> Option<&'static str> {
    Some(match country {
        "US" | "PR" => "USD",
        "GB" => "GBP",
        "IN" => "INR",
        "CA" => "CAD",
        "AU" => "AUD",
        "CH" => "CHF",
        "BR" => "BRL",
        "SE" => "SEK",
        "SG" => "SGD",
        "MX" => "MXN",
        "DE" | "FR" | "ES" | "IT" | "PT" | "NL" | "BE" | "AT" | "IE" | "FI" | "GR" | "LU" => "EUR",
        _ => return None,
    })
}

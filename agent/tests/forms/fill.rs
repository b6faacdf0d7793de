//! What the engine enters, and what the page then holds.

use protocol::form::{FileRef, Value};
use protocol::plan::FillStatus;
use valet_agent::page::Page as _;

use super::world::{OneFile, World, choose, field, item, text};

#[tokio::test(flavor = "multi_thread")]
async fn every_widget_holds_what_it_was_given() {
    let mut world = World::start().await;
    let form = world.see(&world.url("/p/widgets")).await;
    let path = world.data.path().join("Åsa résumé.txt");
    std::fs::write(&path, "gardens").unwrap();
    let file = FileRef { name: "Åsa résumé.txt".into(), size: 7, sha256: "ab".repeat(32) };
    let items = vec![
        text(&form, "First name", "Åsa 王"),
        text(&form, "E-mail address", "asa@example.org"),
        text(&form, "Telephone", "+1 510 555 0142"),
        text(&form, "Tell us about your garden", "Two lines\nof \"text\" — ü"),
        text(&form, "Available from", "2027-01-11"),
        text(&form, "Date of birth", "1990-02-28"),
        text(&form, "Years of experience", "7"),
        choose(&form, "Country", &["sweden"]),
        choose(&form, "Tools", &["Rake", "Hoe"]),
        choose(&form, "Do you own boots?", &["Yes"]),
        choose(&form, "Preferred season", &["Autumn"]),
        choose(&form, "Which plants do you know?", &["Roses", "Moss"]),
        item(&form, "I have read the privacy notice", Value::Checked(true)),
        item(&form, "Send me the newsletter", Value::Checked(true)),
        choose(&form, "Can you start in May?", &["No"]),
        choose(&form, "Favourite tree", &["Birch"]),
        choose(&form, "Soil", &["Peat"]),
        choose(&form, "City", &["Lund, Sweden"]),
        item(&form, "Résumé", Value::File(file.clone())),
        text(&form, "Motivation", "Because."),
        text(&form, "Nickname for the badge", "Mossy"),
    ];
    let mut told = Vec::new();
    let results = world.page.fill(&items, &OneFile(Some(path)), &mut |p| told.push(p.done)).await.unwrap();
    let wrong: Vec<_> = results
        .iter()
        .filter(|r| r.status != FillStatus::Verified)
        .map(|r| (form.field(&r.field).map(|f| f.label.clone()), r))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(told, (1..=items.len() as u32).collect::<Vec<_>>());

    assert_eq!(world.js("document.querySelector('[data-mask]').value").await, "(510) 555-0142");
    assert_eq!(world.js("document.querySelector('input[type=date]').value").await, "2027-01-11");
    assert_eq!(world.js("document.querySelector('[placeholder]').value").await, "28.02.1990");
    assert_eq!(world.js("window.kept.badge").await, "Mossy");
    assert_eq!(world.js("window.kept.city").await, "Lund, Sweden");
    assert_eq!(world.js("window.kept.file").await, serde_json::json!(["Åsa résumé.txt", 7]));
    let traps = "[...document.querySelectorAll('[name=website_hp],[name=fax],[name=company2],[name=g-recaptcha-response]')].map(x => x.value).join('')";
    assert_eq!(world.js(traps).await, "");

    let after = world.page.observe().await.unwrap();
    assert_eq!(after.form_digest(), form.form_digest(), "filling changes no question");
    assert_eq!(field(&after, "Résumé").value, Value::File(file), "the box is gone, the file is there");
    assert_eq!(field(&after, "Favourite tree").value, Value::Choices(vec!["Birch".into()]));
    assert_eq!(world.received(), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_entered_is_said_and_not_guessed() {
    let mut world = World::start().await;
    let form = world.see(&world.url("/p/widgets")).await;
    let file = FileRef { name: "cv.pdf".into(), size: 1, sha256: "00".repeat(32) };
    let mut gone = text(&form, "First name", "x");
    gone.field = "no-such-field".into();
    let items = vec![
        choose(&form, "Country", &["Atlantis"]),
        choose(&form, "Favourite tree", &["Baobab"]),
        choose(&form, "City", &["Lund"]),
        item(&form, "Résumé", Value::File(file)),
        gone,
    ];
    let results = world.page.fill(&items, &OneFile(None), &mut |_| {}).await.unwrap();
    let status: Vec<_> = results.iter().map(|r| r.status).collect();
    use FillStatus::{Failed, Missing};
    assert_eq!(status, [Failed, Failed, Failed, Failed, Missing], "{results:#?}");
    assert!(results.iter().all(|r| r.value.is_empty()), "{results:#?}");
    world.stop().await;
}

/// Lists that hold one of their longer options, whose beginning is an option, too.
const LONGER: &str = "<label>Visa<select><option value=''>Choose<option>Yes<option selected>Yes, with sponsorship<option>No</select></label>\
    <fieldset><legend>Boots</legend><label><input type=radio name=b>Yes</label><label><input type=radio name=b checked>Yes, with laces</label></fieldset>\
    <label for=c>Country</label><button type=button id=c aria-haspopup=listbox aria-expanded=false>United States Minor Outlying Islands</button>\
    <script>const c = document.querySelector('#c'); c.onclick = () => { const list = document.createElement('div'); list.setAttribute('role', 'listbox'); \
    for (const t of ['Ukraine', 'United States', 'United States Minor Outlying Islands']) { const o = document.createElement('div'); o.setAttribute('role', 'option'); \
    o.textContent = t; o.onclick = () => { c.textContent = t; list.remove(); c.setAttribute('aria-expanded', 'false'); }; list.append(o); } \
    document.querySelector('[role=listbox]')?.remove(); if (c.getAttribute('aria-expanded') === 'true') return c.setAttribute('aria-expanded', 'false'); \
    document.body.append(list); c.setAttribute('aria-expanded', 'true'); };</script>";

#[tokio::test(flavor = "multi_thread")]
async fn an_option_that_begins_with_the_wanted_one_is_another_answer() {
    let mut world = World::start().await;
    let form = world.see(&world.check(LONGER)).await;
    let wanted = [("Visa", "Yes"), ("Boots", "Yes"), ("Country", "United States")];
    let items: Vec<_> = wanted.iter().map(|(label, option)| choose(&form, label, &[option])).collect();
    let results = world.page.fill(&items, &OneFile(None), &mut |_| {}).await.unwrap();
    assert!(results.iter().all(|r| r.status == FillStatus::Verified), "{results:#?}");
    let after = world.page.observe().await.unwrap();
    for (label, option) in wanted {
        assert_eq!(field(&after, label).value, Value::Choices(vec![option.into()]), "{label}");
    }
    assert_eq!(world.js("document.querySelector('select').selectedIndex").await, 1);
    assert_eq!(world.js("document.querySelector('#c').textContent").await, "United States");
    world.stop().await;
}

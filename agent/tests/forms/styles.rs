//! Widgets as employers' systems draw them: lists that name nothing, parts of dates, marks and messages that only a
//! style sheet makes.

use protocol::form::Value;
use protocol::plan::FillStatus;
use valet_agent::page::Page as _;

use super::world::{OneFile, World, choose, field, text};

#[tokio::test(flavor = "multi_thread")]
async fn parts_marks_and_lists_that_only_show_are_read() {
    let mut world = World::start().await;
    let form = world.see(&world.url("/p/styles")).await;
    let seen: Vec<_> = form.fields.iter().map(|f| (f.label.as_str(), f.kind.as_str(), f.required)).collect();
    assert_eq!(
        seen,
        [
            ("Earliest start (Month)", "number", true),
            ("Earliest start (Day)", "number", true),
            ("Earliest start (Year)", "number", true),
            ("May we call you at night?", "radio", true),
            ("Which gate is nearest?", "radio", true),
            ("Favourite lamp", "combobox", false),
            ("Where do you live?", "combobox", false),
            ("Telephone", "text", false),
            ("Badge name", "text", false),
            ("Licence", "file", false),
        ]
    );
    let options: Vec<_> = field(&form, "Favourite lamp").options.iter().map(|o| o.label.as_str()).collect();
    assert_eq!(options, ["Oil", "Gas", "Moonlight"]);
    let page = &form.page;
    assert_eq!(
        (page.job_title.as_deref(), page.company.as_deref(), page.job_location.as_deref()),
        (Some("Night Warden"), Some("Example Gardens"), Some("Lund, Sweden"))
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outlines_lie_where_the_picture_has_the_question() {
    let mut world = World::start().await;
    let form = world.see(&world.url("/p/styles")).await;
    let photo = world.page.photo().await.unwrap();
    // The page's column is centred: a scrollbar beside it would put it elsewhere than in the picture.
    let gate = field(&form, "Which gate is nearest?").rect.unwrap();
    let column = world.js("(() => { const b = document.querySelector('main').getBoundingClientRect(); return b.left + b.width / 2; })()").await;
    assert!((column.as_f64().unwrap() - f64::from(photo.width) / 2.0).abs() < 1.0, "{column} of {}", photo.width);
    let around = world
        .js("(() => { const at = [...document.querySelectorAll('legend, fieldset label, fieldset input')].map((x) => x.getBoundingClientRect()); return [Math.min(...at.map((b) => b.left)), Math.min(...at.map((b) => b.top)) + scrollY, Math.max(...at.map((b) => b.right)), Math.max(...at.map((b) => b.bottom)) + scrollY]; })()")
        .await;
    let want: Vec<f32> = serde_json::from_value(around).unwrap();
    let have = [gate.x, gate.y, gate.x + gate.width, gate.y + gate.height];
    assert!(want.iter().zip(have).all(|(a, b)| (a - b).abs() < 1.5), "{want:?} and {have:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_found_by_its_codes_and_a_doubtful_one_is_not() {
    let mut world = World::start().await;
    let form = world.see(&world.url("/p/styles")).await;
    for (wanted, held) in [
        ("Portland, OR", Some("Portland, Oregon, United States")),
        ("Portland, ME, USA", Some("Portland, Maine, United States")),
        ("London, UK", Some("London, England, United Kingdom")),
        ("Springfield, US", None),
        ("Portland, Ohio", None),
    ] {
        let results =
            world.page.fill(&[choose(&form, "Where do you live?", &[wanted])], &OneFile(None), &mut |_| {}).await;
        let result = results.unwrap().remove(0);
        match held {
            Some(held) => assert_eq!(
                (result.status, &result.value),
                (FillStatus::Verified, &Value::Choices(vec![held.into()])),
                "{wanted}"
            ),
            None => assert!(result.status == FillStatus::Failed && result.value.is_empty(), "{wanted}: {result:?}"),
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_comes_late_and_parts_of_a_date_are_filled() {
    let mut world = World::start().await;
    let form = world.see(&world.url("/p/styles")).await;
    let items = [
        text(&form, "Earliest start (Month)", "1"),
        text(&form, "Earliest start (Day)", "11"),
        text(&form, "Earliest start (Year)", "2027"),
        choose(&form, "May we call you at night?", &["No"]),
        choose(&form, "Favourite lamp", &["Moonlight"]),
    ];
    let results = world.page.fill(&items, &OneFile(None), &mut |_| {}).await.unwrap();
    assert!(results.iter().all(|r| r.status == FillStatus::Verified), "{results:#?}");
    assert_eq!(world.js("document.querySelector('[aria-haspopup]').textContent").await, "Moonlight");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_beside_a_field_is_its_note_and_no_part_of_its_name() {
    let mut world = World::start().await;
    let before = world.see(&world.url("/p/styles")).await;
    assert!(before.fields.iter().all(|f| f.invalid.is_none()), "{before:#?}");
    world.js("window.complain()").await;
    let after = world.page.observe().await.unwrap();
    assert_eq!(before.form_digest(), after.form_digest(), "a complaint changes no question");
    let note = |label: &str| field(&after, label).invalid.as_deref();
    assert_eq!(note("Telephone"), Some("Please enter a telephone number."));
    assert_eq!(note("Badge name"), Some("Letters only, please."));
    assert_eq!(note("Licence"), Some("The upload failed. Try another file."));
    assert!(field(&after, "Licence").editable, "another file may be given");
    assert_eq!(note("Where do you live?"), None);
    world.stop().await;
}

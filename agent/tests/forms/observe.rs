//! What the engine sees.

use protocol::form::FieldKind;
use protocol::task::{ErrorCode, InteractionKind};
use valet_agent::page::Page as _;

use super::world::{World, field};

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_every_widget_is_read_as_a_person_reads_it() {
    let mut world = World::start().await;
    let form = world.see(&world.url("/p/widgets")).await;
    let seen: Vec<_> = form.fields.iter().map(|f| (f.label.as_str(), f.kind.as_str(), f.required)).collect();
    assert_eq!(
        seen,
        [
            ("First name", "text", true),
            ("E-mail address", "email", true),
            ("Telephone", "tel", true),
            ("Tell us about your garden", "textarea", false),
            ("Available from", "date", false),
            ("Date of birth", "date", false),
            ("Years of experience", "number", false),
            ("Country", "select", true),
            ("Tools", "select", false),
            ("Do you own boots?", "radio", true),
            ("Preferred season", "radio", false),
            ("Which plants do you know?", "checkbox_group", false),
            ("I have read the privacy notice", "checkbox", true),
            ("Send me the newsletter", "checkbox", false),
            ("Can you start in May?", "radio", false),
            ("Favourite tree", "combobox", false),
            ("Soil", "combobox", false),
            ("City", "combobox", false),
            ("Résumé", "file", true),
            ("Motivation", "richtext", false),
            ("Nickname for the badge", "text", false),
        ]
    );
    let options = |label: &str| field(&form, label).options.iter().map(|o| o.label.clone()).collect::<Vec<_>>();
    assert_eq!(options("Country"), ["Norway", "Sweden"]);
    assert_eq!(options("Do you own boots?"), ["Yes", "No"]);
    assert_eq!(options("Favourite tree"), ["Ash", "Birch", "Birch (silver)", "Oak"]);
    assert_eq!(options("Soil"), ["Clay", "Sand", "Peat"]);
    assert!(field(&form, "Soil").options_complete && !field(&form, "City").options_complete);
    assert_eq!(field(&form, "Tell us about your garden").description, "At most a page.");
    assert_eq!(field(&form, "First name").section, "About you");
    assert_eq!(field(&form, "City").section, "Questions");
    assert!(form.fields.iter().all(|f| f.value.is_empty() && f.rect.is_some()), "{:?}", form.fields);
    let page = &form.page;
    assert_eq!(
        (page.job_title.as_deref(), page.company.as_deref(), page.job_location.as_deref()),
        (Some("Gardener"), Some("Example Gardens"), Some("Lund, SE"))
    );
    assert!(page.can_submit && page.blocker.is_none() && page.confirmation.is_none());
    assert_eq!(world.js("window.kept.cookies").await, "no");
    assert_eq!(world.js("document.querySelectorAll('[role=option]').length").await, 0, "a list was left open");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_and_digests_survive_a_reload_with_other_element_ids() {
    let mut world = World::start().await;
    let first = world.see(&world.url("/p/widgets")).await;
    let second = world.see(&world.url("/p/widgets")).await;
    let ids = |form: &protocol::form::FormModel| form.fields.iter().map(|f| f.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&first), ids(&second));
    assert_eq!(first.form_digest(), second.form_digest());
    assert_eq!(first.values_digest(), second.values_digest());
    let mut unique = ids(&first);
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), first.fields.len());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posting_leads_to_its_form_in_a_new_tab_and_a_frame_is_read_like_a_page() {
    let mut world = World::start().await;
    let form = world.see(&world.url("/posting")).await;
    assert_eq!(form.fields.len(), 3);
    assert_eq!(form.page.url, world.url("/p/simple"));
    let framed = world.see(&world.url("/frame")).await;
    assert_eq!(field(&framed, "Full name").kind, FieldKind::Text);
    assert!(framed.page.can_submit);
    let top = field(&framed, "Full name").rect.unwrap().y;
    assert!(top > 60.0, "the frame's own place is counted in: {top}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_open_form_says_what_it_is() {
    let mut world = World::start().await;
    let closed = world.see(&world.url("/closed")).await.page;
    assert_eq!((closed.closed, closed.job_title), (true, None), "a notice is no job title");
    let login = world.see(&world.url("/login")).await;
    assert_eq!(login.page.blocker.map(|b| b.kind), Some(InteractionKind::LoginRequired));
    let missing = world.page.open(&world.url("/p/nothing")).await.unwrap_err();
    assert_eq!(missing.code, ErrorCode::PageNotFound);
    let refused = world.page.open("http://10.255.255.1/").await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::UrlRefused);
    let thanks = world.see(&world.url("/thanks")).await;
    let said = thanks.page.confirmation.unwrap();
    assert_eq!(said.number.as_deref(), Some("NW-20417"));
    world.stop().await;
}

//! What a page says it is: who it waits for, which job it is of.

use protocol::task::{FailureClass, InteractionKind};
use valet_agent::page::Page as _;

use super::world::World;

const CHECKS: [(&str, bool); 12] = [
    (
        "<iframe title='Human verification challenge' src='/tick' width=320 height=120></iframe><input type=hidden name=t>",
        true,
    ),
    (
        "<div><iframe title='Human verification challenge' src='/tick' width=320 height=120></iframe><input type=hidden name=t value=passed></div>",
        false,
    ),
    ("<iframe title='Human verification challenge' src='/tick' style='display:none'></iframe>", false),
    (
        "<div class=g-recaptcha data-sitekey=k><iframe src='https://www.google.com/recaptcha/api2/anchor?k=k' width=304 height=78></iframe></div>",
        true,
    ),
    (
        "<div class=g-recaptcha data-sitekey=k><iframe src='https://www.google.com/recaptcha/api2/anchor?k=k' width=304 height=78></iframe><textarea name=g-recaptcha-response style='display:none'>token</textarea></div>",
        false,
    ),
    (
        "<div class=grecaptcha-badge style='width:256px;height:60px'><iframe src='https://www.google.com/recaptcha/api2/anchor?k=k&size=invisible' width=256 height=60></iframe></div>",
        false,
    ),
    ("<script src='https://www.google.com/recaptcha/api.js?render=k'></script>", false),
    ("<div class=h-captcha data-sitekey=k></div>", false),
    (
        "<div class=h-captcha data-sitekey=k data-size=invisible><iframe src='https://newassets.hcaptcha.com/captcha/v1/a' width=303 height=78></iframe></div>",
        false,
    ),
    ("<div><div>Human check *</div><div><div class=g-recaptcha data-sitekey=k></div></div></div>", true),
    ("<div class=cf-turnstile data-sitekey=k style='width:300px;height:65px'></div>", true),
    ("<iframe title='Our video' src='/tick' width=320 height=120></iframe>", false),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_a_person_sees_and_has_not_passed_blocks_and_no_other() {
    let mut world = World::start().await;
    for (check, blocks) in CHECKS {
        let page = world.see(&world.check(check)).await.page;
        let kind = page.blocker.map(|blocker| blocker.kind);
        assert_eq!(kind, blocks.then_some(InteractionKind::Captcha), "{check}");
    }
    world.stop().await;
}

/// A date by the clock of a site that is three decades late.
const DATES: [(&str, &str); 2] =
    [("date", "Sun, 06 Nov 1994 08:47:07 GMT"), ("after", "Sun, 06 Nov 1994 08:49:37 GMT")];

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_answers_no_more_is_heard_out() {
    let mut world = World::start().await;
    let (text, closed) = (("text", "<h1>Slow down</h1>"), ("text", "<h1>Closed for the night</h1>"));
    let (many, down) = (("status", "429"), ("status", "503"));
    let [date, later] = DATES;
    for (query, class, retry_after) in [
        (vec![many, text, ("after", "120")], FailureClass::RateLimited, Some(120)),
        (vec![many, ("text", ""), ("after", "120")], FailureClass::RateLimited, Some(120)),
        (vec![many, text, date, later], FailureClass::RateLimited, Some(150)),
        (vec![down, text, date, later], FailureClass::RateLimited, Some(150)),
        (vec![down, closed, date, later], FailureClass::Network, Some(150)),
        (vec![down, closed, ("after", "soon")], FailureClass::Network, None),
        (vec![down, closed], FailureClass::Network, None),
    ] {
        let failure = world.page.open(&world.later(&query)).await.unwrap_err();
        assert_eq!((failure.class, failure.retry_after), (class, retry_after), "{query:?}");
    }
    // Without a word on when, its page is kept for the person.
    let page = world.see(&world.later(&[many, text])).await.page;
    assert_eq!(page.blocker.map(|blocker| blocker.kind), Some(InteractionKind::RateLimited));
    // So is one that asks for a person, whatever it says on when.
    let check = [many, ("text", "<div class=g-recaptcha data-sitekey=k style=height:78px></div>"), ("after", "120")];
    let page = world.see(&world.later(&check)).await.page;
    assert_eq!(page.blocker.map(|blocker| blocker.kind), Some(InteractionKind::Captcha));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_tells_job_and_company_in_either_order() {
    let mut world = World::start().await;
    for (title, company) in [
        ("Job Application for Night watch at Example Gardens", Some("Example Gardens")),
        ("Night watch @ Example Gardens", Some("Example Gardens")),
        ("Example Gardens - Night watch", Some("Example Gardens")),
        ("Night watch | Lund | Example Gardens Careers", Some("Example Gardens")),
        ("Apply - Example Gardens Careers", Some("Example Gardens")),
        ("Night watch - Example Gardens - Application", Some("Example Gardens")),
        ("Easy apply - Night watch at Example Gardens", Some("Example Gardens")),
        ("Night watch", None),
    ] {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("title", title).finish();
        let page = world.see(&world.url(&format!("/p/check?{query}"))).await.page;
        assert_eq!((page.job_title.as_deref(), page.company.as_deref()), (Some("Night watch"), company), "{title}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_number_is_told_from_words() {
    let mut world = World::start().await;
    for (text, number) in [
        ("Your reference number is NW-20417.", Some("NW-20417")),
        ("Confirmation code: 7f3k2q", Some("7f3k2q")),
        ("Confirmation number GH-BVZDWN", Some("GH-BVZDWN")),
        ("Your application code for part-time work follows by mail.", None),
        ("Your application number will follow.", None),
    ] {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("text", text).finish();
        let page = world.see(&world.url(&format!("/said?{query}"))).await.page;
        assert_eq!(page.confirmation.expect(text).number.as_deref(), number, "{text}");
    }
    world.stop().await;
}

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;

use crate::support::{Form, Parts, ask, complete, fill_platform_engineer, get, send, site};

const JOB: &str = "/greenhouse/platform-engineer";

#[tokio::test]
async fn an_application_is_confirmed_and_recorded_as_sent() {
    let site = site().await;
    let form = Form::read(&get(&site, JOB).await.text);
    let sent = send(&site, JOB, &complete(&form, "ada@okafor.example")).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);

    let list = get(&site, "/submissions.json").await.json();
    let one = &list["submissions"][0];
    let number = one["number"].as_str().unwrap();
    assert!(number.starts_with("GH-") && number.len() == 9, "{number}");
    assert_eq!(sent.location, format!("{JOB}/thanks/{number}"));
    let thanks = get(&site, &sent.location).await.text;
    assert!(
        thanks.contains("Thank you for applying") && thanks.contains(number) && thanks.contains("Tidewater Robotics")
    );

    assert_eq!((&list["count"], &list["duplicates"]), (&json!(1), &json!(0)));
    assert_eq!(one["fields"]["Email"], "ada@okafor.example");
    assert_eq!(one["fields"]["Cover Letter"], "First line\n\nSecond « line »");
    assert_eq!(one["fields"]["What is your notice period?"], "1 month");
    assert_eq!(
        one["fields"]["Which of these have you operated in production? (Select all that apply)"],
        json!(["Kafka", "PostgreSQL"])
    );
    assert_eq!(one["fields"].get("Gender"), None, "what was left blank is left out");
    assert_eq!(one["honeypot"], false);
    assert_eq!(
        one["files"],
        json!([{ "label": "Resume/CV", "name": "ada.pdf", "size": 12, "contentType": "application/pdf",
            "sha256": "032bab38a2923c1cc0dd89190d3b2991362f477619c8284633c3d4b612ae4f6e" }])
    );
}

#[tokio::test]
async fn duplicates_are_accepted_counted_and_shown() {
    let site = site().await;
    for email in ["ada@okafor.example", "ADA@Okafor.example", "other@okafor.example"] {
        let form = Form::read(&get(&site, JOB).await.text);
        assert_eq!(send(&site, JOB, &complete(&form, email)).await.status, StatusCode::SEE_OTHER);
    }
    let list = get(&site, "/submissions.json").await.json();
    assert_eq!((&list["count"], &list["duplicates"]), (&json!(3), &json!(1)));
    assert_eq!(list["submissions"][1]["duplicateOf"], list["submissions"][0]["id"]);

    let filtered = get(&site, "/submissions.json?job=platform-engineer&email=ada@OKAFOR.example").await.json();
    assert_eq!((&filtered["count"], &filtered["duplicates"]), (&json!(2), &json!(1)));
    assert_eq!(get(&site, "/submissions.json?job=none").await.json()["count"], 0);

    assert!(get(&site, "/submissions").await.text.contains("duplicate of #1"));
    let negotiated =
        Request::get("/submissions").header(header::ACCEPT, "application/json").body(Body::empty()).unwrap();
    assert_eq!(ask(&site, negotiated).await.json(), list);
}

#[tokio::test]
async fn a_form_with_mistakes_comes_back_with_messages_and_values() {
    let site = site().await;
    let form = Form::read(&get(&site, JOB).await.text);
    let mut parts = fill_platform_engineer(&form, "not an address");
    parts.file(form.name("Resume/CV"), "ada.exe", b"MZ");
    let back = send(&site, JOB, &parts).await;

    assert_eq!(back.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(back.text.contains("Please enter a valid e-mail address."));
    assert!(back.text.contains("This type of file is not accepted."));
    assert!(back.text.contains("There are problems with 2 fields."));
    assert!(back.text.contains("value=\"not an address\"") && back.text.contains("Second &#171; line &#187;"));
    assert_eq!(get(&site, "/submissions.json").await.json()["count"], 0);

    let again = Form::read(&back.text);
    assert_ne!(again.token, form.token, "a page that comes back has names of its own");
    assert_eq!(send(&site, JOB, &complete(&again, "ada@okafor.example")).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn files_are_checked() {
    let site = site().await;
    let form = Form::read(&get(&site, JOB).await.text);
    let large = vec![b'x'; (10 << 20) + 1];
    for (name, bytes, message) in [
        ("", &b""[..], "Please attach a file."),
        ("ada.pdf", b"", "The file is empty."),
        ("ada.pdf", &large, "The file is larger than 10 MB."),
    ] {
        let mut parts = fill_platform_engineer(&form, "ada@okafor.example");
        parts.file(form.name("Resume/CV"), name, bytes);
        let back = send(&site, JOB, &parts).await;
        assert_eq!(back.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(back.text.contains(message), "{message}");
    }
    let mut parts = Parts::default();
    parts.file(form.name("Resume/CV"), "ada.pdf", &vec![b'x'; 13 << 20]);
    assert_eq!(send(&site, JOB, &parts).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(send(&site, JOB, &Parts::default()).await.status, StatusCode::BAD_REQUEST, "no token");
}

#[tokio::test]
async fn a_filled_honeypot_is_recorded() {
    let site = site().await;
    let form = Form::read(&get(&site, JOB).await.text);
    let mut parts = complete(&form, "ada@okafor.example");
    parts.text(form.name("Leave this field blank"), "http://spam.example");
    send(&site, JOB, &parts).await;
    assert_eq!(get(&site, "/submissions.json").await.json()["submissions"][0]["honeypot"], true);
}

#[tokio::test]
async fn failures_on_request_happen_once() {
    let site = site().await;
    for (switch, status) in
        [("validation-once", StatusCode::UNPROCESSABLE_ENTITY), ("500-once", StatusCode::INTERNAL_SERVER_ERROR)]
    {
        let path = format!("{JOB}?fail={switch}");
        let form = Form::read(&get(&site, &path).await.text);
        let email = format!("{switch}@okafor.example");
        let first = send(&site, &path, &complete(&form, &email)).await;
        assert_eq!(first.status, status);
        let recorded = format!("/submissions.json?email={email}");
        assert_eq!(get(&site, &recorded).await.json()["count"], 0);

        let form = Form::read(&get(&site, &path).await.text);
        assert_eq!(send(&site, &path, &complete(&form, &email)).await.status, StatusCode::SEE_OTHER);
        assert_eq!(get(&site, &recorded).await.json()["count"], 1);
    }
}

#[tokio::test]
async fn single_page_applications_get_json() {
    let site = site().await;
    let path = "/ashby/office-manager";
    let page = get(&site, path).await.text;
    let mut form = Form::read(&page);
    form.token = page.split("'authenticity_token', '").nth(1).unwrap().split('\'').next().unwrap().to_owned();
    let portuguese = page.split("role=\"radiogroup\"").nth(1).unwrap().split("id=\"").nth(1).unwrap();
    let portuguese = portuguese.split('"').next().unwrap();

    let mut parts = Parts::default();
    parts.text("authenticity_token", &form.token);
    parts.text(form.name("Name"), "Ada Okafor");
    let back = send(&site, path, &parts).await;
    assert_eq!(back.status, StatusCode::UNPROCESSABLE_ENTITY);
    let errors = back.json();
    assert_eq!(errors["errors"][0]["label"], "Email");
    assert!(page.contains(&format!("id=\"{}\"", errors["errors"][0]["row"].as_str().unwrap())));

    parts.text(form.name("Email"), "ada@okafor.example");
    parts.text(portuguese, "Yes");
    parts.file(form.name("Resume"), "ada.docx", b"PK");
    let done = send(&site, path, &parts).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    assert_eq!(done.json()["company"], "Copperline Studio");
    assert_eq!(get(&site, "/submissions.json").await.json()["submissions"][0]["number"], done.json()["number"]);
}

#[tokio::test]
async fn a_code_stands_before_the_confirmation() {
    let site = site().await;
    let path = "/two-factor/platform-engineer";
    let form = Form::read(&get(&site, path).await.text);
    let asked = send(&site, path, &complete(&form, "ada@okafor.example")).await;
    assert!(asked.status == StatusCode::OK && asked.text.contains("six-digit code"));
    assert_eq!(get(&site, "/submissions.json").await.json()["count"], 0);

    let letter = get(&site, "/mailbox").await.text;
    let code = letter.split("is <strong>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let question = Form::read(&asked.text);
    for (entered, status) in [("x", StatusCode::UNPROCESSABLE_ENTITY), (code.as_str(), StatusCode::SEE_OTHER)] {
        let body = format!("authenticity_token={}&{}={entered}", question.token, question.name("Security code"));
        let request = Request::post("/two-factor").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        assert_eq!(ask(&site, request.body(Body::from(body)).unwrap()).await.status, status);
    }
    assert_eq!(get(&site, "/submissions.json").await.json()["count"], 1);
}

#[tokio::test]
async fn a_challenge_that_was_not_passed_stops_the_application() {
    let site = site().await;
    let path = "/captcha/platform-engineer";
    let page = get(&site, path).await.text;
    let form = Form::read(&page);
    let widget = page.split("<iframe src=\"").nth(1).unwrap().split('"').next().unwrap();
    let refused = send(&site, path, &complete(&form, "ada@okafor.example")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("Please confirm that you are a person."));

    let script = get(&site, widget).await.text;
    let shapes =
        script.split("const shapes = ").nth(1).unwrap().split(',').map(|text| text.trim_matches(['[', ']', ' ']));
    let shapes: Vec<u32> = shapes.map_while(|text| text.split(']').next().and_then(|n| n.parse().ok())).collect();
    assert_eq!(shapes.len(), 9);
    let tiles: Vec<_> = (0..9).filter(|tile| shapes[*tile].is_multiple_of(3)).collect();
    assert!(!tiles.is_empty());
    for (tiles, right) in [(vec![], false), (tiles, true)] {
        let request = Request::post(widget).header(header::CONTENT_TYPE, "application/json");
        let answer = ask(&site, request.body(Body::from(json!({ "tiles": tiles }).to_string())).unwrap()).await.json();
        assert_eq!(answer["passed"].is_string(), right);
        let mut parts = complete(&form, "ada@okafor.example");
        let name = page.split("<input type=\"hidden\" name=\"").last().unwrap().split('"').next().unwrap();
        parts.text(name, answer["passed"].as_str().unwrap_or_default());
        let status = send(&site, path, &parts).await.status;
        assert_eq!(status == StatusCode::SEE_OTHER, right);
    }
}

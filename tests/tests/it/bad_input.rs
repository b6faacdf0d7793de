//! What people, files, addresses and employers' sites get wrong: each ends in a clear code and sentence, and nothing
//! is sent that was not approved.

use std::io::Write as _;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value as Json, json};
use system_tests::{Options, Person, Valet};

const PDF: &str = "application/pdf";
const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

/// One call without an account.
async fn post(valet: &Valet, path: &str, body: Json) -> (StatusCode, Json) {
    let url = format!("{}/api/v1{path}", valet.ready.http);
    let answer = Client::new().post(url).json(&body).send().await.expect("the gateway answers");
    (answer.status(), answer.json().await.expect("JSON"))
}

/// A refusal says what is wrong in a code and in a sentence.
fn refused(answer: &(StatusCode, Json), status: StatusCode) {
    let (code, message) = (answer.1["error"].as_str(), answer.1["message"].as_str());
    assert_eq!(answer.0, status, "{:#}", answer.1);
    assert!(code.is_some_and(|code| !code.is_empty()), "{:#}", answer.1);
    assert!(message.is_some_and(|message| message.len() > 8), "{:#}", answer.1);
}

async fn token_is_refused(valet: &Valet, token: &str) {
    let url = format!("{}/api/v1/tasks", valet.ready.http);
    let answer = Client::new().get(url).bearer_auth(token).send().await.expect("the gateway answers");
    let status = answer.status();
    refused(&(status, answer.json().await.expect("JSON")), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn accounts_files_and_addresses_that_are_wrong_are_refused_in_clear_words() {
    let valet = Valet::start_with(Options { no_agent: true, ..Options::default() }).await;
    accounts(&valet).await;
    let person = Person::first(&valet).await;
    files(&person).await;
    addresses(&valet, &person).await;
}

async fn accounts(valet: &Valet) {
    let email = &valet.ready.email;
    let wrong = post(valet, "/auth/login", json!({ "email": email, "password": "not the password" })).await;
    refused(&wrong, StatusCode::UNAUTHORIZED);
    let nobody = post(valet, "/auth/login", json!({ "email": "no@example.com", "password": "not the password" })).await;
    assert_eq!(nobody, wrong, "an answer must not tell who has an account");
    let taken = json!({ "email": email.to_uppercase(), "password": "Another-Passw0rd", "name": "Robin" });
    refused(&post(valet, "/auth/register", taken).await, StatusCode::CONFLICT);
    let home = std::fs::read_link(valet.data_dir().join("postgres")).unwrap_or(valet.data_dir().join("postgres"));
    let log = std::fs::read_to_string(home.join("log")).expect("the database's log");
    assert!(!log.to_lowercase().contains(&email.to_lowercase()), "an e-mail address in a log: {log}");

    token_is_refused(valet, "garbage").await;
    let person = Person::first(valet).await;
    let mut parts: Vec<String> = person.token().split('.').map(str::to_owned).collect();
    assert_eq!(parts.len(), 3, "a signed token");
    // A token whose signature is another's, and one that says of itself that it is not signed.
    parts[2] = parts[2].chars().rev().collect();
    token_is_refused(valet, &parts.join(".")).await;
    token_is_refused(valet, &format!("eyJhbGciOiJub25lIn0.{}.", parts[1])).await;
    token_is_refused(valet, &expired(valet, person.token())).await;
}

/// The person's own token, had it been given out a day ago.
fn expired(valet: &Valet, token: &str) -> String {
    let keys = std::fs::read(valet.data_dir().join("keys.json")).expect("the keys");
    let keys: Json = serde_json::from_slice(&keys).expect("JSON");
    let secret = hex::decode(keys["access"].as_str().expect("a key")).expect("hex");
    let key = jsonwebtoken::DecodingKey::from_secret(&secret);
    let validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    let mut claims = jsonwebtoken::decode::<Json>(token, &key, &validation).expect("our own token").claims;
    for claim in ["iat", "exp"] {
        claims[claim] = json!(claims[claim].as_i64().expect("a time") - 86_400);
    }
    let key = jsonwebtoken::EncodingKey::from_secret(&secret);
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token")
}

async fn files(person: &Person) {
    let large = [b"%PDF-1.4\n".to_vec(), vec![b' '; 11 << 20]].concat();
    for (what, name, mime, bytes, status) in [
        ("a program that says it is a PDF", "cv.pdf", PDF, b"MZ\x90\0 not a resume".to_vec(), StatusCode::BAD_REQUEST),
        ("a PDF that says it is a DOCX", "cv.docx", DOCX, system_tests::resume::pdf(), StatusCode::BAD_REQUEST),
        ("an empty file", "cv.pdf", PDF, Vec::new(), StatusCode::BAD_REQUEST),
        ("a picture", "cv.png", "image/png", b"\x89PNG\r\n".to_vec(), StatusCode::BAD_REQUEST),
        ("11 MiB", "cv.pdf", PDF, large, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let answer = person.send_file(name, mime, bytes).await;
        assert_eq!(answer.0, status, "{what}: {:#}", answer.1);
        refused(&answer, status);
    }
    // What only reading them can tell is told when they were read.
    for (what, name, mime, bytes, words) in [
        ("encrypted", "cv.pdf", PDF, encrypted_pdf(), "password"),
        ("zip bomb", "cv.docx", DOCX, zip_bomb(), "unpacks"),
        ("a zip that is no DOCX", "cv.docx", DOCX, zip(&[("readme.txt", b"hello".to_vec())]), "not the PDF, DOCX"),
    ] {
        let (status, body) = person.send_file(name, mime, bytes).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{what}: {body:#}");
        let id = body["id"].as_str().expect("an id");
        let resume = person.wait(&format!("/resumes/{id}"), "read", |resume| resume["status"] != "parsing").await;
        assert_eq!(resume["status"], "parse_failed", "{what}: {resume:#}");
        let error = &resume["parseError"];
        assert!(error["code"].as_str().is_some_and(|code| !code.is_empty()), "{what}: {resume:#}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains(words)), "{what}: {resume:#}");
    }
}

async fn addresses(valet: &Valet, person: &Person) {
    let resume = person.with_resume().await;
    let port = valet.ready.http.rsplit(':').next().expect("a port");
    let practice = valet.ready.practice.trim_start_matches("http://");
    for (url, reason) in [
        ("ftp://example.com/job".to_owned(), "scheme"),
        ("file:///etc/passwd".to_owned(), "scheme"),
        (format!("http://127.0.0.1:{port}/job"), "private_address"),
        ("http://169.254.169.254/latest/meta-data".to_owned(), "private_address"),
        ("http://[::1]/job".to_owned(), "private_address"),
        ("http://2130706433/job".to_owned(), "private_address"),
        (format!("http://robin:secret@{practice}/greenhouse/platform-engineer"), "credentials"),
        ("https://nowhere.invalid/job".to_owned(), "unresolvable"),
    ] {
        let body = json!({ "jobUrl": url, "resumeId": resume, "mode": "copilot" });
        let answer = person.call(Method::POST, "/tasks", Some(body)).await;
        refused(&answer, StatusCode::BAD_REQUEST);
        assert_eq!(answer.1["error"], "URL_REFUSED", "{url}: {:#}", answer.1);
        assert_eq!(answer.1["details"]["reason"], reason, "{url}: {:#}", answer.1);
    }
    let (_, tasks) = person.call(Method::GET, "/tasks", None).await;
    assert_eq!(tasks["data"].as_array().map(Vec::len), Some(0), "nothing of it was taken in: {tasks:#}");
}

/// How an application to this address stands once it stops moving.
async fn stands(valet: &Valet, person: &Person, resume: &str, path: &str) -> Json {
    let task = person.apply(&valet.job(path), resume).await;
    person.wait_for(&task, &["completed", "failed", "waiting_human"]).await
}

#[tokio::test]
async fn addresses_that_lead_to_no_form_end_with_a_code_and_a_sentence() {
    let valet = Valet::start().await;
    let person = Person::first(&valet).await;
    let resume = person.with_resume().await;
    for (path, code) in [
        ("/gone", "PAGE_NOT_FOUND"),
        ("/not-a-form", "NOT_A_FORM"),
        ("/closed/platform-engineer", "JOB_CLOSED"),
        ("/redirect-private", "URL_REFUSED"),
    ] {
        let task = stands(&valet, &person, &resume, path).await;
        assert_eq!((&task["status"], &task["errorCode"]), (&json!("failed"), &json!(code)), "{path}: {task:#}");
        let sentence = task["errorMessage"].as_str().unwrap_or_default();
        assert!(sentence.contains("Nothing was sent. ") && sentence.ends_with('.'), "{path}: {task:#}");
    }
    let task = stands(&valet, &person, &resume, "/login-wall/platform-engineer").await;
    assert_eq!(task["status"], "waiting_human", "{task:#}");
    assert_eq!(task["interaction"]["type"], "login_required", "{task:#}");
    let id = task["id"].as_str().expect("an id");
    let (status, body) = person.call(Method::DELETE, &format!("/tasks/{id}"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{body:#}");
    assert_eq!(valet.submission_count().await, 0);
}

#[tokio::test]
async fn a_check_for_a_person_within_a_form_waits_for_one_and_sends_nothing() {
    let valet = Valet::start().await;
    let person = Person::first(&valet).await;
    let resume = person.with_resume().await;
    let waits = |task: &Json| {
        assert_eq!(
            (&task["status"], &task["interaction"]["type"]),
            (&json!("waiting_human"), &json!("captcha")),
            "{task:#}"
        );
        assert_eq!((&task["errorCode"], &task["outcome"]), (&Json::Null, &json!("none")), "{task:#}");
    };
    let task = stands(&valet, &person, &resume, "/captcha/platform-engineer").await;
    waits(&task);
    let id = task["id"].as_str().expect("an id");
    let (status, body) = person.call(Method::POST, &format!("/tasks/{id}/approve"), Some(json!({}))).await;
    assert_eq!(status, StatusCode::CONFLICT, "there is nothing to approve: {body:#}");

    // Said to be passed, but it is not: the page is looked at again, and waits again.
    let pictures = |task: &Json| task["screenshots"]["items"].as_array().map_or(0, Vec::len);
    let before = pictures(&task);
    let path = format!("/tasks/{id}/resolve-blocker");
    let (status, body) = person.call(Method::POST, &path, Some(json!({ "resolvedBy": "human" }))).await;
    assert_eq!(status, StatusCode::OK, "{body:#}");
    let again = |task: &Json| task["status"] == "waiting_human" && pictures(task) > before;
    let task = person.wait(&format!("/tasks/{id}"), "looked at again", again).await;
    waits(&task);
    assert_eq!(valet.submission_count().await, 0);
}

#[tokio::test]
#[ignore = "four attempts of 25 s each, with pauses between: make test-full"]
async fn a_page_that_never_answers_is_given_up() {
    let valet = Valet::start().await;
    let person = Person::first(&valet).await;
    let resume = person.with_resume().await;
    let task = person.apply(&valet.job("/hang"), &resume).await;
    let patience = std::time::Duration::from_secs(240);
    let over = |task: &Json| task["status"] == "failed" || task["status"] == "completed";
    let task = person.wait_within(patience, &format!("/tasks/{task}"), "over", over).await;
    assert_eq!((&task["status"], &task["errorCode"]), (&json!("failed"), &json!("PAGE_TIMEOUT")), "{task:#}");
}

#[tokio::test]
async fn a_site_that_complains_is_reviewed_again_and_one_that_says_nothing_is_asked_about() {
    let valet = Valet::start().await;
    let person = Person::first(&valet).await;
    let resume = person.with_resume().await;

    let task = person.apply_and_submit(&valet.job("/lever/product-designer?fail=validation-once"), &resume).await;
    assert_eq!(task["status"], "waiting_human", "{task:#}");
    assert_eq!((&task["interaction"], &task["outcome"]), (&Json::Null, &json!("none")), "{task:#}");
    assert_eq!(valet.submission_count().await, 0);
    let id = task["id"].as_str().expect("an id");
    let review = person.review(id).await;
    let marked = |field: &Json| {
        field["label"] == "Phone" && field["note"].as_str().is_some_and(|note| note.contains("could not verify"))
    };
    assert!(review["fields"].as_array().expect("fields").iter().any(marked), "the complaint is shown: {review:#}");
    let (status, body) = person.approve(id).await;
    assert_eq!(status, StatusCode::OK, "{body:#}");
    let task = person.wait_for(id, &["completed", "failed", "waiting_human"]).await;
    assert_eq!((&task["status"], valet.submission_count().await), (&json!("completed"), 1), "{task:#}");

    let task = person.apply_and_submit(&valet.job("/lever/product-designer?lose_answer=1"), &resume).await;
    assert_eq!(task["status"], "waiting_human", "{task:#}");
    assert_eq!(task["interaction"]["type"], "outcome_unknown", "{task:#}");
    assert_eq!(valet.submission_count().await, 2, "the one before, and this one once");
    let id = task["id"].as_str().expect("an id");
    let (status, body) = person.call(Method::DELETE, &format!("/tasks/{id}"), None).await;
    assert_eq!((status, &body["error"]), (StatusCode::CONFLICT, &json!("OUTCOME_UNKNOWN")), "{body:#}");
    let answer = Some(json!({ "answer": "sent" }));
    let (status, body) = person.call(Method::POST, &format!("/tasks/{id}/outcome"), answer).await;
    assert_eq!(status, StatusCode::OK, "{body:#}");
    let task = person.wait_for(id, &["completed", "failed"]).await;
    assert_eq!((&task["status"], &task["outcome"]), (&json!("completed"), &json!("sent")), "{task:#}");
    assert_eq!(valet.submission_count().await, 2);
}

/// A file system of a few pages over the artifacts' folder; gone with the value.
struct FullDisk(std::ffi::CString);

impl FullDisk {
    /// `None`, having said so, where mounting is not permitted.
    fn over(folder: &std::path::Path) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("the folder is ours");
        let folder = std::ffi::CString::new(folder.as_os_str().as_encoded_bytes()).expect("a path");
        // SAFETY: all four strings live until the call returns; it touches no memory of ours.
        let mounted = unsafe {
            libc::mount(c"tmpfs".as_ptr(), folder.as_ptr(), c"tmpfs".as_ptr(), 0, c"size=4k".as_ptr().cast())
        };
        if mounted != 0 {
            eprintln!("skipped: {}", std::io::Error::last_os_error());
            return None;
        }
        Some(Self(folder))
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        // SAFETY: the string lives until the call returns.
        unsafe { libc::umount2(self.0.as_ptr(), libc::MNT_DETACH) };
    }
}

#[tokio::test]
async fn a_full_disk_costs_the_pictures_and_nothing_else() {
    let valet = Valet::start().await;
    let Some(_full) = FullDisk::over(&valet.data_dir().join("files/artifacts")) else { return };
    let person = Person::first(&valet).await;
    let resume = person.with_resume().await;
    let task = stands(&valet, &person, &resume, "/lever/product-designer").await;
    assert_eq!((&task["status"], &task["phase"]), (&json!("waiting_human"), &json!("reviewing")), "{task:#}");
    assert_eq!(task["screenshots"]["items"].as_array().map_or(0, Vec::len), 0, "{task:#}");
    let id = task["id"].as_str().expect("an id");
    let (status, events) = person.call(Method::GET, &format!("/tasks/{id}/events"), None).await;
    assert_eq!(status, StatusCode::OK, "{events:#}");
    let full = |event: &Json| event["eventData"]["code"] == "ARTIFACT_STORAGE_FULL";
    assert!(events["data"].as_array().expect("events").iter().any(full), "{events:#}");
    let (status, body) = person.approve(id).await;
    assert_eq!(status, StatusCode::OK, "{body:#}");
    let task = person.wait_for(id, &["completed", "failed", "waiting_human"]).await;
    assert_eq!((&task["status"], valet.submission_count().await), (&json!("completed"), 1), "{task:#}");
}

/// A PDF that needs a password: the dictionary says so, whatever the bytes are.
fn encrypted_pdf() -> Vec<u8> {
    let text = String::from_utf8(system_tests::resume::pdf()).expect("our PDF is text");
    let dictionary = format!(
        "/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{0}> /U <{0}> >> /ID [<{1}> <{1}>]",
        "5a".repeat(32),
        "c3".repeat(16)
    );
    text.replace("/Root 1 0 R >>", &format!("/Root 1 0 R {dictionary} >>")).into_bytes()
}

/// A DOCX that unpacks to a thousand times its size: 16 MB of one letter.
fn zip_bomb() -> Vec<u8> {
    let mut document = b"<w:document><w:body><w:p><w:r><w:t>".to_vec();
    document.resize(16 << 20, b'a');
    zip(&[("[Content_Types].xml", b"<Types/>".to_vec()), ("word/document.xml", document)])
}

fn zip(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, bytes) in files {
        archive.start_file(*name, options).expect("an entry");
        archive.write_all(bytes).expect("memory is there");
    }
    archive.finish().expect("an archive").into_inner()
}

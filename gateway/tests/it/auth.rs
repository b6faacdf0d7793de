//! Accounts and sessions.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::site::{PASSWORD, Site, cookie, read};

async fn refresh(site: &Site, cookie: &str) -> reqwest::Response {
    site.request(Method::POST, "/auth/refresh").header("cookie", cookie).send().await.unwrap()
}

#[tokio::test]
async fn register_sign_in_and_be_known() {
    let site = Site::start().await;
    let ada = site.person("Ada@Example.com").await;
    let (status, me) = ada.get("/auth/me").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(me["email"], "Ada@Example.com");
    assert_eq!(me["role"], "user");
    assert_eq!(me["onboardingComplete"], false);
    let created = me["createdAt"].as_str().unwrap();
    assert!(created.ends_with('Z') && created.len() == "2026-02-18T17:24:31.000Z".len(), "{created}");

    // Another spelling is the same account: taken for registering, good for signing in.
    let again = json!({ "email": "ada@EXAMPLE.com", "password": PASSWORD, "name": "A" });
    let (status, body) = read(site.request(Method::POST, "/auth/register").json(&again)).await;
    assert_eq!((status, &body["error"]), (StatusCode::CONFLICT, &json!("CONFLICT")));
    site.sign_in("ADA@example.com").await;
    site.stop().await;
}

#[tokio::test]
async fn wrong_password_and_unknown_account_look_alike() {
    let site = Site::start().await;
    site.person("ada@example.com").await;
    let try_as = |email: &'static str| {
        let body = json!({ "email": email, "password": "not the one" });
        read(site.request(Method::POST, "/auth/login").json(&body))
    };
    let (wrong, unknown) = (try_as("ada@example.com").await, try_as("bob@example.com").await);
    assert_eq!(wrong.0, StatusCode::UNAUTHORIZED);
    assert_eq!(wrong, unknown);
    // After the free ones, even the right password has to wait.
    for _ in 0..4 {
        assert_eq!(try_as("ada@example.com").await.0, StatusCode::UNAUTHORIZED);
    }
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    let answer = site.request(Method::POST, "/auth/login").json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers().contains_key("retry-after"));
    site.stop().await;
}

#[tokio::test]
async fn complaints_have_the_contracts_shape() {
    let site = Site::start().await;
    let body = json!({ "email": "nope", "password": "short" });
    let (status, body) = read(site.request(Method::POST, "/auth/register").json(&body)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body["error"], "VALIDATION_ERROR");
    assert_eq!(body["pathParameterErrors"], Value::Null);
    assert_eq!(body["bodyErrors"]["name"], "ZodError");
    let paths: Vec<_> =
        body["bodyErrors"]["issues"].as_array().unwrap().iter().map(|issue| issue["path"].clone()).collect();
    assert_eq!(paths, [json!(["email"]), json!(["password"]), json!(["name"])]);

    let send = |content_type: &'static str, text: &'static str| {
        read(site.request(Method::POST, "/auth/register").header("content-type", content_type).body(text))
    };
    assert_eq!(send("application/json", "{not json").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(send("application/json", "[1]").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(send("text/plain", "hello").await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = read(
        site.request(Method::POST, "/auth/register")
            .header("content-type", "application/json")
            .body(vec![b' '; 2 << 20]),
    );
    assert_eq!(large.await.0, StatusCode::PAYLOAD_TOO_LARGE);
    site.stop().await;
}

#[tokio::test]
async fn a_refresh_cookie_works_once_and_its_reuse_ends_the_family() {
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let answer = refresh(&site, &ada.cookie).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let set = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["valet_refresh=", "Path=/api/v1/auth", "HttpOnly", "Max-Age=604800", "SameSite=Lax"] {
        assert!(set.contains(part), "{set}");
    }
    let second = cookie(&answer);
    let body: Value = answer.json().await.unwrap();
    assert_eq!((&body["tokenType"], &body["expiresIn"]), (&json!("Bearer"), &json!(900)));

    let reused = refresh(&site, &ada.cookie).await;
    assert_eq!(reused.status(), StatusCode::UNAUTHORIZED);
    assert!(reused.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    // The thief's or the owner's: nobody can tell, so neither goes on.
    assert_eq!(refresh(&site, &second).await.status(), StatusCode::UNAUTHORIZED);
    // Another sign-in is another family.
    let fresh = site.sign_in("ada@example.com").await;
    assert_eq!(refresh(&site, &fresh.cookie).await.status(), StatusCode::OK);
    site.stop().await;
}

#[tokio::test]
async fn of_two_refreshes_at_once_one_wins() {
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let (one, two) = tokio::join!(refresh(&site, &ada.cookie), refresh(&site, &ada.cookie));
    let mut both = [one.status(), two.status()];
    both.sort();
    assert_eq!(both, [StatusCode::OK, StatusCode::UNAUTHORIZED]);
    site.stop().await;
}

#[tokio::test]
async fn signing_out_ends_the_session_and_revoking_ends_all() {
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let (other, third) = (site.sign_in("ada@example.com").await, site.sign_in("ada@example.com").await);
    let out = ada.request(Method::POST, "/auth/logout").header("cookie", &ada.cookie);
    assert_eq!(read(out).await, (StatusCode::OK, json!({ "success": true })));
    assert_eq!(refresh(&site, &ada.cookie).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&site, &other.cookie).await.status(), StatusCode::OK);

    assert_eq!(read(ada.request(Method::POST, "/auth/revoke-all")).await.0, StatusCode::OK);
    assert_eq!(refresh(&site, &third.cookie).await.status(), StatusCode::UNAUTHORIZED);
    for person in [&ada, &other, &third] {
        assert_eq!(person.get("/auth/me").await.0, StatusCode::UNAUTHORIZED);
    }
    site.stop().await;
}

#[tokio::test]
async fn a_deactivated_person_is_out_and_a_new_role_counts_at_once() {
    let site = Site::start().await;
    let ada = site.person("ada@example.com").await;
    let token = json!({ "name": "host" });
    assert_eq!(ada.post("/admin/enrolment-tokens", token.clone()).await.0, StatusCode::FORBIDDEN);
    sqlx::query("UPDATE users SET role = 'admin'").execute(&site.pool).await.unwrap();
    // Standings are remembered for a second; another gateway's change is seen after that.
    wait_until("the role", || async {
        ada.post("/admin/enrolment-tokens", json!({})).await.0 == StatusCode::BAD_REQUEST
    })
    .await;
    let (status, body) = ada.post("/admin/enrolment-tokens", token).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let made = body["token"].as_str().unwrap();
    assert!(made.len() >= 40 && body["command"].as_str().unwrap().contains(made));
    let stored: Vec<u8> = sqlx::query_scalar("SELECT hash FROM enrolment_tokens").fetch_one(&site.pool).await.unwrap();
    use sha2::Digest as _;
    let (secret, authority) = made.split_once('.').expect("it names the authority");
    assert_eq!(authority, hex::encode(crate::site::AUTHORITY));
    assert_eq!(stored, sha2::Sha256::digest(secret.as_bytes()).to_vec());
    // Before a coordinator has said whom agents may trust, a token would be good for nothing.
    sqlx::query("DELETE FROM fleet").execute(&site.pool).await.unwrap();
    let (status, body) = ada.post("/admin/enrolment-tokens", json!({ "name": "host" })).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");

    sqlx::query("UPDATE users SET is_active = false").execute(&site.pool).await.unwrap();
    wait_until("the end", || async { ada.get("/auth/me").await.0 == StatusCode::UNAUTHORIZED }).await;
    assert_eq!(refresh(&site, &ada.cookie).await.status(), StatusCode::UNAUTHORIZED);
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    assert_eq!(read(site.request(Method::POST, "/auth/login").json(&body)).await.0, StatusCode::UNAUTHORIZED);
    site.stop().await;
}

/// Polls a state that another party's clock decides.
pub async fn wait_until<F: Future<Output = bool>>(what: &str, mut is: impl FnMut() -> F) {
    let deadline = tokio::time::Instant::now() + crate::site::PATIENCE;
    while !is().await {
        assert!(tokio::time::Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_bcrypt_hash_is_renewed_on_signing_in() {
    let site = Site::start().await;
    let old = bcrypt::hash(PASSWORD, 4).unwrap();
    sqlx::query(
        "INSERT INTO users (email, name, password_hash, email_verified) VALUES ('old@example.com', 'Old', $1, true)",
    )
    .bind(&old)
    .execute(&site.pool)
    .await
    .unwrap();
    site.sign_in("old@example.com").await;
    let hash: String = sqlx::query_scalar("SELECT password_hash FROM users").fetch_one(&site.pool).await.unwrap();
    assert!(hash.starts_with("$argon2id$"));
    site.sign_in("old@example.com").await;
    site.stop().await;
}

#[tokio::test]
async fn without_a_token_nothing_is_told_not_even_what_exists() {
    let site = Site::start().await;
    for path in ["/auth/me", "/tasks", "/no-such-route"] {
        let (status, body) = read(site.request(Method::GET, path)).await;
        assert_eq!((status, &body["error"]), (StatusCode::UNAUTHORIZED, &json!("UNAUTHORIZED")), "{path}");
    }
    let ada = site.person("ada@example.com").await;
    let (status, body) = ada.get("/no-such-route").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!((&body["error"], &body["statusCode"]), (&json!("Not Found"), &json!(404)));
    site.stop().await;
}

#[tokio::test]
async fn too_many_requests_are_told_so() {
    let site = Site::limited(|limits| limits.general.max = 5).await;
    for left in (0..5).rev() {
        let answer = site.request(Method::GET, "/health").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["x-ratelimit-remaining"], left.to_string().as_str());
    }
    let answer = site.request(Method::GET, "/health").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(answer.json::<Value>().await.unwrap()["error"], "RATE_LIMIT_EXCEEDED");
    site.stop().await;
}

//! Which resume is the default, and what stays known of one that could not be read.

use protocol::ids::{ResumeId, UserId};
use sqlx::PgPool;
use store::resumes::{self, NewResume, ParseError, Parsed};

use crate::support::World;

async fn upload(world: &World, user: UserId) -> ResumeId {
    let id = ResumeId::new();
    let key = format!("resumes/{id}");
    let mut tx = world.tx().await;
    let new =
        NewResume { id, user, filename: "cv.pdf", file_key: &key, file_size_bytes: 1, mime_type: "application/pdf" };
    resumes::insert(&mut tx, new).await.unwrap();
    store::db::commit(tx, "adding").await.unwrap();
    id
}

async fn parse(world: &World, id: ResumeId, good: bool) {
    let parsed = Parsed { data: serde_json::json!({}), confidence: 0.9, text: "Ada".into() };
    let found = if good { Ok(&parsed) } else { Err(ParseError { code: "ENCRYPTED", message: "It is locked." }) };
    let mut tx = world.tx().await;
    assert!(resumes::keep_parsed(&mut tx, id, found, chrono::Utc::now()).await.unwrap());
    store::db::commit(tx, "keeping").await.unwrap();
}

async fn defaults(world: &World, user: UserId) -> Vec<ResumeId> {
    let mut tx = world.tx().await;
    let all = resumes::list(&mut tx, user).await.unwrap();
    all.into_iter().filter(|resume| resume.is_default).map(|resume| resume.id).collect()
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn the_first_readable_resume_is_the_default_until_it_is_deleted(pool: PgPool) {
    let world = World::new(pool).await;
    let (user, other) = (world.user().await, world.user().await);
    let bad = upload(&world, user).await;
    assert_eq!(defaults(&world, user).await, [bad], "the first one, while nothing speaks against it");
    parse(&world, bad, false).await;
    let first = upload(&world, user).await;
    assert_eq!(defaults(&world, user).await, [first], "one that cannot be read gives way");
    parse(&world, first, true).await;
    let second = upload(&world, user).await;
    parse(&world, second, true).await;
    assert_eq!(defaults(&world, user).await, [first], "later ones change nothing");
    let theirs = upload(&world, other).await;

    let mut tx = world.tx().await;
    assert!(resumes::delete(&mut tx, other, first).await.unwrap().is_none(), "not theirs to delete");
    assert!(resumes::delete(&mut tx, user, first).await.unwrap().is_some());
    store::db::commit(tx, "deleting").await.unwrap();
    assert_eq!(defaults(&world, user).await, [second], "not the one that could not be read");
    assert_eq!(defaults(&world, other).await, [theirs]);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn why_a_resume_could_not_be_read_stays_known_until_it_is_read_again(pool: PgPool) {
    let world = World::new(pool).await;
    let user = world.user().await;
    let id = upload(&world, user).await;
    parse(&world, id, false).await;
    let mut tx = world.tx().await;
    let resume = resumes::get(&mut tx, user, id).await.unwrap().unwrap();
    assert_eq!(resume.parse_error_code.as_deref(), Some("ENCRYPTED"));
    assert_eq!(resume.parse_error.as_deref(), Some("It is locked."));
    resumes::reparse(&mut tx, user, id).await.unwrap();
    let resume = resumes::get(&mut tx, user, id).await.unwrap().unwrap();
    assert_eq!((resume.status.as_str(), resume.parse_error_code), ("parsing", None));
    assert_eq!(resumes::waiting(&mut tx, 10).await.unwrap(), [(id, user)]);
}

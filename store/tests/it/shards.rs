//! Who owns the shards: taking, handing over, and taking over from the dead.

use protocol::ids::NodeId;
use sqlx::PgPool;
use store::nodes::{self, DISPATCHER, Node};
use store::shards::{self, Held};

use crate::support::World;

const ALL: std::ops::Range<i16> = 0..256;

fn node() -> Node {
    Node { id: NodeId::new(), address: "127.0.0.1:1".into(), leaving: false }
}

async fn renew(world: &World, node: &Node) {
    let mut tx = world.tx().await;
    nodes::renew(&mut tx, node).await.unwrap();
    store::db::commit(tx, "renewing").await.unwrap();
}

async fn take(world: &World, node: &Node) -> Vec<Held> {
    let mut tx = world.tx().await;
    let taken = shards::take(&mut tx, node.id, &ALL.collect::<Vec<_>>()).await.unwrap();
    store::db::commit(tx, "taking").await.unwrap();
    taken
}

async fn silence(world: &World, node: &Node) {
    sqlx::query("UPDATE nodes SET renewed_at = renewed_at - interval '1 hour' WHERE id = $1")
        .bind(node.id.0)
        .execute(&world.pool)
        .await
        .unwrap();
}

/// The world's own node is silent, a second one lives and has everything.
async fn owned(pool: PgPool) -> (World, Node) {
    let world = World::new(pool).await;
    sqlx::query("UPDATE nodes SET renewed_at = renewed_at - interval '1 hour'").execute(&world.pool).await.unwrap();
    let owner = node();
    renew(&world, &owner).await;
    assert_eq!(take(&world, &owner).await.len(), 256);
    (world, owner)
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn nothing_is_taken_from_the_living_and_everything_from_the_dead(pool: PgPool) {
    let (world, owner) = owned(pool).await;
    let other = node();
    renew(&world, &other).await;
    assert!(take(&world, &other).await.is_empty());
    silence(&world, &owner).await;
    let taken = take(&world, &other).await;
    assert_eq!(taken.len(), 256);
    assert!(taken.iter().all(|held| held.epoch == 3), "each owner has its own epoch");
    assert!(take(&world, &other).await.is_empty(), "what is ours is not taken again");
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn what_was_given_is_free_at_once(pool: PgPool) {
    let (world, owner) = owned(pool).await;
    let other = node();
    renew(&world, &other).await;
    let mut tx = world.tx().await;
    shards::give(&mut tx, owner.id, &[7, 9]).await.unwrap();
    store::db::commit(tx, "giving").await.unwrap();
    let mut taken: Vec<i16> = take(&world, &other).await.iter().map(|held| held.shard).collect();
    taken.sort_unstable();
    assert_eq!(taken, [7, 9]);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn an_owner_that_came_back_is_fenced_off_from_its_earlier_life(pool: PgPool) {
    let (world, owner) = owned(pool).await;
    let mut tx = world.tx().await;
    shards::retake(&mut tx, owner.id).await.unwrap();
    let rows = shards::all(&mut tx).await.unwrap();
    assert!(rows.iter().all(|row| row.node == Some(owner.id) && row.epoch == 3));
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_shard_that_a_commit_holds_is_left_for_the_next_time(pool: PgPool) {
    let (world, owner) = owned(pool).await;
    let other = node();
    renew(&world, &other).await;
    silence(&world, &owner).await;
    // The last commit of the dead owner is still under way: it has locked its shard.
    let mut last = world.tx().await;
    sqlx::query("SELECT id FROM shards WHERE id = 5 FOR SHARE").fetch_all(&mut last).await.unwrap();
    let taken = take(&world, &other).await;
    assert_eq!(taken.len(), 255);
    assert!(taken.iter().all(|held| held.shard != 5));
    last.rollback().await.unwrap();
    assert_eq!(take(&world, &other).await.len(), 1);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_role_has_one_owner_who_lives(pool: PgPool) {
    let (world, owner) = owned(pool).await;
    let other = node();
    renew(&world, &other).await;
    let mut tx = world.tx().await;
    assert_eq!(nodes::take_role(&mut tx, DISPATCHER, owner.id).await.unwrap(), Some(owner.id));
    assert_eq!(nodes::take_role(&mut tx, DISPATCHER, other.id).await.unwrap(), None);
    assert_eq!(nodes::role(&mut tx, DISPATCHER).await.unwrap(), Some(owner.id));
    store::db::commit(tx, "taking a role").await.unwrap();
    silence(&world, &owner).await;
    let mut tx = world.tx().await;
    assert_eq!(nodes::take_role(&mut tx, DISPATCHER, other.id).await.unwrap(), Some(other.id));
    assert_eq!(nodes::live(&mut tx).await.unwrap(), [other]);
}

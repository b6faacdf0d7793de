//! Through a real PgBouncer in transaction mode, with its defaults: many clients over few sessions of the server.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use protocol::ids::UserId;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use store::{Store, notifications, users};

use crate::support::{World, step};

/// For PgBouncer to serve, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Sessions of the server that all clients share.
const SESSIONS: u32 = 3;
const CLIENTS: usize = 24;
const ROUNDS: usize = 20;

/// A PgBouncer of our own on a socket file, in front of the test's database; gone with its value.
struct Pooler {
    dir: tempfile::TempDir,
    child: Child,
    database: PgConnectOptions,
}

impl Pooler {
    /// `None`, and says so, where there is no PgBouncer.
    async fn start(pool: &PgPool) -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("skipped: PgBouncer is not installed; 'make setup' installs it");
            return None;
        };
        let database = PgConnectOptions::clone(&pool.connect_options());
        let dir = tempfile::tempdir().unwrap();
        let owner = owner();
        if let Some((user, group)) = owner {
            std::os::unix::fs::chown(dir.path(), Some(user), Some(group)).unwrap();
        }
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let socket = database.get_socket().map(|path| path.display().to_string());
        let settings = format!(
            "[databases]\n* = host={} port={} user={}\n[pgbouncer]\npool_mode = transaction\ndefault_pool_size = {SESSIONS}\n\
             auth_type = any\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = {}\n",
            socket.as_deref().unwrap_or(database.get_host()),
            database.get_port(),
            database.get_username(),
            dir.path().display(),
        );
        let file = dir.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new(program);
        command.arg("--quiet").arg(&file).stdout(Stdio::null());
        if let Some((user, group)) = owner {
            command.uid(user).gid(group);
        }
        let pooler = Self { child: command.spawn().unwrap(), dir, database };
        tokio::time::timeout(PATIENCE, async {
            while pooler.client(1).begin().await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("PgBouncer serves");
        Some(pooler)
    }

    /// As a process of its own would connect.
    fn client(&self, connections: u32) -> Store {
        Store::with_pooler(self.way(), self.database.clone(), connections)
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn way(&self) -> PgConnectOptions {
        self.database.clone().socket(self.dir.path()).port(6432)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.kill();
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.exists())
}

/// Whom PgBouncer runs as when we are root, which it refuses to be: whoever may enter the database's folder.
fn owner() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:"))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn many_clients_over_few_sessions_get_their_own_rows_and_no_others(pool: PgPool) {
    let Some(pooler) = Pooler::start(&pool).await else { return };
    let world = World::new(pool.clone()).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push((pooler.client(2), world.user().await));
    }
    let work = clients.into_iter().map(|(store, user)| tokio::spawn(async move { use_it(&store, user).await }));
    for done in futures::future::join_all(work).await {
        done.unwrap();
    }
    let [told, others]: [i64; 2] = [
        sqlx::query_scalar("SELECT count(*) FROM notifications").fetch_one(&pool).await.unwrap(),
        sqlx::query_scalar(
            "SELECT count(*) FROM (SELECT user_id FROM notifications GROUP BY user_id HAVING count(*) <> $1) others",
        )
        .bind(ROUNDS as i64)
        .fetch_one(&pool)
        .await
        .unwrap(),
    ];
    assert_eq!((told, others), ((CLIENTS * ROUNDS) as i64, 0));
}

/// Writes and reads beside each other over both connections; what read is dropped, not ended.
async fn use_it(store: &Store, user: UserId) {
    for round in 1..=ROUNDS {
        let written = async {
            let mut tx = store.begin().await.unwrap();
            sqlx::query("INSERT INTO notifications (user_id, type, title, body) VALUES ($1, 'test', 'Hello', 'Ada')")
                .bind(user.0)
                .execute(&mut tx)
                .await
                .unwrap();
            store::db::commit(tx, "telling").await.unwrap();
        };
        let read = async {
            let mut tx = store.begin().await.unwrap();
            let person = users::by_id(&mut tx, user).await.unwrap().unwrap();
            assert_eq!(person.id, user);
            let seen: uuid::Uuid = sqlx::query_scalar("SELECT $1::uuid").bind(user.0).fetch_one(&mut tx).await.unwrap();
            assert_eq!(seen, user.0);
            let patience: String = sqlx::query_scalar("SHOW statement_timeout").fetch_one(&mut tx).await.unwrap();
            assert_eq!(patience, "15s");
        };
        tokio::join!(written, read);
        let mut tx = store.begin().await.unwrap();
        let counts = notifications::counts(&mut tx, user, false).await.unwrap();
        assert_eq!(counts.total, round as i64);
    }
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn what_needs_a_session_of_its_own_goes_past_the_pooler(pool: PgPool) {
    let Some(mut pooler) = Pooler::start(&pool).await else { return };
    let mut world = World { store: pooler.client(2), ..World::new(pool).await };
    world.held = world.take_shards().await;
    let user = world.user().await;
    let task = world.task(user, 1).await;
    pooler.kill();
    assert!(world.store.begin().await.is_err(), "the pooler is gone");
    world.commit(&[step(&task)]).await.unwrap();
    world.store.migrate().await.unwrap();
    world.store.listen("anything", || false).await.unwrap();
    world.store.direct().begin().await.unwrap();
}

/// Looking such a type up is a query of its own, which takes the statement without a name from the server. The journal has
/// one and goes past the pooler.
#[test]
fn no_other_statement_than_the_journals_has_a_value_of_a_type_of_ours() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../.sqlx");
    let mut having = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        if text.contains("\"Custom\"") {
            having.push(text);
        }
    }
    assert!(matches!(&*having, [journals] if journals.contains("task_step[]")), "{having:#?}");
}

//! What a commit refuses, and that slots and permits stay whole.

use protocol::form::Digest;
use protocol::ids::{LeaseId, PermitId, QaEntryId};
use sqlx::{PgPool, Row as _};
use store::journal::{CommitError, ResultRow, Slot, Step, Write};
use store::permits::Unrecorded;
use store::tasks::{PermitState, Task};

use crate::support::{World, claim, give, step};

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_stale_generation_writes_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    let user = world.user().await;
    let (mut first, second) = (world.task(user, 0).await, world.task(user, 0).await);
    first.progress = 7;
    world.commit(&[step(&first)]).await.unwrap();
    // The same step again, alone and beside one that is right: all or none.
    let failed = world.commit(&[step(&first)]).await;
    assert!(matches!(failed, Err(CommitError::Stale)), "{failed:?}");
    let failed = world.commit(&[step(&first), step(&second)]).await;
    assert!(matches!(failed, Err(CommitError::Stale)), "{failed:?}");
    assert_eq!(world.adopt(second.id).await.generation, second.generation + 1);
    let read = world.adopt(first.id).await;
    assert_eq!((read.progress, read.generation), (7, first.generation + 2));
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_row_is_read_as_it_was_written(pool: PgPool) {
    let world = World::new(pool).await;
    let (sandbox, epoch) = world.sandbox(1).await;
    let user = world.user().await;
    let mut task = world.task(user, 0).await;
    task.confidence_score = Some(0.7);
    task.interaction_data = Some(serde_json::json!({ "page_url": "https://x" }));
    task.pending = Some(store::tasks::Pending::Plan { round: 2 });
    task.recent_commands = vec![protocol::ids::CommandId::new()].into();
    world.claim(&mut task, sandbox, epoch).await.unwrap();
    let read = world.adopt(task.id).await;
    assert_eq!(read, Task { generation: task.generation + 1, ..task });
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_slot_is_taken_only_where_there_is_one(pool: PgPool) {
    let world = World::new(pool).await;
    let (sandbox, epoch) = world.sandbox(1).await;
    let (one, other) = (world.user().await, world.user().await);
    let (mut first, mut second) = (world.task(one, 0).await, world.task(other, 0).await);
    world.claim(&mut first, sandbox, epoch).await.unwrap();
    let full = world.claim(&mut second, sandbox, epoch).await;
    assert!(matches!(full, Err(CommitError::NoSlot)), "{full:?}");

    let (roomy, old) = world.sandbox(4).await;
    let epoch = world.connect(roomy, 4).await;
    let other_session = world.claim(&mut second, roomy, old).await;
    assert!(matches!(other_session, Err(CommitError::NoSlot)), "{other_session:?}");
    sqlx::query("UPDATE sandboxes SET draining = true WHERE id = $1").bind(roomy.0).execute(&world.pool).await.unwrap();
    let draining = world.claim(&mut second, roomy, epoch).await;
    assert!(matches!(draining, Err(CommitError::NoSlot)), "{draining:?}");
    sqlx::query("UPDATE sandboxes SET draining = false, connected = false WHERE id = $1")
        .bind(roomy.0)
        .execute(&world.pool)
        .await
        .unwrap();
    let gone = world.claim(&mut second, roomy, epoch).await;
    assert!(matches!(gone, Err(CommitError::NoSlot)), "{gone:?}");
    assert_eq!((world.load(sandbox).await, world.load(roomy).await, world.unbalanced().await), (1, 0, 0));
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn slots_of_one_batch_add_up(pool: PgPool) {
    let world = World::new(pool).await;
    let (sandbox, epoch) = world.sandbox(3).await;
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let user = world.user().await;
        tasks.push(world.task(user, 0).await);
    }
    let claims: Vec<Step> = tasks.iter().map(|task| claim(task, sandbox, epoch)).collect();
    world.commit(&claims).await.unwrap();
    assert_eq!(world.load(sandbox).await, 3);
    let held: Vec<Task> = claims.iter().map(|step| Task::clone(&step.task)).collect();

    // Two leave and one comes, in one statement.
    let user = world.user().await;
    let next = world.task(user, 0).await;
    world.commit(&[give(&held[0]), give(&held[1]), claim(&next, sandbox, epoch)]).await.unwrap();
    assert_eq!((world.load(sandbox).await, world.unbalanced().await), (2, 0));
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_slot_of_a_deleted_sandbox_is_gone_with_it(pool: PgPool) {
    let world = World::new(pool).await;
    let (sandbox, epoch) = world.sandbox(1).await;
    let user = world.user().await;
    let mut task = world.task(user, 0).await;
    world.claim(&mut task, sandbox, epoch).await.unwrap();
    sqlx::query("DELETE FROM sandboxes WHERE id = $1").bind(sandbox.0).execute(&world.pool).await.unwrap();
    let mut task = world.adopt(task.id).await;
    assert_eq!(task.sandbox_id, None);
    task.lease_id = None;
    world.commit(&[Step { slot: Slot::Give { sandbox }, ..step(&task) }]).await.unwrap();
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_person_has_no_more_running_than_the_cap(pool: PgPool) {
    let world = World::new(pool).await;
    let (sandbox, epoch) = world.sandbox(10).await;
    let user = world.user().await;
    let mut tasks = Vec::new();
    for _ in 0..6 {
        tasks.push(world.task(user, 0).await);
    }
    let batch: Vec<Step> = tasks[..4].iter().map(|task| claim(task, sandbox, epoch)).collect();
    let over = world.commit(&batch).await;
    assert!(matches!(over, Err(CommitError::UserCap)), "{over:?}");
    assert_eq!(world.load(sandbox).await, 0, "a refused batch takes no slot");

    // All at once, each in a transaction of its own.
    let claims = tasks.iter().map(|task| {
        let step = claim(task, sandbox, epoch);
        let world = &world;
        async move { world.commit(&[step]).await.is_ok() }
    });
    let taken = futures::future::join_all(claims).await.into_iter().filter(|taken| *taken).count();
    assert_eq!(taken as i64, store::journal::USER_CAP);
    assert_eq!((world.load(sandbox).await, world.unbalanced().await), (3, 0));
}

fn grant(task: &Task) -> (PermitId, Step) {
    let id = PermitId::new();
    let digest = Digest([0; 32]);
    let write = Write::PermitGranted { id, lease: LeaseId::new(), grant: 1, form: digest, values: digest };
    (id, Step { writes: vec![write], ..step(task) })
}

fn close(task: &Task, id: PermitId, state: PermitState) -> Step {
    Step { writes: vec![Write::PermitClosed { id, state }], ..step(task) }
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn the_database_itself_forbids_a_second_permit(pool: PgPool) {
    let world = World::new(pool).await;
    let user = world.user().await;
    let mut task = world.task(user, 0).await;
    let mut taken = async |make: &dyn Fn(&Task) -> Step| {
        let step = make(&task);
        let taken = world.commit(&[step]).await;
        if taken.is_ok() {
            task.generation += 1;
        }
        taken.is_ok()
    };
    let (first, second, third) = (PermitId::new(), PermitId::new(), PermitId::new());
    let granted = |id: PermitId| {
        move |task: &Task| {
            let (_, mut step) = grant(task);
            let Write::PermitGranted { id: at, .. } = &mut step.writes[0] else { unreachable!() };
            *at = id;
            step
        }
    };
    assert!(taken(&granted(first)).await);
    assert!(!taken(&granted(second)).await, "one is out");
    assert!(taken(&|task| close(task, first, PermitState::Unknown)).await);
    assert!(!taken(&granted(second)).await, "nobody knows how the first ended");
    assert!(taken(&|task| close(task, first, PermitState::Returned)).await);
    assert!(taken(&granted(second)).await);
    assert!(taken(&|task| close(task, second, PermitState::Sent)).await);
    assert!(taken(&granted(third)).await);
    assert!(!taken(&|task| close(task, third, PermitState::Sent)).await, "sent once, for ever");
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_used_permit_that_is_not_recorded_is_kept_and_forbids_another(pool: PgPool) {
    let world = World::new(pool).await;
    let user = world.user().await;
    let (lost, recorded, out) = (world.task(user, 0).await, world.task(user, 0).await, world.task(user, 0).await);
    let (known, granted) = grant(&recorded);
    let (open, other) = grant(&out);
    world.commit(&[granted, other]).await.unwrap();
    let (unknown, beside) = (PermitId::new(), PermitId::new());
    let named = [
        (unknown, lost.id),
        (known, recorded.id),
        // While another permit of the task is out there is no place for a second one.
        (beside, out.id),
        (PermitId::new(), protocol::ids::TaskId::new()),
    ];
    let (sandbox, _) = world.sandbox(1).await;
    sqlx::query("UPDATE tasks SET sandbox_id = $1 WHERE id = $2")
        .bind(sandbox.0)
        .bind(lost.id.0)
        .execute(&world.pool)
        .await
        .unwrap();
    let keep = async || {
        let mut tx = world.tx().await;
        let kept = store::permits::keep_unrecorded(&mut tx, sandbox, &named).await.unwrap();
        store::db::commit(tx, "keeping permits").await.unwrap();
        kept
    };
    let first = Unrecorded { permit: unknown, task: lost.id, here: true };
    let other = Unrecorded { permit: beside, task: out.id, here: false };
    assert_eq!(keep().await, [first, other]);
    assert_eq!(keep().await, [first, other], "and again, until their tasks know them");
    let (_, second) = grant(&lost);
    assert!(world.commit(&[second]).await.is_err(), "nobody knows how the first ended");
    let states: Vec<(uuid::Uuid, String)> =
        sqlx::query_as("SELECT id, state::text FROM permits WHERE id = ANY($1) ORDER BY id")
            .bind(vec![unknown.0, open.0, beside.0])
            .fetch_all(&world.pool)
            .await
            .unwrap();
    assert!(states.contains(&(unknown.0, "unknown".to_owned())) && states.contains(&(open.0, "granted".to_owned())));
    assert_eq!(states.len(), 2);
    // The task knows it now.
    let known =
        Task { sandbox_id: Some(sandbox), permit_id: Some(unknown), permit_state: Some(PermitState::Unknown), ..lost };
    world.commit(&[step(&known)]).await.unwrap();
    assert_eq!(keep().await, [other]);
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn the_record_of_each_field_is_read_as_it_was_written(pool: PgPool) {
    let world = World::new(pool).await;
    let task = world.task(world.user().await, 0).await;
    let entry = QaEntryId::new();
    let row = |name: &str| ResultRow {
        field_name: name.to_owned(),
        field_type: "select",
        value: Some("Yes; “quoted”, and \\ more".to_owned()),
        source: "qa_bank",
        confidence: 0.75,
        qa_bank_entry_id: Some(entry),
        user_overridden: true,
        field: "f1".into(),
        section: String::new(),
        sent: true,
    };
    let blank = ResultRow { value: None, qa_bank_entry_id: None, user_overridden: false, ..row("Blank") };
    let before = chrono::Utc::now();
    world.commit(&[Step { writes: vec![Write::Results(vec![row("Old")])], ..step(&task) }]).await.unwrap();
    let task = Task { generation: task.generation + 1, ..task };
    // The later record replaces the earlier one.
    let rows = vec![row("Visa"), blank.clone()];
    world.commit(&[Step { writes: vec![Write::Results(rows)], ..step(&task) }]).await.unwrap();

    let results = sqlx::query("SELECT * FROM application_results WHERE task_id = $1 ORDER BY field_name DESC")
        .bind(task.id.0)
        .fetch_all(&world.pool)
        .await
        .unwrap();
    assert_eq!(results.len(), 2);
    for (read, written) in results.iter().zip([row("Visa"), blank.clone()]) {
        assert_eq!(read.columns().len(), 11, "every column is looked at here");
        assert!(!read.get::<uuid::Uuid, _>("id").is_nil());
        assert_eq!(read.get::<uuid::Uuid, _>("task_id"), task.id.0);
        assert_eq!(read.get::<String, _>("field_name"), written.field_name);
        assert_eq!(read.get::<String, _>("field_type"), written.field_type);
        assert_eq!(read.get::<Option<String>, _>("value"), written.value);
        assert_eq!(read.get::<String, _>("source"), written.source);
        assert_eq!(read.get::<f32, _>("confidence"), written.confidence);
        let entry = written.qa_bank_entry_id.map(|entry| entry.0);
        assert_eq!(read.get::<Option<uuid::Uuid>, _>("qa_bank_entry_id"), entry);
        assert_eq!(read.get::<bool, _>("user_overridden"), written.user_overridden);
        assert_eq!(
            read.get::<serde_json::Value, _>("metadata"),
            serde_json::json!({ "fieldId": written.field, "section": written.section, "sent": written.sent })
        );
        let filled_at = read.get::<chrono::DateTime<chrono::Utc>, _>("filled_at");
        assert!(filled_at >= before - chrono::Duration::seconds(1) && filled_at <= chrono::Utc::now());
    }
    let fields = sqlx::query("SELECT * FROM application_fields WHERE application_id = $1 ORDER BY field_name DESC")
        .bind(task.id.0)
        .fetch_all(&world.pool)
        .await
        .unwrap();
    assert_eq!(fields.len(), 2);
    for (read, written) in fields.iter().zip([row("Visa"), blank]) {
        assert_eq!(read.columns().len(), 5, "every column is looked at here");
        assert!(!read.get::<uuid::Uuid, _>("id").is_nil());
        assert_eq!(read.get::<uuid::Uuid, _>("application_id"), task.id.0);
        assert_eq!(read.get::<String, _>("field_name"), written.field_name);
        assert_eq!(read.get::<Option<String>, _>("field_value"), written.value);
        assert!(read.get::<chrono::DateTime<chrono::Utc>, _>("created_at") >= before - chrono::Duration::seconds(1));
    }
}

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn a_batch_without_an_answer_is_in_doubt_and_the_next_goes_over_another_connection(pool: PgPool) {
    let world = World::new(pool.clone()).await;
    let user = world.user().await;
    let task = world.task(user, 0).await;
    // A lock that is never given up is as silent as a server that is gone.
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM tasks WHERE id = $1 FOR UPDATE").bind(task.id.0).execute(&mut *lock).await.unwrap();
    let mut writer = store::journal::Writer::new(world.store.clone());
    let silent = writer.commit(&world.held, &[step(&task)]).await;
    assert!(matches!(silent, Err(CommitError::InDoubt(store::StoreError::Silent { .. }))), "{silent:?}");
    lock.rollback().await.unwrap();
    // Whoever takes it over finds out what became of it.
    let adopted = world.adopt(task.id).await;
    writer.commit(&world.held, &[step(&adopted)]).await.unwrap();
    assert_eq!(world.adopt(task.id).await.generation, adopted.generation + 2);
}

//! The tables that the migrations make: those of the contract, with its columns, and the actors' own.

use sqlx::{PgPool, Row as _};

/// One line per table, `name: column type, …`, both by name.
const TABLES: &str = include_str!("tables.txt");

/// The contract names 19 tables; three of them, `gh_*`, are another service's and not made by these migrations.
const CONTRACT: [&str; 16] = [
    "action_manuals",
    "application_fields",
    "application_results",
    "audit_trail",
    "browser_profiles",
    "consent_records",
    "manual_steps",
    "notifications",
    "proxy_bindings",
    "qa_bank",
    "resumes",
    "sandbox_secrets",
    "sandboxes",
    "task_events",
    "tasks",
    "users",
];

#[sqlx::test(migrator = "store::MIGRATIONS")]
async fn the_migrations_make_these_tables_and_no_others(pool: PgPool) {
    let rows = sqlx::query(
        "SELECT table_name::text AS name,
                string_agg(column_name || ' ' || udt_name, ', ' ORDER BY column_name COLLATE \"C\") AS columns
           FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'
          GROUP BY table_name ORDER BY table_name COLLATE \"C\"",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let made: Vec<(String, String)> = rows.iter().map(|row| (row.get("name"), row.get("columns"))).collect();
    let lines: String = made.iter().map(|(name, columns)| format!("{name}: {columns}\n")).collect();
    assert_eq!(lines, TABLES, "the tables as they are:\n{lines}");
    let missing: Vec<_> = CONTRACT.iter().filter(|table| !made.iter().any(|(name, _)| name == *table)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(!made.iter().any(|(name, _)| name.starts_with("gh_")), "those are another service's");
}

//! What every process of a fleet may know of it: coordinators write it when they start, gateways read it.

use crate::{StoreError, Transaction};

/// Says which authority signs agents and coordinators, by the SHA-256 of its certificate.
///
/// # Errors
/// When the database does not answer.
pub async fn publish_authority(db: &mut Transaction<'_>, sha256: &[u8; 32]) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO fleet (authority_sha256) VALUES ($1)
         ON CONFLICT (one) DO UPDATE SET authority_sha256 = EXCLUDED.authority_sha256
          WHERE fleet.authority_sha256 <> EXCLUDED.authority_sha256",
        sha256
    )
    .execute(db)
    .await
    .map_err(StoreError::during("publishing the authority"))?;
    Ok(())
}

/// The authority's SHA-256; `None` before the first coordinator has started.
///
/// # Errors
/// When the database does not answer.
pub async fn authority(db: &mut Transaction<'_>) -> Result<Option<[u8; 32]>, StoreError> {
    let sha256 = sqlx::query_scalar!("SELECT authority_sha256 FROM fleet")
        .fetch_optional(db)
        .await
        .map_err(StoreError::during("reading the authority"))?;
    let corrupt = StoreError::Corrupt { doing: "reading the authority" };
    sha256.map(|bytes| bytes.try_into().map_err(|_| corrupt)).transpose()
}

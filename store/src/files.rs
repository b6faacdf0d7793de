//! Object storage for resumes and screenshots: the local disk, or later anything that speaks S3.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path as Key};

#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("no such file in storage")]
    NotFound,
    #[error("the storage has no room left")]
    Full(#[source] object_store::Error),
    #[error("the storage failed")]
    Failed(#[source] object_store::Error),
}

impl From<object_store::Error> for FilesError {
    fn from(error: object_store::Error) -> Self {
        if matches!(error, object_store::Error::NotFound { .. }) {
            return Self::NotFound;
        }
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(inner) = cause {
            if let Some(io) = inner.downcast_ref::<std::io::Error>()
                && matches!(io.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
            {
                return Self::Full(error);
            }
            cause = inner.source();
        }
        Self::Failed(error)
    }
}

/// Keys are paths like `resumes/<user>/<id>-<name>`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Files {
    inner: Arc<dyn ObjectStore>,
}

impl Files {
    /// Files below `root`, which is created when missing.
    ///
    /// # Errors
    /// When the folder cannot be made or opened.
    pub fn local(root: &Path) -> Result<Self, FilesError> {
        std::fs::create_dir_all(root).map_err(|source| {
            FilesError::Failed(object_store::Error::Generic { store: "local disk", source: Box::new(source) })
        })?;
        let disk = LocalFileSystem::new_with_prefix(root)?.with_fsync(true).with_automatic_cleanup(true);
        Ok(Self { inner: Arc::new(disk) })
    }

    /// Stores under `key`, replacing what was there; durable when it returns.
    ///
    /// # Errors
    /// [`FilesError::Full`] when there is no room.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<(), FilesError> {
        self.inner.put(&Key::from(key), bytes.into()).await?;
        Ok(())
    }

    /// # Errors
    /// [`FilesError::NotFound`] when there is nothing under `key`.
    pub async fn get(&self, key: &str) -> Result<Bytes, FilesError> {
        Ok(self.inner.get(&Key::from(key)).await?.bytes().await?)
    }

    /// Removes what is under `key`; fine when there is nothing.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn delete(&self, key: &str) -> Result<(), FilesError> {
        match self.inner.delete(&Key::from(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

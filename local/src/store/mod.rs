//! What the cluster remembers: one `SQLite` file in the data folder.

mod boxes;
mod credentials;
mod disks;
mod domains;
mod networks;
mod ports;
mod proxies;
mod templates;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

pub(crate) use boxes::{BoxRecord, BoxRefusal, NewBoxRecord};
pub(crate) use credentials::{ApiKeyRecord, TokenRecord};
pub(crate) use disks::{AttachmentRecord, DiskRecord, DiskRefusal, VolumeRecord};
pub(crate) use domains::DomainRecord;
pub(crate) use networks::NetworkRefusal;
pub(crate) use ports::PortRecord;
pub(crate) use proxies::{BoxProxy, ProxyRecord, RouteRecord};
pub(crate) use templates::TemplateRecord;

/// One script per schema version, applied in order and once.
const MIGRATIONS: [&str; 2] = [include_str!("schema_1.sql"), include_str!("schema_2.sql")];

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the cluster's database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("a value in the cluster's database: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the data folder was written by a newer boxd-local (schema {found}, this one knows {known})")]
    Newer { found: u32, known: u32 },
    #[error("the cluster is shutting down")]
    Closed,
}

/// A handle to the database. Cheap to clone; its work runs off the async threads.
#[derive(Clone)]
pub(crate) struct Store {
    connection: Arc<Mutex<Connection>>,
}

impl Store {
    /// Opens the database at `path`, making or upgrading it. Blocks.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path)?;
        // With a WAL, NORMAL keeps every commit when the process is killed; only a power cut can lose the last ones.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        migrate(&mut connection)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// Runs `work` with the connection, on a thread that may block.
    async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        tokio::task::spawn_blocking(move || {
            // A panic elsewhere rolled its transaction back; the connection is sound.
            work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
        })
        .await
        .unwrap_or(Err(StoreError::Closed))
    }
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let mut version = 0;
    for script in MIGRATIONS {
        version += 1;
        if version > found {
            let step = connection.transaction()?;
            step.execute_batch(script)?;
            step.pragma_update(None, "user_version", version)?;
            step.commit()?;
        }
    }
    if found > version {
        return Err(StoreError::Newer { found, known: version });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_schema_is_upgraded_with_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        old.execute_batch(
            "INSERT INTO boxes VALUES ('vm-1', 'old', 'i', 'stopped', 'always', '[]', '[]', '{}', 1, 2, 3, 4, 5, '', '', 6, 7)",
        )
        .unwrap();
        drop(old);
        let store = Store::open(&path).unwrap();
        let upgraded = store.connection.lock().unwrap();
        let (name, hibernated): (String, i64) = upgraded
            .query_row("SELECT name, hibernated_at_ms FROM boxes", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!((&*name, hibernated), ("old", 0));
        let version: u32 = upgraded.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, u32::try_from(MIGRATIONS.len()).unwrap());
    }

    #[test]
    fn a_newer_schema_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        drop(Store::open(&path).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = Store::open(&path).err().unwrap();
        assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    }
}

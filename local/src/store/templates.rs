//! Templates of boxes.

use rusqlite::{OptionalExtension as _, Row, params};

use super::proxies::changed;
use super::{Store, StoreError};

#[derive(Debug, Clone)]
pub(crate) struct TemplateRecord {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) image: String,
    /// The wire's `VmConfig`, encoded.
    pub(crate) config: Vec<u8>,
    pub(crate) created_at: i64,
}

const COLUMNS: &str = "id, name, image, config, created_at";

impl Store {
    /// Adds a template; false when its name is taken.
    pub(crate) async fn insert_template(&self, template: TemplateRecord) -> Result<bool, StoreError> {
        self.run(move |connection| {
            let statement = format!(
                "INSERT INTO templates ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO NOTHING"
            );
            let TemplateRecord { id, name, image, config, created_at } = template;
            changed(connection, &statement, params![id, name, image, config, created_at])
        })
        .await
    }

    pub(crate) async fn template(&self, id: &str) -> Result<Option<TemplateRecord>, StoreError> {
        let id = id.to_owned();
        self.run(move |connection| {
            let query = format!("SELECT {COLUMNS} FROM templates WHERE id = ?1");
            Ok(connection.prepare_cached(&query)?.query_row([id], template).optional()?)
        })
        .await
    }

    /// Every template, the oldest first.
    pub(crate) async fn templates(&self) -> Result<Vec<TemplateRecord>, StoreError> {
        self.run(|connection| {
            let query = format!("SELECT {COLUMNS} FROM templates ORDER BY created_at, rowid");
            let mut query = connection.prepare_cached(&query)?;
            let rows = query.query_map([], template)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Deletes a template; false when there is none with this id.
    pub(crate) async fn delete_template(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.run(move |connection| changed(connection, "DELETE FROM templates WHERE id = ?1", [id])).await
    }
}

fn template(row: &Row<'_>) -> rusqlite::Result<TemplateRecord> {
    Ok(TemplateRecord {
        id: row.get("id")?,
        name: row.get("name")?,
        image: row.get("image")?,
        config: row.get("config")?,
        created_at: row.get("created_at")?,
    })
}

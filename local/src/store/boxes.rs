//! The boxes table: one row per box that was not destroyed.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::disks::insert_attachment;
use super::{DiskRefusal, ProxyRecord, Store, StoreError, VolumeRecord};
use crate::boxes::Status;

/// All that outlives a restart about one box.
#[derive(Debug, Clone)]
pub(crate) struct BoxRecord {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) status: Status,
    pub(crate) restart_policy: String,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cmd: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) vcpu: u32,
    pub(crate) memory_bytes: u64,
    pub(crate) disk_bytes: u64,
    pub(crate) auto_suspend_secs: u32,
    pub(crate) auto_destroy_secs: u32,
    pub(crate) auto_hibernate_secs: u32,
    /// Unix milliseconds; 0 when it is not hibernated.
    pub(crate) hibernated_at_ms: i64,
    /// The box that this one was forked from, as it was then; empty for none.
    pub(crate) source_id: String,
    pub(crate) source_name: String,
    pub(crate) boot_time_ms: u64,
    pub(crate) created_at: i64,
}

/// A box that is to be added, with what belongs to it.
#[derive(Debug, Clone)]
pub(crate) struct NewBoxRecord {
    pub(crate) record: BoxRecord,
    pub(crate) proxies: Vec<ProxyRecord>,
    pub(crate) volumes: Vec<VolumeRecord>,
}

/// Why a box was not added.
#[derive(Debug)]
pub(crate) enum BoxRefusal {
    NameTaken,
    Disk(DiskRefusal),
}

const COLUMNS: &str = "id, name, image, status, restart_policy, env, cmd, labels, vcpu, memory_bytes, disk_bytes, \
                       auto_suspend_secs, auto_destroy_secs, auto_hibernate_secs, hibernated_at_ms, source_id, \
                       source_name, boot_time_ms, created_at";

impl Store {
    /// Adds a box and what belongs to it, or nothing.
    pub(crate) async fn insert_box(&self, new: NewBoxRecord) -> Result<Result<(), BoxRefusal>, StoreError> {
        self.run(move |connection| {
            let NewBoxRecord { record, proxies, volumes } = new;
            let step = connection.transaction()?;
            let added = step.execute(
                &format!(
                    "INSERT INTO boxes ({COLUMNS}) \
                     VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19) \
                     ON CONFLICT (name) DO NOTHING"
                ),
                params![
                    record.id,
                    record.name,
                    record.image,
                    record.status.as_str(),
                    record.restart_policy,
                    serde_json::to_string(&record.env)?,
                    serde_json::to_string(&record.cmd)?,
                    serde_json::to_string(&record.labels)?,
                    record.vcpu,
                    record.memory_bytes.cast_signed(),
                    record.disk_bytes.cast_signed(),
                    record.auto_suspend_secs,
                    record.auto_destroy_secs,
                    record.auto_hibernate_secs,
                    record.hibernated_at_ms,
                    record.source_id,
                    record.source_name,
                    record.boot_time_ms.cast_signed(),
                    record.created_at,
                ],
            )?;
            if added == 0 {
                return Ok(Err(BoxRefusal::NameTaken));
            }
            for proxy in &proxies {
                step.execute(
                    "INSERT INTO proxies (box_id, name, port) VALUES (?1, ?2, ?3)",
                    params![record.id, proxy.name, proxy.port],
                )?;
            }
            for volume in &volumes {
                if let Err(refusal) = insert_attachment(&step, &record.id, volume)? {
                    return Ok(Err(BoxRefusal::Disk(refusal)));
                }
            }
            step.commit()?;
            Ok(Ok(()))
        })
        .await
    }

    pub(crate) async fn box_by_id(&self, id: &str) -> Result<Option<BoxRecord>, StoreError> {
        let id = id.to_owned();
        self.run(move |connection| {
            let query = format!("SELECT {COLUMNS} FROM boxes WHERE id = ?1");
            connection.prepare_cached(&query)?.query_row([id], |row| Ok(read(row))).optional()?.transpose()
        })
        .await
    }

    /// A box by its id or else its name.
    pub(crate) async fn box_by_id_or_name(&self, key: &str) -> Result<Option<BoxRecord>, StoreError> {
        let key = key.to_owned();
        self.run(move |connection| {
            let query =
                format!("SELECT {COLUMNS} FROM boxes WHERE id = ?1 OR name = ?1 ORDER BY id <> ?1 LIMIT 1");
            connection.prepare_cached(&query)?.query_row([key], |row| Ok(read(row))).optional()?.transpose()
        })
        .await
    }

    /// Every box, oldest first.
    pub(crate) async fn boxes(&self) -> Result<Vec<BoxRecord>, StoreError> {
        self.run(|connection| {
            let query = format!("SELECT {COLUMNS} FROM boxes ORDER BY created_at, rowid");
            let mut query = connection.prepare_cached(&query)?;
            let rows = query.query_map([], |row| Ok(read(row)))?;
            rows.map(|row| row?).collect()
        })
        .await
    }

    pub(crate) async fn set_status(&self, id: &str, status: Status) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.run(move |connection| {
            update(
                connection,
                "UPDATE boxes SET status = ?2, hibernated_at_ms = 0 WHERE id = ?1",
                params![id, status.as_str()],
            )
        })
        .await
    }

    pub(crate) async fn set_hibernated(&self, id: &str, at_ms: i64) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.run(move |connection| {
            update(
                connection,
                "UPDATE boxes SET status = ?2, hibernated_at_ms = ?3 WHERE id = ?1",
                params![id, Status::Hibernated.as_str(), at_ms],
            )
        })
        .await
    }

    /// The box runs since a boot that took `boot_time_ms`.
    pub(crate) async fn set_booted(&self, id: &str, boot_time_ms: u64) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.run(move |connection| {
            update(
                connection,
                "UPDATE boxes SET status = ?2, boot_time_ms = ?3, hibernated_at_ms = 0 WHERE id = ?1",
                params![id, Status::Running.as_str(), boot_time_ms.cast_signed()],
            )
        })
        .await
    }

    /// Gives a box another name; false when it is taken.
    pub(crate) async fn rename_box(&self, id: &str, name: &str) -> Result<bool, StoreError> {
        let (id, name) = (id.to_owned(), name.to_owned());
        self.run(move |connection| {
            let taken = "SELECT EXISTS (SELECT 1 FROM boxes WHERE name = ?2 AND id <> ?1)";
            let step = connection.transaction()?;
            if step.query_row(taken, params![id, name], |row| row.get(0))? {
                return Ok(false);
            }
            step.execute("UPDATE boxes SET name = ?2 WHERE id = ?1", params![id, name])?;
            step.commit()?;
            Ok(true)
        })
        .await
    }

    pub(crate) async fn set_auto_suspend(&self, id: &str, secs: u32) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.run(move |connection| {
            update(connection, "UPDATE boxes SET auto_suspend_secs = ?2 WHERE id = ?1", params![id, secs])
        })
        .await
    }

    pub(crate) async fn set_auto_hibernate(&self, id: &str, secs: u32) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.run(move |connection| {
            update(connection, "UPDATE boxes SET auto_hibernate_secs = ?2 WHERE id = ?1", params![id, secs])
        })
        .await
    }

    pub(crate) async fn delete_box(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.run(move |connection| update(connection, "DELETE FROM boxes WHERE id = ?1", [id])).await
    }
}

fn update(connection: &Connection, statement: &str, values: impl rusqlite::Params) -> Result<(), StoreError> {
    connection.prepare_cached(statement)?.execute(values)?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<BoxRecord, StoreError> {
    let json = |column: &str| row.get::<_, String>(column);
    Ok(BoxRecord {
        id: row.get("id")?,
        name: row.get("name")?,
        image: row.get("image")?,
        status: Status::parse(&row.get::<_, String>("status")?),
        restart_policy: row.get("restart_policy")?,
        env: serde_json::from_str(&json("env")?)?,
        cmd: serde_json::from_str(&json("cmd")?)?,
        labels: serde_json::from_str(&json("labels")?)?,
        vcpu: row.get("vcpu")?,
        memory_bytes: row.get::<_, i64>("memory_bytes")?.cast_unsigned(),
        disk_bytes: row.get::<_, i64>("disk_bytes")?.cast_unsigned(),
        auto_suspend_secs: row.get("auto_suspend_secs")?,
        auto_destroy_secs: row.get("auto_destroy_secs")?,
        auto_hibernate_secs: row.get("auto_hibernate_secs")?,
        hibernated_at_ms: row.get("hibernated_at_ms")?,
        source_id: row.get("source_id")?,
        source_name: row.get("source_name")?,
        boot_time_ms: row.get::<_, i64>("boot_time_ms")?.cast_unsigned(),
        created_at: row.get("created_at")?,
    })
}

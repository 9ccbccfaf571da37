//! Disks, and the boxes that they are attached to.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::proxies::changed;
use super::{Store, StoreError};

#[derive(Debug, Clone)]
pub(crate) struct DiskRecord {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) size_bytes: u64,
    /// Unix milliseconds.
    pub(crate) created_at_ms: i64,
}

/// A disk's place in a box.
#[derive(Debug, Clone)]
pub(crate) struct VolumeRecord {
    pub(crate) disk_id: String,
    pub(crate) mount_path: String,
    pub(crate) read_only: bool,
}

/// A disk and the box that it is attached to.
#[derive(Debug, Clone)]
pub(crate) struct AttachmentRecord {
    pub(crate) box_id: String,
    pub(crate) box_name: String,
    pub(crate) mount_path: String,
    pub(crate) read_only: bool,
}

/// Why a disk is not attached to a box, or not deleted.
#[derive(Debug)]
pub(crate) enum DiskRefusal {
    /// There is no disk with this id.
    Unknown(String),
    /// It is attached to the box with this name.
    Attached { disk_id: String, box_name: String },
}

impl Store {
    /// Adds a disk; false when its name is taken.
    pub(crate) async fn insert_disk(&self, disk: DiskRecord) -> Result<bool, StoreError> {
        self.run(move |connection| {
            changed(
                connection,
                "INSERT INTO disks (id, name, size_bytes, created_at_ms) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (name) DO NOTHING",
                params![disk.id, disk.name, disk.size_bytes.cast_signed(), disk.created_at_ms],
            )
        })
        .await
    }

    /// Every disk, the oldest first, with the box that it is attached to.
    pub(crate) async fn disks(&self) -> Result<Vec<(DiskRecord, Option<AttachmentRecord>)>, StoreError> {
        self.run(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT disks.id, disks.name, size_bytes, created_at_ms, box_id, boxes.name, mount_path, read_only \
                 FROM disks LEFT JOIN attachments ON disk_id = disks.id LEFT JOIN boxes ON boxes.id = box_id \
                 ORDER BY created_at_ms, disks.rowid",
            )?;
            let rows = query.query_map([], |row| Ok((disk(row)?, attachment(row)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Forgets a disk that is attached to no box.
    pub(crate) async fn delete_disk(&self, id: &str) -> Result<Result<(), DiskRefusal>, StoreError> {
        let id = id.to_owned();
        self.run(move |connection| {
            let step = connection.transaction()?;
            if let Some(refusal) = refusal(&step, &id)? {
                return Ok(Err(refusal));
            }
            step.execute("DELETE FROM disks WHERE id = ?1", [id])?;
            step.commit()?;
            Ok(Ok(()))
        })
        .await
    }

    /// Attaches a disk that is attached to no box yet.
    pub(crate) async fn attach(
        &self,
        box_id: &str,
        volume: VolumeRecord,
    ) -> Result<Result<(), DiskRefusal>, StoreError> {
        let box_id = box_id.to_owned();
        self.run(move |connection| {
            let step = connection.transaction()?;
            let attached = insert_attachment(&step, &box_id, &volume)?;
            step.commit()?;
            Ok(attached)
        })
        .await
    }

    /// Ends an attachment; false when there is none.
    pub(crate) async fn detach(&self, box_id: &str, disk_id: &str) -> Result<bool, StoreError> {
        let values = (disk_id.to_owned(), box_id.to_owned());
        self.run(move |connection| {
            changed(connection, "DELETE FROM attachments WHERE disk_id = ?1 AND box_id = ?2", values)
        })
        .await
    }

    /// The disks of a box, in the order of their paths.
    pub(crate) async fn volumes(&self, box_id: &str) -> Result<Vec<VolumeRecord>, StoreError> {
        let box_id = box_id.to_owned();
        self.run(move |connection| {
            let mut query = connection.prepare_cached(
                "SELECT disk_id, mount_path, read_only FROM attachments WHERE box_id = ?1 ORDER BY mount_path",
            )?;
            let rows = query.query_map([box_id], |row| {
                Ok(VolumeRecord { disk_id: row.get(0)?, mount_path: row.get(1)?, read_only: row.get(2)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// Within a transaction: attaches a disk, if it may be.
pub(super) fn insert_attachment(
    step: &Connection,
    box_id: &str,
    volume: &VolumeRecord,
) -> Result<Result<(), DiskRefusal>, StoreError> {
    if let Some(refusal) = refusal(step, &volume.disk_id)? {
        return Ok(Err(refusal));
    }
    step.execute(
        "INSERT INTO attachments (disk_id, box_id, mount_path, read_only) VALUES (?1, ?2, ?3, ?4)",
        params![volume.disk_id, box_id, volume.mount_path, volume.read_only],
    )?;
    Ok(Ok(()))
}

/// Why a disk can neither be attached nor deleted now; none when it can.
fn refusal(step: &Connection, id: &str) -> Result<Option<DiskRefusal>, StoreError> {
    let query = "SELECT boxes.name FROM disks LEFT JOIN attachments ON disk_id = disks.id \
                 LEFT JOIN boxes ON boxes.id = box_id WHERE disks.id = ?1";
    let attached: Option<Option<String>> = step.query_row(query, [id], |row| row.get(0)).optional()?;
    let disk_id = id.to_owned();
    Ok(match attached {
        None => Some(DiskRefusal::Unknown(disk_id)),
        Some(Some(box_name)) => Some(DiskRefusal::Attached { disk_id, box_name }),
        Some(None) => None,
    })
}

fn disk(row: &Row<'_>) -> rusqlite::Result<DiskRecord> {
    Ok(DiskRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        size_bytes: row.get::<_, i64>(2)?.cast_unsigned(),
        created_at_ms: row.get(3)?,
    })
}

fn attachment(row: &Row<'_>) -> rusqlite::Result<Option<AttachmentRecord>> {
    let Some(box_id) = row.get(4)? else { return Ok(None) };
    Ok(Some(AttachmentRecord {
        box_id,
        box_name: row.get(5)?,
        mount_path: row.get(6)?,
        read_only: row.get(7)?,
    }))
}

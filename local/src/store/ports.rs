//! Ports of this machine that lead into boxes.

use rusqlite::{Row, params};

use super::proxies::changed;
use super::{Store, StoreError};

#[derive(Debug, Clone)]
pub(crate) struct PortRecord {
    pub(crate) public_port: u16,
    pub(crate) box_id: String,
    pub(crate) box_name: String,
    pub(crate) box_port: u16,
    pub(crate) protocol: String,
}

const QUERY: &str =
    "SELECT public_port, box_id, name, box_port, protocol FROM ports JOIN boxes ON id = box_id";

impl Store {
    /// Adds a port, or gives one that is there its protocol.
    pub(crate) async fn put_port(&self, port: PortRecord) -> Result<(), StoreError> {
        self.run(move |connection| {
            connection.execute(
                "INSERT INTO ports (public_port, box_id, box_port, protocol) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (public_port) DO UPDATE SET protocol = excluded.protocol",
                params![port.public_port, port.box_id, port.box_port, port.protocol],
            )?;
            Ok(())
        })
        .await
    }

    /// Every port, box by box, the oldest first.
    pub(crate) async fn ports(&self) -> Result<Vec<PortRecord>, StoreError> {
        self.run(|connection| {
            let query = format!("{QUERY} ORDER BY created_at, boxes.rowid, box_port");
            let mut query = connection.prepare_cached(&query)?;
            let rows = query.query_map([], port)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Forgets a port; false when it is not there.
    pub(crate) async fn delete_port(&self, public_port: u16) -> Result<bool, StoreError> {
        self.run(move |connection| {
            changed(connection, "DELETE FROM ports WHERE public_port = ?1", [public_port])
        })
        .await
    }
}

fn port(row: &Row<'_>) -> rusqlite::Result<PortRecord> {
    Ok(PortRecord {
        public_port: row.get(0)?,
        box_id: row.get(1)?,
        box_name: row.get(2)?,
        box_port: row.get(3)?,
        protocol: row.get(4)?,
    })
}

//! The HTTP proxies of boxes.

use rusqlite::Connection;

use super::{Store, StoreError};

/// A way to reach a port of a box from outside; the default one has no name.
#[derive(Debug, Clone)]
pub(crate) struct ProxyRecord {
    pub(crate) name: String,
    /// 0: whichever the box listens on.
    pub(crate) port: u32,
}

/// A proxy and the box that it leads into.
#[derive(Debug, Clone)]
pub(crate) struct BoxProxy {
    pub(crate) box_id: String,
    pub(crate) box_name: String,
    pub(crate) proxy: ProxyRecord,
}

impl Store {
    /// The proxies of one box, the default one first.
    pub(crate) async fn proxies(&self, id: &str) -> Result<Vec<ProxyRecord>, StoreError> {
        let id = id.to_owned();
        self.run(move |connection| {
            let mut query = connection
                .prepare_cached("SELECT name, port FROM proxies WHERE box_id = ?1 ORDER BY name")?;
            let rows =
                query.query_map([id], |row| Ok(ProxyRecord { name: row.get(0)?, port: row.get(1)? }))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The proxies of every box, box by box, the oldest first.
    pub(crate) async fn all_proxies(&self) -> Result<Vec<BoxProxy>, StoreError> {
        self.run(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT boxes.id, boxes.name, proxies.name, port FROM proxies JOIN boxes ON boxes.id = box_id \
                 ORDER BY boxes.created_at, boxes.rowid, proxies.name",
            )?;
            let rows = query.query_map([], |row| {
                let proxy = ProxyRecord { name: row.get(2)?, port: row.get(3)? };
                Ok(BoxProxy { box_id: row.get(0)?, box_name: row.get(1)?, proxy })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Adds a proxy; false when the box has one of that name, or is gone.
    pub(crate) async fn insert_proxy(&self, box_id: &str, proxy: ProxyRecord) -> Result<bool, StoreError> {
        let values = (box_id.to_owned(), proxy.name, proxy.port);
        self.run(move |connection| {
            changed(
                connection,
                "INSERT INTO proxies (box_id, name, port) SELECT id, ?2, ?3 FROM boxes WHERE id = ?1 \
                 ON CONFLICT DO NOTHING",
                values,
            )
        })
        .await
    }

    /// Points a proxy at another port; false when there is no such proxy.
    pub(crate) async fn set_proxy_port(&self, box_id: &str, proxy: ProxyRecord) -> Result<bool, StoreError> {
        let values = (box_id.to_owned(), proxy.name, proxy.port);
        self.run(move |connection| {
            changed(connection, "UPDATE proxies SET port = ?3 WHERE box_id = ?1 AND name = ?2", values)
        })
        .await
    }

    /// Deletes a proxy; false when there is no such proxy.
    pub(crate) async fn delete_proxy(&self, box_id: &str, name: &str) -> Result<bool, StoreError> {
        let values = (box_id.to_owned(), name.to_owned());
        self.run(move |connection| {
            changed(connection, "DELETE FROM proxies WHERE box_id = ?1 AND name = ?2", values)
        })
        .await
    }
}

/// Whether a statement has changed a row.
pub(super) fn changed(
    connection: &Connection,
    statement: &str,
    values: impl rusqlite::Params,
) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached(statement)?.execute(values)? > 0)
}

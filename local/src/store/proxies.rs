//! The HTTP proxies of boxes, and where a host name leads.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

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

/// A box that a host name belongs to, and the proxy there, if it has the one that was named.
#[derive(Debug, Clone)]
pub(crate) struct RouteRecord {
    pub(crate) box_id: String,
    pub(crate) box_name: String,
    pub(crate) port: Option<u32>,
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

    /// Where the proxy `proxy` of the box named `name` leads.
    pub(crate) async fn route(&self, name: &str, proxy: &str) -> Result<Option<RouteRecord>, StoreError> {
        let (name, proxy) = (name.to_owned(), proxy.to_owned());
        self.run(move |connection| {
            let mut query = connection.prepare_cached(
                "SELECT id, boxes.name, port FROM boxes \
                 LEFT JOIN proxies ON box_id = id AND proxies.name = ?2 WHERE boxes.name = ?1",
            )?;
            Ok(query.query_row(params![name, proxy], route).optional()?)
        })
        .await
    }

    /// Where a bound domain leads: to its box's default proxy.
    pub(crate) async fn route_of_domain(&self, domain: &str) -> Result<Option<RouteRecord>, StoreError> {
        let domain = domain.to_owned();
        self.run(move |connection| {
            let mut query = connection.prepare_cached(
                "SELECT id, boxes.name, port FROM domains JOIN boxes ON id = domains.box_id \
                 LEFT JOIN proxies ON proxies.box_id = id AND proxies.name = '' WHERE domain = ?1",
            )?;
            Ok(query.query_row([domain], route).optional()?)
        })
        .await
    }
}

fn route(row: &Row<'_>) -> rusqlite::Result<RouteRecord> {
    Ok(RouteRecord { box_id: row.get(0)?, box_name: row.get(1)?, port: row.get(2)? })
}

/// Whether a statement has changed a row.
pub(super) fn changed(
    connection: &Connection,
    statement: &str,
    values: impl rusqlite::Params,
) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached(statement)?.execute(values)? > 0)
}

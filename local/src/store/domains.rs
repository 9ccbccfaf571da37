//! Domains from outside that lead to boxes.

use super::proxies::changed;
use super::{Store, StoreError};
use crate::credentials::now;

/// A bound domain.
#[derive(Debug, Clone)]
pub(crate) struct DomainRecord {
    pub(crate) domain: String,
    pub(crate) box_id: String,
    pub(crate) box_name: String,
}

impl Store {
    /// Binds a domain to a box; false when it is bound already, or the box is gone.
    pub(crate) async fn insert_domain(&self, domain: &str, box_id: &str) -> Result<bool, StoreError> {
        let values = (domain.to_owned(), box_id.to_owned(), now());
        self.run(move |connection| {
            changed(
                connection,
                "INSERT INTO domains (domain, box_id, created_at) SELECT ?1, id, ?3 FROM boxes WHERE id = ?2 \
                 ON CONFLICT DO NOTHING",
                values,
            )
        })
        .await
    }

    /// Every bound domain, the oldest first.
    pub(crate) async fn domains(&self) -> Result<Vec<DomainRecord>, StoreError> {
        self.run(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT domain, id, name FROM domains JOIN boxes ON id = box_id \
                 ORDER BY domains.created_at, domains.rowid",
            )?;
            let rows = query.query_map([], |row| {
                Ok(DomainRecord { domain: row.get(0)?, box_id: row.get(1)?, box_name: row.get(2)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Ends the binding of a domain; false when it is not bound.
    pub(crate) async fn delete_domain(&self, domain: &str) -> Result<bool, StoreError> {
        let domain = domain.to_owned();
        self.run(move |connection| changed(connection, "DELETE FROM domains WHERE domain = ?1", [domain]))
            .await
    }
}

//! Networks of the account, besides the default one.

use rusqlite::params;

use super::{Store, StoreError};

#[derive(Debug, Clone)]
pub(crate) struct NetworkRecord {
    pub(crate) id: String,
    pub(crate) subnet: String,
}

/// Why a network was not added.
#[derive(Debug)]
pub(crate) enum NetworkRefusal {
    NameTaken,
    /// There is no subnet left.
    Full,
}

impl Store {
    /// Adds a network, in the subnet that `subnet` has for its number, which is 1 for the first.
    pub(crate) async fn insert_network(
        &self,
        id: String,
        name: String,
        created_at: i64,
        subnet: impl FnOnce(u32) -> Option<String> + Send + 'static,
    ) -> Result<Result<(), NetworkRefusal>, StoreError> {
        self.run(move |connection| {
            let step = connection.transaction()?;
            let taken = "SELECT EXISTS (SELECT 1 FROM networks WHERE name = ?1 AND name <> '')";
            if step.query_row(taken, [&name], |row| row.get(0))? {
                return Ok(Err(NetworkRefusal::NameTaken));
            }
            // None is ever deleted, so that this names each only once.
            let number = step.query_row("SELECT count(*) + 1 FROM networks", [], |row| row.get(0))?;
            let Some(subnet) = subnet(number) else { return Ok(Err(NetworkRefusal::Full)) };
            step.execute(
                "INSERT INTO networks (id, name, subnet, created_at) VALUES (?1, ?2, ?3, ?4)",
                params![id, name, subnet, created_at],
            )?;
            step.commit()?;
            Ok(Ok(()))
        })
        .await
    }

    /// Every network, the oldest first.
    pub(crate) async fn networks(&self) -> Result<Vec<NetworkRecord>, StoreError> {
        self.run(|connection| {
            let mut query =
                connection.prepare_cached("SELECT id, subnet FROM networks ORDER BY created_at, rowid")?;
            let rows =
                query.query_map([], |row| Ok(NetworkRecord { id: row.get(0)?, subnet: row.get(1)? }))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

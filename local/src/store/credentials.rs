//! API keys and the JWTs made from them.

use rusqlite::{OptionalExtension as _, Row, ToSql, params};

use super::{Store, StoreError};

/// An API key, without the key.
#[derive(Debug, Clone)]
pub(crate) struct ApiKeyRecord {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The first characters of the key, so that a person recognises it.
    pub(crate) prefix: String,
    pub(crate) created_at: i64,
    pub(crate) last_used_at: i64,
    pub(crate) expires_at: i64,
}

/// A JWT that is honoured, without the JWT.
#[derive(Debug, Clone)]
pub(crate) struct TokenRecord {
    pub(crate) jti: String,
    pub(crate) key_id: String,
    pub(crate) exchanged: bool,
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
}

const KEY: &str = "id, name, prefix, created_at, last_used_at, expires_at";
const TOKEN: &str = "jti, key_id, exchanged, created_at, expires_at";

impl Store {
    /// Adds a key; one with the same hash stays as it is, and its id is returned.
    pub(crate) async fn insert_api_key(
        &self,
        key: ApiKeyRecord,
        hash: [u8; 32],
    ) -> Result<String, StoreError> {
        self.run(move |connection| {
            connection.execute(
                &format!(
                    "INSERT INTO api_keys ({KEY}, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                     ON CONFLICT (hash) DO NOTHING"
                ),
                params![key.id, key.name, key.prefix, key.created_at, key.last_used_at, key.expires_at, hash],
            )?;
            let id =
                connection.query_row("SELECT id FROM api_keys WHERE hash = ?1", [hash], |row| row.get(0))?;
            Ok(id)
        })
        .await
    }

    /// The key with this hash, noted as used `now`; none if there is none, or it has expired.
    pub(crate) async fn use_api_key(
        &self,
        hash: [u8; 32],
        now: i64,
    ) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.run(move |connection| {
            let query = format!(
                "UPDATE api_keys SET last_used_at = ?2 \
                 WHERE hash = ?1 AND (expires_at = 0 OR expires_at > ?2) RETURNING {KEY}"
            );
            Ok(connection.prepare_cached(&query)?.query_row(params![hash, now], api_key).optional()?)
        })
        .await
    }

    pub(crate) async fn api_key(&self, id: &str) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.one_api_key("id", id.to_owned()).await
    }

    pub(crate) async fn api_key_by_hash(&self, hash: [u8; 32]) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.one_api_key("hash", hash).await
    }

    async fn one_api_key(
        &self,
        column: &'static str,
        value: impl ToSql + Send + 'static,
    ) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.run(move |connection| {
            let query = format!("SELECT {KEY} FROM api_keys WHERE {column} = ?1");
            Ok(connection.prepare_cached(&query)?.query_row([value], api_key).optional()?)
        })
        .await
    }

    pub(crate) async fn api_keys(&self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        self.run(|connection| {
            let query = format!("SELECT {KEY} FROM api_keys ORDER BY created_at, rowid");
            let mut query = connection.prepare_cached(&query)?;
            let rows = query.query_map([], api_key)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Deletes a key and every token made from it; false when there is no such key.
    pub(crate) async fn delete_api_key(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.run(move |connection| Ok(connection.execute("DELETE FROM api_keys WHERE id = ?1", [id])? > 0))
            .await
    }

    /// Adds a token; false when the key it is made from is gone.
    pub(crate) async fn insert_token(&self, token: TokenRecord) -> Result<bool, StoreError> {
        self.run(move |connection| {
            let step = connection.transaction()?;
            step.execute("DELETE FROM tokens WHERE expires_at <= ?1", [token.created_at])?;
            let added = step.execute(
                &format!(
                    "INSERT INTO tokens ({TOKEN}) SELECT ?1, id, ?3, ?4, ?5 FROM api_keys WHERE id = ?2"
                ),
                params![token.jti, token.key_id, token.exchanged, token.created_at, token.expires_at],
            )?;
            step.commit()?;
            Ok(added > 0)
        })
        .await
    }

    pub(crate) async fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        self.run(|connection| {
            let query = format!("SELECT {TOKEN} FROM tokens ORDER BY created_at, rowid");
            let mut query = connection.prepare_cached(&query)?;
            let rows = query.query_map([], token)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Forgets a token, so that it is refused; false when it is not known.
    pub(crate) async fn delete_token(&self, jti: &str) -> Result<bool, StoreError> {
        let jti = jti.to_owned();
        self.run(move |connection| Ok(connection.execute("DELETE FROM tokens WHERE jti = ?1", [jti])? > 0))
            .await
    }
}

fn api_key(row: &Row<'_>) -> rusqlite::Result<ApiKeyRecord> {
    Ok(ApiKeyRecord {
        id: row.get("id")?,
        name: row.get("name")?,
        prefix: row.get("prefix")?,
        created_at: row.get("created_at")?,
        last_used_at: row.get("last_used_at")?,
        expires_at: row.get("expires_at")?,
    })
}

fn token(row: &Row<'_>) -> rusqlite::Result<TokenRecord> {
    Ok(TokenRecord {
        jti: row.get("jti")?,
        key_id: row.get("key_id")?,
        exchanged: row.get("exchanged")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}

//! Who may call: API keys, the JWTs they are exchanged for, and what becomes of both.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use crate::jwt::{Claims, Signer};
use crate::secret;
use crate::store::{ApiKeyRecord, Store, StoreError, TokenRecord};

/// The one account of a local cluster.
pub(crate) const USER: &str = "local";
/// How long an exchanged JWT lives, as in the cloud.
const EXCHANGED_SECS: u64 = 3600;
/// What `CreateToken` gives when asked for nothing.
const DEFAULT_TOKEN_SECS: u64 = 24 * 3600;
const LONGEST_SECS: u64 = 10 * 366 * 24 * 3600;

/// Who a call is from, as its JWT says.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The API key that the JWT descends from.
    pub(crate) key_id: String,
}

/// A JWT that was just made. Its text is shown once.
pub(crate) struct Issued {
    pub(crate) token: String,
    pub(crate) expires_at: i64,
}

/// An API key that was just made. Its text is shown once.
pub(crate) struct NewKey {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) expires_at: i64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("this API key is not known here, or it was deleted, or it has expired")]
    UnknownKey,
    #[error("no bearer token: send the metadata `authorization: Bearer <JWT>`")]
    NoToken,
    #[error("an API key is not a token: exchange it first, with a POST to the web port's /api/v1/auth/token")]
    KeyAsToken,
    #[error("this token was not issued here")]
    Forged,
    #[error("this token has expired")]
    Expired,
    #[error("this token was revoked, or the API key it was made from was deleted")]
    Revoked,
    #[error("no API key has the id {0:?}")]
    NoSuchKey(String),
    #[error("no live token has the jti {0:?}")]
    NoSuchToken(String),
    #[error("{0} seconds is longer than a credential can live here (ten years)")]
    TooLong(u64),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("making a credential: {0}")]
    Make(#[from] io::Error),
    #[error("writing a token: {0}")]
    Json(#[from] serde_json::Error),
}

/// A JWT that is honoured, as every call looks it up.
struct Live {
    key_id: String,
    expires_at: i64,
}

/// All credentials of the cluster.
pub(crate) struct Credentials {
    signer: Signer,
    store: Store,
    /// The tokens table in memory, by jti: checked on every call.
    live: RwLock<HashMap<String, Live>>,
    /// Held while table and memory change together, so that a token cannot outlive a key deleted meanwhile.
    change: Mutex<()>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// Loads what `store` knows; the signing key is kept in the data folder.
    pub(crate) async fn open(data: &Path, store: Store) -> Result<Self, Error> {
        let path = data.join("jwt-key");
        let key = if let Some(key) = secret::read(&path)? {
            key
        } else {
            let key = secret::random_text("")?;
            secret::write(&path, &key)?;
            key
        };
        // The text holds 24 random bytes; hashed, it has the length of a key.
        let signer = Signer::new(&Sha256::digest(key).into());
        let live = store.tokens().await?.into_iter().map(|token| {
            let TokenRecord { jti, key_id, expires_at, .. } = token;
            (jti, Live { key_id, expires_at })
        });
        Ok(Self { signer, live: RwLock::new(live.collect()), store, change: Mutex::new(()) })
    }

    /// Makes `key` valid, if it is not already.
    pub(crate) async fn adopt_key(&self, key: &str, name: &str) -> Result<(), Error> {
        self.add_key(key, name, 0).await.map(drop)
    }

    /// Whether this API key is live.
    pub(crate) async fn knows(&self, key: &str) -> Result<bool, Error> {
        Ok(self.store.api_key_by_hash(hash(key)).await?.is_some())
    }

    /// Makes a new API key; 0 seconds means that it never expires.
    pub(crate) async fn create_key(&self, name: &str, expires_in: u64) -> Result<NewKey, Error> {
        let expires_at = if expires_in == 0 { 0 } else { expiry(expires_in)? };
        let key = secret::random_text("bxk_")?;
        let id = self.add_key(&key, name, expires_at).await?;
        Ok(NewKey { id, key, expires_at })
    }

    async fn add_key(&self, key: &str, name: &str, expires_at: i64) -> Result<String, Error> {
        // Enough to recognise a long key by, too little of a short one to guess it from.
        let shown = if key.len() >= 24 { 8 } else { 4 };
        let record = ApiKeyRecord {
            id: secret::random_id("key-")?,
            name: name.to_owned(),
            prefix: key.chars().take(shown).collect(),
            created_at: now(),
            last_used_at: 0,
            expires_at,
        };
        Ok(self.store.insert_api_key(record, hash(key)).await?)
    }

    pub(crate) async fn keys(&self) -> Result<Vec<ApiKeyRecord>, Error> {
        Ok(self.store.api_keys().await?)
    }

    /// Deletes a key; what was made from it stops at once.
    pub(crate) async fn delete_key(&self, id: &str) -> Result<(), Error> {
        let _change = self.change.lock().await;
        if !self.store.delete_api_key(id).await? {
            return Err(Error::NoSuchKey(id.to_owned()));
        }
        self.write(|live| live.retain(|_, token| token.key_id != id));
        Ok(())
    }

    /// A JWT for an API key.
    pub(crate) async fn exchange(&self, key: &str) -> Result<Issued, Error> {
        let key = self.store.use_api_key(hash(key), now()).await?.ok_or(Error::UnknownKey)?;
        self.issue(key, EXCHANGED_SECS, true).await
    }

    /// A JWT to hand to someone else; 0 seconds means a day. It ends with the key that its maker came with.
    pub(crate) async fn create_token(&self, caller: &Caller, expires_in: u64) -> Result<Issued, Error> {
        let key = self.store.api_key(&caller.key_id).await?.ok_or(Error::UnknownKey)?;
        self.issue(key, if expires_in == 0 { DEFAULT_TOKEN_SECS } else { expires_in }, false).await
    }

    async fn issue(&self, key: ApiKeyRecord, secs: u64, exchanged: bool) -> Result<Issued, Error> {
        let created_at = now();
        let mut expires_at = expiry(secs)?;
        if key.expires_at != 0 {
            expires_at = expires_at.min(key.expires_at);
        }
        let claims = Claims {
            sub: USER.to_owned(),
            jti: secret::random_id("tok-")?,
            iat: created_at,
            exp: expires_at,
        };
        let token = self.signer.sign(&claims)?;
        let record = TokenRecord {
            jti: claims.jti.clone(),
            key_id: key.id.clone(),
            exchanged,
            created_at,
            expires_at,
        };
        let _change = self.change.lock().await;
        if !self.store.insert_token(record).await? {
            return Err(Error::UnknownKey);
        }
        self.write(|live| {
            live.retain(|_, token| token.expires_at > created_at);
            live.insert(claims.jti, Live { key_id: key.id, expires_at });
        });
        Ok(Issued { token, expires_at })
    }

    /// The tokens that `create_token` made and that still live.
    pub(crate) async fn tokens(&self) -> Result<Vec<TokenRecord>, Error> {
        let now = now();
        let mut tokens = self.store.tokens().await?;
        tokens.retain(|token| !token.exchanged && token.expires_at > now);
        Ok(tokens)
    }

    /// Revokes a JWT of either kind.
    pub(crate) async fn revoke(&self, jti: &str) -> Result<(), Error> {
        let _change = self.change.lock().await;
        if !self.store.delete_token(jti).await? {
            return Err(Error::NoSuchToken(jti.to_owned()));
        }
        self.write(|live| live.remove(jti));
        Ok(())
    }

    /// Who sent `authorization`, the value of that metadata.
    pub(crate) fn authenticate(&self, authorization: Option<&str>) -> Result<Caller, Error> {
        let (scheme, token) = authorization.and_then(|value| value.split_once(' ')).ok_or(Error::NoToken)?;
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
            return Err(Error::NoToken);
        }
        if token.starts_with("bxk_") || token.starts_with("bxd_") {
            return Err(Error::KeyAsToken);
        }
        let claims = self.signer.verify(token).ok_or(Error::Forged)?;
        if claims.exp <= now() {
            return Err(Error::Expired);
        }
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        let token = live.get(&claims.jti).ok_or(Error::Revoked)?;
        Ok(Caller { key_id: token.key_id.clone() })
    }

    fn write<T>(&self, change: impl FnOnce(&mut HashMap<String, Live>) -> T) -> T {
        change(&mut self.live.write().unwrap_or_else(PoisonError::into_inner))
    }
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

fn expiry(secs: u64) -> Result<i64, Error> {
    if secs > LONGEST_SECS {
        return Err(Error::TooLong(secs));
    }
    Ok(now() + secs.cast_signed())
}

/// Unix seconds.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

//! API keys of the account.

use std::fmt;
use std::future::IntoFuture;
use std::time::{Duration, SystemTime};

use futures_core::future::BoxFuture;

use crate::client::Client;
use crate::error::{Error, Result, doing_to};
use crate::time::{moment, some_moment, whole_seconds};
use crate::wire::{self, methods};

/// Issues, lists and deletes API keys. From [`Compute::api_keys`](crate::Compute::api_keys).
#[derive(Clone, Debug)]
pub struct ApiKeys {
    client: Client,
}

impl ApiKeys {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Issues an API key; the name is for people. Await it, or say first how long it lives. The key is shown this once.
    ///
    /// ```
    /// # async fn example(compute: boxd::Compute) -> boxd::Result<()> {
    /// let issued = compute.api_keys().create("ci").await?;
    /// let other = boxd::Compute::new(issued.key())?;
    /// compute.api_keys().delete(issued.id()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As any call fails. Never sent twice.
    pub fn create(&self, name: impl Into<String>) -> CreateApiKey {
        let request = wire::CreateApiKeyRequest { name: name.into(), ..Default::default() };
        CreateApiKey { client: self.client.clone(), request }
    }

    /// What is known of the account's keys, without the keys themselves. Repeated on a lost connection.
    pub async fn list(&self) -> Result<Vec<ApiKeyInfo>> {
        let answer = self.client.unary(methods::LIST_API_KEYS, &wire::ListApiKeysRequest {}).await?;
        Ok(answer.keys.into_iter().map(Into::into).collect())
    }

    /// Makes a key invalid, by its id.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an id that is not there. Never sent twice.
    pub async fn delete(&self, id: &str) -> Result<()> {
        Error::unless_given("id", id)?;
        let request = wire::DeleteApiKeyRequest { id: id.to_owned() };
        self.client.perform(doing_to("delete API key", id), methods::DELETE_API_KEY, &request).await.map(drop)
    }
}

/// An API key just issued. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    id: String,
    key: String,
    expires_at: Option<SystemTime>,
}

impl ApiKey {
    /// Its id, by which it is deleted.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key itself, `bxk_…`. Keep it: no call tells it again.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// When it stops working, to the second; `None` is never.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("id", &self.id)
            .field("key", &"[redacted]")
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

/// What is known of an API key that was issued before.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyInfo {
    /// Its id, by which it is deleted.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// The key's first characters, by which people tell keys apart.
    pub key_prefix: String,
    /// When it was issued, to the second.
    pub created_at: SystemTime,
    /// When it was last exchanged for a token, to the second; `None` is never.
    pub last_used_at: Option<SystemTime>,
    /// When it stops working, to the second; `None` is never.
    pub expires_at: Option<SystemTime>,
    /// The organization that it is for; empty where the server does not tell.
    pub org: String,
    /// Its kind, in the server's words; empty where it does not tell.
    pub kind: String,
    /// Who made it; empty where the server does not tell.
    pub created_by: String,
    /// Whether the caller made it.
    pub mine: bool,
}

impl From<wire::ApiKeyInfo> for ApiKeyInfo {
    fn from(key: wire::ApiKeyInfo) -> Self {
        Self {
            id: key.id,
            name: key.name,
            key_prefix: key.key_prefix,
            created_at: moment(key.created_at),
            last_used_at: some_moment(key.last_used_at),
            expires_at: some_moment(key.expires_at),
            org: key.org,
            kind: key.kind,
            created_by: key.created_by,
            mine: key.mine,
        }
    }
}

/// An API key about to be issued. See [`ApiKeys::create`].
#[must_use = "a key is issued when this is awaited"]
#[derive(Clone, Debug)]
pub struct CreateApiKey {
    client: Client,
    request: wire::CreateApiKeyRequest,
}

impl CreateApiKey {
    /// Sets how long it lives, in whole seconds. Default, and zero: for good.
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.request.expires_in_secs = whole_seconds(time);
        self
    }

    /// Sets the organization that it is for. Default: what the server chooses.
    pub fn org(mut self, org: impl Into<String>) -> Self {
        self.request.org = org.into();
        self
    }

    /// Sets its kind, in the server's words. Default: what the server chooses.
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.request.kind = kind.into();
        self
    }

    async fn run(self) -> Result<ApiKey> {
        Error::unless_given("name", &self.request.name)?;
        let doing = doing_to("create API key", &self.request.name);
        let made = self.client.perform(doing, methods::CREATE_API_KEY, &self.request).await?;
        Ok(ApiKey { id: made.id, key: made.api_key, expires_at: some_moment(made.expires_at) })
    }
}

impl IntoFuture for CreateApiKey {
    type Output = Result<ApiKey>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

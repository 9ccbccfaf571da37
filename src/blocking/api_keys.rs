//! API keys of the account without await.

use std::time::Duration;

use super::runtime::Held;
use crate::api_keys::{ApiKey, ApiKeyInfo};
use crate::error::Result;

/// Issues, lists and deletes API keys: [`crate::ApiKeys`] without await. From
/// [`Compute::api_keys`](super::Compute::api_keys).
#[derive(Clone, Debug)]
pub struct ApiKeys(pub(super) Held<crate::ApiKeys>);

impl ApiKeys {
    /// Issues an API key; the name is for people. As [`crate::ApiKeys::create`].
    ///
    /// ```
    /// # fn example(compute: boxd::blocking::Compute) -> boxd::Result<()> {
    /// let issued = compute.api_keys().create("ci").call()?;
    /// compute.api_keys().delete(issued.id())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn create(&self, name: impl Into<String>) -> CreateApiKey {
        CreateApiKey(self.0.with(self.0.inner.create(name)))
    }

    /// What is known of the account's keys. As [`crate::ApiKeys::list`].
    pub fn list(&self) -> Result<Vec<ApiKeyInfo>> {
        self.0.wait(self.0.inner.list())
    }

    /// Makes a key invalid, by its id. As [`crate::ApiKeys::delete`].
    pub fn delete(&self, id: &str) -> Result<()> {
        self.0.wait(self.0.inner.delete(id))
    }
}

/// An API key about to be issued. See [`ApiKeys::create`].
#[must_use = "a key is issued by `call`"]
#[derive(Clone, Debug)]
pub struct CreateApiKey(Held<crate::CreateApiKey>);

impl CreateApiKey {
    /// Sets how long it lives, in whole seconds. As [`crate::CreateApiKey::expires_in`].
    pub fn expires_in(self, time: Duration) -> Self {
        Self(self.0.map(|inner| inner.expires_in(time)))
    }

    /// Sets the organization that it is for. As [`crate::CreateApiKey::org`].
    pub fn org(self, org: impl Into<String>) -> Self {
        Self(self.0.map(|inner| inner.org(org)))
    }

    /// Sets its kind, in the server's words. As [`crate::CreateApiKey::kind`].
    pub fn kind(self, kind: impl Into<String>) -> Self {
        Self(self.0.map(|inner| inner.kind(kind)))
    }

    /// Issues the key.
    ///
    /// # Errors
    /// As [`crate::ApiKeys::create`].
    pub fn call(self) -> Result<ApiKey> {
        self.0.call().map(|made| made.inner)
    }
}

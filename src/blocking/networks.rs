//! Networks without await.

use super::runtime::Held;
use crate::error::Result;
use crate::networks::NetworkInfo;

/// Creates and lists networks: [`crate::Networks`] without await. From
/// [`Compute::networks`](super::Compute::networks).
#[derive(Clone, Debug)]
pub struct Networks(pub(super) Held<crate::Networks>);

impl Networks {
    /// Creates a network, whose id the server assigns. As [`crate::Networks::create`].
    ///
    /// ```
    /// # fn example(compute: boxd::blocking::Compute) -> boxd::Result<()> {
    /// let plain = compute.networks().create().call()?;
    /// let named = compute.networks().create().name("staging").call()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn create(&self) -> CreateNetwork {
        CreateNetwork(self.0.with(self.0.inner.create()))
    }

    /// All networks of the account. As [`crate::Networks::list`].
    pub fn list(&self) -> Result<Vec<NetworkInfo>> {
        self.0.wait(self.0.inner.list())
    }
}

/// A network about to be created. See [`Networks::create`].
#[must_use = "a network is created by `call`"]
#[derive(Clone, Debug)]
pub struct CreateNetwork(Held<crate::CreateNetwork>);

impl CreateNetwork {
    /// Sets its name. As [`crate::CreateNetwork::name`].
    pub fn name(self, name: impl Into<String>) -> Self {
        Self(self.0.map(|inner| inner.name(name)))
    }

    /// Creates the network.
    ///
    /// # Errors
    /// As [`crate::Networks::create`].
    pub fn call(self) -> Result<NetworkInfo> {
        self.0.call().map(|made| made.inner)
    }
}

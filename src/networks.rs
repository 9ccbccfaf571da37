//! Networks that boxes join.

use std::future::IntoFuture;

use futures_core::future::BoxFuture;

use crate::client::Client;
use crate::error::{Result, doing_to};
use crate::wire::{self, methods};

/// Creates and lists networks. From [`Compute::networks`](crate::Compute::networks).
///
/// Every account has a default network: [`Identity::default_network_id`](crate::Identity::default_network_id).
#[derive(Clone, Debug)]
pub struct Networks {
    client: Client,
}

impl Networks {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Creates a network, whose id the server assigns. Await it, or name it first.
    ///
    /// ```
    /// # async fn example(compute: boxd::Compute) -> boxd::Result<()> {
    /// let plain = compute.networks().create().await?;
    /// let named = compute.networks().create().name("staging").await?;
    /// for network in compute.networks().list().await? {
    ///     println!("{} {} {}", network.id, network.subnet, network.status);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name that is taken. Never sent twice.
    pub fn create(&self) -> CreateNetwork {
        CreateNetwork { client: self.client.clone(), name: String::new() }
    }

    /// All networks of the account. Repeated on a lost connection.
    pub async fn list(&self) -> Result<Vec<NetworkInfo>> {
        let answer = self.client.unary(methods::LIST_NETWORKS, &wire::ListNetworksRequest {}).await?;
        let info =
            |n: wire::NetworkInfo| NetworkInfo { id: n.network_id, subnet: n.subnet, status: n.status };
        Ok(answer.networks.into_iter().map(info).collect())
    }
}

/// A network.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkInfo {
    /// Its id, for good.
    pub id: String,
    /// Its range of addresses; empty from create, whose answer does not tell.
    pub subnet: String,
    /// Its state in the server's words; empty from create, whose answer does not tell.
    pub status: String,
}

/// A network about to be created. See [`Networks::create`].
#[must_use = "a network is created when this is awaited"]
#[derive(Clone, Debug)]
pub struct CreateNetwork {
    client: Client,
    name: String,
}

impl CreateNetwork {
    /// Sets its name. Default: none.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    async fn run(self) -> Result<NetworkInfo> {
        let doing = doing_to("create network", &self.name);
        let request = wire::CreateNetworkRequest { name: self.name };
        let made = self.client.perform(doing, methods::CREATE_NETWORK, &request).await?;
        Ok(NetworkInfo { id: made.network_id, subnet: String::new(), status: String::new() })
    }
}

impl IntoFuture for CreateNetwork {
    type Output = Result<NetworkInfo>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

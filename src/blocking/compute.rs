//! `Compute` without await, and its builder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;

use super::runtime::{Held, Runtime};
use super::{ApiKeys, Boxes, Disks, Domains, Networks, Templates, Tokens};
use crate::compute::{ClusterConfig, Identity};
use crate::config::Environment;
use crate::error::Result;
use crate::transport::{DefaultTransport, EncodedMessage, Method, Rpc, Transport};

/// A boxd cluster, as one caller sees it: [`crate::Compute`] without await.
///
/// Cheap to clone: all clones share one connection and one set of credentials. Making one does no I/O; the first call
/// connects.
///
/// ```
/// # let runtime = tokio::runtime::Runtime::new().unwrap();
/// # let cluster = runtime.block_on(boxd_local::Cluster::start()).unwrap();
/// # let (key, api, exchange) = (cluster.api_key(), cluster.api_url(), cluster.exchange_url());
/// use boxd::blocking::Compute;
///
/// let compute = Compute::builder().api_key(key).api_url(api).exchange_url(exchange).build()?;
///
/// let b = compute.boxes().create("my-vm").call()?;
/// let result = b.exec(["echo", "hello"]).call()?;
/// assert_eq!(result.stdout_text(), "hello\n");
/// b.destroy()?;
/// # Ok::<(), boxd::Error>(())
/// ```
pub struct Compute<T = DefaultTransport>(Held<crate::Compute<T>>);

impl Compute {
    /// A client of the cluster that the environment names, with an API key. As [`crate::Compute::new`].
    ///
    /// # Errors
    /// A key or a variable that cannot be right. Does no I/O.
    pub fn new(api_key: impl Into<String>) -> Result<Self> {
        Self::builder().api_key(api_key).build()
    }

    /// A client whose credentials come from `BOXD_TOKEN` or `BOXD_API_KEY`. As [`crate::Compute::from_env`].
    ///
    /// # Errors
    /// [`Authentication`](crate::ErrorKind::Authentication) when neither variable is set. Does no I/O.
    pub fn from_env() -> Result<Self> {
        Self::builder().build()
    }

    /// Sets everything else: addresses, timeouts, a transport.
    pub fn builder() -> ComputeBuilder {
        ComputeBuilder::default()
    }
}

impl<T: Transport> Compute<T> {
    /// Create, list, get and fork boxes.
    pub fn boxes(&self) -> Boxes {
        Boxes(self.0.with(self.0.inner.boxes()))
    }

    /// Create, list and delete templates, and create boxes from them.
    pub fn templates(&self) -> Templates {
        Templates(self.0.with(self.0.inner.templates()))
    }

    /// Create, list, attach and destroy disks.
    pub fn disks(&self) -> Disks {
        Disks(self.0.with(self.0.inner.disks()))
    }

    /// Bind external domains to boxes.
    pub fn domains(&self) -> Domains {
        Domains(self.0.with(self.0.inner.domains()))
    }

    /// Create and list networks.
    pub fn networks(&self) -> Networks {
        Networks(self.0.with(self.0.inner.networks()))
    }

    /// Issue, list and revoke tokens.
    pub fn tokens(&self) -> Tokens {
        Tokens(self.0.with(self.0.inner.tokens()))
    }

    /// Issue, list and delete API keys.
    pub fn api_keys(&self) -> ApiKeys {
        ApiKeys(self.0.with(self.0.inner.api_keys()))
    }

    /// Who the credentials belong to. As [`crate::Compute::whoami`].
    pub fn whoami(&self) -> Result<Identity> {
        self.0.wait(self.0.inner.whoami())
    }

    /// The cluster's defaults. As [`crate::Compute::config`].
    pub fn config(&self) -> Result<ClusterConfig> {
        self.0.wait(self.0.inner.config())
    }

    /// Calls any unary RPC of the wire. As [`crate::Compute::call`].
    pub fn call<Req, Res>(&self, method: Method<Req, Res>, request: &Req) -> Result<Res>
    where
        Req: Message,
        Res: Message + Default,
    {
        self.0.wait(self.0.inner.call(method, request))
    }

    /// Calls any unary RPC with a message that is encoded already, and gives the answer as it came. As
    /// [`crate::Compute::call_encoded`].
    pub fn call_encoded(&self, rpc: Rpc, request: EncodedMessage) -> Result<Bytes> {
        self.0.wait(self.0.inner.call_encoded(rpc, request))
    }

    /// The transport that calls go through. A clone of it serves a client with other credentials over the same
    /// connection; a blocking one, since the background thread drives it.
    pub fn transport(&self) -> &Arc<T> {
        self.0.inner.transport()
    }
}

impl<T> Clone for Compute<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Compute<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Builds a [`Compute`]. What is not given comes from the environment variables, then from the preset. Defaults are those
/// of [`crate::ComputeBuilder`].
#[derive(Clone)]
pub struct ComputeBuilder<T = ()>(crate::ComputeBuilder<T>);

impl Default for ComputeBuilder {
    fn default() -> Self {
        Self(crate::ComputeBuilder::default())
    }
}

impl<T> ComputeBuilder<T> {
    /// An API key (`bxk_…`). As [`crate::ComputeBuilder::api_key`].
    #[must_use]
    pub fn api_key(self, key: impl Into<String>) -> Self {
        Self(self.0.api_key(key))
    }

    /// A token (`eyJ…`), used as it is and never refreshed. As [`crate::ComputeBuilder::token`].
    #[must_use]
    pub fn token(self, token: impl Into<String>) -> Self {
        Self(self.0.token(token))
    }

    /// A named cluster. As [`crate::ComputeBuilder::environment`].
    #[must_use]
    pub fn environment(self, environment: Environment) -> Self {
        Self(self.0.environment(environment))
    }

    /// Where the API is. As [`crate::ComputeBuilder::api_url`].
    #[must_use]
    pub fn api_url(self, url: impl Into<String>) -> Self {
        Self(self.0.api_url(url))
    }

    /// Where API keys are exchanged for tokens. As [`crate::ComputeBuilder::exchange_url`].
    #[must_use]
    pub fn exchange_url(self, url: impl Into<String>) -> Self {
        Self(self.0.exchange_url(url))
    }

    /// How long a unary call may take with all its attempts. As [`crate::ComputeBuilder::request_timeout`].
    #[must_use]
    pub fn request_timeout(self, limit: Duration) -> Self {
        Self(self.0.request_timeout(limit))
    }

    /// How long an iterator or process may wait for the server's first sign of life. As
    /// [`crate::ComputeBuilder::open_timeout`].
    #[must_use]
    pub fn open_timeout(self, limit: Duration) -> Self {
        Self(self.0.open_timeout(limit))
    }

    /// How long an iterator or process may be silent between two messages. As
    /// [`crate::ComputeBuilder::idle_timeout`].
    #[must_use]
    pub fn idle_timeout(self, limit: Duration) -> Self {
        Self(self.0.idle_timeout(limit))
    }

    /// How often a read is sent again, and the first pause. As [`crate::ComputeBuilder::retries`].
    #[must_use]
    pub fn retries(self, attempts: u32, backoff: Duration) -> Self {
        Self(self.0.retries(attempts, backoff))
    }

    /// How long connecting may take. As [`crate::ComputeBuilder::connect_timeout`].
    #[must_use]
    pub fn connect_timeout(self, limit: Duration) -> Self {
        Self(self.0.connect_timeout(limit))
    }

    /// How often HTTP/2 pings go out while calls are open. As [`crate::ComputeBuilder::keepalive`].
    #[must_use]
    pub fn keepalive(self, interval: impl Into<Option<Duration>>) -> Self {
        Self(self.0.keepalive(interval))
    }

    /// The largest message in bytes, either way. As [`crate::ComputeBuilder::message_limit`].
    #[must_use]
    pub fn message_limit(self, bytes: usize) -> Self {
        Self(self.0.message_limit(bytes))
    }

    /// Sends calls through a transport of your own. As [`crate::ComputeBuilder::transport`].
    ///
    /// Let it be this client's alone: a connection that was made in a runtime of your own goes on only while a thread of
    /// that runtime is free.
    #[must_use]
    pub fn transport<U: Transport>(self, transport: U) -> ComputeBuilder<U> {
        ComputeBuilder(self.0.transport(transport))
    }
}

impl ComputeBuilder {
    /// Builds the client. Does no I/O. As [`crate::ComputeBuilder::build`].
    ///
    /// # Errors
    /// As there; and when the background thread cannot be started.
    pub fn build(self) -> Result<Compute> {
        let inner = self.0.build()?;
        Ok(Compute(Held { inner, runtime: Runtime::shared()? }))
    }
}

impl<T: Transport> ComputeBuilder<T> {
    /// Builds the client. Does no I/O. As [`crate::ComputeBuilder::build`].
    ///
    /// # Errors
    /// As there; and when the background thread cannot be started.
    pub fn build(self) -> Result<Compute<T>> {
        let inner = self.0.build()?;
        Ok(Compute(Held { inner, runtime: Runtime::shared()? }))
    }
}

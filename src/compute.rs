//! `Compute`: the client a user holds, and its builder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use prost::Message;

use crate::api_keys::ApiKeys;
use crate::boxes::Boxes;
use crate::client::{Client, Retry, Timeouts};
use crate::config::{Environment, Resolved, Settings};
use crate::credentials::Credentials;
use crate::disks::Disks;
use crate::domains::Domains;
use crate::error::Result;
use crate::networks::Networks;
use crate::templates::Templates;
use crate::tokens::Tokens;
use crate::transport::{
    ChannelSettings, DefaultTransport, EncodedMessage, GivenWebSocket, Method, Rpc, Transport,
};
use crate::wire::{self, methods};

/// A boxd cluster, as one caller sees it.
///
/// Cheap to clone: all clones share one connection and one set of credentials. Making one does no I/O; the first call
/// connects.
///
/// ```
/// # async fn example() -> boxd::Result<()> {
/// # let cluster = boxd_local::Cluster::start().await.unwrap();
/// # let (key, api, exchange) = (cluster.api_key(), cluster.api_url(), cluster.exchange_url());
/// let compute = boxd::Compute::builder().api_key(key).api_url(api).exchange_url(exchange).build()?;
///
/// let b = compute.boxes().create("my-vm").await?;
/// let result = b.exec(["echo", "hello"]).await?;
/// assert_eq!(result.stdout_text(), "hello\n");
/// b.destroy().await?;
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
pub struct Compute<T = DefaultTransport> {
    client: Client,
    transport: Arc<T>,
}

impl Compute {
    /// A client of the cluster that the environment names (production unless `BOXD_ENVIRONMENT`, `BOXD_API_URL` or
    /// `BOXD_EXCHANGE_URL` say otherwise), with an API key.
    ///
    /// # Errors
    /// A key or a variable that cannot be right. Does no I/O.
    pub fn new(api_key: impl Into<String>) -> Result<Self> {
        Self::builder().api_key(api_key).build()
    }

    /// A client whose credentials come from `BOXD_TOKEN` or `BOXD_API_KEY` (the token wins), and its addresses as in
    /// [`Compute::new`].
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
    fn assemble(transport: T, resolved: Resolved, timeouts: Timeouts, retry: Retry) -> Self {
        let transport = Arc::new(transport);
        let credentials = Credentials::new(resolved.secret, resolved.exchange_url);
        Self { client: Client::new(transport.clone(), credentials, timeouts, retry), transport }
    }

    /// Create, list, get and fork boxes.
    pub fn boxes(&self) -> Boxes {
        Boxes::new(self.client.clone())
    }

    /// Create, list and delete templates, and create boxes from them.
    pub fn templates(&self) -> Templates {
        Templates::new(self.client.clone())
    }

    /// Create, list, attach and destroy disks.
    pub fn disks(&self) -> Disks {
        Disks::new(self.client.clone())
    }

    /// Bind external domains to boxes.
    pub fn domains(&self) -> Domains {
        Domains::new(self.client.clone())
    }

    /// Create and list networks.
    pub fn networks(&self) -> Networks {
        Networks::new(self.client.clone())
    }

    /// Issue, list and revoke tokens.
    pub fn tokens(&self) -> Tokens {
        Tokens::new(self.client.clone())
    }

    /// Issue, list and delete API keys.
    pub fn api_keys(&self) -> ApiKeys {
        ApiKeys::new(self.client.clone())
    }

    /// Who the credentials belong to. Repeated on a lost connection.
    pub async fn whoami(&self) -> Result<Identity> {
        let r = self.client.unary(methods::WHOAMI, &wire::WhoamiRequest {}).await?;
        Ok(Identity {
            user_id: r.user_id,
            display_name: r.display_name,
            fingerprints: r.pubkey_fingerprints,
            default_network_id: r.default_network_id,
        })
    }

    /// The cluster's defaults. Repeated on a lost connection.
    pub async fn config(&self) -> Result<ClusterConfig> {
        let r = self.client.unary(methods::GET_CONFIG, &wire::GetConfigRequest {}).await?;
        Ok(ClusterConfig { default_image: r.default_image, zone: r.zone })
    }

    /// Calls any unary RPC of the wire, for those that have no method of their own yet.
    ///
    /// ```no_run
    /// # async fn example(compute: boxd::Compute) -> boxd::Result<()> {
    /// use boxd::wire::{ListOrgsRequest, methods};
    /// let orgs = compute.call(methods::LIST_ORGS, &ListOrgsRequest::default()).await?.orgs;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an RPC that streams; otherwise as the RPC fails.
    pub async fn call<Req, Res>(&self, method: Method<Req, Res>, request: &Req) -> Result<Res>
    where
        Req: Message,
        Res: Message + Default,
    {
        if method.kind() != crate::transport::Kind::Unary {
            let why = format!("{} streams; call takes unary RPCs", method.name());
            return Err(crate::Error::invalid_argument("method", why));
        }
        self.client.unary(method, request).await
    }

    /// Calls any unary RPC with a message that is encoded already, and gives the answer as it came: for those who read and
    /// write the wire by themselves ([`wire::Encoder`], [`wire::Fields`]).
    ///
    /// # Errors
    /// As [`Compute::call`].
    pub fn call_encoded(&self, rpc: Rpc, request: EncodedMessage) -> BoxFuture<'static, Result<Bytes>> {
        if rpc.kind != crate::transport::Kind::Unary {
            let why = [rpc.path, " streams; call_encoded takes unary RPCs"].concat();
            return Box::pin(std::future::ready(Err(crate::Error::invalid_argument("rpc", why))));
        }
        self.client.exchange(rpc.path, rpc.repeatable, request, self.client.request_timeout())
    }

    /// The transport that calls go through. A clone of it serves a client with other credentials over the same
    /// connection.
    ///
    /// ```
    /// # fn example(compute: boxd::Compute, token: &str) -> boxd::Result<()> {
    /// let delegate = boxd::Compute::builder().token(token).transport(compute.transport().clone()).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn transport(&self) -> &Arc<T> {
        &self.transport
    }
}

impl<T> Clone for Compute<T> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), transport: self.transport.clone() }
    }
}

impl<T> fmt::Debug for Compute<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compute").field("client", &self.client).finish_non_exhaustive()
    }
}

/// What [`Compute::whoami`] answers.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account, `gh-username`.
    pub user_id: String,
    /// The name to show; empty where the server has none.
    pub display_name: String,
    /// Fingerprints of the account's SSH keys, `SHA256:…`.
    pub fingerprints: Vec<String>,
    /// The network that boxes join by default; empty from servers that have done away with it.
    pub default_network_id: String,
}

/// What [`Compute::config`] answers.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfig {
    /// The image of a box created without one, `ubuntu:latest`.
    pub default_image: String,
    /// The DNS zone in which boxes are reached, `boxd.sh`.
    pub zone: String,
}

/// Builds a [`Compute`]. What is not given comes from the environment variables, then from the preset.
#[derive(Clone)]
pub struct ComputeBuilder<T = ()> {
    settings: Settings,
    timeouts: Timeouts,
    retry: Retry,
    connect_timeout: Duration,
    keepalive: Option<Duration>,
    message_limit: usize,
    pub(crate) web_socket: GivenWebSocket,
    transport: T,
}

impl Default for ComputeBuilder {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            timeouts: Timeouts { request: Duration::from_secs(60), open: None, idle: None },
            retry: Retry { attempts: 2, backoff: Duration::from_millis(500) },
            connect_timeout: Duration::from_secs(10),
            keepalive: None,
            message_limit: crate::transport::DEFAULT_MESSAGE_LIMIT,
            web_socket: GivenWebSocket::default(),
            transport: (),
        }
    }
}

impl<T> ComputeBuilder<T> {
    /// An API key (`bxk_…`). It goes to the exchange URL alone, never to the API. Default: `BOXD_API_KEY`.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.settings.api_key = Some(key.into());
        self
    }

    /// A token (`eyJ…`), used as it is and never refreshed. Wins over an API key. Default: `BOXD_TOKEN`.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.settings.token = Some(token.into());
        self
    }

    /// A named cluster. Default: `BOXD_ENVIRONMENT`, else production.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.settings.environment = Some(environment);
        self
    }

    /// Where the API is: `https://host:port`, `http://host:port` for plaintext, or `host:port`, which means TLS unless
    /// the host is this machine. Wins over the environment. Default: `BOXD_API_URL`, else the preset's.
    #[must_use]
    pub fn api_url(mut self, url: impl Into<String>) -> Self {
        self.settings.api_url = Some(url.into());
        self
    }

    /// Where API keys are exchanged for tokens. Default: `BOXD_EXCHANGE_URL`, else the preset's.
    #[must_use]
    pub fn exchange_url(mut self, url: impl Into<String>) -> Self {
        self.settings.exchange_url = Some(url.into());
        self
    }

    /// How long a unary call may take with all its attempts. Default: 60 s. Long streams have no such limit.
    #[must_use]
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.request = limit;
        self
    }

    /// How long a stream may wait for its first sign of life. Default: none, since a quiet command sends none.
    #[must_use]
    pub fn open_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.open = Some(limit);
        self
    }

    /// How long a stream may be silent between two messages. Default: none.
    #[must_use]
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.idle = Some(limit);
        self
    }

    /// How often a read is sent again when the cluster is unavailable, and the first pause (doubling, with jitter).
    /// Default: 2 times, from 500 ms. What changes something is never carried out twice: it is sent again only when no
    /// connection could be made, and, whatever is set here, when the connection went away before the call was taken up.
    #[must_use]
    pub fn retries(mut self, attempts: u32, backoff: Duration) -> Self {
        self.retry = Retry { attempts, backoff };
        self
    }

    /// How long connecting may take. Default: 10 s. Of no effect with a transport of your own.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How often HTTP/2 pings go out while calls are open, so that a dead connection is noticed. Default: 330 s, since
    /// many servers end connections that ping more often than every 5 minutes while nothing else comes; a host that has
    /// gone is noticed within 45 s by TCP's own keepalive. `None` turns the pings off. In a browser, a WebSocket that
    /// has gone is noticed within one and a half of it, or 45 s by default. Of no effect with a transport of your own.
    #[must_use]
    pub fn keepalive(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.keepalive = Some(interval.into().unwrap_or(Duration::ZERO));
        self
    }

    /// The largest message in bytes, either way. Default: 64 MiB. Of no effect with a transport of your own.
    #[must_use]
    pub fn message_limit(mut self, bytes: usize) -> Self {
        self.message_limit = bytes;
        self
    }

    /// Sends calls through a transport of your own. Only `exchange_url` of the addresses matters then.
    #[must_use]
    pub fn transport<U: Transport>(self, transport: U) -> ComputeBuilder<U> {
        let Self { settings, timeouts, retry, connect_timeout, keepalive, message_limit, web_socket, .. } =
            self;
        ComputeBuilder {
            settings,
            timeouts,
            retry,
            connect_timeout,
            keepalive,
            message_limit,
            web_socket,
            transport,
        }
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl ComputeBuilder {
    /// Builds the client. Does no I/O.
    ///
    /// # Errors
    /// [`Authentication`](crate::ErrorKind::Authentication) without credentials;
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an address that cannot be right, or one that needs
    /// TLS when the crate was built without.
    pub fn build(self) -> Result<Compute> {
        let resolved = self.settings.resolve(environment)?;
        let transport = DefaultTransport::connect(&ChannelSettings {
            endpoint: resolved.api.clone(),
            connect_timeout: self.connect_timeout,
            keepalive: self.keepalive,
            message_limit: self.message_limit,
            retry: self.retry,
            web_socket: self.web_socket,
        })?;
        Ok(Compute::assemble(transport, resolved, self.timeouts, self.retry))
    }
}

impl<T: Transport> ComputeBuilder<T> {
    /// Builds the client. Does no I/O.
    ///
    /// # Errors
    /// [`Authentication`](crate::ErrorKind::Authentication) without credentials.
    pub fn build(self) -> Result<Compute<T>> {
        let resolved = self.settings.resolve(environment)?;
        Ok(Compute::assemble(self.transport, resolved, self.timeouts, self.retry))
    }
}

//! A gateway: gRPC-web, grpc-websockets, CORS and the exchange of keys, in front of a cluster that speaks only gRPC.
//!
//! Messages pass through as bytes that nobody here reads, with their metadata, trailers and deadlines. With an API key
//! of its own, a gateway hands pages short-lived tokens, so that no key ever reaches one: whoever starts it gives the
//! page its secret, which holds as long as the gateway runs.

mod exchange;
mod forward;
mod mint;
mod outgoing;
mod post;
mod upstream;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder as Http;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic_web::GrpcWebLayer;
use tower::ServiceBuilder;
use tower::util::{MapRequestLayer, MapResponseLayer};
use tower_http::cors::Any;

use self::forward::Forward;
use self::mint::Mint;
use self::upstream::Upstream;
use crate::Error;
use crate::access::{Access, not_stored, without_parameters};
use crate::connections::{Control, serve};
use crate::exchange::ExchangeLayer;
use crate::web::EXCHANGE_PATH;
use crate::websocket::GrpcWebSocketLayer;

/// A client that vanished without a word is noticed after this and half as much again.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// What a sender may have under way before the upstream takes it.
const STREAM_WINDOW: u32 = 512 << 10;
const CONNECTION_WINDOW: u32 = 8 << 20;
const WEBSOCKETS: usize = 4096;

/// How a gateway shall be. Made by [`Gateway::builder`].
#[derive(Clone)]
#[must_use = "nothing runs until it is started"]
pub struct Builder {
    upstream: String,
    exchange_url: Option<String>,
    listen: SocketAddr,
    origins: Option<Vec<String>>,
    hosts: Vec<String>,
    api_key: Option<String>,
    token_life: Duration,
    allow_remote: bool,
}

impl Builder {
    /// Where to listen. Port 0 takes a free one; the default is that, on 127.0.0.1.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Where the upstream exchanges API keys for tokens. Without it, `/api/v1/auth/token` on the upstream's host, at the
    /// scheme's own port.
    pub fn exchange_url(mut self, url: impl Into<String>) -> Self {
        self.exchange_url = Some(url.into());
        self
    }

    /// Lets pages of this origin call: `https://app.example.com`, `http://localhost:*` for any port, `*` for any page.
    /// Can be given several times. Without it, pages on loopback may call.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.get_or_insert_default().push(origin.into());
        self
    }

    /// A name by which the gateway may be called, besides localhost and the address it listens on: that of a proxy in
    /// front of it. Can be given several times.
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name.into());
        self
    }

    /// The upstream's API key that the gateway holds. Without it, pages exchange keys of their own.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// How long the tokens live that pages get. Default: 15 minutes. Clients ask for the next one 5 minutes before.
    pub fn token_life(mut self, life: Duration) -> Self {
        self.token_life = life;
        self
    }

    /// Lets the address be other than loopback. The gateway speaks plaintext: put TLS in front of it.
    pub fn allow_remote(mut self, allow: bool) -> Self {
        self.allow_remote = allow;
        self
    }

    /// Starts the gateway, and returns once it answers. The upstream need not be there yet.
    pub async fn start(self) -> Result<Gateway, Error> {
        if !self.listen.ip().is_loopback() && !self.allow_remote {
            return Err(Error::NotLoopback(self.listen));
        }
        let upstream = Arc::new(Upstream::new(&self.upstream)?);
        let exchange = match &self.exchange_url {
            Some(url) => url.parse().map_err(|_| Error::bad_url(url))?,
            None => exchange_url(upstream.url())?,
        };
        let client = post::Client::new(exchange)?;
        let listener = TcpListener::bind(self.listen)
            .await
            .map_err(|source| Error::Listen { address: self.listen, source })?;
        let address =
            listener.local_addr().map_err(|source| Error::Listen { address: self.listen, source })?;
        let access = Access::new(self.origins.as_deref(), address, address)?.called(self.hosts);
        let mint = match self.api_key {
            Some(key) => Some(Mint::new(key, self.token_life, client.clone(), Arc::clone(&upstream))?),
            None => None,
        };
        let secret = mint.as_ref().map(|mint| mint.secret().to_owned());
        let exchange = exchange::router(mint, client, access.clone());
        let stop = CancellationToken::new();
        let control = Control::default();
        let forward = Forward::new(upstream, secret.is_some());
        let serving = tokio::spawn(run(listener, access, exchange, forward, control.clone(), stop.clone()));
        Ok(Gateway { address, secret, control, stop, serving })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("upstream", &self.upstream)
            .field("listen", &self.listen)
            .field("origins", &self.origins)
            .field("holds_a_key", &self.api_key.is_some())
            .finish_non_exhaustive()
    }
}

/// A gateway that runs. Dropped, it ends, and its calls with it.
pub struct Gateway {
    address: SocketAddr,
    secret: Option<String>,
    control: Control,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Gateway {
    /// A gateway to `upstream`, `https://host:port`, or `http://host:port` for one that speaks plaintext.
    pub fn builder(upstream: impl Into<String>) -> Builder {
        Builder {
            upstream: upstream.into(),
            exchange_url: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            origins: None,
            hosts: Vec::new(),
            api_key: None,
            token_life: Duration::from_secs(15 * 60),
            allow_remote: false,
        }
    }

    /// Where pages call: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where pages get their tokens.
    pub fn exchange_url(&self) -> String {
        format!("{}{EXCHANGE_PATH}", self.url())
    }

    /// What a page gives in place of an API key, where the gateway holds one. Another at each start.
    pub fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }

    /// Takes no more calls, and gives those that run so much time. What is left then is cut off.
    pub async fn shutdown(mut self, grace: Duration) {
        self.stop.cancel();
        tokio::time::timeout(grace, &mut self.serving).await.ok();
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("address", &self.address)
            .field("holds_a_key", &self.secret.is_some())
            .finish_non_exhaustive()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
        self.control.close();
        self.serving.abort();
    }
}

async fn run(
    listener: TcpListener,
    access: Access,
    exchange: axum::Router,
    forward: Forward,
    control: Control,
    stop: CancellationToken,
) {
    let sockets = GrpcWebSocketLayer::new().connections(WEBSOCKETS).keepalive(KEEPALIVE);
    let service = ServiceBuilder::new()
        .layer(access.clone())
        // What metadata there is, the gateway does not know.
        .layer(access.cors().expose_headers(Any))
        .layer(sockets.clone())
        .layer(MapRequestLayer::new(without_parameters::<Body>))
        .layer(ExchangeLayer(exchange))
        .layer(MapResponseLayer::new(not_stored))
        .layer(GrpcWebLayer::new())
        .service(forward);
    let mut http = Http::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new());
    http.http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE / 2);
    tokio::join!(serve(listener, http, service, control, stop.clone()), async {
        stop.cancelled().await;
        sockets.close().await;
    });
}

/// Where the published clients look for the exchange of a cluster.
fn exchange_url(upstream: &Uri) -> Result<Uri, Error> {
    let (scheme, host) = (upstream.scheme_str().unwrap_or("https"), upstream.host().unwrap_or_default());
    let url = format!("{scheme}://{host}{EXCHANGE_PATH}");
    url.parse().map_err(|_| Error::BadUrl(url))
}

//! A cluster from start to end.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::api::Api;
use crate::boxes::{Boxes, GRACE};
use crate::console::Consoles;
use crate::credentials::Credentials;
use crate::data::Data;
use crate::faults::Faults;
use crate::proxy::Proxy;
use crate::store::Store;
use crate::{Error, machine, server, web};

/// How long calls have to end once every box has.
const CALLS_END: Duration = Duration::from_secs(2);

/// A running cluster. Dropped, it ends at once, its boxes with it; [`shutdown`](Self::shutdown) lets them end in order.
///
/// It works on threads of its own, so it can be used from any runtime, and from code that blocks.
pub struct Cluster {
    started: Started,
    running: Option<Running>,
}

/// What a cluster that has started is told by.
struct Started {
    api: SocketAddr,
    web: SocketAddr,
    api_key: String,
    api_key_made: bool,
    data: PathBuf,
    faults: Faults,
}

struct Running {
    /// Sends how long the boxes may take.
    stop: oneshot::Sender<Duration>,
    ended: oneshot::Receiver<()>,
    thread: JoinHandle<()>,
}

impl Cluster {
    /// Starts a cluster on free ports of the loopback, with a temporary folder that goes with it.
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// A cluster with settings of one's own.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where gRPC is served, in plaintext: `http://127.0.0.1:PORT`.
    pub fn api_url(&self) -> String {
        format!("http://{}", self.started.api)
    }

    /// Where HTTP is served: `http://127.0.0.1:PORT`.
    pub fn web_url(&self) -> String {
        format!("http://{}", self.started.web)
    }

    /// Where API keys are exchanged for JWTs, on the web port.
    pub fn exchange_url(&self) -> String {
        format!("{}{}", self.web_url(), web::EXCHANGE_PATH)
    }

    /// An API key for this cluster.
    pub fn api_key(&self) -> &str {
        &self.started.api_key
    }

    /// Whether [`api_key`](Self::api_key) was made at this start, so that nobody has seen it yet.
    pub fn api_key_is_new(&self) -> bool {
        self.started.api_key_made
    }

    /// Where the cluster keeps its state and its boxes' files.
    pub fn data_dir(&self) -> &Path {
        &self.started.data
    }

    /// The faults that calls of this cluster meet: none, until some are injected.
    pub fn faults(&self) -> &Faults {
        &self.started.faults
    }

    /// Ends the cluster: boxes get SIGTERM and a few seconds, calls an end. Boxes that ran boot again at the next start.
    pub async fn shutdown(mut self) {
        if let Some(Running { stop, ended, thread }) = self.running.take() {
            stop.send(GRACE).ok();
            ended.await.ok();
            // It has done all but return.
            thread.join().ok();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(Running { stop, thread, .. }) = self.running.take() {
            stop.send(Duration::ZERO).ok();
            thread.join().ok();
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("api", &self.started.api)
            .field("web", &self.started.web)
            .field("data", &self.started.data)
            .finish_non_exhaustive()
    }
}

/// How a cluster shall be. Made by [`Cluster::builder`].
#[derive(Clone)]
#[must_use = "nothing runs until it is started"]
pub struct Builder {
    api: SocketAddr,
    web: SocketAddr,
    data: Option<PathBuf>,
    api_key: Option<String>,
    exchange_limit: Option<NonZeroU32>,
    allow_remote: bool,
    /// None: pages on loopback.
    origins: Option<Vec<String>>,
    network: machine::Network,
    faults_over_http: bool,
}

impl Default for Builder {
    fn default() -> Self {
        let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self {
            api: any,
            web: any,
            data: None,
            api_key: None,
            exchange_limit: None,
            allow_remote: false,
            origins: None,
            network: machine::Network::Own,
            faults_over_http: false,
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("api", &self.api)
            .field("web", &self.web)
            .field("data", &self.data)
            .field("exchange_limit", &self.exchange_limit)
            .field("allow_remote", &self.allow_remote)
            .field("origins", &self.origins)
            .field("network", &self.network)
            .field("faults_over_http", &self.faults_over_http)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Where to serve gRPC. Port 0 takes a free one; the default is that, on 127.0.0.1.
    pub fn api_addr(mut self, address: SocketAddr) -> Self {
        self.api = address;
        self
    }

    /// Where to serve HTTP. Port 0 takes a free one; the default is that, on 127.0.0.1.
    pub fn web_addr(mut self, address: SocketAddr) -> Self {
        self.web = address;
        self
    }

    /// Where to keep state and files. Without it, in a temporary folder that goes with the cluster.
    pub fn data_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = Some(folder.into());
        self
    }

    /// An API key that shall be valid. Without it, one is made at the first start and kept in the data folder.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// How many exchanges one address may make in a minute; 0, the default, means any number. The cloud allows 30.
    pub fn exchange_limit(mut self, per_minute: u32) -> Self {
        self.exchange_limit = NonZeroU32::new(per_minute);
        self
    }

    /// Lets the addresses be other than loopback: whoever reaches them and has the key runs commands on this machine.
    pub fn allow_remote(mut self, allow: bool) -> Self {
        self.allow_remote = allow;
        self
    }

    /// Lets pages of this origin call from a browser: `https://app.example.com`, `http://localhost:*` for any port, `*`
    /// for any page. Can be given several times. Without it, pages on loopback may call.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.get_or_insert_default().push(origin.into());
        self
    }

    /// Whose network the boxes have. By default each has its own: none reaches the internet, and any two can listen on
    /// the same port.
    pub fn network(mut self, network: machine::Network) -> Self {
        self.network = network;
        self
    }

    /// Lets programs on this machine that have an API key inject faults at `/faults` on the web port. Off by default;
    /// [`Cluster::faults`] works in any case.
    pub fn faults_over_http(mut self, allow: bool) -> Self {
        self.faults_over_http = allow;
        self
    }

    /// Starts the cluster and returns once both ports answer.
    pub async fn start(self) -> Result<Cluster, Error> {
        for address in [self.api, self.web] {
            if !address.ip().is_loopback() && !self.allow_remote {
                return Err(Error::NotLoopback(address));
            }
        }
        let visible = |key: &str| key.bytes().all(|byte| byte.is_ascii_graphic());
        if self.api_key.as_deref().is_some_and(|key| !(8..=256).contains(&key.len()) || !visible(key)) {
            return Err(Error::BadKey);
        }
        let (ready, started) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("boxd-local".into())
            .spawn(move || {
                thread(self, ready, stopped);
                end.send(()).ok();
            })
            .map_err(|error| Error::Internal(format!("starting a thread: {error}")))?;
        let started = started
            .await
            .unwrap_or_else(|_| Err(Error::Internal("the cluster's thread has ended".into())))?;
        Ok(Cluster { started, running: Some(Running { stop, ended, thread }) })
    }
}

/// A cluster's life, on its own thread.
fn thread(
    settings: Builder,
    ready: oneshot::Sender<Result<Started, Error>>,
    stop: oneshot::Receiver<Duration>,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("boxd-local-worker")
        .enable_all()
        .build()
        .map_err(|error| Error::Internal(format!("starting a runtime: {error}")));
    match runtime {
        Ok(runtime) => {
            runtime.block_on(run(settings, ready, stop));
            // Whatever is left only waits for clients that are gone.
            runtime.shutdown_timeout(Duration::from_millis(100));
        }
        Err(error) => drop(ready.send(Err(error))),
    }
}

async fn run(
    settings: Builder,
    ready: oneshot::Sender<Result<Started, Error>>,
    stop: oneshot::Receiver<Duration>,
) {
    let (started, parts) = match open(settings).await {
        Ok(opened) => opened,
        Err(error) => return drop(ready.send(Err(error))),
    };
    let grace = match ready.send(Ok(started)) {
        Ok(()) => stop.await.unwrap_or(Duration::ZERO),
        // Nobody waits for the cluster any more.
        Err(_) => Duration::ZERO,
    };
    parts.close(grace).await;
}

/// What has to be ended.
struct Parts {
    data: Data,
    boxes: Boxes,
    stop: CancellationToken,
    servers: Vec<tokio::task::JoinHandle<()>>,
}

async fn open(settings: Builder) -> Result<(Started, Parts), Error> {
    let blocking = |_| Error::Internal("the cluster's runtime is ending".into());
    let folder = settings.data;
    let opening = tokio::task::spawn_blocking(move || {
        machine::check_host().map_err(Error::Host)?;
        let data = Data::open(folder)?;
        let store = Store::open(&data.folder().join("state.db"))?;
        Ok::<_, Error>((data, store))
    });
    let (data, store) = opening.await.map_err(blocking)??;
    let api_listener = listen(settings.api).await?;
    let web_listener = listen(settings.web).await?;
    let (api, web) = (local_addr(&api_listener, settings.api)?, local_addr(&web_listener, settings.web)?);

    let access = Access::new(settings.origins.as_deref(), api, web)?;
    let credentials = Arc::new(Credentials::open(data.folder(), store.clone()).await?);
    let (api_key, api_key_made) = api_key(settings.api_key, &data, &credentials).await?;
    let consoles = Consoles::new().map_err(|error| Error::Internal(format!("watching consoles: {error}")))?;
    let boxes = Boxes::open(data.folder(), data.runtime(), settings.network, web.ip(), store.clone()).await?;

    let stop = CancellationToken::new();
    let serving = Api {
        boxes: boxes.clone(),
        consoles,
        credentials: Arc::clone(&credentials),
        store,
        web_port: web.port(),
    };
    let faults = Faults::default();
    let over_http = settings.faults_over_http.then(|| faults.clone());
    let router = web::router(credentials, settings.exchange_limit, over_http, access.clone());
    let grpc = server::serve_api(api_listener, serving, router.clone(), access, faults.clone(), stop.clone());
    let http = server::serve_web(web_listener, router, Proxy::new(boxes.clone()), stop.clone());
    let servers = vec![tokio::spawn(grpc), tokio::spawn(http)];
    let started = Started { api, web, api_key, api_key_made, data: data.folder().to_owned(), faults };
    Ok((started, Parts { data, boxes, stop, servers }))
}

impl Parts {
    async fn close(self, grace: Duration) {
        self.stop.cancel();
        self.boxes.shutdown(grace).await;
        let calls = async {
            for server in self.servers {
                server.await.ok();
            }
        };
        // A client that does not read its answer must not keep the cluster alive.
        if !grace.is_zero() {
            tokio::time::timeout(CALLS_END, calls).await.ok();
        }
        if self.data.is_temporary() {
            machine::remove_root(self.data.folder()).await.ok();
        }
    }
}

/// The key that `Cluster::api_key` tells, and whether it is new.
async fn api_key(
    given: Option<String>,
    data: &Data,
    credentials: &Credentials,
) -> Result<(String, bool), Error> {
    if let Some(key) = given {
        credentials.adopt_key(&key, "given at start").await?;
        return Ok((key, false));
    }
    match data.api_key()? {
        Some(key) if credentials.knows(&key).await? => Ok((key, false)),
        // None yet, or its holder deleted it.
        _ => {
            let new = credentials.create_key("made at start", 0).await?;
            data.keep_api_key(&new.key)?;
            Ok((new.key, true))
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })
}

fn local_addr(listener: &TcpListener, address: SocketAddr) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(|source| Error::Listen { address, source })
}

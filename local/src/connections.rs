//! A port's connections: accepted, served with HTTP/1.1 or HTTP/2, and told to go when the cluster ends.

use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ConnectInfo;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::codegen::{Body, Service, StdError};
use tower::ServiceExt as _;

/// After a failure that is not one connection's, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// What the connections of a port can be told while they live. Clones tell the same ones.
#[derive(Clone, Default)]
pub(crate) struct Control {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Of the connections that were made since the last of each.
    go_away: CancellationToken,
    close: CancellationToken,
    limit: Option<NonZeroU32>,
}

/// A connection, as requests that came by it know it.
#[derive(Clone)]
pub(crate) struct Connection {
    go_away: CancellationToken,
    close: CancellationToken,
}

impl Control {
    /// Tells all clients to make new calls elsewhere; those that run are carried on.
    pub(crate) fn go_away(&self) {
        std::mem::take(&mut self.state().go_away).cancel();
    }

    /// Cuts all connections.
    pub(crate) fn close(&self) {
        std::mem::take(&mut self.state().close).cancel();
    }

    /// How many calls a connection that is made from now on may have at a time.
    pub(crate) fn limit_streams(&self, limit: Option<NonZeroU32>) {
        self.state().limit = limit;
    }

    fn connection(&self) -> (Connection, Option<NonZeroU32>) {
        let state = self.state();
        let made = Connection { go_away: state.go_away.child_token(), close: state.close.child_token() };
        (made, state.limit)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    pub(crate) fn go_away(&self) {
        self.go_away.cancel();
    }

    pub(crate) fn close(&self) {
        self.close.cancel();
    }

    /// Waits until it is to be cut. Whoever has taken it over has to look.
    pub(crate) async fn closed(&self) {
        self.close.cancelled().await;
    }
}

/// Serves until `stop`, then until every connection has ended. Requests can be upgraded; they carry their peer as
/// [`ConnectInfo`], and their [`Connection`].
pub(crate) async fn serve<S, B>(
    listener: TcpListener,
    http: Builder<TokioExecutor>,
    service: S,
    control: Control,
    stop: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<StdError>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<StdError>,
{
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((socket, peer)) => {
                let (connection, limit) = control.connection();
                let mut http = http.clone();
                http.http2().max_concurrent_streams(limit.map(NonZeroU32::get));
                let known = connection.clone();
                let service = service.clone().map_request(move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(ConnectInfo(peer));
                    request.extensions_mut().insert(known.clone());
                    request
                });
                connections.spawn(converse(socket, http, service, connection, stop.clone()));
            }
            Err(error) if is_of_one(&error) => {}
            Err(error) => {
                eprintln!("boxd-local: accepting a connection: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    // Nobody shall wait in its queue.
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn converse<S, B>(
    socket: TcpStream,
    http: Builder<TokioExecutor>,
    service: S,
    told: Connection,
    stop: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<StdError>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<StdError>,
{
    // What streams is sent as it comes.
    socket.set_nodelay(true).ok();
    let service = TowerToHyperService::new(service);
    let mut connection = pin!(http.serve_connection_with_upgrades(TokioIo::new(socket), service));
    tokio::select! {
        // How it ended is its client's matter.
        _ = connection.as_mut() => return,
        () = told.close.cancelled() => return,
        () = told.go_away.cancelled() => {}
        () = stop.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = connection => {}
        () = told.close.cancelled() => {}
    }
}

/// Whether only the connection that was being accepted has failed.
fn is_of_one(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as E;
    matches!(error.kind(), E::ConnectionRefused | E::ConnectionAborted | E::ConnectionReset)
}

//! A port's connections: accepted, served with HTTP/1.1 or HTTP/2, and told to go when the cluster ends.

use std::pin::pin;
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
use tower::util::MapRequest;

/// After a failure that is not one connection's, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`, then until every connection has ended. Requests can be upgraded, and carry their peer as
/// [`ConnectInfo`].
pub(crate) async fn serve<S, B>(
    listener: TcpListener,
    http: Builder<TokioExecutor>,
    service: S,
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
                let service = service.clone().map_request(move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(ConnectInfo(peer));
                    request
                });
                connections.spawn(connection(socket, http.clone(), service, stop.clone()));
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

async fn connection<S, F, B>(
    socket: TcpStream,
    http: Builder<TokioExecutor>,
    service: MapRequest<S, F>,
    stop: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<StdError>,
    F: FnMut(Request<Incoming>) -> Request<Incoming> + Clone + Send + 'static,
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
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await.ok();
}

/// Whether only the connection that was being accepted has failed.
fn is_of_one(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as E;
    matches!(error.kind(), E::ConnectionRefused | E::ConnectionAborted | E::ConnectionReset)
}

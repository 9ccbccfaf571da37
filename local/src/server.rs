//! The two ports: gRPC and HTTP.

use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic_web::GrpcWebLayer;
use tower::util::{MapRequestLayer, MapResponseLayer};
use tower::{ServiceBuilder, service_fn};

use crate::access::{Access, not_stored, without_parameters};
use crate::api::{self, Api};
use crate::connections::{Control, serve};
use crate::deadline::Deadline;
use crate::exchange::ExchangeLayer;
use crate::faults::{FaultLayer, Faults};
use crate::proxy::Proxy;
use crate::web;
use crate::websocket::GrpcWebSocketLayer;

/// What a sender may have under way before the box takes it: enough to keep a loopback busy, little enough for many.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
const FRAME: u32 = 128 << 10;
/// A client that vanished without a word is noticed after this and half as much again.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// The head of a request to a box: more than browsers send, and what is more is refused with 431.
const HEAD_BYTES: usize = 64 << 10;

/// Serves gRPC, gRPC-web over HTTP/1.1 and HTTP/2, and grpc-websockets, until `stop`, then until its calls have ended.
pub(crate) async fn serve_api(
    listener: TcpListener,
    api: Api,
    web: Router,
    access: Access,
    faults: Faults,
    stop: CancellationToken,
) {
    let control = faults.connections().clone();
    let sockets = GrpcWebSocketLayer::new();
    let service = ServiceBuilder::new()
        .layer(access.clone())
        .layer(access.cors())
        .layer(sockets.clone())
        .layer(MapRequestLayer::new(without_parameters::<Body>))
        .layer(ExchangeLayer(web))
        .layer(MapResponseLayer::new(not_stored))
        .layer(GrpcWebLayer::new())
        .layer(Deadline)
        .layer(FaultLayer(faults))
        .service(Routes::new(api::service(api)).prepare());
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new());
    http.http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE / 2);
    tokio::join!(serve(listener, http, service, control, stop.clone()), async {
        stop.cancelled().await;
        sockets.close().await;
    });
}

/// Serves HTTP, the cluster's own and that of boxes, until `stop`, then until its requests have ended.
pub(crate) async fn serve_web(listener: TcpListener, router: Router, proxy: Proxy, stop: CancellationToken) {
    let service = service_fn(move |request| web::serve(router.clone(), proxy.clone(), request));
    let mut http = Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).max_buf_size(HEAD_BYTES);
    serve(listener, http, service, Control::default(), stop).await;
}

//! The two ports: gRPC and HTTP.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::{Server, TcpIncoming};
use tonic_web::GrpcWebLayer;
use tower::util::MapRequestLayer;

use crate::access::{Access, without_parameters};
use crate::api::{self, Api};
use crate::credentials::Credentials;
use crate::web;

/// What a sender may have under way before the box takes it: enough to keep a loopback busy, little enough for many.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
const FRAME: u32 = 128 << 10;
/// A client that vanished without a word is noticed after this and half as much again.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Serves gRPC, and gRPC-web over HTTP/1.1 and HTTP/2, until `stop`, then until its calls have ended.
pub(crate) async fn serve_api(
    listener: TcpListener,
    api: Api,
    access: Access,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE / 2))
        .accept_http1(true)
        .layer(access.clone())
        .layer(access.cors())
        .layer(MapRequestLayer::new(without_parameters))
        .layer(GrpcWebLayer::new())
        .add_service(api::service(api))
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            stop.cancelled_owned(),
        )
        .await
}

/// Serves HTTP until `stop`, then until its requests have ended.
pub(crate) async fn serve_web(
    listener: TcpListener,
    credentials: Arc<Credentials>,
    exchange_limit: Option<NonZeroU32>,
    access: Access,
    stop: CancellationToken,
) -> io::Result<()> {
    let router = web::router(credentials, exchange_limit, access);
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

//! grpc-websockets: gRPC over a WebSocket a call, for clients that HTTP/2 does not reach, such as pages.
//!
//! The protocol is that of improbable-eng's gRPC-web. [`GrpcWebSocketLayer`] puts it in front of any gRPC service of
//! tower's kind, tonic's among them. It has to be served by something that lets connections be upgraded, as
//! `axum::serve` does and hyper with `serve_connection_with_upgrades`; tonic's own server does not.
//!
//! ```no_run
//! # async fn example<S>(service: S) -> std::io::Result<()>
//! # where
//! #     S: tonic::codegen::Service<
//! #             http::Request<tonic::body::Body>,
//! #             Error = std::convert::Infallible,
//! #             Response = http::Response<tonic::body::Body>,
//! #         > + tonic::server::NamedService + Clone + Send + Sync + 'static,
//! #     S::Future: Send + 'static,
//! # {
//! use boxd_local::websocket::GrpcWebSocketLayer;
//! use tonic::service::Routes;
//! use tower::Layer;
//!
//! let grpc = GrpcWebSocketLayer::new().layer(Routes::new(service).prepare());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:9443").await?;
//! axum::serve(listener, axum::Router::new().fallback_service(grpc)).await
//! # }
//! ```
//!
//! It checks no `Origin`: a WebSocket can be opened by any page, so a layer in front of it has to.

mod call;
mod frame;
mod handshake;

pub(crate) use self::call::code_of;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, Ready, ready};
use http::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, Service, StdError};
use tower::Layer;

use crate::connections::Connection;

/// How long a client has from one step of a call's opening to the next.
const OPENING: Duration = Duration::from_secs(10);
/// What is read at once, and gathered before it is written. Each connection holds that much.
const BUFFER: usize = 16 << 10;

/// Takes calls over WebSockets, and passes everything else on.
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing by itself"]
pub struct GrpcWebSocketLayer {
    settings: Settings,
    places: Arc<Semaphore>,
    calls: TaskTracker,
    closing: CancellationToken,
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    message_bytes: usize,
    keepalive: Duration,
}

impl Default for GrpcWebSocketLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl GrpcWebSocketLayer {
    /// With the defaults.
    pub fn new() -> Self {
        Self {
            settings: Settings { message_bytes: 4 << 20, keepalive: Duration::from_secs(30) },
            places: Arc::new(Semaphore::new(1024)),
            calls: TaskTracker::new(),
            closing: CancellationToken::new(),
        }
    }

    /// How many WebSockets may be open at a time; others get HTTP 503. Default: 1024.
    pub fn connections(mut self, most: usize) -> Self {
        self.places = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        self
    }

    /// The largest WebSocket message that is taken, in bytes; a larger one ends its call, closed with 1009. Default:
    /// 4 MiB. A gRPC message may be larger: it may come in several.
    pub fn message_limit(mut self, bytes: usize) -> Self {
        self.settings.message_bytes = bytes;
        self
    }

    /// How often clients are pinged. One that does not answer within half of it is gone, and its call with it. Default:
    /// 30 s.
    pub fn keepalive(mut self, interval: Duration) -> Self {
        self.settings.keepalive = interval;
        self
    }

    /// Takes no more calls, and waits until those that run have ended. Whatever ends them is the service's own matter.
    pub async fn close(&self) {
        self.closing.cancel();
        self.calls.close();
        self.calls.wait().await;
    }
}

impl<S> Layer<S> for GrpcWebSocketLayer {
    type Service = GrpcWebSocketService<S>;

    fn layer(&self, inner: S) -> GrpcWebSocketService<S> {
        GrpcWebSocketService { layer: self.clone(), inner }
    }
}

/// A gRPC service behind [`GrpcWebSocketLayer`].
#[derive(Debug, Clone)]
pub struct GrpcWebSocketService<S> {
    layer: GrpcWebSocketLayer,
    inner: S,
}

impl<S, A, B> Service<Request<A>> for GrpcWebSocketService<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<StdError> + Send,
    A: HttpBody<Data = Bytes> + Send + 'static,
    A::Error: Into<StdError>,
    B: HttpBody<Data = Bytes> + Default + Send + 'static,
    B::Error: Into<StdError> + Send,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<B>, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        if !handshake::is_for_us(&request) {
            return Either::Left(self.inner.call(request.map(Body::new)));
        }
        let answer = handshake::answer(&request).and_then(|answer| {
            let place = Arc::clone(&self.layer.places).try_acquire_owned();
            Ok((answer, place.map_err(|_| handshake::full())?))
        });
        Either::Right(ready(Ok(match answer {
            Err(refusal) => refusal,
            Ok((answer, place)) => {
                let upgrade = hyper::upgrade::on(&mut request);
                let (path, extensions) = (request.uri().path().to_owned(), request.extensions().clone());
                let (layer, service) = (self.layer.clone(), self.inner.clone());
                self.layer.calls.spawn(async move {
                    let _place = place;
                    // Only a connection that breaks before its answer is not upgraded.
                    let Ok(Ok(upgraded)) = tokio::time::timeout(OPENING, upgrade).await else { return };
                    let config = WebSocketConfig::default()
                        .read_buffer_size(BUFFER)
                        .write_buffer_size(BUFFER)
                        .max_message_size(Some(layer.settings.message_bytes))
                        .max_frame_size(Some(layer.settings.message_bytes));
                    let io = TokioIo::new(upgraded);
                    let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
                    let connection = extensions.get::<Connection>().cloned();
                    let call = call::run(socket, path, extensions, service, layer.settings, layer.closing);
                    match connection {
                        Some(connection) => tokio::select! {
                            () = call => {}
                            () = connection.closed() => {}
                        },
                        None => call.await,
                    }
                });
                answer
            }
        })))
    }
}

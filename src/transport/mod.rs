//! How encoded messages reach a boxd cluster and come back.
//!
//! [`Transport`] is the one seam between the SDK and the network: three verbs over bytes. The SDK encodes, checks,
//! retries and times; a transport only carries. Implement it to reach a cluster in a way of your own.

mod answers;
#[cfg(browser)]
mod browser;
#[cfg(not(browser))]
mod channel;
mod frame;
#[cfg(any(not(browser), feature = "grpc-service"))]
mod grpc;
pub mod grpc_web;
#[cfg(all(browser, feature = "grpc-service"))]
mod local;
mod metadata;
mod method;
#[cfg(any(not(browser), feature = "grpc-service"))]
mod outgoing;
mod status;
#[cfg(any(browser, feature = "websocket"))]
pub mod websocket;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;

#[cfg(browser)]
pub use self::browser::BrowserTransport;
#[cfg(not(browser))]
pub use self::channel::NativeTransport;
pub(crate) use self::frame::PREFIX;
pub use self::frame::{Decoder, EncodedMessage, Frame};
#[cfg(any(not(browser), feature = "grpc-service"))]
pub use self::grpc::GrpcTransport;
pub use self::grpc_web::GrpcWebTransport;
#[cfg(all(browser, feature = "grpc-service"))]
pub use self::local::Local;
pub use self::metadata::Metadata;
pub use self::method::{Kind, Method, Rpc};
pub use self::status::{Code, Status};
#[cfg(any(browser, feature = "websocket"))]
pub use self::websocket::WebSocketTransport;
use crate::client::Retry;
use crate::config::Endpoint;

/// The transport that [`Compute`](crate::Compute) uses unless given another: gRPC over HTTP/2, and gRPC-web with
/// WebSockets in a browser.
#[cfg(not(browser))]
pub type DefaultTransport = NativeTransport;
/// The transport that [`Compute`](crate::Compute) uses unless given another: gRPC-web over `fetch`, and a WebSocket
/// where a call needs both directions at once.
#[cfg(browser)]
pub type DefaultTransport = BrowserTransport;

/// What a [`GrpcTransport`] sends through unless given another service.
#[cfg(not(browser))]
type DefaultService = tonic::transport::Channel;
#[cfg(all(browser, feature = "grpc-service"))]
type DefaultService = std::convert::Infallible;

/// What the default transport is made from.
#[derive(Clone, Debug)]
#[cfg_attr(browser, allow(dead_code))] // The host keeps its connections as it likes.
pub(crate) struct ChannelSettings {
    pub(crate) endpoint: Endpoint,
    pub(crate) connect_timeout: Duration,
    /// `None` leaves it to the transport; zero is none at all.
    pub(crate) keepalive: Option<Duration>,
    pub(crate) message_limit: usize,
    pub(crate) retry: Retry,
    #[cfg_attr(not(browser), allow(dead_code))]
    pub(crate) web_socket: GivenWebSocket,
}

/// What makes WebSockets where the host has none: a constructor in JavaScript, and nothing elsewhere.
#[cfg(not(browser))]
pub(crate) type GivenWebSocket = ();
#[cfg(browser)]
pub(crate) type GivenWebSocket = Option<send_wrapper::SendWrapper<js_sys::Function>>;

/// The largest message that a transport takes or sends unless told otherwise: 64 MiB.
///
/// The published clients use the same limit in both directions.
pub const DEFAULT_MESSAGE_LIMIT: usize = 64 * 1024 * 1024;

/// How encoded messages reach a boxd cluster and come back.
///
/// Object safe: `Arc<dyn Transport>` and `Box<dyn Transport>` are transports too. Futures and streams are `Send` on
/// every target.
///
/// # Contract
/// - Nothing is sent before the returned future or stream is polled.
/// - Dropping the future or stream cancels the call at the server.
/// - A stream ends with `None` only after the server's OK status; everything else is an `Err`, and nothing follows it.
/// - Messages are pulled: a reader that waits makes the sender wait.
pub trait Transport: Send + Sync + 'static {
    /// What this transport can do. The SDK asks before any I/O.
    fn capabilities(&self) -> Capabilities;

    /// Sends one message and waits for the one answer.
    fn unary(&self, call: Call, message: EncodedMessage) -> BoxFuture<'static, Result<Reply, Status>>;

    /// Sends one message and returns the answers as they come. Never waits for headers: opening is the stream's
    /// first state.
    fn server_stream(&self, call: Call, message: EncodedMessage) -> MessageStream;

    /// Sends messages while answers come. A transport without [`Capabilities::full_duplex`] is only handed calls
    /// whose [`Call::input_complete`] holds.
    fn duplex(&self, call: Call, messages: BoxStream<'static, EncodedMessage>) -> MessageStream;
}

/// What a transport can do.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Messages can be sent while answers arrive, as an interactive shell needs.
    pub full_duplex: bool,
}

impl Capabilities {
    /// Everything that gRPC over HTTP/2 can do.
    pub const FULL: Self = Self { full_duplex: true };
    /// One direction after the other, as gRPC-web over `fetch`.
    pub const HALF_DUPLEX: Self = Self { full_duplex: false };
}

/// One call: where it goes and what goes along.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Call {
    /// The RPC's path, `/boxd.api.v1.BoxdApi/GetVm`.
    pub path: &'static str,
    /// What goes along beside the message: credentials, the SDK's version.
    pub metadata: Metadata,
    /// How long the server may take, from now. Sent as `grpc-timeout`; the SDK enforces it by itself as well.
    pub timeout: Option<Duration>,
    /// All of the request is at hand already, so that it may be collected before it is sent.
    pub input_complete: bool,
}

impl Call {
    /// A call of `path` without metadata or timeout.
    pub fn new(path: &'static str) -> Self {
        Self { path, metadata: Metadata::new(), timeout: None, input_complete: true }
    }
}

/// The answer to a unary call.
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The encoded message.
    pub message: Bytes,
    /// Response metadata, headers before trailers.
    pub metadata: Metadata,
}

impl Reply {
    /// An answer that holds `message`.
    pub fn new(message: Bytes, metadata: Metadata) -> Self {
        Self { message, metadata }
    }
}

/// What a stream of answers yields.
#[derive(Clone, Debug)]
pub enum Event {
    /// The server's response headers have arrived. At most once, before any message.
    Opened(Metadata),
    /// One encoded message.
    Message(Bytes),
}

/// The answers of a streaming call. Its end is terminal: after `None` or an error it stays at `None`.
pub struct MessageStream {
    inner: Option<BoxStream<'static, Result<Event, Status>>>,
}

impl MessageStream {
    /// Wraps what a transport produces.
    pub fn new(events: impl Stream<Item = Result<Event, Status>> + Send + 'static) -> Self {
        Self { inner: Some(Box::pin(events)) }
    }

    /// A stream that fails at once.
    pub fn failed(status: Status) -> Self {
        Self::new(futures_util::stream::once(std::future::ready(Err(status))))
    }
}

impl Stream for MessageStream {
    type Item = Result<Event, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(inner) = self.inner.as_mut() else { return Poll::Ready(None) };
        let item = std::task::ready!(inner.as_mut().poll_next(cx));
        if !matches!(item, Some(Ok(_))) {
            self.inner = None;
        }
        Poll::Ready(item)
    }
}

impl fmt::Debug for MessageStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageStream").field("ended", &self.inner.is_none()).finish()
    }
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        impl<T: Transport + ?Sized> Transport for $pointer<T> {
            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }
            fn unary(&self, call: Call, message: EncodedMessage) -> BoxFuture<'static, Result<Reply, Status>> {
                (**self).unary(call, message)
            }
            fn server_stream(&self, call: Call, message: EncodedMessage) -> MessageStream {
                (**self).server_stream(call, message)
            }
            fn duplex(&self, call: Call, messages: BoxStream<'static, EncodedMessage>) -> MessageStream {
                (**self).duplex(call, messages)
            }
        }
    )*};
}

forward!(Arc, Box);

/// `grpc-timeout`: at most eight digits and a unit.
///
/// A second and more is rounded up to a millisecond, so that calls with the same limit carry the same header, which
/// HTTP/2 then sends as one byte.
pub(crate) fn timeout_header(timeout: Duration) -> String {
    const MOST: u64 = 99_999_999;
    let (seconds, micros) = (timeout.as_secs(), timeout.subsec_micros().into());
    let (value, unit) = match seconds {
        0 => (micros, "u"),
        s if s < MOST / 1000 => (s * 1000 + u64::from(timeout.subsec_nanos().div_ceil(1_000_000)), "m"),
        s => (s.min(MOST), "S"),
    };
    [&value.to_string(), unit].concat()
}

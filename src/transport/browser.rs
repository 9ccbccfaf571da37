//! What a page calls through: gRPC-web over `fetch`, and a WebSocket where a call needs both directions at once.

use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use send_wrapper::SendWrapper;

use super::{
    Call, Capabilities, ChannelSettings, EncodedMessage, GrpcWebTransport, MessageStream, Reply, Status,
    Transport, WebSocketTransport,
};
use crate::ComputeBuilder;
use crate::config::Endpoint;
use crate::error::Result;

/// gRPC-web over `fetch`, and grpc-websockets for calls whose input is not at hand when they begin.
///
/// The default in a browser, and wherever else JavaScript runs.
#[derive(Clone, Debug)]
pub struct BrowserTransport {
    web: GrpcWebTransport,
    sockets: WebSocketTransport,
}

impl BrowserTransport {
    /// Sends calls to `url`, which is read as [`ComputeBuilder::api_url`](crate::ComputeBuilder::api_url) is.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an address that cannot be right. Does no I/O.
    pub fn new(url: impl AsRef<str>) -> Result<Self> {
        Self::to(&Endpoint::parse(url.as_ref())?)
    }

    fn to(endpoint: &Endpoint) -> Result<Self> {
        Ok(Self { web: GrpcWebTransport::to(endpoint)?, sockets: WebSocketTransport::to(endpoint)? })
    }

    pub(crate) fn connect(settings: &ChannelSettings) -> Result<Self> {
        let mut transport = Self::to(&settings.endpoint)?.message_limit(settings.message_limit);
        if let Some(constructor) = &settings.web_socket {
            transport = transport.web_socket((**constructor).clone());
        }
        if let Some(interval) = settings.keepalive {
            // As long as HTTP/2 takes to notice: an interval, and half of one for the answer.
            transport = transport.keepalive((!interval.is_zero()).then(|| interval + interval / 2));
        }
        Ok(transport)
    }

    /// The largest message in bytes, either way. Default: 64 MiB.
    #[must_use]
    pub fn message_limit(self, bytes: usize) -> Self {
        Self { web: self.web.message_limit(bytes), sockets: self.sockets.message_limit(bytes) }
    }

    /// Within what time a WebSocket that has gone without a word ends its call with an error, as
    /// [`WebSocketTransport::keepalive`]. Default: 45 s.
    #[must_use]
    pub fn keepalive(self, limit: impl Into<Option<Duration>>) -> Self {
        Self { sockets: self.sockets.keepalive(limit), ..self }
    }

    /// The constructor of the WebSockets to use, in place of the host's own. Node 20 has none: there, that of the npm
    /// package `ws` will do.
    #[must_use]
    pub fn web_socket(self, constructor: js_sys::Function) -> Self {
        Self { sockets: self.sockets.web_socket(constructor), ..self }
    }
}

impl ComputeBuilder {
    /// The constructor of the WebSockets to use, as [`BrowserTransport::web_socket`].
    #[must_use]
    pub fn web_socket(mut self, constructor: js_sys::Function) -> Self {
        self.web_socket = Some(SendWrapper::new(constructor));
        self
    }
}

impl Transport for BrowserTransport {
    fn capabilities(&self) -> Capabilities {
        Capabilities::FULL
    }

    fn unary(&self, call: Call, message: EncodedMessage) -> BoxFuture<'static, Result<Reply, Status>> {
        self.web.unary(call, message)
    }

    fn server_stream(&self, call: Call, message: EncodedMessage) -> MessageStream {
        self.web.server_stream(call, message)
    }

    fn duplex(&self, call: Call, messages: BoxStream<'static, EncodedMessage>) -> MessageStream {
        if call.input_complete {
            self.web.duplex(call, messages)
        } else {
            self.sockets.duplex(call, messages)
        }
    }
}

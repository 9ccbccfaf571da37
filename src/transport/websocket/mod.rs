//! grpc-websockets: gRPC over a WebSocket a call, both ways at once, behind proxies that break HTTP/2.
//!
//! The protocol is that of improbable-eng's gRPC-web, which other servers and clients speak too. It is written once,
//! over [`Connect`]: what opens a WebSocket, over HTTP/1.1 unless it is another's.

mod frame;
#[cfg(any(browser, test))]
mod heartbeat;

#[cfg(not(browser))]
#[path = "native.rs"]
mod sockets;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_channel::oneshot;
use futures_core::Stream;
use futures_core::future::{BoxFuture, FusedFuture};
use futures_core::stream::BoxStream;
use futures_util::{FutureExt, Sink, SinkExt, StreamExt, TryStreamExt, stream};

pub use self::frame::PROTOCOL;
pub use self::sockets::Sockets;
use super::answers;
use super::grpc_web::{WebAnswers, head, trailers};
use super::{
    Call, Capabilities, Code, DEFAULT_MESSAGE_LIMIT, Decoder, EncodedMessage, Frame, MessageStream, Reply,
    Status, Transport, timeout_header,
};
use crate::config::Endpoint;
use crate::error::{Result, span};
use crate::rt;

/// In which a client asks the server for an empty message in every such interval.
const HEARTBEAT: &str = "grpc-websockets-heartbeat";

/// How long a WebSocket may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What a server that has gone is noticed within, unless told otherwise.
const KEEPALIVE: Duration = Duration::from_secs(45);

/// What opens WebSockets.
///
/// # Contract
/// - Nothing is sent before the future is polled. Dropping it gives the attempt up.
/// - An error means that nothing of the call was sent.
pub trait Connect: Send + Sync + 'static {
    /// Opens a WebSocket with the subprotocol [`PROTOCOL`] and waits until it is open.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with a sentence of what is wrong when it does not open.
    fn connect(&self, open: Open) -> BoxFuture<'static, Result<Socket, Status>>;
}

/// What a WebSocket is opened with.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Open {
    /// The server, `wss://host:port` or `ws://host:port`.
    pub origin: Arc<str>,
    /// The RPC's path, `/package.Service/Method`.
    pub path: &'static str,
    /// Within what time a connection that has gone silently must end with an error, if at all.
    pub keepalive: Option<Duration>,
    /// No sane WebSocket message that comes is much larger than this many bytes.
    pub message_limit: usize,
}

impl Open {
    /// The WebSocket's URL. Holds no credentials.
    pub fn url(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }
}

/// An open WebSocket that carries binary messages.
pub struct Socket {
    /// Takes messages, and is not flushed as long as more than a bound of them waits to be sent. Fails only where
    /// `receiver` ends too, which says why.
    pub sender: Pin<Box<dyn Sink<Bytes, Error = Status> + Send>>,
    /// Gives messages; `None` after the other side has closed without a complaint. Dropped, it closes the WebSocket.
    pub receiver: BoxStream<'static, Result<Bytes, Status>>,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}

/// gRPC over WebSockets: in full duplex where HTTP/2 cannot be had.
///
/// With the feature `websocket`, for networks that let no HTTP/2 through, to a server that speaks grpc-websockets
/// (`boxd-local` does not yet):
///
/// ```
/// # fn main() -> boxd::Result<()> {
/// # let token = "eyJ";
/// use boxd::transport::WebSocketTransport;
///
/// let transport = WebSocketTransport::new("http://127.0.0.1:9443")?;
/// let compute = boxd::Compute::builder().token(token).transport(transport).build()?;
/// # Ok(())
/// # }
/// ```
///
/// Each call opens a WebSocket. The credentials go in its first message, never in its URL.
#[derive(Debug)]
pub struct WebSocketTransport<C = Sockets> {
    connect: Arc<C>,
    /// `ws://host:port` or `wss://host:port`.
    origin: Arc<str>,
    keepalive: Option<Duration>,
    message_limit: usize,
}

impl WebSocketTransport {
    /// Sends calls to `url`, which is read as [`ComputeBuilder::api_url`](crate::ComputeBuilder::api_url) is.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an address that cannot be right, or one that needs
    /// TLS when the crate was built without. Does no I/O.
    pub fn new(url: impl AsRef<str>) -> Result<Self> {
        Self::to(&Endpoint::parse(url.as_ref())?)
    }

    pub(super) fn to(endpoint: &Endpoint) -> Result<Self> {
        Ok(Self::through(Sockets::new(endpoint.tls)?, endpoint))
    }
}

impl<C: Connect> WebSocketTransport<C> {
    /// As [`WebSocketTransport::new`], through WebSockets of your own.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an address that cannot be right.
    pub fn with_connect(url: impl AsRef<str>, connect: C) -> Result<Self> {
        Ok(Self::through(connect, &Endpoint::parse(url.as_ref())?))
    }

    fn through(connect: C, endpoint: &Endpoint) -> Self {
        let scheme = if endpoint.tls { "wss" } else { "ws" };
        Self {
            connect: Arc::new(connect),
            origin: format!("{scheme}://{}", endpoint.authority).into(),
            keepalive: Some(KEEPALIVE),
            message_limit: DEFAULT_MESSAGE_LIMIT,
        }
    }

    /// Within what time a connection that has gone without a word, as when a network changes, ends its calls with an
    /// error. Default: 45 s; `None` leaves it to the operating system, which may take a quarter of an hour.
    ///
    /// The server is pinged.
    #[must_use]
    pub fn keepalive(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.keepalive = limit.into();
        self
    }

    /// The largest message in bytes, either way. Default: 64 MiB.
    #[must_use]
    pub fn message_limit(mut self, bytes: usize) -> Self {
        self.message_limit = bytes;
        self
    }

    fn open(
        &self,
        call: Call,
        messages: BoxStream<'static, EncodedMessage>,
    ) -> BoxFuture<'static, Result<WebAnswers, Status>> {
        let Self { connect, origin, keepalive, message_limit } = self.clone();
        Box::pin(async move {
            let path = call.path;
            let mut metadata = head::request(call);
            // Its pings are not to be seen there.
            if cfg!(browser)
                && let Some(limit) = keepalive
            {
                metadata.insert(HEARTBEAT, timeout_header(limit / 3));
            }
            let first = frame::head(&metadata)?;
            let connecting = connect.connect(Open { origin: origin.clone(), path, keepalive, message_limit });
            let socket = rt::timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|| {
                let text = format!("no answer from {origin} within {} s", CONNECT_TIMEOUT.as_secs());
                Err(Status::unavailable(text).not_sent())
            })?;
            answer(socket, first, messages, message_limit).await
        })
    }
}

impl<C> Clone for WebSocketTransport<C> {
    fn clone(&self) -> Self {
        Self {
            connect: self.connect.clone(),
            origin: self.origin.clone(),
            keepalive: self.keepalive,
            message_limit: self.message_limit,
        }
    }
}

impl<C: Connect> Transport for WebSocketTransport<C> {
    fn capabilities(&self) -> Capabilities {
        Capabilities::FULL
    }

    fn unary(&self, call: Call, message: EncodedMessage) -> BoxFuture<'static, Result<Reply, Status>> {
        let checked = message.check(self.message_limit);
        let opening = self.open(call, one(message));
        Box::pin(async move {
            checked?;
            answers::single(opening.await?).await
        })
    }

    fn server_stream(&self, call: Call, message: EncodedMessage) -> MessageStream {
        if let Err(status) = message.check(self.message_limit) {
            return MessageStream::failed(status);
        }
        answers::stream(self.open(call, one(message)))
    }

    fn duplex(&self, call: Call, messages: BoxStream<'static, EncodedMessage>) -> MessageStream {
        answers::stream(self.open(call, messages))
    }
}

fn one(message: EncodedMessage) -> BoxStream<'static, EncodedMessage> {
    stream::once(std::future::ready(message)).boxed()
}

/// Sends a call, and waits for the headers of its answer.
async fn answer(
    socket: Socket,
    first: Bytes,
    messages: BoxStream<'static, EncodedMessage>,
    limit: usize,
) -> Result<WebAnswers, Status> {
    let Socket { sender, receiver } = socket;
    let (failed, failure) = oneshot::channel();
    // As HTTP/2's connection does it: what a call is given goes out though nobody reads its answers just now.
    let sending = rt::spawn(Box::pin(async move {
        if let Err(status) = send(sender, first, messages, limit).await {
            let _ = failed.send(status);
        }
    }));
    let mut received = Received { receiver, failure, _sending: sending };
    let mut decoder = Decoder::new(limit);
    loop {
        match decoder.next_frame()? {
            None => match received.try_next().await? {
                Some(chunk) => decoder.push(chunk),
                None => return Err(Status::unavailable("the connection was closed before the answer began")),
            },
            Some(Frame::Trailers(block)) => {
                let headers = trailers::parse(&block);
                return match Status::from_trailers(&headers) {
                    Some(Err(status)) => Err(status),
                    _ => Ok(WebAnswers::single(headers, received.boxed(), decoder)),
                };
            }
            Some(Frame::Message(_)) => {
                return Err(Status::new(Code::Internal, "the answer began without its headers"));
            }
        }
    }
}

/// What comes, as long as there is nothing wrong with what is sent. Dropped, it takes the call with it.
struct Received {
    receiver: BoxStream<'static, Result<Bytes, Status>>,
    failure: oneshot::Receiver<Status>,
    _sending: rt::Task,
}

impl Stream for Received {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.failure.is_terminated()
            && let Poll::Ready(Ok(status)) = self.failure.poll_unpin(cx)
        {
            return Poll::Ready(Some(Err(status)));
        }
        self.receiver.as_mut().poll_next(cx)
    }
}

/// Sends all that a call has to say. Fails where that cannot be sent; why a connection takes no more, its receiver says.
async fn send(
    mut sender: Pin<Box<dyn Sink<Bytes, Error = Status> + Send>>,
    first: Bytes,
    mut messages: BoxStream<'static, EncodedMessage>,
    limit: usize,
) -> Result<(), Status> {
    let mut open = sender.send(first).await.is_ok();
    while open && let Some(message) = messages.next().await {
        message.check(limit)?;
        for piece in frame::pieces(&message) {
            open = open && sender.send(piece).await.is_ok();
        }
    }
    if open {
        let _ = sender.send(frame::FINISH).await;
    }
    Ok(())
}

/// What a WebSocket that was closed means for a call that waits for its answer.
fn closed(code: u16, reason: &str) -> Option<Status> {
    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    match code {
        // It may have said all, in its headers.
        1000 => None,
        1009 => Some(Status::new(
            Code::ResourceExhausted,
            format!("the server takes no WebSocket message of this size{reason}"),
        )),
        _ => Some(Status::unavailable(format!(
            "the connection was closed ({code}{reason}) before the server said how the call went"
        ))),
    }
}

/// The other side has not been heard of for too long.
fn gone(limit: Duration) -> Status {
    Status::unavailable(format!(
        "nothing came from the server within {}, not even a sign of life: the connection is taken as lost",
        span(limit)
    ))
}

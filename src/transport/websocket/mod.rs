//! grpc-websockets: gRPC over a WebSocket a call, both ways at once, where HTTP/2 is out of reach: in a browser, and
//! behind proxies that break it.
//!
//! The protocol is that of improbable-eng's gRPC-web, which other servers and clients speak too. It is written once,
//! over [`Connect`]: what opens a WebSocket. In a browser that is the host's own; elsewhere one over HTTP/1.1.

mod frame;
#[cfg(browser)]
#[path = "page.rs"]
mod sockets;
#[cfg(not(browser))]
#[path = "native.rs"]
mod sockets;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_channel::oneshot;
use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::{FutureExt, Sink, StreamExt, stream};

pub use self::frame::PROTOCOL;
#[cfg(browser)]
pub(super) use self::frame::head;
pub use self::sockets::Sockets;
use super::answers;
use super::grpc_web::{WebAnswers, head};
use super::{
    Call, Capabilities, Code, DEFAULT_MESSAGE_LIMIT, EncodedMessage, MessageStream, Reply, Status, Transport,
    timeout_header,
};
use crate::config::Endpoint;
use crate::error::{Result, span};
use crate::rt;

/// In which a client asks the server for an empty message in every such interval.
const HEARTBEAT: &str = "grpc-websockets-heartbeat";

/// How long a WebSocket may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A server sends no more than one sign of life a second, and three may be missed.
const SHORTEST_KEEPALIVE: Duration = Duration::from_secs(if cfg!(browser) { 3 } else { 0 });
/// What a server that has gone is noticed within, unless told otherwise.
const KEEPALIVE: Duration = Duration::from_secs(45);

/// What opens WebSockets.
///
/// # Contract
/// - Nothing is sent before the future is polled. Dropping it gives the attempt up. It ends within seconds.
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
        [&*self.origin, self.path].concat()
    }
}

/// An open WebSocket that carries binary messages.
pub struct Socket {
    /// Takes messages, and is not ready as long as more than a bound of them waits to be sent. What it has taken is sent
    /// without being flushed. Fails only where `receiver` ends too, which says why.
    pub sender: Pin<Box<dyn Sink<Bytes, Error = ()> + Send>>,
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
/// In a browser, calls that need both directions at once go over it by themselves. Natively it is there with the
/// feature `websocket`, for networks that let no HTTP/2 through:
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

    /// The constructor of the WebSockets to use, in place of the host's own.
    #[cfg(browser)]
    #[must_use]
    pub fn web_socket(self, constructor: js_sys::Function) -> Self {
        Self { connect: Arc::new(Sockets::given(constructor)), ..self }
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
            origin: [scheme, "://", &endpoint.authority].concat().into(),
            keepalive: Some(KEEPALIVE),
            message_limit: DEFAULT_MESSAGE_LIMIT,
        }
    }

    /// Within what time a connection that has gone without a word, as when a network changes, ends its calls with an
    /// error. Default: 45 s; `None` leaves it to the operating system, which may take a quarter of an hour.
    ///
    /// Natively the server is pinged, in a browser it is asked for a heartbeat: there, a server that knows no
    /// heartbeat is not watched, and the shortest time is 3 s.
    #[must_use]
    pub fn keepalive(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.keepalive = limit.into().map(|limit| limit.max(SHORTEST_KEEPALIVE));
        self
    }

    /// The largest message in bytes, either way. Default: 64 MiB.
    #[must_use]
    pub fn message_limit(mut self, bytes: usize) -> Self {
        self.message_limit = bytes;
        self
    }

    fn open(&self, call: Call, messages: BoxStream<'static, EncodedMessage>) -> Opening {
        let Self { connect, origin, keepalive, message_limit } = self.clone();
        let open = Open { origin, path: call.path, keepalive, message_limit };
        let mut metadata = head::request(call);
        // Its pings are not to be seen there.
        if cfg!(browser)
            && let Some(limit) = keepalive
        {
            metadata.insert(HEARTBEAT, timeout_header(limit / 3));
        }
        let receiving = match frame::head(&metadata, String::new()) {
            Ok(head) => {
                Receiving::Connecting(connect.connect(open), Some((head.into(), messages)), message_limit)
            }
            Err(status) => Receiving::Refused(status),
        };
        Opening(Some(WebAnswers::in_one(Box::pin(receiving), message_limit)))
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

/// Waits for the headers of an answer.
struct Opening(Option<WebAnswers>);

impl Future for Opening {
    type Output = Result<WebAnswers, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(answers) = &mut self.0 else { return Poll::Pending };
        let head = ready!(answers.poll_head(cx));
        Poll::Ready(match self.0.take() {
            Some(answers) => head.map(|()| answers),
            None => return Poll::Pending,
        })
    }
}

/// A call's connection, as what comes over it. Dropped, it takes the call with it.
enum Receiving {
    /// The call cannot be sent.
    Refused(Status),
    /// With the head, the messages, and how large one may be.
    Connecting(
        BoxFuture<'static, Result<Socket, Status>>,
        Option<(Bytes, BoxStream<'static, EncodedMessage>)>,
        usize,
    ),
    /// And what is wrong with what is sent.
    Connected(BoxStream<'static, Result<Bytes, Status>>, oneshot::Receiver<Status>),
}

impl Stream for Receiving {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match &mut *self {
                Self::Refused(status) => return Poll::Ready(Some(Err(status.clone()))),
                Self::Connecting(socket, call, limit) => {
                    let Socket { sender, receiver } = ready!(socket.poll_unpin(cx))?;
                    let (tell, failure) = oneshot::channel();
                    let (head, messages) = call.take().unzip();
                    // As HTTP/2's connection does it: what a call is given goes out though nobody reads just now.
                    rt::spawn(Box::pin(Sending {
                        sender,
                        head,
                        rest: Bytes::new(),
                        messages,
                        limit: *limit,
                        failure: Some(tell),
                    }));
                    *self = Self::Connected(receiver, failure);
                }
                Self::Connected(receiver, failure) => {
                    return match failure.poll_unpin(cx) {
                        Poll::Ready(Ok(status)) => Poll::Ready(Some(Err(status))),
                        _ => receiver.as_mut().poll_next(cx),
                    };
                }
            }
        }
    }
}

/// Sends all that a call has to say, until the call is dropped.
struct Sending {
    sender: Pin<Box<dyn Sink<Bytes, Error = ()> + Send>>,
    /// The first message.
    head: Option<Bytes>,
    /// What is left of a message of the call.
    rest: Bytes,
    /// `None` after their end.
    messages: Option<BoxStream<'static, EncodedMessage>>,
    limit: usize,
    /// For a message that must not be sent. Why a connection takes no more, its receiver says.
    failure: Option<oneshot::Sender<Status>>,
}

impl Sending {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.head.is_some() {
            return Poll::Ready(self.head.take());
        }
        while self.rest.is_empty() {
            let Some(messages) = &mut self.messages else { return Poll::Ready(None) };
            let Some(message) = ready!(messages.as_mut().poll_next(cx)) else {
                self.messages = None;
                return Poll::Ready(Some(frame::FINISH));
            };
            if let Err(status) = message.check(self.limit) {
                let _ = self.failure.take().map(|failure| failure.send(status));
                return Poll::Ready(None);
            }
            self.rest = message.framed().clone();
        }
        Poll::Ready(Some(frame::piece(&mut self.rest)))
    }
}

impl Future for Sending {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            let dropped = this.failure.as_mut().is_some_and(|failure| failure.poll_canceled(cx).is_ready());
            if dropped || ready!(this.sender.as_mut().poll_ready(cx)).is_err() {
                return Poll::Ready(());
            }
            let Some(piece) = ready!(this.poll_piece(cx)) else { return Poll::Ready(()) };
            if this.sender.as_mut().start_send(piece).is_err() {
                return Poll::Ready(());
            }
        }
    }
}

/// What is wrong when a WebSocket was closed with this code, which is not 1000: that may be the end of an answer.
fn closed(code: u16, reason: &str) -> Status {
    let separator = if reason.is_empty() { "" } else { ": " };
    if code == 1009 {
        let text = ["the server takes no WebSocket message of this size", separator, reason].concat();
        return Status::new(Code::ResourceExhausted, text);
    }
    let before = ") before the server said how the call went";
    Status::unavailable(
        ["the connection was closed (", &code.to_string(), separator, reason, before].concat(),
    )
}

/// The other side has not been heard of for too long.
fn gone(limit: Duration) -> Status {
    let lost = ", not even a sign of life: the connection is taken as lost";
    Status::unavailable(["nothing came from the server within ", &span(limit), lost].concat())
}

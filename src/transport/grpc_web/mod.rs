//! gRPC-web: gRPC for HTTP clients that cannot see trailers or stream a request, such as `fetch` in a browser.
//!
//! The protocol is written once, over [`Fetch`]: one HTTP POST. In a browser that is the global `fetch`; elsewhere an
//! HTTP/1.1 client, for networks whose proxies let nothing else through.

mod body;
pub(super) mod head;
mod trailers;

#[cfg(browser)]
mod chunk;
#[cfg(browser)]
#[path = "fetch.rs"]
mod http;
#[cfg(not(browser))]
#[path = "http1.rs"]
mod http;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;

pub(super) use self::body::WebAnswers;
#[cfg(browser)]
pub(super) use self::chunk::receive;
#[cfg(browser)]
pub use self::chunk::{ChunkId, View, chunk, view};
pub use self::http::Http;
use super::answers;
use super::{
    Call, Capabilities, Code, DEFAULT_MESSAGE_LIMIT, EncodedMessage, MessageStream, Metadata, Reply, Status,
    Transport,
};
use crate::config::Endpoint;
use crate::error::Result;

/// What carries gRPC-web: one HTTP POST, whose answer's body is read as it comes.
///
/// # Contract
/// - Nothing is sent before the future is polled. It waits for the answer's head alone, or longer where
///   [`Request::single`] allows it.
/// - Dropping the future, or later the body, aborts the exchange.
/// - Redirects are not followed: they would carry the credentials elsewhere.
pub trait Fetch: Send + Sync + 'static {
    /// Sends `request` and waits for the head of its answer.
    ///
    /// # Errors
    /// [`Code::Unavailable`] with a sentence of what is wrong when there is no answer.
    fn post(&self, request: Request) -> BoxFuture<'static, Result<Response, Status>>;

    /// Whether it sees by itself to the end of the answer to a [`Request::single`], whose body is dropped as soon as the
    /// server has said how the call went. Default: no, it is read to its end first.
    fn ends_bodies(&self) -> bool {
        false
    }
}

/// A POST.
#[derive(Debug)]
pub struct Request {
    /// Where to.
    pub url: String,
    /// All headers, names in lower case. They hold credentials.
    pub headers: Metadata,
    /// What to send.
    pub body: RequestBody,
    /// Whether one message answers it: then the head may be kept back for the first of the body, if that comes soon.
    pub single: bool,
}

/// What a POST sends.
pub enum RequestBody {
    /// All at hand.
    Whole(Bytes),
    /// Made piece by piece. After an error nothing must be taken as sent.
    Pieces(BoxStream<'static, Result<Bytes, Status>>),
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Pieces(_) => f.write_str("pieces"),
        }
    }
}

/// An answer whose head has come.
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// All headers that the client shows.
    pub headers: Metadata,
    /// The body, as the network cut it.
    pub body: BoxStream<'static, Result<Bytes, Status>>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// gRPC-web over `fetch` in a browser, and over HTTP/1.1 elsewhere.
///
/// The default in a browser. Natively for networks that let no HTTP/2 through:
///
/// ```
/// # fn main() -> boxd::Result<()> {
/// # let token = "eyJ";
/// use boxd::transport::GrpcWebTransport;
///
/// let transport = GrpcWebTransport::new("http://127.0.0.1:9443")?;
/// let compute = boxd::Compute::builder().token(token).transport(transport).build()?;
/// # Ok(())
/// # }
/// ```
///
/// A request is sent as a whole, so a command that reads its input while it runs needs another transport. Dropping a
/// call's future or stream aborts its `fetch`: to heed an `AbortSignal`, race the call against it.
#[derive(Debug)]
pub struct GrpcWebTransport<F = Http> {
    fetch: Arc<F>,
    origin: Arc<str>,
    message_limit: usize,
}

impl GrpcWebTransport {
    /// Sends calls to `url`, which is read as [`ComputeBuilder::api_url`](crate::ComputeBuilder::api_url) is.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an address that cannot be right, or one that needs
    /// TLS when the crate was built without. Does no I/O.
    pub fn new(url: impl AsRef<str>) -> Result<Self> {
        Self::to(&Endpoint::parse(url.as_ref())?)
    }

    pub(super) fn to(endpoint: &Endpoint) -> Result<Self> {
        Ok(Self::through(Http::new(endpoint.tls)?, endpoint))
    }
}

impl<F: Fetch> GrpcWebTransport<F> {
    /// As [`GrpcWebTransport::new`], through an HTTP client of your own.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an address that cannot be right.
    pub fn with_fetch(url: impl AsRef<str>, fetch: F) -> Result<Self> {
        Ok(Self::through(fetch, &Endpoint::parse(url.as_ref())?))
    }

    fn through(fetch: F, endpoint: &Endpoint) -> Self {
        let origin = endpoint.url().into();
        Self { fetch: Arc::new(fetch), origin, message_limit: DEFAULT_MESSAGE_LIMIT }
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
        body: RequestBody,
        single: bool,
    ) -> impl Future<Output = Result<WebAnswers, Status>> + Send + 'static {
        let Self { fetch, origin, message_limit } = self.clone();
        async move {
            let url = [&*origin, call.path].concat();
            let response = fetch.post(Request { url, headers: head::request(call), body, single }).await?;
            head::check(response.status, &response.headers, &origin)?;
            let answers = WebAnswers::new(response.headers, response.body, message_limit);
            Ok(if single && fetch.ends_bodies() { answers.leave_rest() } else { answers })
        }
    }
}

impl<F> Clone for GrpcWebTransport<F> {
    fn clone(&self) -> Self {
        Self { fetch: self.fetch.clone(), origin: self.origin.clone(), message_limit: self.message_limit }
    }
}

impl<F: Fetch> Transport for GrpcWebTransport<F> {
    fn capabilities(&self) -> Capabilities {
        Capabilities::HALF_DUPLEX
    }

    fn unary(&self, call: Call, message: EncodedMessage) -> BoxFuture<'static, Result<Reply, Status>> {
        let checked = message.check(self.message_limit);
        let opening = self.open(call, RequestBody::Whole(message.framed().clone()), true);
        Box::pin(async move {
            checked?;
            answers::single(opening.await?).await
        })
    }

    fn server_stream(&self, call: Call, message: EncodedMessage) -> MessageStream {
        if let Err(status) = message.check(self.message_limit) {
            return MessageStream::failed(status);
        }
        answers::stream(self.open(call, RequestBody::Whole(message.framed().clone()), false))
    }

    fn duplex(&self, call: Call, messages: BoxStream<'static, EncodedMessage>) -> MessageStream {
        if !call.input_complete {
            let text = "gRPC-web cannot send while it receives; give all input up front";
            return MessageStream::failed(Status::new(Code::Unimplemented, text).not_sent());
        }
        let limit = self.message_limit;
        let pieces = messages.map(move |message| {
            message.check(limit)?;
            Ok(message.framed().clone())
        });
        answers::stream(self.open(call, RequestBody::Pieces(pieces.boxed()), false))
    }
}

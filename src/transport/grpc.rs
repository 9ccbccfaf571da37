//! gRPC, for any [`GrpcService`]: a tonic `Channel`, a tower stack, an in-process server, a client for browsers.
//!
//! Only tonic's service seam is used, not its codec: messages arrive encoded with their prefix, go out without a
//! copy, and come back as slices of what the network delivered.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::TryStreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body::Body as HttpBody;
use tonic::body::Body;
use tonic::client::GrpcService;

use super::answers::{self, Answers};
use super::outgoing::Outgoing;
use super::{
    Call, Capabilities, Code, DEFAULT_MESSAGE_LIMIT, Decoder, EncodedMessage, Frame, MessageStream, Metadata,
    Reply, Status, Transport,
};
use crate::client::Retry;
use crate::rt;

type BoxError = Box<dyn StdError + Send + Sync>;

/// How often a call that a connection did not take up is sent over the next one.
const TURNED_AWAY: u32 = 32;
/// The longest pause before that. The first time there is none, since it is a new connection that is asked.
const TURNED_AWAY_PAUSE: Duration = Duration::from_millis(256);

/// gRPC over HTTP/2 through any [`GrpcService`].
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let channel = tonic::transport::Endpoint::from_static("http://127.0.0.1:9443").connect_lazy();
/// let compute = boxd::Compute::builder()
///     .token("eyJ…")
///     .transport(boxd::transport::GrpcTransport::new(channel))
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct GrpcTransport<S = super::DefaultService> {
    service: S,
    capabilities: Capabilities,
    message_limit: usize,
    retry: Retry,
}

/// One attempt at a connection.
const NEVER: Retry = Retry { attempts: 0, backoff: Duration::ZERO };

impl<S> GrpcTransport<S> {
    /// Sends calls through `service`.
    pub fn new(service: S) -> Self {
        let capabilities = if cfg!(browser) { Capabilities::HALF_DUPLEX } else { Capabilities::FULL };
        Self { service, capabilities, message_limit: DEFAULT_MESSAGE_LIMIT, retry: NEVER }
    }

    /// What the service can do. Default: everything, but one direction after the other in a browser.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// How often a stream tries for a connection again.
    #[cfg(not(browser))]
    pub(super) fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The largest message in bytes, either way. Default: 64 MiB.
    #[must_use]
    pub fn message_limit(mut self, bytes: usize) -> Self {
        self.message_limit = bytes;
        self
    }
}

impl<S> Transport for GrpcTransport<S>
where
    S: GrpcService<Body> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError> + Send,
    S::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
    <S::ResponseBody as HttpBody>::Error: Into<BoxError>,
{
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn unary(&self, call: Call, message: EncodedMessage) -> BoxFuture<'static, Result<Reply, Status>> {
        let (service, limit) = (self.service.clone(), self.message_limit);
        Box::pin(async move {
            message.check(limit)?;
            // A connection that cannot be made is the core's to try again: it counts attempts and knows the limit.
            answers::single(open(service, call, Outgoing::One(message), limit, NEVER).await?).await
        })
    }

    fn server_stream(&self, call: Call, message: EncodedMessage) -> MessageStream {
        if let Err(status) = message.check(self.message_limit) {
            return MessageStream::failed(status);
        }
        let outgoing = Outgoing::One(message);
        answers::stream(open(self.service.clone(), call, outgoing, self.message_limit, self.retry))
    }

    fn duplex(&self, call: Call, messages: BoxStream<'static, EncodedMessage>) -> MessageStream {
        let limit = self.message_limit;
        let refused = Arc::new(OnceLock::new());
        let outgoing = Outgoing::many(messages, limit, refused.clone());
        let answers = answers::stream(open(self.service.clone(), call, outgoing, limit, self.retry));
        MessageStream::new(answers.map_err(move |status| refused.get().cloned().unwrap_or(status)))
    }
}

/// Sends the request and waits for the response's headers. What the server certainly did not take up is sent again,
/// whatever it asks for: at once over the next connection when one goes away, after a pause when none can be made.
async fn open<S>(
    mut service: S,
    call: Call,
    outgoing: Outgoing,
    limit: usize,
    retry: Retry,
) -> Result<GrpcAnswers<S::ResponseBody>, Status>
where
    S: GrpcService<Body>,
    S::Error: Into<BoxError>,
{
    let (mut turned_away, mut unconnected) = (0, 0);
    loop {
        let (body, touched) = outgoing.body();
        let request = request(&call, body)?;
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(|error| status_of(error).not_sent())?;
        let (status, fate) = match service.call(request).await {
            Ok(response) => {
                outgoing.settle();
                return GrpcAnswers::new(response, limit);
            }
            Err(error) => failure_of(error),
        };
        // Without its message, a server cannot have done what a call asks for.
        if !fate.is_untaken() && touched.get() {
            return Err(status);
        }
        let pause = match fate {
            _ if status.code() != Code::Unavailable || !outgoing.is_at_hand() => None,
            Fate::Judged => None,
            Fate::NotConnected => {
                unconnected += 1;
                (unconnected <= retry.attempts).then(|| retry.pause(unconnected))
            }
            Fate::NotTaken | Fate::Unknown => {
                turned_away += 1;
                (turned_away <= TURNED_AWAY).then(|| turned_away_pause(turned_away))
            }
        };
        let Some(pause) = pause else { return Err(status.not_sent()) };
        if !pause.is_zero() {
            rt::sleep(pause).await;
        }
    }
}

/// Doubling, and never the same for all that were turned away together.
fn turned_away_pause(time: u32) -> Duration {
    if time == 1 {
        return Duration::ZERO;
    }
    let pause = Retry { attempts: 0, backoff: Duration::from_millis(2) }.pause(time - 1);
    pause.min(TURNED_AWAY_PAUSE)
}

fn request(call: &Call, body: Body) -> Result<Request<Body>, Status> {
    let mut request = Request::new(body);
    *request.method_mut() = http::Method::POST;
    *request.version_mut() = http::Version::HTTP_2;
    *request.uri_mut() = http::Uri::from_static(call.path);
    let headers = request.headers_mut();
    headers.reserve(8);
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    for (name, value) in call.metadata.entries() {
        let refused = || {
            Status::new(
                Code::InvalidArgument,
                format!("metadata {name:?} holds a character that HTTP forbids"),
            )
            .not_sent()
        };
        let mut value = HeaderValue::from_maybe_shared(value.clone()).map_err(|_| refused())?;
        value.set_sensitive(name == "authorization");
        headers.append(HeaderName::try_from(&**name).map_err(|_| refused())?, value);
    }
    if let Some(timeout) = call.timeout {
        let value = super::timeout_header(timeout);
        headers.insert(
            "grpc-timeout",
            HeaderValue::try_from(value).map_err(|_| Status::new(Code::Internal, "timeout"))?,
        );
    }
    Ok(request)
}

/// The body of an answer, read message by message, up to the server's verdict.
struct GrpcAnswers<B> {
    body: Pin<Box<B>>,
    decoder: Decoder,
    /// Response headers, then trailers; without what is the protocol's own.
    metadata: Metadata,
    /// What the server said, in headers or trailers.
    verdict: Option<Result<(), Status>>,
    done: bool,
}

impl<B> GrpcAnswers<B> {
    fn new(response: Response<B>, limit: usize) -> Result<Self, Status> {
        let (head, body) = response.into_parts();
        let verdict = verdict(&head.headers);
        if head.status != http::StatusCode::OK {
            let status = head.status.as_u16();
            return Err(verdict.and_then(Result::err).unwrap_or_else(|| {
                Status::new(
                    Code::from_http(status),
                    format!("the server answered HTTP {status} instead of gRPC"),
                )
                .with_metadata(metadata(&head.headers))
            }));
        }
        let content_type =
            head.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        if !content_type.starts_with(b"application/grpc") {
            let content_type = String::from_utf8_lossy(content_type);
            let text =
                format!("the server answered {content_type:?} instead of gRPC (is this the API's address?)");
            return Err(Status::new(Code::Unknown, text));
        }
        let metadata = callers_own(&head.headers);
        Ok(Self { body: Box::pin(body), decoder: Decoder::new(limit), metadata, verdict, done: false })
    }
}

impl<B> Answers for GrpcAnswers<B>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn into_metadata(self) -> Metadata {
        self.metadata
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        loop {
            if self.done {
                return Poll::Ready(self.end().map(|()| None));
            }
            match self.decoder.next_frame()? {
                Some(Frame::Message(message)) => return Poll::Ready(Ok(Some(message))),
                Some(Frame::Trailers(_)) => {
                    return Poll::Ready(Err(Status::new(
                        Code::Internal,
                        "the server mixed gRPC-web into gRPC",
                    )));
                }
                None => {}
            }
            match ready!(self.body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.decoder.push(data),
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            self.verdict = verdict(&trailers).or(self.verdict.take());
                            self.metadata.extend(callers_own(&trailers));
                            self.done = true;
                        }
                    }
                },
                Some(Err(error)) => return Poll::Ready(Err(status_of(error))),
                None => self.done = true,
            }
        }
    }
}

impl<B> GrpcAnswers<B> {
    /// What the server said at the end. Without a word from it, the call has failed.
    fn end(&mut self) -> Result<(), Status> {
        match self.verdict.take() {
            Some(Ok(())) if !self.decoder.is_between_frames() => {
                Err(Status::unavailable("the answer ended in the middle of a message"))
            }
            Some(verdict) => verdict,
            None => Err(Status::unavailable("the stream ended before the server said how the call went")),
        }
    }
}

/// What the server said of the call, if it did here.
fn verdict(headers: &HeaderMap) -> Option<Result<(), Status>> {
    // The usual one costs nothing.
    if headers.get("grpc-status")? == "0" { Some(Ok(())) } else { Status::from_trailers(&metadata(headers)) }
}

pub(super) fn metadata(headers: &HeaderMap) -> Metadata {
    collect(headers, |_| true)
}

/// What is not the protocol's own: most answers have none, which costs nothing.
fn callers_own(headers: &HeaderMap) -> Metadata {
    const PROTOCOL: [&str; 4] = ["content-type", "date", "server", "vary"];
    collect(headers, |name| !name.starts_with("grpc-") && !PROTOCOL.contains(&name))
}

fn collect(headers: &HeaderMap, wanted: impl Fn(&str) -> bool) -> Metadata {
    let mut out = Metadata::new();
    for (name, value) in headers.iter().filter(|(name, _)| wanted(name.as_str())) {
        out.insert(name.as_str().to_owned(), Bytes::copy_from_slice(value.as_bytes()));
    }
    out
}

/// What is known of a request whose connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It may have been carried out.
    Unknown,
    /// A layer on this side has spoken, before or after it was sent.
    Judged,
    /// There was no connection.
    NotConnected,
    /// The connection, or the server over it, did not take it up.
    #[cfg_attr(browser, allow(dead_code))] // A page's host does not tell.
    NotTaken,
}

impl Fate {
    /// Whether it certainly was not carried out.
    fn is_untaken(self) -> bool {
        matches!(self, Self::NotConnected | Self::NotTaken)
    }
}

/// Turns a failure of the connection into a status: whatever it is, it is not the server's verdict.
pub(super) fn status_of(error: impl Into<BoxError>) -> Status {
    let (status, fate) = failure_of(error);
    if fate.is_untaken() { status.not_sent() } else { status }
}

fn failure_of(error: impl Into<BoxError>) -> (Status, Fate) {
    let mut text = String::new();
    let mut found = None;
    let error = error.into();
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error.as_ref());
    while let Some(error) = cause {
        // Wrappers repeat what they wrap; each sentence once is enough.
        let sentence = error.to_string();
        if !text.contains(&sentence) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&sentence);
        }
        found = found.or_else(|| classify(error));
        cause = error.source();
    }
    let (code, fate) = found.unwrap_or((Code::Unavailable, Fate::Unknown));
    (Status::new(code, text), fate)
}

/// The code of a known kind of failure, and what became of the request.
fn classify(error: &(dyn StdError + 'static)) -> Option<(Code, Fate)> {
    if let Some(status) = error.downcast_ref::<Status>() {
        let fate = if status.is_not_sent() { Fate::NotConnected } else { Fate::Judged };
        return Some((status.code(), fate));
    }
    if let Some(status) = error.downcast_ref::<tonic::Status>() {
        // A status without a source came from a service on this side, such as a tower layer.
        return status.source().is_none().then(|| (Code::from_number(status.code() as i32), Fate::Judged));
    }
    #[cfg(not(browser))]
    return super::channel::classify(error);
    #[cfg(browser)]
    None
}

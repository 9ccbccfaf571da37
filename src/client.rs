//! What every call goes through, in one order: credentials, retry, deadline, validation, transport.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::FutureExt;
use prost::encoding::{DecodeContext, WireType, decode_key};
use prost::{DecodeError, Message};

use crate::boxes::Support;
use crate::credentials::Credentials;
use crate::error::{Error, Result, span};
use crate::rt;
use crate::stream::{Answers, EncodedAnswers};
use crate::trace::{CallSpan, Subject};
use crate::transport::{Call, Code, EncodedMessage, Kind, MessageStream, Method, Status, Transport};

/// The request metadata in which this SDK announces itself.
const VERSION_HEADER: &str = "x-boxd-rust-sdk-version";

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// A unary call with all its attempts.
    pub(crate) request: Duration,
    /// Until a stream's first sign of life.
    pub(crate) open: Option<Duration>,
    /// Between two messages of a stream.
    pub(crate) idle: Option<Duration>,
}

/// When a call that may be repeated is sent again: on `UNAVAILABLE` alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry {
    pub(crate) attempts: u32,
    /// Before the first repetition; doubles each time, with jitter.
    pub(crate) backoff: Duration,
}

/// The part of a [`Compute`](crate::Compute) that all handles share.
#[derive(Clone)]
pub(crate) struct Client {
    shared: Arc<Shared>,
    subject: Subject,
}

struct Shared {
    transport: Arc<dyn Transport>,
    credentials: Credentials,
    timeouts: Timeouts,
    retry: Retry,
    support: FileStreams,
}

/// Which of the newer streaming RPCs the server is known to have.
#[derive(Debug, Default)]
pub(crate) struct FileStreams {
    pub(crate) upload: Support,
    pub(crate) download: Support,
}

impl Client {
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        credentials: Credentials,
        timeouts: Timeouts,
        retry: Retry,
    ) -> Self {
        let support = FileStreams::default();
        let shared = Arc::new(Shared { transport, credentials, timeouts, retry, support });
        Self { shared, subject: Subject::default() }
    }

    /// The same client, for calls about a box.
    pub(crate) fn about(self, box_id: &str) -> Self {
        Self { subject: Subject::a_box(box_id), ..self }
    }

    pub(crate) fn support(&self) -> &FileStreams {
        &self.shared.support
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        self.shared.timeouts.request
    }

    /// One message there, one back.
    pub(crate) fn unary<Req, Res>(
        &self,
        method: Method<Req, Res>,
        request: &Req,
    ) -> impl Future<Output = Result<Res>> + Send + use<Req, Res>
    where
        Req: Message,
        Res: Message + Default,
    {
        self.unary_within(method, request, self.shared.timeouts.request)
    }

    /// As [`Client::unary`], within a limit of its own.
    pub(crate) fn unary_within<Req, Res>(
        &self,
        method: Method<Req, Res>,
        request: &Req,
        limit: Duration,
    ) -> impl Future<Output = Result<Res>> + Send + use<Req, Res>
    where
        Req: Message,
        Res: Message + Default,
    {
        debug_assert_eq!(method.kind(), Kind::Unary, "{method:?}");
        let reply = self.exchange(method.path(), method.repeatable(), EncodedMessage::encode(request), limit);
        reply.map(|reply| decode(reply?))
    }

    /// As [`Client::unary`]. An error says what was being done, such as `create disk "data"`.
    pub(crate) fn perform<Req, Res>(
        &self,
        doing: String,
        method: Method<Req, Res>,
        request: &Req,
    ) -> impl Future<Output = Result<Res>> + Send + use<Req, Res>
    where
        Req: Message,
        Res: Message + Default,
    {
        self.unary(method, request).map(|answer| answer.map_err(|error| error.doing(doing)))
    }

    /// Not generic, as [`Client::exchange`].
    pub(crate) fn exchange_for(
        &self,
        doing: String,
        path: &'static str,
        repeatable: bool,
        message: EncodedMessage,
    ) -> BoxFuture<'static, Result<Bytes>> {
        let reply = self.exchange(path, repeatable, message, self.shared.timeouts.request);
        reply.map(|reply| reply.map_err(|error| error.doing(doing))).boxed()
    }

    /// One encoded message there, one back. Neither generic nor part of the futures that wait for it: what a page loads
    /// is a quarter smaller for it.
    pub(crate) fn exchange(
        &self,
        path: &'static str,
        repeatable: bool,
        message: EncodedMessage,
        limit: Duration,
    ) -> BoxFuture<'static, Result<Bytes>> {
        let client = self.clone();
        Box::pin(async move {
            let started = rt::Instant::now();
            let mut span = CallSpan::new(path, &client.subject);
            let whole = span.within(client.attempts(path, repeatable, message, started, limit, &span));
            let outcome = rt::timeout(limit, whole)
                .await
                .unwrap_or_else(|| Err(Error::from_status(out_of_time(limit), repeatable)));
            span.end(outcome.as_ref().err());
            outcome
        })
    }

    async fn attempts(
        &self,
        path: &'static str,
        repeatable: bool,
        message: EncodedMessage,
        started: rt::Instant,
        limit: Duration,
        span: &CallSpan,
    ) -> Result<Bytes> {
        let mut attempt = 0;
        loop {
            let mut call = self.call(path).await?;
            call.timeout = Some(limit.saturating_sub(started.elapsed()));
            span.attempt(Some(&message));
            let status = match self.shared.transport.unary(call, message.clone()).await {
                Ok(reply) => {
                    span.received(reply.message.len());
                    return Ok(reply.message);
                }
                Err(status) => status,
            };
            attempt += 1;
            let again = status.code() == Code::Unavailable && (repeatable || status.is_not_sent());
            if !again || attempt > self.shared.retry.attempts {
                return Err(Error::from_status(status, repeatable));
            }
            let pause = self.shared.retry.pause(attempt);
            if started.elapsed() + pause >= limit {
                return Err(Error::from_status(status, repeatable));
            }
            span.retried(&status, pause);
            rt::sleep(pause).await;
        }
    }

    /// One message there, many back. Nothing happens until the stream is polled.
    pub(crate) fn server_stream<Req, Res>(&self, method: Method<Req, Res>, request: &Req) -> Answers<Res>
    where
        Req: Message,
        Res: Message + Default,
    {
        debug_assert_eq!(method.kind(), Kind::ServerStream, "{method:?}");
        let message = EncodedMessage::encode(request);
        Answers::new(self.open_stream(method.path(), method.repeatable(), message))
    }

    fn open_stream(&self, path: &'static str, repeatable: bool, message: EncodedMessage) -> EncodedAnswers {
        let client = self.clone();
        let span = CallSpan::new(path, &self.subject);
        span.attempt(Some(&message));
        let opening = async move {
            let call = client.call(path).await?;
            Ok(client.shared.transport.server_stream(call, message))
        };
        self.answers(repeatable, None, opening.boxed(), span)
    }

    /// Many messages there, one or many back. Nothing happens until the stream is polled.
    pub(crate) fn duplex<Req, Res>(
        &self,
        method: Method<Req, Res>,
        messages: BoxStream<'static, EncodedMessage>,
        options: DuplexOptions,
    ) -> Answers<Res>
    where
        Req: Message,
        Res: Message + Default,
    {
        debug_assert!(matches!(method.kind(), Kind::Duplex | Kind::ClientStream), "{method:?}");
        Answers::new(self.open_duplex(method.path(), method.repeatable(), messages, options))
    }

    fn open_duplex(
        &self,
        path: &'static str,
        repeatable: bool,
        messages: BoxStream<'static, EncodedMessage>,
        options: DuplexOptions,
    ) -> EncodedAnswers {
        let client = self.clone();
        let DuplexOptions { total, input_complete } = options;
        let span = CallSpan::new(path, &self.subject);
        span.attempt(None);
        let messages = span.sending(messages);
        let opening = async move {
            if !input_complete && !client.shared.transport.capabilities().full_duplex {
                let status = Status::new(
                    Code::Unimplemented,
                    "this transport cannot send while it receives; give all input up front",
                );
                return Err(Error::from_status(status.not_sent(), false));
            }
            let mut call = client.call(path).await?;
            call.timeout = total;
            call.input_complete = input_complete;
            Ok(client.shared.transport.duplex(call, messages))
        };
        self.answers(repeatable, total, opening.boxed(), span)
    }

    fn answers(
        &self,
        repeatable: bool,
        total: Option<Duration>,
        opening: BoxFuture<'static, Result<MessageStream>>,
        span: CallSpan,
    ) -> EncodedAnswers {
        let Timeouts { open, idle, .. } = self.shared.timeouts;
        EncodedAnswers::new(opening, repeatable, total, open, idle, span)
    }

    /// A call of `path` with the caller's credentials.
    async fn call(&self, path: &'static str) -> Result<Call> {
        rt::check()?;
        let mut call = Call::new(path);
        call.metadata.insert("authorization", self.shared.credentials.bearer().await?);
        call.metadata.insert(VERSION_HEADER, env!("CARGO_PKG_VERSION"));
        Ok(call)
    }
}

/// What distinguishes one duplex call from another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DuplexOptions {
    /// How long the whole call may take.
    pub(crate) total: Option<Duration>,
    /// All messages are at hand already.
    pub(crate) input_complete: bool,
}

impl Retry {
    /// The pause before the given repetition: doubling, within half and the whole of it.
    pub(crate) fn pause(&self, attempt: u32) -> Duration {
        let whole = self.backoff.saturating_mul(1 << attempt.saturating_sub(1).min(8));
        // In whole microseconds: `Duration::mul_f64` weighs half a kilobyte in a page.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let jitter = |micros: u64| (micros as f64 * (0.5 + rt::random() / 2.0)) as u64;
        Duration::from_micros(jitter(u64::try_from(whole.as_micros()).unwrap_or(u64::MAX)))
    }
}

pub(crate) fn decode<Res: Message + Default>(message: Bytes) -> Result<Res> {
    let mut decoded = Res::default();
    let mut field = |tag, kind, rest: &mut Bytes, context| decoded.merge_field(tag, kind, rest, context);
    merge(message, &mut field).map_err(unreadable)?;
    Ok(decoded)
}

type MergeField<'a> = dyn FnMut(u32, WireType, &mut Bytes, DecodeContext) -> Result<(), DecodeError> + 'a;

/// [`Message::decode`], compiled once and not for each message.
fn merge(mut message: Bytes, field: &mut MergeField<'_>) -> Result<(), DecodeError> {
    while !message.is_empty() {
        let (tag, kind) = decode_key(&mut message)?;
        field(tag, kind, &mut message, DecodeContext::default())?;
    }
    Ok(())
}

/// What is said of an answer that is no message.
pub(crate) const UNREADABLE: &str = "the server's answer could not be read";

fn unreadable(error: DecodeError) -> Error {
    // A page does not say what it stumbled upon: prost's words for it weigh half a kilobyte.
    let why = if cfg!(browser) { String::new() } else { [": ", &error.to_string()].concat() };
    Error::of(Code::Internal, [UNREADABLE, &why].concat()).because(error)
}

pub(crate) fn out_of_time(limit: Duration) -> Status {
    Status::new(Code::DeadlineExceeded, ["not finished within ", &span(limit)].concat())
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("credentials", &self.shared.credentials)
            .field("timeouts", &self.shared.timeouts)
            .finish_non_exhaustive()
    }
}

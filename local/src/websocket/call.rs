//! One call, from its head to its last word.

use std::io;
use std::mem;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_channel::mpsc as out;
use futures_util::{FutureExt as _, Sink, SinkExt as _, Stream, StreamExt as _, stream};
use http::{Extensions, HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, Service, StdError};
use tower::ServiceExt as _;

use super::frame::{self, HEARTBEAT, Input};
use super::{OPENING, Settings};
use crate::deadline;

/// What is at hand of the output goes in one WebSocket message, for each costs a page 0.1 ms, up to so much...
const PIECE: RangeInclusive<usize> = 32 << 10..=512 << 10;
/// ...of which as much as the connection takes in this time, for a message shows when all of it has come.
const PROMPT: Duration = Duration::from_millis(25);
/// Output that a client which reads keeps no ping waiting behind.
const UNREAD: usize = 64 << 10;
/// How often a client is pinged of which nothing is read.
const PROBE: Duration = Duration::from_millis(500);
/// A client gets no more heartbeats than this.
const SHORTEST_BEAT: Duration = Duration::from_secs(1);
/// How long a client has to answer that the connection is closed.
const LEAVING: Duration = Duration::from_secs(2);

/// How a call came to its end.
enum End {
    /// All was said.
    Said,
    /// Nobody is there to be told.
    Gone,
    /// It was ended here.
    Failed(Status, CloseCode),
}

impl From<Status> for End {
    fn from(status: Status) -> Self {
        Self::Failed(status, CloseCode::Normal)
    }
}

/// Serves a call. Ends with it, and the call with its client.
pub(super) async fn run<T, S, B>(
    socket: WebSocketStream<T>,
    path: String,
    extensions: Extensions,
    service: S,
    settings: Settings,
    closing: CancellationToken,
) where
    T: AsyncRead + AsyncWrite + Unpin,
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<StdError>,
    B: HttpBody<Data = Bytes>,
    B::Error: Into<StdError> + Send,
{
    let (mut sink, mut stream) = socket.split();
    let end = tokio::select! {
        head = tokio::time::timeout(OPENING, head(&mut stream)) => match head {
            Ok(Ok(head)) => match Call::new(&path, extensions, head, settings) {
                Ok(call) => call.carry(&mut sink, &mut stream, service).await,
                Err(status) => status.into(),
            },
            Ok(Err(end)) => end,
            Err(_) => Status::deadline_exceeded("the call's first message did not come in time").into(),
        },
        () = closing.cancelled() => Status::unavailable("this server is going away").into(),
    };
    if let End::Failed(status, code) = &end {
        let said = async {
            sink.feed(Message::Binary(frame::status(status))).await?;
            sink.send(close(*code)).await
        };
        tokio::time::timeout(LEAVING, said).await.ok();
    }
    if !matches!(end, End::Gone) {
        // A connection that is closed on unread input is reset, and the last words may be lost with it.
        let rest = async { while let Some(Ok(_)) = stream.next().await {} };
        tokio::time::timeout(LEAVING, rest).await.ok();
    }
}

fn close(code: CloseCode) -> Message {
    Message::Close(Some(CloseFrame { code, reason: "".into() }))
}

/// The next message of the client's that means something.
async fn next(
    stream: &mut (impl Stream<Item = Result<Message, WsError>> + Unpin),
    life: &Life,
) -> Result<Bytes, End> {
    loop {
        let message = stream.next().await;
        life.hear();
        match message {
            Some(Ok(Message::Binary(message))) => return Ok(message),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Text(_))) => {
                let status =
                    Status::invalid_argument("a WebSocket message is text; only binary ones are spoken");
                return Err(End::Failed(status, CloseCode::Unsupported));
            }
            Some(Err(WsError::Capacity(error))) => {
                let status = Status::resource_exhausted(format!("a WebSocket message is too large: {error}"));
                return Err(End::Failed(status, CloseCode::Size));
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
        }
    }
}

async fn head(stream: &mut (impl Stream<Item = Result<Message, WsError>> + Unpin)) -> Result<HeaderMap, End> {
    Ok(frame::head(&next(stream, &Life::default()).await?)?)
}

/// A call whose head has come.
struct Call {
    request: Request<()>,
    settings: Settings,
    /// How long the client gives it, all in all.
    limit: Option<Duration>,
    /// How often the client wants an empty message.
    heartbeat: Option<Duration>,
    life: Life,
}

impl Call {
    fn new(path: &str, extensions: Extensions, head: HeaderMap, settings: Settings) -> Result<Self, Status> {
        let limit = deadline::time(&head, "grpc-timeout");
        let heartbeat = deadline::time(&head, HEARTBEAT.as_str());
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = path.parse().map_err(|_| Status::unimplemented("there is no such path"))?;
        *request.headers_mut() = frame::of_grpc(head)?;
        *request.extensions_mut() = extensions;
        Ok(Self { request, settings, limit, heartbeat, life: Life::default() })
    }

    async fn carry<S, B>(
        self,
        sink: &mut (impl Sink<Message, Error = WsError> + Unpin),
        stream: &mut (impl Stream<Item = Result<Message, WsError>> + Unpin),
        service: S,
    ) -> End
    where
        S: Service<Request<Body>, Response = Response<B>>,
        S::Error: Into<StdError>,
        B: HttpBody<Data = Bytes>,
        B::Error: Into<StdError> + Send,
    {
        let Self { request, settings, limit, heartbeat, life } = self;
        let (input, body) = mpsc::channel(1);
        let (output, mut answer) = out::channel(0);
        let (signal, mut signals) = out::channel(1);
        let request = request.map(|()| Body::new(InputBody { input: body, ended: false }));
        let messages = stream::poll_fn(|cx| match answer.poll_next_unpin(cx) {
            // Its end is the end, whatever signals there may be.
            Poll::Ready(message) => Poll::Ready(message.map(Ok)),
            Poll::Pending => signals.poll_next_unpin(cx).map(|message| message.map(Ok)),
        });
        let answering = async {
            let mut output = Output { messages: output, life: &life, piece: *PIECE.start() };
            let code = respond(request, service, &mut output).await;
            output.send(close(code)).await;
            drop(output);
            std::future::pending::<End>().await
        };
        tokio::select! {
            end = receive(stream, input, signal.clone(), &life) => end,
            end = answering => end,
            // Its end is that of the answer.
            end = messages.forward(sink) => if end.is_ok() { End::Said } else { End::Gone },
            () = beat(heartbeat, signal.clone()) => End::Gone,
            () = watch(settings.keepalive, signal, &life) => End::Gone,
            limit = expired(limit) => {
                Status::deadline_exceeded(format!("not finished within {limit:?} (grpc-timeout)")).into()
            }
        }
    }
}

/// What is known of the client.
#[derive(Debug, Default)]
struct Life {
    heard: AtomicBool,
    /// How much was sent since the client was heard.
    unread: AtomicUsize,
    /// The service takes no input just now, so that nothing is read.
    full: AtomicBool,
}

impl Life {
    fn hear(&self) {
        self.heard.store(true, Ordering::Relaxed);
        self.unread.store(0, Ordering::Relaxed);
    }
}

/// Hands input to the service, until the client leaves or errs.
async fn receive(
    stream: &mut (impl Stream<Item = Result<Message, WsError>> + Unpin),
    input: mpsc::Sender<Input>,
    mut signal: out::Sender<Message>,
    life: &Life,
) -> End {
    let mut input = Some(input);
    loop {
        let message = match next(stream, life).await {
            Ok(message) => message,
            Err(end) => return end,
        };
        let message = match frame::input(message) {
            Ok(message) => message,
            Err(status) => return End::Failed(status, CloseCode::Protocol),
        };
        let ends = message == Input::End;
        if let Some(input) = &input {
            life.full.store(true, Ordering::Relaxed);
            tokio::select! {
                // A service that takes no more input may still answer.
                _ = input.send(message) => {}
                () = probe(&mut signal) => {}
            }
            life.full.store(false, Ordering::Relaxed);
        }
        if ends {
            input = None;
        }
    }
}

/// Pings a client that is not read just now, so that its leaving shows: in that it cannot be written to.
async fn probe(signal: &mut out::Sender<Message>) {
    loop {
        tokio::time::sleep(PROBE).await;
        signal.try_send(ping()).ok();
    }
}

/// The request's body, as the client sends it.
struct InputBody {
    input: mpsc::Receiver<Input>,
    ended: bool,
}

impl HttpBody for InputBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let input = ready!(self.input.poll_recv(cx));
        self.ended = !matches!(input, Some(Input::Data(_)));
        Poll::Ready(match input {
            Some(Input::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Input::End) => None,
            // That the client has gone is no end of its input.
            None => Some(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the client has gone"))),
        })
    }
}

/// Where an answer is given out.
struct Output<'a> {
    messages: out::Sender<Message>,
    life: &'a Life,
    /// How large a message is made.
    piece: usize,
}

impl Output<'_> {
    async fn say(&mut self, message: Bytes) {
        self.life.unread.fetch_add(message.len(), Ordering::Relaxed);
        self.send(Message::Binary(message)).await;
    }

    /// Gives out a message that is as large as it may be.
    async fn say_piece(&mut self, message: Bytes) {
        let begun = Instant::now();
        self.say(message).await;
        let piece = if begun.elapsed() < PROMPT { self.piece * 2 } else { self.piece / 2 };
        self.piece = piece.clamp(*PIECE.start(), *PIECE.end());
    }

    async fn send(&mut self, message: Message) {
        // When it has closed, the call is being ended.
        self.messages.send(message).await.ok();
    }
}

/// Calls the service, and gives its answer out: up to the code to close with.
async fn respond<S, B>(request: Request<Body>, service: S, output: &mut Output<'_>) -> CloseCode
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<StdError>,
    B: HttpBody<Data = Bytes>,
    B::Error: Into<StdError> + Send,
{
    let (head, body) = match service.oneshot(request).await {
        Ok(answer) => answer.into_parts(),
        Err(error) => {
            output.say(frame::status(&Status::from_error(error.into()))).await;
            return CloseCode::Normal;
        }
    };
    let said = head.headers.contains_key("grpc-status");
    if head.status != StatusCode::OK && !said {
        let text = format!("the service answered HTTP {}", head.status.as_u16());
        output.say(frame::status(&Status::new(code_of(head.status), text))).await;
        return CloseCode::Normal;
    }
    output.say(frame::block(&frame::answer_headers(head.headers))).await;
    let mut body = std::pin::pin!(body);
    let mut gathered = Bytes::new();
    loop {
        let frame = match body.frame().now_or_never() {
            Some(frame @ Some(Ok(_))) => frame,
            other => {
                if !gathered.is_empty() {
                    output.say(mem::take(&mut gathered)).await;
                }
                match other {
                    Some(frame) => frame,
                    None => body.frame().await,
                }
            }
        };
        match frame.map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(data))) => {
                // Cut between gRPC's messages, as the service gives them: a page copies one that is in two.
                if !gathered.is_empty() && gathered.len() + data.len() > output.piece {
                    output.say_piece(mem::take(&mut gathered)).await;
                }
                // Where so much has come at once, there is more.
                let room = if gathered.len() < *PIECE.start() { 0 } else { output.piece };
                gathered = joined(gathered, data, room);
                while gathered.len() > output.piece {
                    let piece = gathered.split_to(output.piece);
                    output.say_piece(piece).await;
                }
            }
            Some(Ok(Err(frame))) => {
                if let Ok(trailers) = frame.into_trailers() {
                    let trailers = frame::block(&trailers);
                    output.say(joined(gathered, trailers, 0)).await;
                    return CloseCode::Normal;
                }
            }
            Some(Err(error)) => {
                output.say(frame::status(&Status::from_error(error.into()))).await;
                return CloseCode::Normal;
            }
            None if said => return CloseCode::Normal,
            // The service has not said how the call went, nor is it for us to say.
            None => return CloseCode::Error,
        }
    }
}

/// One after the other, copied only if there are two; then there is room for so much.
fn joined(first: Bytes, second: Bytes, room: usize) -> Bytes {
    if first.is_empty() {
        return second;
    }
    let mut whole = first.try_into_mut().unwrap_or_else(|first| BytesMut::from(&first[..]));
    whole.reserve(room.saturating_sub(whole.len()).max(second.len()));
    whole.extend_from_slice(&second);
    whole.freeze()
}

/// gRPC's mapping for an HTTP answer without a status.
pub(crate) fn code_of(status: StatusCode) -> tonic::Code {
    match status.as_u16() {
        400 => tonic::Code::Internal,
        401 => tonic::Code::Unauthenticated,
        403 => tonic::Code::PermissionDenied,
        404 => tonic::Code::Unimplemented,
        429 | 502..=504 => tonic::Code::Unavailable,
        _ => tonic::Code::Unknown,
    }
}

/// Sends the empty messages that a client asked for, the first one at once: so it knows that they come.
async fn beat(interval: Option<Duration>, mut signal: out::Sender<Message>) {
    let Some(interval) = interval else { return std::future::pending().await };
    let mut ticks = tokio::time::interval(interval.max(SHORTEST_BEAT));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if signal.send(Message::Binary(Bytes::new())).await.is_err() {
            return;
        }
    }
}

/// Pings the client in every such interval, and ends when it has gone.
async fn watch(interval: Duration, mut signal: out::Sender<Message>, life: &Life) {
    let patience = interval / 2;
    loop {
        tokio::time::sleep(interval.saturating_sub(patience)).await;
        life.heard.store(false, Ordering::Relaxed);
        // One that still waits to be sent is as good.
        signal.try_send(ping()).ok();
        tokio::time::sleep(patience).await;
        let excused = life.heard.load(Ordering::Relaxed)
            || life.full.load(Ordering::Relaxed)
            || life.unread.load(Ordering::Relaxed) >= UNREAD;
        if !excused {
            return;
        }
    }
}

fn ping() -> Message {
    Message::Ping(Bytes::new())
}

/// Waits until the limit has passed, if there is one.
async fn expired(limit: Option<Duration>) -> Duration {
    let Some(limit) = limit else { return std::future::pending().await };
    tokio::time::sleep(limit).await;
    limit
}

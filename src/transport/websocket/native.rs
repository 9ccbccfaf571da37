//! WebSockets over HTTP/1.1, with or without TLS.
//!
//! As with HTTP/2, a task of its own holds each connection, so that pings are answered though nobody reads just now.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_channel::mpsc as futures_mpsc;
use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_util::future::select_all;
use futures_util::{FutureExt, SinkExt, StreamExt, stream};
use http::{HeaderValue, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tonic::codegen::Service;

use super::{CONNECT_TIMEOUT, Connect, Open, PROTOCOL, Socket, closed, gone};
use crate::error::{Error, Result, span};
use crate::rt;
use crate::transport::grpc::{metadata, status_of};
use crate::transport::{Code, Status};

/// What is read off the network at once, and gathered before it is written.
const BUFFER: usize = 64 * 1024;
/// How many messages may wait to be sent.
const UNSENT: usize = 4;
/// How many bytes may wait to be read: more than the server takes for a sign that nobody reads.
const UNREAD: usize = 256 * 1024;
/// A WebSocket message may hold a gRPC message and what is around it.
const AROUND: usize = 64 * 1024;

/// Opens WebSockets over connections of their own.
#[derive(Clone, Debug)]
pub struct Sockets {
    connector: rt::Connector,
}

impl Sockets {
    pub(super) fn new(tls: bool) -> Result<Self> {
        Ok(Self { connector: rt::connector(tls).map_err(Error::config)? })
    }
}

impl Connect for Sockets {
    fn connect(&self, open: Open) -> BoxFuture<'static, Result<Socket, Status>> {
        let connector = self.connector.clone();
        Box::pin(async move {
            let origin = open.origin.clone();
            rt::timeout(CONNECT_TIMEOUT, Box::pin(connect(connector, open))).await.unwrap_or_else(|| {
                let text = format!("no answer from {origin} within {}", span(CONNECT_TIMEOUT));
                Err(Status::unavailable(text).not_sent())
            })
        })
    }
}

async fn connect(mut connector: rt::Connector, open: Open) -> Result<Socket, Status> {
    let (address, request) = handshake(&open.url())?;
    std::future::poll_fn(|cx| connector.poll_ready(cx)).await.map_err(|e| status_of(e).not_sent())?;
    let connection = connector.call(address).await.map_err(|error| {
        // Whatever failed, TCP or TLS: there is no connection.
        Status::unavailable(status_of(error).message().to_owned()).not_sent()
    })?;
    let largest = Some(open.message_limit.saturating_add(AROUND));
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(largest)
        .max_frame_size(largest);
    let connection = TokioIo::new(connection);
    let (socket, _) = client_async_with_config(request, connection, Some(config))
        .await
        .map_err(|error| refused(error, &open.origin).not_sent())?;
    Ok(drive(socket, open.keepalive))
}

/// Where to connect to, and what to ask for there.
fn handshake(url: &str) -> Result<(Uri, http::Request<()>), Status> {
    let bad = |error: String| Status::new(Code::InvalidArgument, error).not_sent();
    // `ws` is to `http` as `wss` is to `https`.
    let address = url.replacen("ws", "http", 1);
    let address: Uri = address.parse().map_err(|error| bad(format!("{url:?}: {error}")))?;
    let mut request = url.into_client_request().map_err(|error| bad(format!("{url:?}: {error}")))?;
    let headers = request.headers_mut();
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(rt::USER_AGENT));
    // Some servers take only what comes from a page of their own.
    let origin = format!(
        "{}://{}",
        address.scheme_str().unwrap_or("http"),
        address.authority().map_or("", http::uri::Authority::as_str)
    );
    headers.insert(header::ORIGIN, HeaderValue::try_from(origin).map_err(|error| bad(error.to_string()))?);
    Ok((address, request))
}

/// What a server that opens no WebSocket means.
fn refused(error: WsError, origin: &str) -> Status {
    match error {
        WsError::Http(response) => {
            let headers = metadata(response.headers());
            if let Some(Err(verdict)) = Status::from_trailers(&headers) {
                return verdict;
            }
            let status = response.status().as_u16();
            let text =
                format!("{origin} answered HTTP {status} and opened no WebSocket; does it speak {PROTOCOL}?");
            Status::new(Code::from_http(status), text).with_metadata(headers)
        }
        WsError::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => Status::new(
            Code::Unimplemented,
            format!("{origin} opened a WebSocket that does not speak {PROTOCOL}; is this the API's address?"),
        ),
        error => Status::unavailable(format!("{origin} opened no WebSocket: {error}")),
    }
}

/// Gives a connection a task of its own.
fn drive<S>(socket: WebSocketStream<S>, keepalive: Option<Duration>) -> Socket
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, outgoing) = futures_mpsc::channel(UNSENT);
    let (incoming, mut receiver) = mpsc::unbounded_channel();
    tokio::spawn(carry(socket, outgoing, incoming, keepalive));
    Socket {
        sender: Box::pin(sender.sink_map_err(drop)),
        // What was read makes room.
        receiver: stream::poll_fn(move |cx| receiver.poll_recv(cx)).map(|(message, _room)| message).boxed(),
    }
}

/// What has come, and the room that it takes until it is read.
type Incoming = (Result<Bytes, Status>, Option<OwnedSemaphorePermit>);

/// Carries messages both ways until the other side has closed or failed, or nobody receives any more.
async fn carry<S>(
    socket: WebSocketStream<S>,
    outgoing: impl Stream<Item = Bytes> + Send,
    incoming: mpsc::UnboundedSender<Incoming>,
    keepalive: Option<Duration>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let life = Life::default();
    let (mut sink, stream) = socket.split();
    let (ping, pings) = futures_mpsc::channel(1);
    // To the end of all that is sent, and beyond: pings go on.
    let messages = stream::select(outgoing.map(Message::Binary), pings).map(Ok);
    let ends: [BoxFuture<'_, Option<Status>>; 4] = [
        receive(stream, &incoming, &life).map(|()| None).boxed(),
        messages.forward(&mut sink).map(|end| end.err().map(status)).boxed(),
        watch(keepalive, ping, &life).map(Some).boxed(),
        incoming.closed().map(|()| None).boxed(),
    ];
    let (end, ..) = select_all(ends).await;
    if let Some(status) = end {
        let _ = incoming.send((Err(status), None));
    }
    // Best effort: a server that does not hear it sees the connection end.
    let _ = rt::timeout(Duration::from_secs(1), sink.close()).await;
}

/// What is known of the other side.
#[derive(Debug, Default)]
struct Life {
    /// Something has come since the last look.
    heard: AtomicBool,
    /// Nothing is read just now, for the reader is slow: so nothing can be heard.
    unread: AtomicBool,
}

/// Hands on what comes, and how it ends.
async fn receive(
    stream: impl Stream<Item = Result<Message, WsError>>,
    incoming: &mpsc::UnboundedSender<Incoming>,
    life: &Life,
) {
    let mut stream = pin!(stream);
    let room = Arc::new(Semaphore::new(UNREAD));
    loop {
        let message = stream.next().await;
        life.heard.store(true, Ordering::Relaxed);
        let item = match message {
            Some(Ok(Message::Binary(bytes))) => Ok(bytes),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Ok(Message::Text(_))) => {
                Err(Status::new(Code::Internal, format!("the server sent text, which is not {PROTOCOL}")))
            }
            // It may have said all, in its headers.
            Some(Ok(Message::Close(Some(CloseFrame { code: CloseCode::Normal, .. })))) => return,
            Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => Err(closed(code.into(), &reason)),
            Some(Ok(Message::Close(None))) => Err(closed(1005, "")),
            Some(Err(error)) => Err(status(error)),
            None => Err(Status::unavailable("the connection was lost")),
        };
        let last = item.is_err();
        let taken = item.as_ref().map_or(0, Bytes::len).clamp(1, UNREAD);
        life.unread.store(true, Ordering::Relaxed);
        let place = room.clone().acquire_many_owned(u32::try_from(taken).unwrap_or(u32::MAX)).await.ok();
        life.unread.store(false, Ordering::Relaxed);
        if incoming.send((item, place)).is_err() || last {
            return;
        }
    }
}

/// Pings the other side, and ends when it has not been heard of for as long as `limit`.
async fn watch(limit: Option<Duration>, mut ping: futures_mpsc::Sender<Message>, life: &Life) -> Status {
    let Some(limit) = limit else { return std::future::pending().await };
    let mut silent = 0;
    while silent < 2 {
        tokio::time::sleep(limit / 3).await;
        let heard = life.heard.swap(false, Ordering::Relaxed) || life.unread.load(Ordering::Relaxed);
        silent = if heard { 0 } else { silent + 1 };
        // One that still waits to be sent is as good as another.
        let _ = ping.try_send(Message::Ping(Bytes::new()));
    }
    gone(limit)
}

fn status(error: WsError) -> Status {
    match error {
        WsError::Capacity(CapacityError::MessageTooLong { size, max_size }) => Status::new(
            Code::ResourceExhausted,
            format!(
                "the server sent a WebSocket message of {size} bytes; the limit is {max_size} bytes \
                 (raise it with message_limit)"
            ),
        ),
        error => Status::unavailable(format!("the connection was lost: {error}")),
    }
}

//! grpc-websockets over real connections, to servers that misbehave.
#![cfg(feature = "websocket")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use boxd::transport::{Call, Code, EncodedMessage, Event, Status, Transport, WebSocketTransport};
use boxd::wire::{ExecChunk, WhoamiRequest, WhoamiResponse};
use boxd::{Compute, ErrorKind};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, stream};
use http::HeaderMap;
use prost::Message as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

/// Where nothing that should happen at once may take longer.
const SOON: Duration = Duration::from_secs(20);

type Peer = WebSocketStream<TcpStream>;

/// A server that does with each connection what it is told.
struct Server {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Does something with each TCP connection.
    async fn raw<F: Future<Output = ()> + Send + 'static>(
        script: impl Fn(TcpStream) -> F + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                tokio::spawn(script(listener.accept().await.unwrap().0));
            }
        });
        Self { address, task }
    }

    /// Does something with each WebSocket, given its URI and headers.
    async fn start<F: Future<Output = ()> + Send + 'static>(
        script: impl Fn(Peer, String, HeaderMap) -> F + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::raw(move |connection| {
            let script = script.clone();
            async move {
                let (peer, uri, headers) = accept(connection).await;
                script(peer, uri, headers).await;
            }
        })
        .await
    }

    /// Answers each call with these messages, after its own have come, and closes.
    async fn answering(messages: Vec<Message>) -> Self {
        Self::start(move |mut peer, _, _| {
            let messages = messages.clone();
            async move {
                request(&mut peer).await;
                for message in messages {
                    peer.send(message).await.unwrap();
                }
                // Until the client has gone.
                while let Some(Ok(_)) = peer.next().await {}
            }
        })
        .await
    }

    fn transport(&self) -> WebSocketTransport {
        WebSocketTransport::new(format!("http://{}", self.address)).unwrap()
    }

    fn compute(&self) -> Compute<WebSocketTransport> {
        Compute::builder()
            .token("canary-token")
            .retries(0, Duration::ZERO)
            .transport(self.transport())
            .build()
            .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(connection: TcpStream) -> (Peer, String, HeaderMap) {
    let (mut uri, mut headers) = (String::new(), HeaderMap::new());
    #[allow(clippy::result_large_err)]
    let look = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        (uri, headers) = (request.uri().to_string(), request.headers().clone());
        response.headers_mut().insert("sec-websocket-protocol", "grpc-websockets".parse().unwrap());
        Ok(response)
    };
    let peer = accept_hdr_async(connection, look).await.unwrap();
    (peer, uri, headers)
}

/// Reads a call to the end of its input.
async fn request(peer: &mut Peer) -> Vec<Bytes> {
    let mut messages = Vec::new();
    while messages.last().is_none_or(|last| last != &[1][..]) {
        match peer.next().await.unwrap().unwrap() {
            Message::Binary(message) => messages.push(message),
            other => panic!("{other:?}"),
        }
    }
    messages
}

fn frame(flag: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![flag];
    out.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    out.extend(payload);
    out
}

fn binary(bytes: Vec<u8>) -> Message {
    Message::Binary(bytes.into())
}

fn headers() -> Message {
    binary(frame(0x80, b"content-type: application/grpc-web+proto\r\n"))
}

fn who() -> Message {
    let who = WhoamiResponse { user_id: "gh-you".into(), ..WhoamiResponse::default() };
    binary(frame(0, &who.encode_to_vec()))
}

fn verdict(text: &str) -> Message {
    binary(frame(0x80, text.as_bytes()))
}

fn close(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code: CloseCode::from(code), reason: reason.into() }))
}

async fn soon<F: IntoFuture>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.unwrap()
}

#[tokio::test]
async fn credentials_go_in_the_first_message_and_nowhere_else() {
    let (seen, mut calls) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(move |mut peer, uri, head| {
        let seen = seen.clone();
        async move {
            let messages = request(&mut peer).await;
            seen.send((uri, head, messages)).unwrap();
            for message in [headers(), who(), verdict("grpc-status: 0\r\n"), close(1000, "")] {
                peer.send(message).await.unwrap();
            }
        }
    })
    .await;
    assert_eq!(soon(server.compute().whoami()).await.unwrap().user_id, "gh-you");
    let (uri, head, messages) = calls.recv().await.unwrap();
    assert_eq!(uri, "/boxd.api.v1.BoxdApi/Whoami");
    assert_eq!(head["sec-websocket-protocol"], "grpc-websockets");
    assert_eq!(head["origin"], format!("http://{}", server.address));
    assert!(!format!("{uri} {head:?}").contains("canary"));
    let [first, message, end] = &messages[..] else { panic!("{messages:?}") };
    let first = std::str::from_utf8(first).unwrap();
    assert!(first.contains("authorization: Bearer canary-token\r\n"), "{first}");
    assert!(first.lines().any(|line| line.starts_with("grpc-timeout: ")), "{first}");
    assert_eq!((&message[..], &end[..]), (&[0; 6][..], &[1][..]));
}

#[tokio::test]
async fn what_a_close_means() {
    for (messages, code, said) in [
        (vec![close(1000, "")], Code::Unavailable, "before the answer began"),
        (vec![headers(), close(1000, "")], Code::Unavailable, "before the server said how the call went"),
        (vec![headers(), who(), close(1011, "oops")], Code::Unavailable, "1011: oops"),
        (vec![headers(), close(1009, "")], Code::ResourceExhausted, "WebSocket message of this size"),
        (vec![close(1001, "")], Code::Unavailable, "1001"),
        (vec![Message::Close(None)], Code::Unavailable, "1005"),
        (vec![Message::text("hi")], Code::Internal, "text"),
        (vec![verdict("grpc-status: 7\r\n"), close(1000, "")], Code::PermissionDenied, ""),
        (vec![headers(), verdict("grpc-status: 8\r\n"), close(1011, "")], Code::ResourceExhausted, ""),
    ] {
        let server = Server::answering(messages.clone()).await;
        let error = soon(server.compute().boxes().create("web")).await.unwrap_err();
        assert_eq!(error.grpc_code(), Some(code), "{messages:?}: {error}");
        assert!(error.message().contains(said), "{messages:?}: {error}");
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_is_unavailable_and_its_outcome_unknown() {
    let server = Server::start(|mut peer, _, _| async move {
        request(&mut peer).await;
        peer.send(headers()).await.unwrap();
        peer.get_mut().set_zero_linger().unwrap();
    })
    .await;
    let error = soon(server.compute().boxes().create("web")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.outcome_unknown() && !error.retryable(), "{error}");
}

#[tokio::test]
async fn a_server_that_opens_no_websocket_says_so_and_nothing_was_sent() {
    let answer = |text: &'static str| {
        Server::raw(move |mut connection| async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(connection.read_u8().await.unwrap());
            }
            connection.write_all(text.as_bytes()).await.unwrap();
        })
    };
    for (text, code, said) in [
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", Code::PermissionDenied, "HTTP 403"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Code::Unknown, "HTTP 200"),
        (
            "HTTP/1.1 503 No\r\ngrpc-status: 8\r\ngrpc-message: full\r\ncontent-length: 0\r\n\r\n",
            Code::ResourceExhausted,
            "full",
        ),
        ("nonsense\r\n\r\n", Code::Unavailable, "opened no WebSocket"),
        ("", Code::Unavailable, "opened no WebSocket"),
    ] {
        let server = answer(text).await;
        let error = soon(server.compute().boxes().create("web")).await.unwrap_err();
        assert_eq!(error.grpc_code(), Some(code), "{text}: {error}");
        assert!(error.message().contains(said), "{text}: {error}");
        assert!(!error.outcome_unknown(), "{text}: {error}");
    }
    // One that speaks something else over its WebSockets.
    let server = Server::raw(|connection| async move {
        let _ = tokio_tungstenite::accept_async(connection).await;
    })
    .await;
    let error = soon(server.compute().boxes().create("web")).await.unwrap_err();
    assert_eq!(error.grpc_code(), Some(Code::Unimplemented), "{error}");
    assert!(error.message().contains("grpc-websockets"), "{error}");
}

#[tokio::test]
async fn a_refused_connection_was_not_sent() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let transport = WebSocketTransport::new(url).unwrap();
    let empty = EncodedMessage::encode(&WhoamiRequest {});
    let status = soon(transport.unary(Call::new("/a.B/C"), empty)).await.unwrap_err();
    assert!(status.code() == Code::Unavailable && status.is_not_sent(), "{status}");
}

#[tokio::test]
async fn a_connection_that_has_gone_silently_is_noticed() {
    // Takes the connection and the call, and is not heard of any more: nothing even answers a ping.
    let server = Server::start(|mut peer, _, _| async move {
        request(&mut peer).await;
        peer.send(headers()).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let transport = server.transport().keepalive(Duration::from_millis(600));
    let mut events = transport.server_stream(Call::new("/a.B/C"), EncodedMessage::encode(&WhoamiRequest {}));
    assert!(matches!(soon(events.next()).await, Some(Ok(Event::Opened(_)))));
    let status = soon(events.next()).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(status.message().contains("sign of life"), "{status}");
}

#[tokio::test]
async fn a_connection_on_which_pings_are_answered_stays() {
    let server = Server::start(|mut peer, _, _| async move {
        request(&mut peer).await;
        peer.send(headers()).await.unwrap();
        let mut pings = 0;
        // Each is answered as it is read.
        while pings < 4 {
            if let Message::Ping(_) = peer.next().await.unwrap().unwrap() {
                pings += 1;
            }
        }
        peer.send(who()).await.unwrap();
        peer.send(verdict("grpc-status: 0\r\n")).await.unwrap();
        while let Some(Ok(_)) = peer.next().await {}
    })
    .await;
    // Were the answers not heard, two pings would be the last.
    let transport = server.transport().keepalive(Duration::from_secs(6));
    let mut events = transport.server_stream(Call::new("/a.B/C"), EncodedMessage::encode(&WhoamiRequest {}));
    assert!(matches!(soon(events.next()).await, Some(Ok(Event::Opened(_)))));
    assert!(matches!(soon(events.next()).await, Some(Ok(Event::Message(_)))));
    assert!(soon(events.next()).await.is_none());
}

/// An endless input that counts how much of it was taken.
fn endless() -> (Arc<AtomicUsize>, stream::BoxStream<'static, EncodedMessage>) {
    let taken: Arc<AtomicUsize> = Arc::default();
    let counted = taken.clone();
    let chunk = ExecChunk { stdin: true, data: vec![7; 32 * 1024].into(), ..ExecChunk::default() };
    let message = EncodedMessage::encode(&chunk);
    let messages = stream::repeat_with(move || {
        counted.fetch_add(message.len(), Ordering::Relaxed);
        message.clone()
    });
    (taken, messages.boxed())
}

fn duplex_call() -> Call {
    let mut call = Call::new("/a.B/C");
    call.input_complete = false;
    call
}

#[tokio::test]
async fn sending_waits_for_a_server_that_does_not_read() {
    let server = Server::start(|peer, _, _| async move {
        let _peer = peer;
        std::future::pending::<()>().await;
    })
    .await;
    let (taken, messages) = endless();
    let mut events = server.transport().duplex(duplex_call(), messages);
    // Until nothing more is taken.
    let mut before = usize::MAX;
    while before != taken.load(Ordering::Relaxed) || before == 0 {
        before = taken.load(Ordering::Relaxed);
        assert!(tokio::time::timeout(Duration::from_millis(500), events.next()).await.is_err());
    }
    // What the kernel's buffers take, and a little more.
    assert!(before < 32 << 20, "{before} bytes were taken from the input");
}

#[tokio::test]
async fn a_slow_reader_slows_the_server() {
    let sent: Arc<AtomicUsize> = Arc::default();
    let counted = sent.clone();
    let server = Server::start(move |mut peer, _, _| {
        let counted = counted.clone();
        async move {
            peer.send(headers()).await.unwrap();
            let message = frame(0, &vec![7; 32 * 1024]);
            while peer.send(binary(message.clone())).await.is_ok() {
                counted.fetch_add(message.len(), Ordering::Relaxed);
            }
        }
    })
    .await;
    let (_, messages) = endless();
    let mut events = server.transport().duplex(duplex_call(), messages.take(1).boxed());
    assert!(matches!(soon(events.next()).await, Some(Ok(Event::Opened(_)))));
    let mut before = usize::MAX;
    while before != sent.load(Ordering::Relaxed) || before == 0 {
        before = sent.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(before < 32 << 20, "{before} bytes were sent to a reader that does not read");
    // Reading on, the server goes on.
    while sent.load(Ordering::Relaxed) < before + (8 << 20) {
        assert!(matches!(soon(events.next()).await, Some(Ok(Event::Message(_)))));
    }
}

#[tokio::test]
async fn a_reader_that_pauses_is_not_taken_for_a_lost_connection() {
    let server = Server::start(|mut peer, _, _| async move {
        peer.send(headers()).await.unwrap();
        let message = frame(0, &vec![7; 32 * 1024]);
        for _ in 0..512 {
            peer.send(binary(message.clone())).await.unwrap();
        }
        peer.send(verdict("grpc-status: 0\r\n")).await.unwrap();
        while let Some(Ok(_)) = peer.next().await {}
    })
    .await;
    let limit = Duration::from_millis(300);
    let (_, messages) = endless();
    let mut events = server.transport().keepalive(limit).duplex(duplex_call(), messages.take(1).boxed());
    assert!(matches!(soon(events.next()).await, Some(Ok(Event::Opened(_)))));
    tokio::time::sleep(limit * 4).await;
    let mut read = 0;
    while let Some(event) = soon(events.next()).await {
        assert!(matches!(event.unwrap(), Event::Message(_)));
        read += 1;
    }
    assert_eq!(read, 512);
}

#[tokio::test]
async fn dropping_a_call_closes_its_connection() {
    let (told, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(move |mut peer, _, _| {
        let told = told.clone();
        async move {
            peer.send(headers()).await.unwrap();
            let end = loop {
                match peer.next().await {
                    Some(Ok(Message::Close(_))) => break "closed",
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break "lost",
                }
            };
            told.send(end).unwrap();
        }
    })
    .await;
    let mut events = server.transport().duplex(duplex_call(), stream::pending().boxed());
    assert!(matches!(soon(events.next()).await, Some(Ok(Event::Opened(_)))));
    drop(events);
    assert_eq!(soon(ends.recv()).await, Some("closed"));
}

#[tokio::test]
async fn input_goes_out_while_nobody_reads() {
    let (told, mut input) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(move |mut peer, _, _| {
        let told = told.clone();
        async move {
            peer.send(headers()).await.unwrap();
            while let Some(Ok(message)) = peer.next().await {
                told.send(message).unwrap();
            }
        }
    })
    .await;
    let (mut sender, messages) = futures_channel::mpsc::unbounded();
    let mut events = server.transport().duplex(duplex_call(), messages.boxed());
    assert!(matches!(soon(events.next()).await, Some(Ok(Event::Opened(_)))));
    for word in ["one", "two"] {
        let chunk = ExecChunk { stdin: true, data: word.into(), ..ExecChunk::default() };
        sender.send(EncodedMessage::encode(&chunk)).await.unwrap();
        loop {
            let message = soon(input.recv()).await.unwrap();
            if message.into_data().windows(3).any(|part| part == word.as_bytes()) {
                break;
            }
        }
    }
}

#[tokio::test]
async fn an_overlong_wait_for_a_connection_ends() {
    // Takes the connection, and no more.
    let server = Server::raw(|connection| async move {
        let _connection = connection;
        std::future::pending::<()>().await;
    })
    .await;
    tokio::time::pause();
    let started = Instant::now();
    let empty = EncodedMessage::encode(&WhoamiRequest {});
    let status: Status = server.transport().unary(Call::new("/a.B/C"), empty).await.unwrap_err();
    assert!(status.code() == Code::Unavailable && status.is_not_sent(), "{status}");
    assert!(status.message().contains("within 10 s"), "{status}");
    assert!(started.elapsed() < SOON);
}

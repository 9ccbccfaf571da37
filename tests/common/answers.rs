//! Every answer that a server may give over gRPC-web or a WebSocket, and how a call ends by it.
#![allow(dead_code, clippy::unwrap_used, reason = "a test may fail, and no test file uses all of it")]

use std::pin::Pin;
use std::task::{Context, Poll};

use boxd::transport::{Call, Code, EncodedMessage, Event, Metadata, Status, Transport};
use boxd::wire::WhoamiRequest;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

pub(crate) const LIMIT: usize = 20 * 1024 * 1024;

/// Is pending once before each item, as a network is.
pub(crate) struct Hesitant<S> {
    inner: S,
    hesitated: bool,
}

impl<S> Hesitant<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, hesitated: false }
    }
}

impl<S: Stream + Unpin> Stream for Hesitant<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.hesitated = !self.hesitated;
        if self.hesitated {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_next(cx)
    }
}

/// How a call ended, as far as a caller can see.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) messages: Vec<Bytes>,
    pub(crate) verdict: Result<(), (Code, String, Bytes, Metadata)>,
}

impl Outcome {
    pub(crate) fn code(&self) -> Code {
        self.verdict.as_ref().err().map_or(Code::Ok, |(code, ..)| *code)
    }

    pub(crate) fn said(&self) -> &str {
        self.verdict.as_ref().err().map_or("", |(_, message, ..)| message)
    }
}

fn failed(status: &Status) -> (Code, String, Bytes, Metadata) {
    (status.code(), status.message().to_owned(), status.details().clone(), status.metadata().clone())
}

fn request() -> EncodedMessage {
    EncodedMessage::encode(&WhoamiRequest {})
}

/// Reads a stream of answers to its end, and checks that its end is terminal.
pub(crate) async fn streamed(transport: &impl Transport) -> Outcome {
    let mut events = transport.server_stream(Call::new("/a.B/C"), request());
    let mut messages = Vec::new();
    let mut opened = 0;
    let verdict = loop {
        match events.next().await {
            Some(Ok(Event::Opened(_))) => opened += 1,
            Some(Ok(Event::Message(message))) => messages.push(message),
            Some(Err(status)) => break Err(failed(&status)),
            None => break Ok(()),
        }
    };
    assert!(opened <= 1, "opened {opened} times");
    assert!(events.next().await.is_none(), "something follows the end");
    Outcome { messages, verdict }
}

pub(crate) async fn unary(transport: &impl Transport) -> Outcome {
    match transport.unary(Call::new("/a.B/C"), request()).await {
        Ok(reply) => Outcome { messages: vec![reply.message], verdict: Ok(()) },
        Err(status) => Outcome { messages: Vec::new(), verdict: Err(failed(&status)) },
    }
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

pub(crate) fn message(payload: &[u8]) -> Vec<u8> {
    frame(0, payload)
}

pub(crate) fn trailers(block: &str) -> Vec<u8> {
    frame(0x80, block.as_bytes())
}

fn frame(flag: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![flag];
    out.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    out.extend(payload);
    out
}

/// A named answer: its bytes, and how a stream and a unary call end by it.
pub(crate) type Vector = (&'static str, Vec<u8>, Code, Code);

/// Everything that a server may send and how it ends: for a stream, and for a unary call.
pub(crate) fn vectors() -> Vec<Vector> {
    let ok = || trailers("grpc-status: 0\r\n");
    let not_found =
        || trailers("grpc-status: 5\r\ngrpc-message: no%20such%20box\r\ngrpc-status-details-bin: AQID\r\n");
    vec![
        ("one answer", [message(b"hello"), ok()].concat(), Code::Ok, Code::Ok),
        ("an empty answer", [message(b""), ok()].concat(), Code::Ok, Code::Ok),
        ("no answer", ok(), Code::Ok, Code::Internal),
        (
            "many answers",
            [message(b"a"), message(b""), message(b""), message(b"bc"), ok()].concat(),
            Code::Ok,
            Code::Internal,
        ),
        ("an error alone", not_found(), Code::NotFound, Code::NotFound),
        ("an error after an answer", [message(b"a"), not_found()].concat(), Code::NotFound, Code::NotFound),
        (
            "status last, repeated names, no final line end",
            trailers("a: 1\r\nA: 2\nb\r\n:\r\nGRPC-Status :\t7 "),
            Code::PermissionDenied,
            Code::PermissionDenied,
        ),
        ("a status that gRPC does not know", trailers("grpc-status: 99\r\n"), Code::Unknown, Code::Unknown),
        ("a status that is no number", trailers("grpc-status: ok\r\n"), Code::Unknown, Code::Unknown),
        (
            "trailers without a status",
            [message(b"a"), trailers("x: y\r\n")].concat(),
            Code::Unavailable,
            Code::Unavailable,
        ),
        ("empty trailers", [message(b"a"), trailers("")].concat(), Code::Unavailable, Code::Unavailable),
        ("no trailers", message(b"hello"), Code::Unavailable, Code::Unavailable),
        ("nothing", Vec::new(), Code::Unavailable, Code::Unavailable),
        ("an answer after OK", [message(b"a"), ok(), message(b"b")].concat(), Code::Internal, Code::Internal),
        ("OK twice", [message(b"a"), ok(), ok()].concat(), Code::Internal, Code::Internal),
        ("an odd byte after OK", [message(b"a"), ok(), vec![0]].concat(), Code::Internal, Code::Internal),
        ("more after an error", [not_found(), message(b"a")].concat(), Code::NotFound, Code::NotFound),
        (
            "an oversized announcement",
            [message(b"a"), vec![0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]].concat(),
            Code::ResourceExhausted,
            Code::ResourceExhausted,
        ),
        (
            "oversized trailers",
            vec![0x80, 0xff, 0, 0, 0, b'g'],
            Code::ResourceExhausted,
            Code::ResourceExhausted,
        ),
        ("a compressed answer", frame(1, b"xyz"), Code::Internal, Code::Internal),
        ("compressed trailers", frame(0x81, b"xyz"), Code::Internal, Code::Internal),
        ("text", b"AAAAAAVoZWxsb4AAAAAPZ3JwYy1zdGF0dXM6MA0K".to_vec(), Code::Internal, Code::Internal),
        ("a page", b"<html><body>Bad gateway</body></html>".to_vec(), Code::Internal, Code::Internal),
        ("noise", (0..97_u8).map(|n| n.wrapping_mul(151) ^ 0x5a).collect(), Code::Internal, Code::Internal),
    ]
}

/// Whole, each answer ends as it should.
pub(crate) async fn whole<T: Transport>(answers: Vec<Vector>, over: impl Fn(Vec<Bytes>) -> T) {
    for (name, wire, as_stream, as_unary) in answers {
        let transport = over(vec![wire.into()]);
        assert_eq!(streamed(&transport).await.code(), as_stream, "{name}");
        assert_eq!(unary(&transport).await.code(), as_unary, "{name}");
    }
}

/// In any two or three pieces, each answer ends as it does whole.
pub(crate) async fn in_two_and_three<T: Transport>(answers: Vec<Vector>, over: impl Fn(Vec<Bytes>) -> T) {
    for (name, wire, ..) in answers {
        let wire = Bytes::from(wire);
        let whole = over(vec![wire.clone()]);
        let (stream_whole, unary_whole) = (streamed(&whole).await, unary(&whole).await);
        for first in 0..=wire.len() {
            for second in first..=wire.len() {
                let cut = over(vec![wire.slice(..first), wire.slice(first..second), wire.slice(second..)]);
                assert_eq!(streamed(&cut).await, stream_whole, "{name}, cut at {first} and {second}");
                assert_eq!(unary(&cut).await, unary_whole, "{name}, cut at {first} and {second}");
            }
        }
    }
}

/// Byte by byte, with `between` after each, each answer ends as it does whole.
pub(crate) async fn byte_by_byte<T: Transport>(
    answers: Vec<Vector>,
    between: Option<Bytes>,
    over: impl Fn(Vec<Bytes>) -> T,
) {
    for (name, wire, ..) in answers {
        let wire = Bytes::from(wire);
        let whole = streamed(&over(vec![wire.clone()])).await;
        let bytes = (0..wire.len()).flat_map(|at| [Some(wire.slice(at..=at)), between.clone()]);
        assert_eq!(streamed(&over(bytes.flatten().collect())).await, whole, "{name}");
    }
}

/// Cut off before the first word of how the call went, no answer is OK. After that word a server has said all.
pub(crate) async fn cut_off<T: Transport>(answers: Vec<Vector>, over: impl Fn(Vec<Bytes>) -> T) {
    for (name, wire, ..) in answers {
        let Some(said) = wire.windows(12).position(|w| w == b"grpc-status:") else { continue };
        for end in 0..said + 12 {
            let cut = over(vec![Bytes::copy_from_slice(&wire[..end])]);
            for outcome in [streamed(&cut).await, unary(&cut).await] {
                assert_ne!(outcome.code(), Code::Ok, "{name}, cut off at {end}");
            }
        }
    }
}

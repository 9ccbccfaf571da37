//! gRPC-web at every cut that a network can make: whatever the pieces, the call ends the same way, and it does end.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::pin::Pin;
use std::task::{Context, Poll};

use boxd::transport::grpc_web::{Fetch, Request, Response};
use boxd::transport::{Call, Code, EncodedMessage, Event, GrpcWebTransport, Metadata, Status, Transport};
use boxd::wire::WhoamiRequest;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Stream, StreamExt, stream};

const LIMIT: usize = 20 * 1024 * 1024;

/// An HTTP client that has its answer ready.
struct Canned {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    pieces: Vec<Result<Bytes, Status>>,
    /// The connection stays open after the last piece.
    open: bool,
}

impl Canned {
    fn pieces(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        let headers = vec![("content-type", "application/grpc-web+proto")];
        Self { status: 200, headers, pieces: pieces.into_iter().map(Ok).collect(), open: false }
    }

    fn transport(self) -> GrpcWebTransport<Self> {
        GrpcWebTransport::with_fetch("http://api.test:1", self).unwrap().message_limit(LIMIT)
    }
}

impl Fetch for Canned {
    fn post(&self, _: Request) -> BoxFuture<'static, Result<Response, Status>> {
        let mut headers = Metadata::new();
        for (name, value) in &self.headers {
            headers.insert(*name, *value);
        }
        let pieces = Hesitant { inner: stream::iter(self.pieces.clone()), hesitated: false };
        let body = if self.open { pieces.chain(stream::pending()).boxed() } else { pieces.boxed() };
        let response = Response { status: self.status, headers, body };
        async move { Ok(response) }.boxed()
    }
}

/// Is pending once before each item, as a network is.
struct Hesitant<S> {
    inner: S,
    hesitated: bool,
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
struct Outcome {
    messages: Vec<Bytes>,
    verdict: Result<(), (Code, String, Bytes, Metadata)>,
}

impl Outcome {
    fn code(&self) -> Code {
        self.verdict.as_ref().err().map_or(Code::Ok, |(code, ..)| *code)
    }

    fn said(&self) -> &str {
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
async fn streamed(transport: &impl Transport) -> Outcome {
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

async fn unary(transport: &impl Transport) -> Outcome {
    match transport.unary(Call::new("/a.B/C"), request()).await {
        Ok(reply) => Outcome { messages: vec![reply.message], verdict: Ok(()) },
        Err(status) => Outcome { messages: Vec::new(), verdict: Err(failed(&status)) },
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

fn message(payload: &[u8]) -> Vec<u8> {
    frame(0, payload)
}

fn trailers(block: &str) -> Vec<u8> {
    frame(0x80, block.as_bytes())
}

fn frame(flag: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![flag];
    out.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    out.extend(payload);
    out
}

/// Everything that a server may send and how it ends: for a stream, and for a unary call.
fn vectors() -> Vec<(&'static str, Vec<u8>, Code, Code)> {
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

#[test]
fn every_vector_ends_as_it_should() {
    run(async {
        for (name, wire, as_stream, as_unary) in vectors() {
            let transport = Canned::pieces([Bytes::from(wire)]).transport();
            assert_eq!(streamed(&transport).await.code(), as_stream, "{name}");
            assert_eq!(unary(&transport).await.code(), as_unary, "{name}");
        }
    });
}

#[test]
fn every_cut_in_two_and_three_pieces_ends_the_same_way() {
    run(async {
        for (name, wire, ..) in vectors() {
            let wire = Bytes::from(wire);
            let whole = Canned::pieces([wire.clone()]).transport();
            let (stream_whole, unary_whole) = (streamed(&whole).await, unary(&whole).await);
            for first in 0..=wire.len() {
                for second in first..=wire.len() {
                    let pieces = [wire.slice(..first), wire.slice(first..second), wire.slice(second..)];
                    let cut = Canned::pieces(pieces).transport();
                    assert_eq!(streamed(&cut).await, stream_whole, "{name}, cut at {first} and {second}");
                    assert_eq!(unary(&cut).await, unary_whole, "{name}, cut at {first} and {second}");
                }
            }
        }
    });
}

#[test]
fn byte_by_byte_ends_the_same_way() {
    run(async {
        for (name, wire, ..) in vectors() {
            let wire = Bytes::from(wire);
            let whole = streamed(&Canned::pieces([wire.clone()]).transport()).await;
            let bytes = (0..wire.len()).map(|at| wire.slice(at..=at));
            assert_eq!(streamed(&Canned::pieces(bytes).transport()).await, whole, "{name}");
        }
    });
}

#[test]
fn a_stream_that_is_cut_off_is_never_ok() {
    run(async {
        for (name, wire, ..) in vectors() {
            // Up to the end of its first trailers frame: after that a server has said all.
            let Some(said) = wire.windows(12).position(|w| w == b"grpc-status:") else { continue };
            for end in 0..said + 12 {
                let cut = Canned::pieces([Bytes::copy_from_slice(&wire[..end])]).transport();
                for outcome in [streamed(&cut).await, unary(&cut).await] {
                    assert_ne!(outcome.code(), Code::Ok, "{name}, cut off at {end}");
                }
            }
        }
    });
}

#[test]
fn large_messages_survive_cuts_at_all_their_seams() {
    const SIZE: usize = 16 * 1024 * 1024;
    let payload: Vec<u8> = (0..=250).cycle().take(SIZE).collect();
    let wire = Bytes::from(
        [message(b"small"), message(&payload), message(b""), trailers("grpc-status: 0\r\n")].concat(),
    );
    let start = 10;
    let end = start + 5 + SIZE;
    // Around each frame's prefix and end, and in the middle of nowhere.
    let seams: Vec<usize> =
        (0..start + 8).chain([4 * 1024 * 1024 + start + 5, SIZE / 2]).chain(end - 2..=wire.len()).collect();
    run(async {
        for (index, &first) in seams.iter().enumerate() {
            // Each pair would be gigabytes; each seam with its neighbour and with the end is every state there is.
            for &second in [seams.get(index + 1), seams.last()].into_iter().flatten() {
                let pieces = [wire.slice(..first), wire.slice(first..second), wire.slice(second..)];
                let outcome = streamed(&Canned::pieces(pieces).transport()).await;
                assert_eq!(outcome.verdict, Ok(()), "cut at {first} and {second}");
                assert_eq!(outcome.messages.len(), 3);
                assert!(outcome.messages[1] == payload, "cut at {first} and {second}");
            }
        }
    });
}

#[test]
fn what_the_server_said_arrives_whole() {
    run(async {
        let block = "x-trace: 1\r\ngrpc-status: 5\r\nX-Trace: 2\r\ngrpc-message: no%20such%20box%21\r\n\
                     grpc-status-details-bin: AQID\r\n";
        let outcome = streamed(&Canned::pieces([trailers(block).into()]).transport()).await;
        let (code, message, details, metadata) = outcome.verdict.unwrap_err();
        assert_eq!((code, message.as_str(), &details[..]), (Code::NotFound, "no such box!", &[1, 2, 3][..]));
        let traces: Vec<_> = metadata.iter().filter(|(name, _)| *name == "x-trace").map(|(_, v)| v).collect();
        assert_eq!(traces, ["1", "2"]);
        assert_eq!(metadata.get("content-type"), Some("application/grpc-web+proto"), "headers are kept");
    });
}

#[test]
fn a_verdict_in_the_headers_needs_no_body() {
    let answer = |status: u16, headers: &[(&'static str, &'static str)], body: &[u8]| {
        let mut canned = Canned::pieces([Bytes::copy_from_slice(body)]);
        canned.status = status;
        canned.headers.extend(headers);
        canned.transport()
    };
    run(async {
        let not_found = [("grpc-status", "5"), ("grpc-message", "gone")];
        for (status, body) in [(200, &b""[..]), (200, b"rubbish"), (404, b"")] {
            let transport = answer(status, &not_found, body);
            for outcome in [streamed(&transport).await, unary(&transport).await] {
                assert_eq!((outcome.code(), outcome.said()), (Code::NotFound, "gone"));
            }
        }
        let ok = [("grpc-status", "0")];
        assert_eq!(streamed(&answer(200, &ok, b"")).await.verdict, Ok(()));
        assert_eq!(unary(&answer(200, &ok, b"")).await.code(), Code::Internal);
        // What the trailers say is later, and counts.
        let later = answer(200, &ok, &trailers("grpc-status: 8\r\n"));
        assert_eq!(streamed(&later).await.code(), Code::ResourceExhausted);
        assert_eq!(streamed(&answer(200, &ok, b"\0\0\0")).await.code(), Code::Unavailable);
    });
}

#[test]
fn a_broken_connection_counts_until_the_verdict_has_come() {
    run(async {
        let ok = Bytes::from([message(b"a"), trailers("grpc-status: 0\r\n")].concat());
        for (at, code) in [(3, Code::Unavailable), (6, Code::Unavailable), (ok.len(), Code::Ok)] {
            let mut canned = Canned::pieces([ok.slice(..at)]);
            canned.pieces.push(Err(Status::unavailable("connection reset")));
            let transport = canned.transport();
            assert_eq!(streamed(&transport).await.code(), code, "broken at {at}");
            assert_eq!(unary(&transport).await.code(), code, "broken at {at}");
        }
    });
}

#[test]
fn a_body_that_stays_open_after_its_trailers_does_not_hold_the_call() {
    run(async {
        for (block, code) in
            [("grpc-status: 0\r\n", Code::Ok), ("grpc-status: 9\r\n", Code::FailedPrecondition)]
        {
            let mut canned = Canned::pieces([message(b"a").into(), trailers(block).into()]);
            canned.open = true;
            let transport = canned.transport();
            assert_eq!(streamed(&transport).await.code(), code);
            assert_eq!(unary(&transport).await.code(), code);
        }
    });
}

#[test]
fn a_message_inside_a_chunk_is_not_copied() {
    run(async {
        let chunk = Bytes::from([message(b"abc"), message(b"defg"), trailers("grpc-status: 0\r\n")].concat());
        let outcome = streamed(&Canned::pieces([chunk.clone()]).transport()).await;
        let inside = |message: &Bytes| chunk.as_ptr_range().contains(&message.as_ptr());
        assert!(outcome.messages.iter().all(inside), "{outcome:?}");
    });
}

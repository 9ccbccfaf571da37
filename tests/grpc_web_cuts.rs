//! gRPC-web at every cut that a network can make: whatever the pieces, the call ends the same way, and it does end.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "common/answers.rs"]
mod answers;

use answers::{Hesitant, LIMIT, message, run, streamed, trailers, unary, vectors};
use boxd::transport::grpc_web::{Fetch, Request, Response};
use boxd::transport::{Code, GrpcWebTransport, Metadata, Status, Transport};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};

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
        let pieces = Hesitant::new(stream::iter(self.pieces.clone()));
        let body = if self.open { pieces.chain(stream::pending()).boxed() } else { pieces.boxed() };
        let response = Response { status: self.status, headers, body };
        async move { Ok(response) }.boxed()
    }
}

fn over(pieces: Vec<Bytes>) -> impl Transport {
    Canned::pieces(pieces).transport()
}

#[test]
fn every_vector_ends_as_it_should() {
    run(answers::whole(vectors(), over));
}

#[test]
fn every_cut_in_two_and_three_pieces_ends_the_same_way() {
    run(answers::in_two_and_three(vectors(), over));
}

#[test]
fn byte_by_byte_ends_the_same_way() {
    run(answers::byte_by_byte(vectors(), None, over));
}

#[test]
fn a_stream_that_is_cut_off_is_never_ok() {
    run(answers::cut_off(vectors(), over));
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

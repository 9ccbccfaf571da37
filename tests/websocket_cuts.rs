//! grpc-websockets wherever its WebSocket messages begin and end: the call ends the same way, and it does end.
#![cfg(feature = "websocket")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "common/answers.rs"]
mod answers;

use std::sync::{Arc, Mutex};

use answers::{Hesitant, LIMIT, Vector, message, run, streamed, trailers, unary, vectors};
use boxd::transport::websocket::{Connect, Open, Socket};
use boxd::transport::{Call, Code, EncodedMessage, Status, Transport, WebSocketTransport};
use boxd::wire::ExecChunk;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, SinkExt, StreamExt, sink, stream};

/// A server that has its answer ready, and notes what it is sent.
struct Canned {
    pieces: Vec<Result<Bytes, Status>>,
    /// The connection stays open after the last piece.
    open: bool,
    sent: Arc<Mutex<Vec<Bytes>>>,
}

impl Canned {
    fn pieces(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        Self { pieces: pieces.into_iter().map(Ok).collect(), open: false, sent: Arc::default() }
    }

    fn transport(self) -> WebSocketTransport<Self> {
        WebSocketTransport::with_connect("http://api.test:1", self).unwrap().message_limit(LIMIT)
    }
}

impl Connect for Canned {
    fn connect(&self, open: Open) -> BoxFuture<'static, Result<Socket, Status>> {
        assert!(open.url().starts_with("ws://api.test:1/"), "{}", open.url());
        let sent = self.sent.clone();
        let sender = sink::drain().sink_map_err(|never| match never {}).with(move |message: Bytes| {
            sent.lock().unwrap().push(message);
            std::future::ready(Ok::<_, ()>(()))
        });
        let pieces = Hesitant::new(stream::iter(self.pieces.clone()));
        let receiver = if self.open { pieces.chain(stream::pending()).boxed() } else { pieces.boxed() };
        async move { Ok(Socket { sender: Box::pin(sender), receiver }) }.boxed()
    }
}

fn headers() -> Vec<u8> {
    trailers("Content-Type: application/grpc-web+proto\r\nX-Trace: 1\r\n")
}

/// What gRPC-web's answers become after headers, and answers that only a WebSocket has.
fn every_answer() -> Vec<Vector> {
    let said = |status: u8| trailers(&format!("grpc-status: {status}\r\n"));
    let mut answers: Vec<_> = vectors()
        .into_iter()
        .map(|(name, wire, as_stream, as_unary)| {
            // A WebSocket is of one call: when it is over, it is over.
            let (as_stream, as_unary) = match name {
                "an answer after OK" | "OK twice" | "an odd byte after OK" => (Code::Ok, Code::Ok),
                _ => (as_stream, as_unary),
            };
            (name, [headers(), wire].concat(), as_stream, as_unary)
        })
        .collect();
    answers.extend([
        ("no headers", Vec::new(), Code::Unavailable, Code::Unavailable),
        ("headers without an end", headers()[..7].to_vec(), Code::Unavailable, Code::Unavailable),
        ("a message before the headers", message(b"a"), Code::Internal, Code::Internal),
        ("a page in place of headers", b"<html>".to_vec(), Code::Internal, Code::Internal),
        ("an error in the headers", said(5), Code::NotFound, Code::NotFound),
        (
            "an error in the headers, and empty trailers",
            [said(5), trailers("")].concat(),
            Code::NotFound,
            Code::NotFound,
        ),
        ("OK in the headers", said(0), Code::Ok, Code::Internal),
        ("OK in the headers, and empty trailers", [said(0), trailers("")].concat(), Code::Ok, Code::Internal),
        (
            "OK in the headers, and an error at the end",
            [said(0), message(b"a"), said(8)].concat(),
            Code::ResourceExhausted,
            Code::ResourceExhausted,
        ),
        (
            "OK in the headers, and half a message",
            [said(0), message(b"a")[..3].to_vec()].concat(),
            Code::Unavailable,
            Code::Unavailable,
        ),
    ]);
    answers
}

fn over(pieces: Vec<Bytes>) -> impl Transport {
    Canned::pieces(pieces).transport()
}

#[test]
fn every_answer_ends_as_it_should() {
    run(answers::whole(every_answer(), over));
}

#[test]
fn every_cut_in_two_and_three_messages_ends_the_same_way() {
    run(answers::in_two_and_three(every_answer(), over));
}

#[test]
fn byte_by_byte_and_among_empty_messages_ends_the_same_way() {
    run(answers::byte_by_byte(every_answer(), Some(Bytes::new()), over));
}

#[test]
fn an_answer_that_is_cut_off_is_never_ok() {
    run(answers::cut_off(every_answer(), over));
}

#[test]
fn a_connection_that_fails_counts_until_the_verdict_has_come() {
    run(async {
        let ok = Bytes::from([headers(), message(b"a"), trailers("grpc-status: 0\r\n")].concat());
        for (at, code) in [(0, Code::DataLoss), (ok.len() - 1, Code::DataLoss), (ok.len(), Code::Ok)] {
            let mut canned = Canned::pieces([ok.slice(..at)]);
            canned.pieces.push(Err(Status::new(Code::DataLoss, "broken")));
            let transport = canned.transport();
            assert_eq!(streamed(&transport).await.code(), code, "broken at {at}");
            assert_eq!(unary(&transport).await.code(), code, "broken at {at}");
        }
    });
}

#[test]
fn a_connection_that_stays_open_does_not_hold_a_call_that_is_over() {
    run(async {
        for (wire, code) in [
            ([message(b"a"), trailers("grpc-status: 0\r\n")].concat(), Code::Ok),
            (trailers("grpc-status: 9\r\n"), Code::FailedPrecondition),
        ] {
            let mut canned = Canned::pieces([headers().into(), wire.into()]);
            canned.open = true;
            let transport = canned.transport();
            assert_eq!(streamed(&transport).await.code(), code);
            assert_eq!(unary(&transport).await.code(), code);
        }
    });
}

#[test]
fn what_is_sent_is_bit_for_bit_the_protocol() {
    run(async {
        let canned = Canned::pieces([headers().into(), trailers("grpc-status: 0\r\n").into()]);
        let sent = canned.sent.clone();
        let mut call = Call::new("/a.B/C");
        call.metadata.insert("authorization", "Bearer tok");
        call.input_complete = false;
        let input = |data| EncodedMessage::encode(&ExecChunk { data, ..ExecChunk::default() });
        let messages = stream::iter([input("init".into()), input(vec![7; 40_000].into())]);
        let mut events = canned.transport().duplex(call, messages.boxed());
        while sent.lock().unwrap().last().is_none_or(|last| last.len() != 1) {
            events.next().await;
            tokio::task::yield_now().await;
        }
        let sent = sent.lock().unwrap();
        let head = std::str::from_utf8(&sent[0]).unwrap();
        let mut lines: Vec<_> = head.split_terminator("\r\n").collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            ["authorization: Bearer tok", "content-type: application/grpc-web+proto", "x-grpc-web: 1",]
        );
        assert_eq!(sent[1][..], *b"\0\0\0\0\0\x06\x0a\x04init");
        assert_eq!((sent[2].len(), &sent[2][..6]), (32_768, &[0, 0, 0, 0, 0x9c, 0x44][..]));
        assert_eq!((sent[3].len(), sent[3][0]), (40_004 + 5 + 2 - 32_768, 0));
        assert_eq!(sent[4][..], [1]);
        assert_eq!(sent.len(), 5);
    });
}

#[test]
fn a_message_over_the_limit_ends_the_call() {
    run(async {
        let mut canned = Canned::pieces([headers().into()]);
        canned.open = true;
        let transport = canned.transport().message_limit(1000);
        let large =
            || EncodedMessage::encode(&ExecChunk { data: vec![7; 2000].into(), ..ExecChunk::default() });
        let unary = transport.unary(Call::new("/a.B/C"), large()).await.unwrap_err();
        assert!(unary.code() == Code::ResourceExhausted && unary.is_not_sent(), "{unary}");
        let mut events = transport.duplex(Call::new("/a.B/C"), stream::iter([large()]).boxed());
        let status = loop {
            if let Err(status) = events.next().await.unwrap() {
                break status;
            }
        };
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert!(events.next().await.is_none());
    });
}

#[test]
fn metadata_of_more_than_one_line_never_leaves() {
    run(async {
        let canned = Canned::pieces([]);
        let sent = canned.sent.clone();
        let mut call = Call::new("/a.B/C");
        call.metadata.insert("x-bad", "a\r\nb: c");
        let empty = EncodedMessage::encode(&ExecChunk::default());
        let status = canned.transport().unary(call, empty).await.unwrap_err();
        assert!(status.code() == Code::InvalidArgument && status.is_not_sent(), "{status}");
        assert!(sent.lock().unwrap().is_empty());
    });
}

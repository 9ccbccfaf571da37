//! A gRPC-web answer ends, ends the same way wherever it is cut, and is OK only where the server said so.
#![no_main]

use boxd::transport::grpc_web::{Fetch, Request, Response};
use boxd::transport::{Call, Code, EncodedMessage, Event, GrpcWebTransport, Metadata, Status, Transport};
use boxd::wire::WhoamiRequest;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use libfuzzer_sys::fuzz_target;

/// An HTTP client that has its answer ready.
struct Canned {
    status: u16,
    headers: Metadata,
    pieces: Vec<Bytes>,
}

impl Fetch for Canned {
    fn post(&self, _: Request) -> BoxFuture<'static, Result<Response, Status>> {
        let body = stream::iter(self.pieces.clone().into_iter().map(Ok)).boxed();
        let response = Response { status: self.status, headers: self.headers.clone(), body };
        std::future::ready(Ok(response)).boxed()
    }
}

type Ending = Result<(), (Code, String, Metadata)>;

fn ending(status: &Status) -> (Code, String, Metadata) {
    assert_ne!(status.code(), Code::Ok, "an error is not OK");
    (status.code(), status.message().to_owned(), status.metadata().clone())
}

fn run(status: u16, headers: &Metadata, pieces: Vec<Bytes>) -> (Vec<Bytes>, Ending, Result<Bytes, Code>) {
    let canned = Canned { status, headers: headers.clone(), pieces };
    let transport = GrpcWebTransport::with_fetch("http://api.test:1", canned)
        .expect("the address is good")
        .message_limit(4096);
    let message = || EncodedMessage::encode(&WhoamiRequest {});
    let mut events = transport.server_stream(Call::new("/a.B/C"), message());
    let mut messages = Vec::new();
    let end = loop {
        // All is at hand, so that a pending call would hang.
        match events.next().now_or_never().expect("it does not wait") {
            Some(Ok(Event::Opened(_))) => assert!(messages.is_empty()),
            Some(Ok(Event::Message(message))) => messages.push(message),
            Some(Err(status)) => break Err(ending(&status)),
            None => break Ok(()),
        }
    };
    assert!(events.next().now_or_never().expect("it does not wait").is_none(), "the end is terminal");
    let reply = transport.unary(Call::new("/a.B/C"), message()).now_or_never().expect("it does not wait");
    (messages, end, reply.map(|reply| reply.message).map_err(|status| status.code()))
}

/// An input: the HTTP status and headers, then what [`boxd_fuzz::pieces`] takes.
fn head(input: &[u8]) -> Option<(u16, Metadata, &[u8])> {
    let (&flags, rest) = input.split_first()?;
    let mut headers = Metadata::new();
    headers.insert("content-type", ["application/grpc-web+proto", "text/html"][usize::from(flags & 1)]);
    let status = [200, 503][usize::from(flags >> 1 & 1)];
    if flags & 4 == 0 {
        return Some((status, headers, rest));
    }
    let (&length, rest) = rest.split_first()?;
    let (value, rest) = rest.split_at_checked(usize::from(length))?;
    headers
        .insert(["grpc-status", "grpc-message"][usize::from(flags >> 3 & 1)], String::from_utf8_lossy(value).into_owned());
    Some((status, headers, rest))
}

fuzz_target!(|input: &[u8]| {
    let Some((status, headers, rest)) = head(input) else { return };
    let Some((wire, pieces)) = boxd_fuzz::pieces(rest) else { return };
    let whole = run(status, &headers, vec![wire.clone()]);
    assert_eq!(run(status, &headers, pieces), whole);
    let (messages, end, unary) = whole;
    if end.is_ok() {
        let said = wire.to_ascii_lowercase().windows(11).any(|part| part == b"grpc-status");
        assert!(said || headers.get("grpc-status").is_some(), "OK without a word from the server");
        assert_eq!(unary.is_ok(), messages.len() == 1);
    } else {
        assert!(unary.is_err());
    }
});

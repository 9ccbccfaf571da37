//! An answer over a WebSocket ends, ends the same way wherever its messages begin and end, and is OK only where the
//! server said so.
#![no_main]

use std::sync::LazyLock;

use boxd::transport::websocket::{Connect, Open, Socket};
use boxd::transport::{Call, Code, EncodedMessage, Event, Metadata, Status, Transport, WebSocketTransport};
use boxd::wire::WhoamiRequest;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, SinkExt, StreamExt, sink, stream};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

/// A server that has its answer ready.
struct Canned {
    messages: Vec<Bytes>,
}

impl Connect for Canned {
    fn connect(&self, _: Open) -> BoxFuture<'static, Result<Socket, Status>> {
        let sender = Box::pin(sink::drain().sink_map_err(|never| match never {}));
        let receiver = stream::iter(self.messages.clone().into_iter().map(Ok)).boxed();
        std::future::ready(Ok(Socket { sender, receiver })).boxed()
    }
}

type Ending = Result<(), (Code, String, Metadata)>;

async fn outcome(messages: Vec<Bytes>) -> (Vec<Bytes>, Ending, Result<Bytes, Code>) {
    let transport = WebSocketTransport::with_connect("http://api.test:1", Canned { messages })
        .expect("the address is good")
        .message_limit(4096);
    let message = || EncodedMessage::encode(&WhoamiRequest {});
    let mut events = transport.server_stream(Call::new("/a.B/C"), message());
    let mut messages = Vec::new();
    let end = loop {
        match events.next().await {
            Some(Ok(Event::Opened(_))) => assert!(messages.is_empty()),
            Some(Ok(Event::Message(message))) => messages.push(message),
            Some(Err(status)) => {
                assert_ne!(status.code(), Code::Ok, "an error is not OK");
                break Err((status.code(), status.message().to_owned(), status.metadata().clone()));
            }
            None => break Ok(()),
        }
    };
    assert!(events.next().await.is_none(), "the end is terminal");
    let reply = transport.unary(Call::new("/a.B/C"), message()).await;
    (messages, end, reply.map(|reply| reply.message).map_err(|status| status.code()))
}

/// All is at hand, so that a call that waits hangs: the fuzzer's own limit ends it.
fn run(messages: Vec<Bytes>) -> (Vec<Bytes>, Ending, Result<Bytes, Code>) {
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| Builder::new_current_thread().enable_time().build().expect("a runtime"));
    RUNTIME.block_on(async {
        let outcome = outcome(messages).await;
        // What was sending gets its turn to end.
        tokio::task::yield_now().await;
        outcome
    })
}

fuzz_target!(|input: &[u8]| {
    let Some((wire, pieces)) = boxd_fuzz::pieces(input) else { return };
    let whole = run(vec![wire.clone()]);
    assert_eq!(run(pieces), whole);
    let (messages, end, unary) = whole;
    if end.is_ok() {
        let said = wire.to_ascii_lowercase().windows(11).any(|part| part == b"grpc-status");
        assert!(said, "OK without a word from the server");
        assert_eq!(unary.is_ok(), messages.len() == 1);
    } else {
        assert!(unary.is_err());
    }
});

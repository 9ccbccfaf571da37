//! Calls that need both directions at once: over the host's own WebSockets, of either kind.

#[path = "../common/duplex.rs"]
mod duplex;

use std::time::Duration;

use boxd::transport::{BrowserTransport, Call, Code, EncodedMessage, Event, Status, Transport};
use boxd::wire::ExecChunk;
use boxd::{Compute, ErrorKind};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use js_sys::{Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::scripted::{Script, message, trailers};

fn global(name: &str) -> Option<Function> {
    Reflect::get(&js_sys::global(), &name.into()).unwrap().dyn_into().ok()
}

/// The transports that this host has: by itself, and with a `WebSocket` though it has more. Node 20 has none.
fn transports(url: &str) -> Vec<(&'static str, BrowserTransport)> {
    let Some(plain) = global("WebSocket") else { return Vec::new() };
    let transport = || BrowserTransport::new(url).unwrap();
    vec![("its own", transport()), ("WebSocket", transport().web_socket(plain))]
}

#[wasm_bindgen_test]
async fn the_walk() {
    for (_, transport) in transports(crate::API_URL.unwrap()) {
        let compute: Compute = crate::cluster().transport(transport).build().unwrap();
        duplex::duplex(&compute, &crate::name("duplex")).await;
    }
}

#[wasm_bindgen_test]
async fn a_host_without_any_says_so_and_sends_nothing() {
    let names = ["WebSocket", "WebSocketStream"].map(JsValue::from);
    let held = names.clone().map(|name| Reflect::get(&js_sys::global(), &name).unwrap());
    for name in &names {
        Reflect::set(&js_sys::global(), name, &JsValue::UNDEFINED).unwrap();
    }
    let b = crate::cluster().build().unwrap().boxes().attach("vm-1", "web");
    let error = b.exec(["cat"]).stream().await.unwrap().wait().await.unwrap_err();
    for (name, value) in names.iter().zip(&held).filter(|(_, value)| !value.is_undefined()) {
        Reflect::set(&js_sys::global(), name, value).unwrap();
    }
    assert_eq!(error.grpc_code(), Some(Code::Unimplemented), "{error}");
    assert!(error.message().contains("has no WebSocket") && !error.outcome_unknown(), "{error}");
}

fn block(text: &str) -> Vec<u8> {
    trailers(text)
}

fn headers() -> Vec<u8> {
    block("content-type: application/grpc-web+proto\r\n")
}

fn chunk() -> Vec<u8> {
    message(&ExecChunk { data: "out".into(), ..ExecChunk::default() })
}

fn call(script: &Script) -> Call {
    let mut call = script.call();
    call.input_complete = false;
    call
}

fn silence() -> BoxStream<'static, EncodedMessage> {
    stream::pending().boxed()
}

/// How many messages came, and how the call ended.
async fn outcome(transport: &impl Transport, script: &Script) -> (usize, Result<(), Status>) {
    let mut events = transport.duplex(call(script), silence());
    let mut messages = 0;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Opened(_)) => assert_eq!(messages, 0),
            Ok(Event::Message(_)) => messages += 1,
            Err(status) => return (messages, Err(status)),
        }
    }
    (messages, Ok(()))
}

#[wasm_bindgen_test]
async fn what_a_close_means() {
    let url = Script::new().url();
    for (kind, transport) in transports(url) {
        let all = |messages: &[Vec<u8>], close: u16| {
            messages.iter().cloned().fold(Script::new(), Script::chunk).close(close)
        };
        let ok = block("grpc-status: 0\r\n");
        for (script, messages, code, said) in [
            (all(&[headers(), chunk(), ok.clone()], 1000), 1, None, ""),
            (all(&[headers(), chunk(), ok.clone()], 1011), 1, None, ""),
            (all(&[headers(), [chunk(), chunk(), ok].concat()], 1000), 2, None, ""),
            (all(&[], 1000), 0, Some(Code::Unavailable), "before the answer began"),
            (all(&[headers(), chunk()], 1000), 1, Some(Code::Unavailable), "said how the call went"),
            (all(&[headers(), chunk()], 1011), 1, Some(Code::Unavailable), "1011"),
            (all(&[headers()], 1009), 0, Some(Code::ResourceExhausted), "of this size"),
            (all(&[block("grpc-status: 5\r\n")], 1000), 0, Some(Code::NotFound), ""),
            (all(&[headers()], 1000).text("hi"), 0, Some(Code::Internal), "text"),
        ] {
            let (seen, end) = outcome(&transport, &script).await;
            assert_eq!(end.as_ref().err().map(Status::code), code, "{kind}: {said}: {end:?}");
            assert!(end.err().is_none_or(|status| status.message().contains(said)), "{kind}: {said}");
            assert_eq!(seen, messages, "{kind}: {said}");
        }
    }
}

#[wasm_bindgen_test]
async fn credentials_go_in_the_first_message_and_nowhere_else() {
    for (kind, transport) in transports(Script::new().url()) {
        let script = Script::new().chunk(headers()).chunk(block("grpc-status: 0\r\n")).close(1000);
        outcome(&transport, &script).await.1.unwrap();
        let seen = script.seen().await;
        let head = seen[0]["head"].as_str().unwrap();
        assert!(
            head.contains("authorization: Bearer {") && head.contains("x-grpc-web: 1\r\n"),
            "{kind}: {head}"
        );
        assert!(head.contains("grpc-websockets-heartbeat: "), "{kind}: {head}");
        assert_eq!(seen[0]["url"], "/boxd.api.v1.BoxdApi/Whoami");
        assert!(!seen[0]["headers"].to_string().contains("Bearer"), "{kind}");
        assert_eq!(seen[0]["headers"]["sec-websocket-protocol"], "grpc-websockets");
    }
}

#[wasm_bindgen_test]
async fn dropping_a_call_closes_its_websocket() {
    for (_, transport) in transports(Script::new().url()) {
        let script = Script::new().chunk(headers());
        let mut events = transport.duplex(call(&script), silence());
        assert!(matches!(events.next().await, Some(Ok(Event::Opened(_)))));
        drop(events);
        script.gone().await;
    }
}

#[wasm_bindgen_test]
async fn a_connection_that_has_gone_silently_is_noticed() {
    for (kind, transport) in transports(Script::new().url()) {
        let transport = transport.keepalive(Duration::from_secs(3));
        // One empty message: the server could send more of them, and does not.
        let script = Script::new().chunk(headers()).zeros(0);
        let (_, end) = outcome(&transport, &script).await;
        let status = end.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{kind}: {status}");
        assert!(status.message().contains("sign of life"), "{kind}: {status}");
        script.gone().await;
    }
}

#[wasm_bindgen_test]
async fn heartbeats_keep_a_silent_call() {
    for (kind, transport) in transports(Script::new().url()) {
        // Far more often than a busy machine needs.
        let transport = transport.keepalive(Duration::from_secs(3));
        let script = Script::new().chunk(headers()).beats(100);
        let mut events = transport.duplex(call(&script), silence());
        assert!(matches!(events.next().await, Some(Ok(Event::Opened(_)))));
        assert!(later(5000, events.next()).await.is_none(), "{kind}: it ended");
    }
}

/// What comes of it within so many milliseconds.
async fn later<T>(milliseconds: i32, future: impl Future<Output = T> + Unpin) -> Option<T> {
    let pause = js_sys::Promise::new(&mut |resolve, _| {
        let set = global("setTimeout").unwrap();
        set.call2(&JsValue::UNDEFINED, &resolve, &milliseconds.into()).unwrap();
    });
    match futures_util::future::select(future, boxd::host::Awaited::from(pause)).await {
        futures_util::future::Either::Left((output, _)) => Some(output),
        futures_util::future::Either::Right(_) => None,
    }
}

#[wasm_bindgen_test]
async fn a_reader_that_is_too_slow_ends_the_call_where_it_cannot_slow_the_sender() {
    for (kind, transport) in transports(Script::new().url()) {
        let slows = kind != "WebSocket" && global("WebSocketStream").is_some();
        // 32 MiB, in messages of 64 KiB: each is a frame of zero flag and zero length, over and over.
        let script = (0..512).fold(Script::new().chunk(headers()), |script, _| script.zeros(64 * 1024));
        let mut events = transport.duplex(call(&script), silence());
        assert!(matches!(events.next().await, Some(Ok(Event::Opened(_)))));
        if slows {
            // Until no more is taken.
            let mut before = usize::MAX;
            while script.unsent().await != before {
                before = script.unsent().await;
                later(500, Box::pin(std::future::pending::<()>())).await;
            }
            assert!(before > 8 << 20, "{before} bytes wait at the server");
        } else {
            while script.unsent().await > 0 {}
        }
        let end = loop {
            match events.next().await {
                Some(Ok(_)) if slows => break None,
                Some(Ok(_)) => {}
                Some(Err(status)) => break Some(status),
                None => panic!("{kind}: an end without a word"),
            }
        };
        assert_eq!(
            end.as_ref().map(Status::code),
            (!slows).then_some(Code::ResourceExhausted),
            "{kind}: {end:?}"
        );
    }
}

#[wasm_bindgen_test]
async fn what_does_not_open_says_what_to_look_at() {
    // Nothing listens on the discard port, and browsers refuse it besides.
    for (_, transport) in transports("http://127.0.0.1:9") {
        let compute: Compute = Compute::builder().token("t").transport(transport).build().unwrap();
        let b = compute.boxes().attach("vm-1", "web");
        let error = match b.exec(["cat"]).stream().await {
            Ok(mut process) => process.wait().await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        assert!(error.message().contains("ws://127.0.0.1:9"), "{error}");
        assert!(!error.outcome_unknown(), "{error}");
    }
}

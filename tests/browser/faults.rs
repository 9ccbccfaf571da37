//! What the real `fetch` makes of a server that misbehaves.

use std::time::Duration;

use boxd::transport::{Call, Code, EncodedMessage, Event, GrpcWebTransport, Transport};
use boxd::wire::{GetVmResponse, WhoamiRequest, WhoamiResponse};
use boxd::{Compute, ErrorKind};
use futures_util::StreamExt;
use prost::Message;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::scripted::{Script, in_page, message, trailers};

/// Longer, in milliseconds, than a page waits for the rest of a short answer.
const LONG: u32 = 700;

fn who() -> Vec<u8> {
    message(&WhoamiResponse { user_id: "gh-you".into(), ..WhoamiResponse::default() })
}

#[wasm_bindgen_test]
async fn a_request_is_grpc_web() {
    let script = Script::new().chunk(who()).chunk(trailers("grpc-status: 0\r\n"));
    assert_eq!(script.compute().whoami().await.unwrap().user_id, "gh-you");
    let seen = script.seen().await;
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0]["url"], "/boxd.api.v1.BoxdApi/Whoami");
    for (name, value) in [("content-type", "application/grpc-web+proto"), ("x-grpc-web", "1")] {
        assert_eq!(seen[0]["headers"][name], value);
    }
    assert!(seen[0]["headers"]["grpc-timeout"].as_str().is_some_and(|timeout| timeout.ends_with('m')));
    assert_eq!(seen[0]["body"], "AAAAAAA=", "one framed, empty message");
}

#[wasm_bindgen_test]
async fn trailers_survive_every_cut() {
    let wire = [who(), trailers("grpc-status: 5\r\ngrpc-message: no%20such%20box\r\n")].concat();
    let bytewise = wire.iter().fold(Script::new(), |script, byte| script.chunk(vec![*byte]));
    // With pauses, so that the cut is one for `fetch` too.
    let ends = who().len();
    let paused = [ends + 1, ends + 7, wire.len() - 1]
        .map(|at| Script::new().chunk(wire[..at].to_vec()).chunk(wire[at..].to_vec()).pause(20));
    for script in paused.into_iter().chain([bytewise]) {
        let error = script.compute().whoami().await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::NotFound, "no such box"));
    }
}

#[wasm_bindgen_test]
async fn an_answer_that_takes_its_time_is_whole() {
    let wire = [who(), trailers("grpc-status: 0\r\n")].concat();
    let script =
        wire.chunks(wire.len().div_ceil(4)).fold(Script::new(), |script, piece| script.chunk(piece.to_vec()));
    assert_eq!(script.pause(LONG).compute().whoami().await.unwrap().user_id, "gh-you");
}

#[wasm_bindgen_test]
async fn an_answer_that_is_not_short_is_whole() {
    const SIZE: usize = 3 << 20;
    let name = message(&WhoamiResponse { user_id: "\0".repeat(SIZE), ..WhoamiResponse::default() });
    let (head, zeros) = name.split_at(name.len() - SIZE);
    assert!(zeros.iter().all(|byte| *byte == 0));
    let script = Script::new().chunk(head.to_vec()).zeros(SIZE).chunk(trailers("grpc-status: 0\r\n"));
    assert_eq!(script.compute().whoami().await.unwrap().user_id.len(), SIZE);
}

#[wasm_bindgen_test]
async fn http_statuses_become_classes_with_advice() {
    for (status, kind, said) in [
        (401, ErrorKind::Authentication, "credentials"),
        (403, ErrorKind::Authentication, "origin that is not allowed"),
        (404, ErrorKind::Other, "is gRPC-web enabled there?"),
        (429, ErrorKind::Connection, "too many requests"),
        (502, ErrorKind::Connection, "proxy"),
        (503, ErrorKind::Connection, "proxy"),
        (504, ErrorKind::Connection, "proxy"),
    ] {
        let script =
            Script::new().status(status).header("content-type", "text/html").header("retry-after", "7");
        let error = script.compute().whoami().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(said) && error.message().contains(&status.to_string()), "{error}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    }
}

#[wasm_bindgen_test]
async fn a_page_instead_of_grpc_web_says_so() {
    for (content_type, said) in [("text/html", "text/html"), ("application/grpc-web-text+proto", "base64")] {
        let script = Script::new().header("content-type", content_type).chunk(b"<html>".to_vec());
        let error = script.compute().whoami().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(error.message().contains(said), "{error}");
    }
}

#[wasm_bindgen_test]
async fn redirects_are_not_followed() {
    for status in [301, 302, 307, 308] {
        let script = Script::new().status(status).header("location", "/elsewhere");
        let error = script.compute().whoami().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Connection | ErrorKind::Internal), "{error}");
        assert_eq!(script.seen().await.len(), 1, "{status}");
    }
}

#[wasm_bindgen_test]
async fn a_cut_answer_is_a_lost_connection_and_its_outcome_unknown() {
    let vm = message(&GetVmResponse { vm_id: "vm-1".into(), name: "web".into(), ..GetVmResponse::default() });
    for (at, pause) in [(3, 5), (vm.len() - 1, 5), (vm.len(), 5), (3, LONG), (vm.len(), LONG)] {
        let script = Script::new().chunk(vm[..at].to_vec()).pause(pause).end("cut");
        let error = script.compute().boxes().create("web").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "cut at {at}: {error}");
        assert!(error.outcome_unknown(), "cut at {at}: {error}");
    }
}

#[wasm_bindgen_test]
async fn a_verdict_in_the_headers_is_read_where_it_is_exposed() {
    let script = || Script::new().header("grpc-status", "5").header("grpc-message", "no%20such%20box");
    let error = script().compute().whoami().await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::NotFound, "no such box"));
    let hidden = script().expose("").compute().whoami().await.unwrap_err();
    if in_page() {
        assert_eq!(hidden.kind(), ErrorKind::Connection);
        assert!(hidden.message().contains("expose grpc-status"), "{hidden}");
    } else {
        assert_eq!(hidden.kind(), ErrorKind::NotFound, "nothing is hidden outside pages: {hidden}");
    }
}

#[wasm_bindgen_test]
async fn a_body_left_open_does_not_hold_the_call() {
    let verdict = || trailers("grpc-status: 0\r\n");
    let whole = || Script::new().chunk([who(), verdict()].concat());
    let scripts = [
        whole(),
        Script::new().chunk(who()).chunk(verdict()),
        whole().late(LONG),
        whole().chunk(who()).pause(LONG),
    ];
    for script in scripts {
        let script = script.end("open");
        assert_eq!(script.compute().whoami().await.unwrap().user_id, "gh-you");
        script.gone().await;
    }
}

#[wasm_bindgen_test]
async fn a_call_is_over_with_its_trailers() {
    // The body ends long after; to wait for that takes up to two seconds.
    let script = Script::new().chunk([who(), trailers("grpc-status: 0\r\n")].concat()).pause(5000);
    let compute = script.builder().request_timeout(Duration::from_millis(1500)).build().unwrap();
    assert_eq!(compute.whoami().await.unwrap().user_id, "gh-you");
}

#[wasm_bindgen_test]
async fn connections_are_kept() {
    for late in [0, LONG] {
        let mut ports = Vec::new();
        for _ in 0..4 {
            // The body ends a little after it has said all.
            let answer = [who(), trailers("grpc-status: 0\r\n")].concat();
            let script = Script::new().late(late).chunk(answer).pause(30);
            assert_eq!(script.compute().whoami().await.unwrap().user_id, "gh-you");
            script.gone().await;
            ports.push(script.seen().await[0]["port"].as_u64());
        }
        ports.sort_unstable();
        ports.dedup();
        // Whoever waits for an end takes another one.
        assert!(ports.len() <= 2, "{ports:?}");
    }
}

#[wasm_bindgen_test]
async fn dropping_a_call_hangs_up() {
    let ask = || EncodedMessage::encode(&WhoamiRequest {});
    let transport = |script: &Script| GrpcWebTransport::new(script.url()).unwrap();

    // While the body comes.
    let script = Script::new().chunk(who()).end("open");
    let mut events = transport(&script).server_stream(script.call(), ask());
    assert!(matches!(events.next().await, Some(Ok(Event::Opened(_)))));
    assert!(matches!(events.next().await, Some(Ok(Event::Message(_)))));
    // One read is under way.
    assert!(futures_util::future::poll_immediate(events.next()).await.is_none());
    drop(events);
    script.gone().await;

    // With a body that nobody has begun to read.
    let script = Script::new().end("open");
    let mut events = transport(&script).server_stream(script.call(), ask());
    assert!(matches!(events.next().await, Some(Ok(Event::Opened(_)))));
    drop(events);
    script.gone().await;
}

#[wasm_bindgen_test]
async fn a_deadline_aborts_the_call() {
    let script = Script::new().chunk(who()).end("open");
    let compute = script.builder().request_timeout(Duration::from_millis(100)).build().unwrap();
    let error = compute.whoami().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    script.gone().await;
}

#[wasm_bindgen_test]
async fn no_answer_says_what_to_look_at() {
    // Nothing listens on the discard port, and browsers refuse it besides.
    let builder = Compute::builder().token("t").api_url("http://127.0.0.1:9").retries(0, Duration::ZERO);
    let error = builder.build().unwrap().whoami().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    let said = if in_page() { "this page's origin" } else { "is it running" };
    assert!(error.message().contains("http://127.0.0.1:9 ") && error.message().contains(said), "{error}");
}

#[wasm_bindgen_test]
async fn metadata_that_http_forbids_is_refused() {
    let script = Script::new();
    let mut call = Call::new("/a.B/C");
    call.metadata.insert("x-bad", "a\r\nb: c");
    let transport = GrpcWebTransport::new(script.url()).unwrap();
    let status = transport.unary(call, EncodedMessage::encode(&WhoamiRequest {})).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert!(status.is_not_sent());
}

#[wasm_bindgen_test]
async fn payloads_are_views_of_what_fetch_gave() {
    use boxd::transport::grpc_web::{chunk, view};

    let script = Script::new().chunk(who()).chunk(trailers("grpc-status: 0\r\n"));
    let mut events = GrpcWebTransport::new(script.url())
        .unwrap()
        .server_stream(script.call(), EncodedMessage::encode(&WhoamiRequest {}));
    let mut messages = Vec::new();
    while let Some(event) = events.next().await {
        if let Event::Message(message) = event.unwrap() {
            messages.push(message);
        }
    }
    let [payload] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(WhoamiResponse::decode(payload.clone()).unwrap().user_id, "gh-you");
    let view = view(payload).expect("it lies in the chunk that came");
    let array = chunk(view.chunk).expect("the chunk is alive");
    assert_eq!(array.subarray(view.offset, view.offset + payload.len() as u32).to_vec(), payload[..]);
}

//! gRPC-web through a real HTTP/1.1 client, against a server that misbehaves.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::time::Duration;

use boxd::transport::{Call, Code, EncodedMessage, Event, GrpcWebTransport, Transport};
use boxd::wire::{
    ExecChunk, GetVmResponse, UploadFileChunk, UploadFileResponse, WhoamiRequest, WhoamiResponse,
};
use boxd::{BoxHandle, Compute, ErrorKind};
use bytes::Bytes;
use common::{Body, Scripted, http_answer};
use futures_util::{FutureExt, StreamExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::{Response, header};
use prost::Message;
use tokio::sync::{mpsc, oneshot};

const WEB: (&str, &str) = ("content-type", "application/grpc-web+proto");

fn compute(server: &Scripted) -> Compute<GrpcWebTransport> {
    builder(server).build().unwrap()
}

fn builder(server: &Scripted) -> boxd::ComputeBuilder<GrpcWebTransport> {
    server.client().retries(0, Duration::ZERO).transport(transport(server))
}

fn transport(server: &Scripted) -> GrpcWebTransport {
    GrpcWebTransport::new(server.url()).unwrap()
}

fn the_box(server: &Scripted) -> BoxHandle {
    compute(server).boxes().attach("vm-1", "web")
}

fn framed(message: &impl Message) -> Bytes {
    EncodedMessage::encode(message).framed().clone()
}

fn trailers(block: &str) -> Bytes {
    let mut out = vec![0x80];
    out.extend(u32::try_from(block.len()).unwrap().to_be_bytes());
    out.extend(block.as_bytes());
    out.into()
}

/// An answer that is fed piece by piece, each in an HTTP chunk of its own; an error cuts the connection.
fn fed() -> (mpsc::Sender<std::io::Result<Bytes>>, Response<Body>) {
    let (sender, receiver) = mpsc::channel::<std::io::Result<Bytes>>(1);
    let pieces = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        // A turn of the event loop, so that hyper writes what it has.
        tokio::task::yield_now().await;
        Some((piece.map(Frame::data), receiver))
    });
    let mut response = Response::new(StreamBody::new(pieces).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, WEB.1.parse().unwrap());
    (sender, response)
}

/// An answer of these pieces.
fn pieces(pieces: Vec<std::io::Result<Bytes>>) -> Response<Body> {
    let (sender, response) = fed();
    tokio::spawn(async move {
        for piece in pieces {
            if sender.send(piece).await.is_err() {
                return;
            }
        }
    });
    response
}

fn cut() -> std::io::Error {
    std::io::ErrorKind::ConnectionReset.into()
}

#[tokio::test]
async fn a_request_is_grpc_web_and_carries_its_deadline() {
    let server = Scripted::http(|_, request| {
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(&body[..], [0, 0, 0, 0, 0], "one framed, empty message");
            let who = framed(&WhoamiResponse { user_id: "gh-you".into(), ..WhoamiResponse::default() });
            pieces(vec![Ok(who), Ok(trailers("grpc-status: 0\r\n"))])
        }
        .boxed()
    })
    .await;
    assert_eq!(compute(&server).whoami().await.unwrap().user_id, "gh-you");
    let (path, headers) = server.requests.lock().unwrap()[0].clone();
    assert_eq!(path, "/boxd.api.v1.BoxdApi/Whoami");
    let value = |name: &str| headers.get(name).map(|v| v.to_str().unwrap().to_owned());
    assert_eq!(value("content-type").as_deref(), Some("application/grpc-web+proto"));
    assert_eq!(value("x-grpc-web").as_deref(), Some("1"));
    assert_eq!(value("authorization").as_deref(), Some("Bearer canary-token"));
    assert_eq!(value("te"), None);
    let timeout = value("grpc-timeout").unwrap();
    let left: u64 = timeout.strip_suffix('m').unwrap().parse().unwrap();
    assert!((50_000..=60_000).contains(&left), "{timeout}");
}

#[tokio::test]
async fn trailers_survive_chunks_of_one_byte() {
    let server = Scripted::http(|_, _| {
        async {
            let wire = [
                framed(&WhoamiResponse { user_id: "gh-you".into(), ..WhoamiResponse::default() }),
                trailers("grpc-status: 5\r\ngrpc-message: no%20such%20box\r\n"),
            ]
            .concat();
            pieces(wire.into_iter().map(|byte| Ok(vec![byte].into())).collect())
        }
        .boxed()
    })
    .await;
    let error = compute(&server).whoami().await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::NotFound, "no such box"));
}

#[tokio::test]
async fn http_statuses_become_classes_with_advice() {
    for (status, kind, code, said) in [
        (302, ErrorKind::Internal, Code::Unknown, "redirect"),
        (401, ErrorKind::Authentication, Code::Unauthenticated, "credentials"),
        (403, ErrorKind::Authentication, Code::PermissionDenied, "origin that is not allowed"),
        (404, ErrorKind::Other, Code::Unimplemented, "is gRPC-web enabled there?"),
        (429, ErrorKind::Connection, Code::Unavailable, "too many requests"),
        (500, ErrorKind::Internal, Code::Unknown, "instead of gRPC-web"),
        (502, ErrorKind::Connection, Code::Unavailable, "proxy"),
        (503, ErrorKind::Connection, Code::Unavailable, "proxy"),
        (504, ErrorKind::Connection, Code::Unavailable, "proxy"),
    ] {
        let server = Scripted::http(move |_, _| {
            async move {
                let headers =
                    [("content-type", "text/html"), ("retry-after", "7"), ("location", "/elsewhere")];
                http_answer(status, &headers, "<html>no</html>")
            }
            .boxed()
        })
        .await;
        let error = compute(&server).whoami().await.unwrap_err();
        assert_eq!((error.kind(), error.grpc_code()), (kind, Some(code)), "{error}");
        for part in [said, &server.url(), &format!("HTTP {status}")] {
            assert!(error.message().contains(part), "{error}");
        }
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        assert_eq!(server.count(), 1, "nothing is followed or sent again");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_grpc_web_says_so() {
    for (content_type, said) in [("text/html", "text/html"), ("application/grpc-web-text+proto", "base64")] {
        let server = Scripted::http(move |_, _| {
            async move { http_answer(200, &[("content-type", content_type)], "x") }.boxed()
        })
        .await;
        let error = compute(&server).whoami().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(error.message().contains(said), "{error}");
    }
}

#[tokio::test]
async fn a_refused_connection_was_not_sent() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let compute = Compute::builder()
        .token("t")
        .retries(0, Duration::ZERO)
        .transport(GrpcWebTransport::new(&url).unwrap())
        .build()
        .unwrap();
    let error = compute.boxes().create("web").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.retryable() && !error.outcome_unknown(), "{error}");
}

#[tokio::test]
async fn a_cut_answer_is_a_lost_connection_and_its_outcome_unknown() {
    let vm = GetVmResponse { vm_id: "vm-1".into(), name: "web".into(), ..GetVmResponse::default() };
    let whole = framed(&vm);
    for at in [0, 3, whole.len() - 1, whole.len()] {
        let part = whole.slice(..at);
        let server = Scripted::http(move |_, _| {
            let part = part.clone();
            async move { pieces(vec![Ok(part), Err(cut())]) }.boxed()
        })
        .await;
        let error = compute(&server).boxes().create("web").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "cut at {at}: {error}");
        assert!(error.outcome_unknown() && !error.retryable(), "cut at {at}: {error}");
    }
}

#[tokio::test]
async fn what_needs_both_directions_is_refused_before_any_io() {
    let server = Scripted::http(|_, _| async { http_answer(500, &[], "") }.boxed()).await;
    let error = the_box(&server).exec(["cat"]).stream().await.unwrap_err();
    assert_eq!(error.grpc_code(), Some(Code::Unimplemented));
    assert!(error.message().contains("up front"), "{error}");

    let mut call = Call::new("/a.B/C");
    call.input_complete = false;
    let mut events = transport(&server).duplex(call, futures_util::stream::pending().boxed());
    let status = events.next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.is_not_sent());
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn a_command_takes_input_that_is_given_up_front() {
    let server = Scripted::http(|_, request| {
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let mut decoder = boxd::transport::Decoder::new(1 << 20);
            decoder.push(body);
            let mut echoed = Vec::new();
            while let Some(boxd::transport::Frame::Message(message)) = decoder.next_frame().unwrap() {
                let chunk = ExecChunk::decode(message).unwrap();
                if chunk.stdin {
                    echoed.push(Ok(framed(&ExecChunk { data: chunk.data, ..ExecChunk::default() })));
                }
            }
            echoed.push(Ok(framed(&ExecChunk { exit_code: 3, ..ExecChunk::default() })));
            echoed.push(Ok(trailers("grpc-status: 0\r\n")));
            pieces(echoed)
        }
        .boxed()
    })
    .await;
    let result = the_box(&server).exec(["cat"]).stdin("some input").await.unwrap();
    assert_eq!((result.stdout_text().as_ref(), result.exit_code), ("some input", 3));
}

#[tokio::test]
async fn a_file_goes_up_as_one_request() {
    let content: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
    let server = Scripted::http(|_, request| {
        async move {
            let mut decoder = boxd::transport::Decoder::new(2 << 20);
            decoder.push(request.into_body().collect().await.unwrap().to_bytes());
            let mut written = 0;
            while let Some(boxd::transport::Frame::Message(message)) = decoder.next_frame().unwrap() {
                written += UploadFileChunk::decode(message).unwrap().data.len() as u64;
            }
            let answer = UploadFileResponse { bytes_written: written };
            pieces(vec![Ok(framed(&answer)), Ok(trailers("grpc-status: 0\r\n"))])
        }
        .boxed()
    })
    .await;
    let written = the_box(&server).write_file(content.clone(), "/tmp/f").await.unwrap();
    assert_eq!(written, content.len() as u64);
}

#[tokio::test]
async fn opening_does_not_wait_for_headers_and_dropping_cancels() {
    let (asked, mut was_asked) = mpsc::channel(1);
    let (gone, is_gone) = oneshot::channel::<()>();
    let gone = std::sync::Mutex::new(Some(gone));
    let server = Scripted::http(move |_, _| {
        let (asked, gone) = (asked.clone(), gone.lock().unwrap().take());
        async move {
            asked.send(()).await.unwrap();
            // Never answers. Dropped by hyper when the client has gone.
            let _gone = gone;
            std::future::pending().await
        }
        .boxed()
    })
    .await;
    let mut events =
        transport(&server).server_stream(Call::new("/a.B/C"), EncodedMessage::encode(&WhoamiRequest {}));
    assert!(was_asked.try_recv().is_err(), "nothing is sent before the first poll");
    assert!(futures_util::poll!(events.next()).is_pending());
    tokio::select! {
        event = events.next() => panic!("{event:?}"),
        asked = was_asked.recv() => asked.unwrap(),
    }
    drop(events);
    assert!(is_gone.await.is_err(), "the server sees that the call is gone");
}

#[tokio::test]
async fn dropping_a_stream_halfway_is_seen_by_the_server() {
    let (handed, mut senders) = mpsc::channel(1);
    let server = Scripted::http(move |_, _| {
        let handed = handed.clone();
        async move {
            let (sender, response) = fed();
            handed.send(sender).await.unwrap();
            response
        }
        .boxed()
    })
    .await;
    let mut events =
        transport(&server).server_stream(Call::new("/a.B/C"), EncodedMessage::encode(&WhoamiRequest {}));
    let (opened, sender) = tokio::join!(events.next(), async {
        let sender = senders.recv().await.unwrap();
        sender.send(Ok(framed(&WhoamiResponse::default()))).await.unwrap();
        sender
    });
    assert!(matches!(opened, Some(Ok(Event::Opened(_)))), "{opened:?}");
    assert!(matches!(events.next().await, Some(Ok(Event::Message(_)))));
    drop(events);
    sender.closed().await;
}

#[tokio::test]
async fn a_deadline_holds_on_this_side_too() {
    let server = Scripted::http(|_, _| std::future::pending().boxed()).await;
    let compute = builder(&server).request_timeout(Duration::from_millis(50)).build().unwrap();
    let error = compute.whoami().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

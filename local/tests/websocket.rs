//! grpc-websockets on the API port, byte by byte, and as a layer in front of any service.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use boxd_local::Cluster;
use boxd_local::faults::{Action, Fault};
use boxd_local::websocket::GrpcWebSocketLayer;
use bytes::Bytes;
use common::socket::{Call, Frame, framed};
use common::wire::{ExecChunk, StreamLogsRequest, WhoamiResponse};
use common::{Client, client, create, eventually, exchange, first, sh};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::protocol::Message;
use tower::Layer as _;

async fn cluster() -> (Cluster, String, Client) {
    let cluster = Cluster::start().await.unwrap();
    let token = exchange(&cluster.exchange_url(), cluster.api_key()).await;
    let grpc = client(&cluster).await;
    (cluster, token, grpc)
}

fn stdin(data: impl Into<Bytes>) -> ExecChunk {
    ExecChunk { stdin: true, data: data.into(), ..Default::default() }
}

#[tokio::test]
async fn a_unary_call_is_headers_a_message_and_trailers() {
    let (cluster, token, _) = cluster().await;
    let mut call = Call::start(&cluster.api_url(), &token, "Whoami", "").await;
    call.message(&()).await;
    call.end().await;
    assert!(call.block().await.contains("content-type: application/grpc-web+proto\r\n"));
    assert_eq!(call.read::<WhoamiResponse>().await.user_id, "local");
    assert!(call.block().await.contains("grpc-status: 0\r\n"));
    assert_eq!(call.next().await, Frame::Close(1000));
}

#[tokio::test]
async fn input_and_output_alternate_whatever_the_messages_they_come_in() {
    let (cluster, token, mut grpc) = cluster().await;
    let id = create(&mut grpc, "").await.vm_id;
    let mut call = Call::start(&cluster.api_url(), &token, "Exec", "").await;
    // A gRPC message in pieces, and two in one.
    for byte in framed(&first(&id, "cat; echo err >&2; exit 3")) {
        call.send(vec![0, byte]).await;
    }
    call.send(vec![0]).await;
    assert!(!call.block().await.contains("grpc-status"));
    call.send([&[0], &framed(&stdin("a"))[..], &framed(&stdin("b"))[..]].concat()).await;
    let mut echoed = Vec::new();
    while echoed.len() < 2 {
        echoed.extend_from_slice(&call.read::<ExecChunk>().await.data);
    }
    call.message(&stdin("c")).await;
    assert_eq!(call.read::<ExecChunk>().await.data, "c");
    call.end().await;
    let error = call.read::<ExecChunk>().await;
    assert!(error.is_stderr && error.data == "err\n", "{error:?}");
    assert_eq!(call.read::<ExecChunk>().await.exit_code, 3);
    assert!(call.block().await.contains("grpc-status: 0\r\n"));
    assert_eq!((echoed.as_slice(), call.next().await), (&b"ab"[..], Frame::Close(1000)));
}

#[tokio::test]
async fn an_early_error_is_one_frame() {
    let (cluster, token, _) = cluster().await;
    for (token, rpc, status) in
        [("nonsense", "Whoami", "grpc-status: 16\r\n"), (&token, "NoSuchRpc", "grpc-status: 12\r\n")]
    {
        let mut call = Call::start(&cluster.api_url(), token, rpc, "").await;
        call.message(&()).await;
        call.end().await;
        let block = call.block().await;
        assert!(block.contains(status) && block.contains("content-type"), "{block}");
        assert_eq!(call.next().await, Frame::Close(1000));
    }
    let mut call = Call::start(&cluster.api_url(), &token, "StreamLogs", "").await;
    call.message(&StreamLogsRequest { vm_id: "vm-none".into(), follow: true }).await;
    call.end().await;
    assert!(call.block().await.contains("grpc-status: 5\r\n"));
}

#[tokio::test]
async fn what_is_not_the_protocol_is_an_error_of_the_caller() {
    let (cluster, token, mut grpc) = cluster().await;
    let id = create(&mut grpc, "").await.vm_id;
    for (head, status) in [
        ("no colon", 3),
        ("content-type: application/grpc-web-text\r\n", 12),
        ("content-type: text/html\r\n", 12),
        (&format!("a: {}\r\n", "b".repeat(20_000)), 8),
    ] {
        let mut call = Call::open(&cluster.api_url(), "Whoami", &[]).await.unwrap();
        call.send(head.to_owned()).await;
        let block = call.block().await;
        assert!(block.contains(&format!("grpc-status: {status}\r\n")), "{head:.50}: {block}");
        assert_eq!(call.next().await, Frame::Close(1000));
    }
    for (message, status, code) in [
        (Message::Binary(Bytes::from_static(b"\x02")), 3, 1002),
        (Message::Binary(Bytes::new()), 3, 1002),
        (Message::text("hi"), 3, 1003),
        (Message::Binary(vec![0; (4 << 20) + 1].into()), 8, 1009),
    ] {
        let mut call = Call::start(&cluster.api_url(), &token, "Exec", "").await;
        call.message(&first(&id, "sleep 7272")).await;
        assert!(!call.block().await.contains("grpc-status"));
        // One that is too large may not be taken to its end.
        call.socket.send(message).await.ok();
        let block = call.block().await;
        assert!(block.contains(&format!("grpc-status: {status}\r\n")), "{block}");
        assert_eq!(call.next().await, Frame::Close(code));
    }
    eventually("no sleep is left", async || {
        sh(&mut grpc, &id, "pgrep -cfx 'sleep 7272'").await.stdout == "0\n"
    })
    .await;
}

#[tokio::test]
async fn whoever_leaves_ends_the_command() {
    let (cluster, token, mut grpc) = cluster().await;
    let id = create(&mut grpc, "").await.vm_id;
    for way in ["close", "cut", "reset"] {
        let mut call = Call::start(&cluster.api_url(), &token, "Exec", "").await;
        call.message(&first(&id, "echo up; sleep 7373 & exec sleep 7373")).await;
        call.block().await;
        assert_eq!(call.read::<ExecChunk>().await.data, "up\n");
        match way {
            "close" => call.socket.send(Message::Close(None)).await.unwrap(),
            "reset" => call.socket.get_mut().set_zero_linger().unwrap(),
            _ => {}
        }
        let left = Instant::now();
        drop(call);
        eventually("the sleeps end", async || {
            sh(&mut grpc, &id, "pgrep -cfx 'sleep 7373'").await.stdout == "0\n"
        })
        .await;
        println!("{way}: gone {:?} later", left.elapsed());
    }
}

/// A command that takes no input, so that the server reads none: even then it sees that its client has gone.
#[tokio::test]
async fn whoever_leaves_with_input_under_way_ends_the_command() {
    let (cluster, token, mut grpc) = cluster().await;
    let id = create(&mut grpc, "").await.vm_id;
    let mut call = Call::start(&cluster.api_url(), &token, "Exec", "").await;
    call.message(&first(&id, "echo up; exec sleep 7474")).await;
    call.block().await;
    assert_eq!(call.read::<ExecChunk>().await.data, "up\n");
    let chunk = Bytes::from([&[0], &framed(&stdin(vec![7; 32_000]))[..]].concat());
    // Until it is stuck.
    while tokio::time::timeout(Duration::from_secs(1), call.send(chunk.clone())).await.is_ok() {}
    drop(call);
    eventually("the sleep ends", async || {
        sh(&mut grpc, &id, "pgrep -cfx 'sleep 7474'").await.stdout == "0\n"
    })
    .await;
}

#[tokio::test]
async fn a_deadline_ends_the_call() {
    let (cluster, token, mut grpc) = cluster().await;
    let id = create(&mut grpc, "").await.vm_id;
    let mut call = Call::start(&cluster.api_url(), &token, "Exec", "grpc-timeout: 1500m\r\n").await;
    call.message(&first(&id, "echo up; exec sleep 7575")).await;
    call.block().await;
    assert_eq!(call.read::<ExecChunk>().await.data, "up\n");
    assert!(call.block().await.contains("grpc-status: 4\r\n"));
    assert_eq!(call.next().await, Frame::Close(1000));
    eventually("the sleep ends", async || {
        sh(&mut grpc, &id, "pgrep -cfx 'sleep 7575'").await.stdout == "0\n"
    })
    .await;
}

#[tokio::test]
async fn heartbeats_come_when_they_are_asked_for() {
    let (cluster, token, mut grpc) = cluster().await;
    let id = create(&mut grpc, "").await.vm_id;
    for (asked, beats) in [("", false), ("grpc-websockets-heartbeat: 1S\r\n", true)] {
        let mut call = Call::start(&cluster.api_url(), &token, "Exec", asked).await;
        call.message(&first(&id, "sleep 2.5; echo done")).await;
        call.block().await;
        assert_eq!(call.read::<ExecChunk>().await.data, "done\n");
        // One at once, and one in each second at least.
        assert!(if beats { call.beats >= 2 } else { call.beats == 0 }, "{asked}: {}", call.beats);
    }
}

#[tokio::test]
async fn pages_that_may_not_call_open_nothing() {
    let (cluster, token, _) = cluster().await;
    let refused = async |headers: &[(&'static str, &str)]| match Call::open(
        &cluster.api_url(),
        "Whoami",
        headers,
    )
    .await
    {
        Err(WsError::Http(response)) => response.status().as_u16(),
        other => panic!("{:?}", other.map(|_| "opened")),
    };
    assert_eq!(refused(&[("origin", "https://evil.example")]).await, 403);
    assert_eq!(refused(&[("host", "evil.example")]).await, 403);
    assert_eq!(refused(&[("sec-websocket-version", "8")]).await, 426);
    for origin in ["http://localhost:5173", &cluster.api_url()] {
        let mut call = Call::open(&cluster.api_url(), "Whoami", &[("origin", origin)]).await.unwrap();
        call.send(format!("authorization: Bearer {token}\r\n")).await;
        call.message(&()).await;
        call.end().await;
        call.block().await;
        assert_eq!(call.read::<WhoamiResponse>().await.user_id, "local");
    }
    // Another protocol, or none, is not ours to answer.
    let other = Call::open(&cluster.api_url(), "Whoami", &[("sec-websocket-protocol", "chat")]).await;
    assert!(other.is_err());
}

#[tokio::test]
async fn a_cluster_that_shuts_down_ends_its_calls() {
    let (cluster, token, mut grpc) = cluster().await;
    let id = create(&mut grpc, "").await.vm_id;
    let mut call = Call::start(&cluster.api_url(), &token, "Exec", "").await;
    call.message(&first(&id, "echo up; exec sleep 7676")).await;
    call.block().await;
    assert_eq!(call.read::<ExecChunk>().await.data, "up\n");
    // One that is not yet a call.
    let mut early = Call::open(&cluster.api_url(), "Whoami", &[]).await.unwrap();
    tokio::join!(
        async {
            while let Frame::Data(_) = call.next().await {}
            assert!(early.block().await.contains("grpc-status: 14\r\n"));
        },
        cluster.shutdown()
    );
}

#[tokio::test]
async fn faults_on_purpose_happen_here_too() {
    let (cluster, token, mut grpc) = cluster().await;
    let id = create(&mut grpc, "").await.vm_id;
    let start = async |fault: Action| {
        cluster.faults().inject(Fault::new("Exec", fault)).unwrap();
        let mut call = Call::start(&cluster.api_url(), &token, "Exec", "").await;
        call.message(&first(&id, "echo out")).await;
        call.end().await;
        call
    };
    let mut call = start(Action::CutAfterMessages(1)).await;
    call.block().await;
    assert_eq!(call.read::<ExecChunk>().await.data, "out\n");
    assert_eq!(call.next().await, Frame::Close(1011));

    let mut call = start(Action::Refuse).await;
    assert!(call.block().await.contains("grpc-status: 14\r\n"));

    let mut call = start(Action::LoseAnswer).await;
    let lost = tokio::time::timeout(Duration::from_secs(20), call.socket.next()).await.unwrap();
    assert!(matches!(lost, None | Some(Err(_))), "{lost:?}");
}

#[tokio::test]
async fn any_service_can_have_it_with_limits_of_its_own() {
    use tonic::body::Body;

    let slow = tower::service_fn(|request: http::Request<Body>| async move {
        assert_eq!((request.method().as_str(), request.version()), ("POST", http::Version::HTTP_2));
        assert_eq!(request.headers()["content-type"], "application/grpc");
        let path = request.uri().path().to_owned();
        match path.rsplit('/').next().unwrap() {
            "NotFound" => {
                let mut answer = http::Response::new(Body::default());
                *answer.status_mut() = http::StatusCode::NOT_FOUND;
                Ok::<_, std::convert::Infallible>(answer)
            }
            "Silent" => Ok(http::Response::new(Body::default())),
            _ => std::future::pending().await,
        }
    });
    let layer = GrpcWebSocketLayer::new().connections(1).keepalive(Duration::from_millis(200));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let url = format!("http://{address}");
    let router = axum::Router::new().fallback_service(layer.layer(slow));
    tokio::spawn(async move { axum::serve(listener, router).await });

    for (rpc, status) in [("NotFound", Some(12)), ("Silent", None)] {
        let mut call = open_eventually(&url, rpc).await;
        // Its place is taken until it is over.
        match Call::open(&url, rpc, &[]).await {
            Err(WsError::Http(full)) => assert_eq!(full.status().as_u16(), 503),
            other => panic!("{:?}", other.map(|_| "opened")),
        }
        call.send("x: y\r\n").await;
        let said = call.block().await;
        match status {
            Some(status) => assert!(said.contains(&format!("grpc-status: {status}\r\n")), "{rpc}: {said}"),
            None => assert!(!said.contains("grpc-status"), "{said}"),
        }
        // Without a word on how the call went, it has failed.
        assert_eq!(call.next().await, Frame::Close(if status.is_some() { 1000 } else { 1011 }));
    }
    // One that is not heard of any more, not even by an answer to a ping, loses its place.
    let mut silent = open_eventually(&url, "Hangs").await;
    silent.send("x: y\r\n").await;
    let _next = open_eventually(&url, "Hangs").await;
}

#[tokio::test]
async fn output_is_cut_between_frames() {
    const LARGEST: usize = 512 << 10;

    let given: Vec<Bytes> = (0..400)
        .map(|number| framed(&stdin(vec![u8::try_from(number % 251).unwrap(); 30_000])).into())
        .chain([framed(&stdin(vec![7; 2 << 20])).into()])
        .collect();
    let expected = given.concat();
    let flood = tower::service_fn(move |_: http::Request<tonic::body::Body>| {
        let frames = given.clone().into_iter().map(http_body::Frame::data).map(Ok::<_, tonic::Status>);
        let body = http_body_util::StreamBody::new(futures_util::stream::iter(frames));
        std::future::ready(Ok::<_, std::convert::Infallible>(http::Response::new(tonic::body::Body::new(
            body,
        ))))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback_service(GrpcWebSocketLayer::new().layer(flood));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let mut call = Call::open(&url, "Floods", &[]).await.unwrap();
    call.send("x: y\r\n").await;
    call.block().await;
    let mut came = Vec::new();
    while let Message::Binary(message) = call.socket.next().await.unwrap().unwrap() {
        assert!(message.len() <= LARGEST, "a message of {} bytes", message.len());
        let mut rest = &message[..];
        // The last frame is too large for any message.
        while came.len() + message.len() < 400 * 30_000 && !rest.is_empty() {
            let (&[_, a, b, c, d], after) = rest.split_first_chunk().unwrap();
            rest = after.get(u32::from_be_bytes([a, b, c, d]) as usize..).unwrap();
        }
        came.extend_from_slice(&message);
    }
    assert!(came == expected, "{} bytes of {} came, or others", came.len(), expected.len());
}

/// Opens a call as soon as there is a place for it.
async fn open_eventually(url: &str, rpc: &str) -> Call {
    let mut opened = None;
    eventually("there is a place", async || {
        opened = Call::open(url, rpc, &[]).await.ok();
        opened.is_some()
    })
    .await;
    opened.unwrap()
}

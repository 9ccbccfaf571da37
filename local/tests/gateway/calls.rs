//! Calls of every kind, over every protocol.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use prost::Message as _;
use reqwest::Client;

use crate::common::socket::{Call, Frame, framed};
use crate::common::wire::{
    ExecChunk, GetConfigResponse, GetVmRequest, LogChunk, StreamLogsRequest, WhoamiRequest, WhoamiResponse,
};
use crate::common::{connect, eventually};
use crate::support::{Gateway, Upstream, split};

fn logs(what: &str) -> StreamLogsRequest {
    StreamLogsRequest { vm_id: what.into(), follow: true }
}

fn vm(id: &str) -> GetVmRequest {
    GetVmRequest { vm_id: id.into() }
}

/// How many calls hang at the upstream, and how many have been cancelled.
async fn hanging(gateway: &Gateway) -> (usize, usize) {
    let (messages, _) = gateway.call("GetConfig", &()).await;
    let answer = GetConfigResponse::decode(messages[0].clone()).unwrap();
    (answer.default_image.parse().unwrap(), answer.zone.parse().unwrap())
}

#[tokio::test]
async fn metadata_and_deadlines_arrive_over_every_protocol() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url, &[]);

    let answer = gateway
        .post(&Client::new(), "Whoami", &())
        .header("x-mine", "web")
        .header("grpc-timeout", "100S")
        .header("origin", "http://localhost:5173")
        .header("cookie", "secret=1")
        .header("sec-fetch-mode", "cors")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-head"], "first");
    assert_eq!(answer.headers()["x-head-bin"], "AP8");
    assert_eq!(answer.headers()["access-control-expose-headers"], "*");
    let (messages, trailers) = split(&answer.bytes().await.unwrap());
    let over_web = WhoamiResponse::decode(messages[0].clone()).unwrap();
    assert!(trailers.contains("grpc-status:0") && trailers.contains("x-tail:last"), "{trailers}");
    assert!(trailers.contains("x-tail:of all"), "{trailers}");

    let more = "x-mine: socket\r\ngrpc-timeout: 100S\r\norigin: http://localhost:5173\r\ncookie: a=1\r\n";
    let mut call = Call::start(&gateway.url, "t", "Whoami", more).await;
    call.message(&()).await;
    call.end().await;
    let headers = call.block().await;
    assert!(headers.contains("x-head: first\r\n") && headers.contains("x-head-bin: AP8\r\n"), "{headers}");
    let over_socket: WhoamiResponse = call.read().await;
    let trailers = call.block().await;
    assert!(trailers.contains("grpc-status: 0\r\n") && trailers.contains("x-tail: of all\r\n"), "{trailers}");
    assert_eq!(call.next().await, Frame::Close(1000));

    let mut request = tonic::Request::new(WhoamiRequest {});
    request.metadata_mut().insert("x-mine", "grpc".parse().unwrap());
    request.set_timeout(Duration::from_secs(100));
    let answer = connect(&gateway.url, None).await.whoami(request).await.unwrap();
    assert_eq!(answer.metadata().get("x-head").unwrap(), "first");
    assert_eq!(answer.metadata().get_bin("x-head-bin").unwrap().to_bytes().unwrap(), [0, 255][..]);
    assert_eq!(answer.metadata().get_all("x-tail").iter().count(), 2);

    for (answer, mine) in [(over_web, "web"), (over_socket, "socket"), (answer.into_inner(), "grpc")] {
        assert_eq!(answer.user_id, format!("x-mine={mine}"));
        let left: f64 = answer.default_network_id.parse().unwrap();
        assert!((1.0..=100.0).contains(&left), "{mine}: {left}");
        for strange in ["cookie", "origin", "sec-", "x-grpc-web", "grpc-web"] {
            assert!(!answer.display_name.contains(strange), "{mine}: {}", answer.display_name);
        }
    }
}

#[tokio::test]
async fn errors_arrive_with_their_details() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url, &[]);
    let whole = |said: &str| {
        let said = said.replace(": ", ":").to_ascii_lowercase();
        for part in ["grpc-status:5", "x:100%25 %e2%82%ac", "x-why:no", "grpc-status-details-bin:causbgdvbmu"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
    };
    let answer = gateway.post(&Client::new(), "GetVm", &vm("x")).send().await.unwrap();
    let headers = format!("{:?}", answer.headers()).replace('"', "");
    whole(&headers);
    assert!(answer.bytes().await.unwrap().is_empty());
    let mut call = Call::start(&gateway.url, "t", "GetVm", "").await;
    call.message(&vm("x")).await;
    call.end().await;
    let mut said = String::new();
    while let Frame::Block(block) = call.next().await {
        said.push_str(&block);
    }
    whole(&said);
    let status = connect(&gateway.url, None).await.get_vm(vm("x")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (tonic::Code::NotFound, "no box x: 100% €"));
    assert_eq!(status.details(), b"\x08\x05\x12\x04gone");
}

#[tokio::test]
async fn streams_arrive_message_by_message() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url, &[]);
    let (messages, trailers) = gateway.call("StreamLogs", &logs("count 1000")).await;
    let numbers = messages.into_iter().map(|message| LogChunk::decode(message).unwrap().data);
    assert!(numbers.eq((0..1000).map(|n| n.to_string())));
    assert!(trailers.contains("grpc-status:0"), "{trailers}");

    let (messages, trailers) = gateway.call("StreamLogs", &logs("late")).await;
    assert_eq!(LogChunk::decode(messages[0].clone()).unwrap().data, "before");
    assert!(trailers.contains("grpc-status:8") && trailers.contains("enough"), "{trailers}");
}

#[tokio::test]
async fn both_directions_at_once() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url, &[]);
    let mut call = Call::start(&gateway.url, "t", "Exec", "").await;
    for word in ["one", "two", "three"] {
        call.message(&ExecChunk { data: word.into(), ..Default::default() }).await;
        if word == "one" {
            assert!(!call.block().await.contains("grpc-status"));
        }
        assert_eq!(call.read::<ExecChunk>().await.data, word);
    }
    call.end().await;
    let last: ExecChunk = call.read().await;
    assert_eq!((last.data, last.exit_code), ("11".into(), 7));
    assert!(call.block().await.contains("grpc-status: 0\r\n"));
    assert_eq!(call.next().await, Frame::Close(1000));
}

#[tokio::test]
async fn whoever_leaves_cancels_the_call_at_the_upstream() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url, &[]);
    let mut call = Call::start(&gateway.url, "t", "StreamLogs", "").await;
    call.message(&logs("hang")).await;
    call.end().await;
    call.block().await;
    assert_eq!(call.read::<LogChunk>().await.data, "up");
    let mut answer = gateway.post(&Client::new(), "StreamLogs", &logs("hang")).send().await.unwrap();
    answer.chunk().await.unwrap().unwrap();
    // One that has no headers yet.
    let early = tokio::spawn(gateway.post(&Client::new(), "GetVm", &vm("hang")).send());
    eventually("three calls hang", async || hanging(&gateway).await == (3, 0)).await;
    drop((call, answer));
    early.abort();
    eventually("they are cancelled", async || hanging(&gateway).await == (0, 3)).await;
}

#[tokio::test]
async fn deadlines_end_calls_whatever_the_upstream_does() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url, &[]);
    // Before headers, and after.
    for (rpc, message) in
        [("GetVm", vm("hang").encode_to_vec()), ("StreamLogs", logs("hang").encode_to_vec())]
    {
        let mut body = vec![0];
        body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        body.extend(message);
        let http = Client::new();
        let request = gateway.post(&http, rpc, &()).header("grpc-timeout", "1500m").body(body.clone());
        let answer = request.send().await.unwrap();
        let early = answer.headers().get("grpc-status").map(|status| status.to_str().unwrap().to_owned());
        let (_, trailers) = split(&answer.bytes().await.unwrap());
        assert!(early.as_deref() == Some("4") || trailers.contains("grpc-status:4"), "{early:?} {trailers}");

        let mut call = Call::start(&gateway.url, "t", rpc, "grpc-timeout: 1500m\r\n").await;
        call.send([&[0], &body[..]].concat()).await;
        call.end().await;
        let mut said = String::new();
        loop {
            match call.next().await {
                Frame::Block(block) => said.push_str(&block),
                Frame::Data(_) => {}
                Frame::Close(_) => break,
            }
        }
        assert!(said.contains("grpc-status: 4\r\n"), "{said}");
    }
    eventually("no call hangs", async || hanging(&gateway).await.0 == 0).await;
}

#[tokio::test]
async fn what_is_no_call_does_not_reach_the_upstream() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url, &[]);
    let http2 = Client::builder().http2_prior_knowledge().build().unwrap();
    for http in [Client::new(), http2] {
        for request in
            [http.get(&gateway.url), http.post(format!("{}/boxd.api.v1.BoxdApi/Whoami", gateway.url))]
        {
            let answer = request.send().await.unwrap();
            assert!(answer.status().is_client_error(), "{}", answer.status());
            assert!(!answer.headers().contains_key("x-head"));
        }
    }
}

#[tokio::test]
async fn a_page_that_takes_only_text_gets_text() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url, &[]);
    let answer = Client::new()
        .post(format!("{}/boxd.api.v1.BoxdApi/StreamLogs", gateway.url))
        .header("content-type", "application/grpc-web-text+proto")
        .header("accept", "application/grpc-web-text+proto")
        .body(STANDARD.encode(framed(&logs("count 3"))))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "application/grpc-web-text+proto");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    // Pieces that were encoded by themselves, each with its padding.
    let text = answer.text().await.unwrap();
    let body: Vec<u8> = text
        .split_inclusive('=')
        .filter(|piece| *piece != "=")
        .flat_map(|piece| STANDARD_NO_PAD.decode(piece.trim_end_matches('=')).unwrap())
        .collect();
    let (messages, trailers) = split(&body);
    assert!(messages.into_iter().map(|message| LogChunk::decode(message).unwrap().data).eq(["0", "1", "2"]));
    assert!(trailers.contains("grpc-status:0"), "{trailers}");
}

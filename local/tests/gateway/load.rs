//! What passes through a gateway does not pile up in it.

use std::time::Duration;

use reqwest::Client;

use crate::common::eventually;
use crate::common::socket::{Call, Frame};
use crate::common::wire::{ExecChunk, LogChunk, StreamLogsRequest};
use crate::support::{Gateway, Upstream};

const GIB: usize = 1 << 30;
/// More than an idle gateway takes.
const ALLOWED: u64 = 64 << 20;

/// The most memory that the gateway has ever had resident.
fn peak(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.process.0.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() * 1024
}

fn stream_of(bytes: usize) -> StreamLogsRequest {
    StreamLogsRequest { vm_id: format!("bytes {bytes}"), follow: false }
}

#[tokio::test]
async fn a_gibibyte_down_over_grpc_web_with_pauses_of_its_reader() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url, &[]);
    gateway.call("Whoami", &()).await;
    let idle = peak(&gateway);
    let mut answer = gateway.post(&Client::new(), "StreamLogs", &stream_of(GIB)).send().await.unwrap();
    let mut received = 0;
    while let Some(chunk) = answer.chunk().await.unwrap() {
        if received / (GIB / 8) != (received + chunk.len()) / (GIB / 8) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        received += chunk.len();
    }
    assert!(received > GIB, "{received}");
    let more = peak(&gateway) - idle;
    assert!(more < ALLOWED, "{} MiB more than idle", more >> 20);
}

#[tokio::test]
async fn a_gibibyte_up_over_a_websocket_and_a_quarter_down() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url, &[]);
    gateway.call("Whoami", &()).await;
    let idle = peak(&gateway);
    let mut call = Call::start(&gateway.url, "t", "StreamLogs", "").await;
    call.message(&stream_of(GIB / 4)).await;
    call.end().await;
    call.block().await;
    let mut received = 0;
    while let Frame::Data(data) = call.next().await {
        if received / (GIB / 16) != (received + data.len()) / (GIB / 16) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        received += data.len();
    }
    assert!(received > GIB / 4, "{received}");

    let mut call = Call::start(&gateway.url, "t", "Exec", "").await;
    call.message(&ExecChunk { command: "sum".into(), ..Default::default() }).await;
    let piece = ExecChunk { data: vec![7; 1 << 18].into(), ..Default::default() };
    for _ in 0..GIB >> 18 {
        call.message(&piece).await;
    }
    call.end().await;
    call.block().await;
    assert_eq!(call.read::<ExecChunk>().await.data, GIB.to_string());
    let more = peak(&gateway) - idle;
    assert!(more < ALLOWED, "{} MiB more than idle", more >> 20);
}

#[tokio::test]
async fn a_thousand_idle_streams() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url, &[]);
    let hang = StreamLogsRequest { vm_id: "hang".into(), follow: true };
    let idle = peak(&gateway);
    let http2 = Client::builder().http2_prior_knowledge().build().unwrap();
    let mut streams = Vec::new();
    for _ in 0..700 {
        let mut answer = gateway.post(&http2, "StreamLogs", &hang).send().await.unwrap();
        assert!(answer.chunk().await.unwrap().is_some());
        streams.push(answer);
    }
    let mut calls = Vec::new();
    for _ in 0..300 {
        let mut call = Call::start(&gateway.url, "t", "StreamLogs", "").await;
        call.message(&hang).await;
        call.end().await;
        call.block().await;
        assert_eq!(call.read::<LogChunk>().await.data, "up");
        calls.push(call);
    }
    let (_, trailers) = gateway.call("Whoami", &()).await;
    assert!(trailers.contains("grpc-status:0"), "{trailers}");
    let each = (peak(&gateway) - idle) / 1000;
    assert!(each < 128 << 10, "{} KiB for each", each >> 10);
    drop((streams, calls));
    eventually("all are cancelled", async || {
        let (messages, _) = gateway.call("GetConfig", &()).await;
        let counts: crate::common::wire::GetConfigResponse =
            prost::Message::decode(messages[0].clone()).unwrap();
        (counts.default_image.as_str(), counts.zone.as_str()) == ("0", "1000")
    })
    .await;
}

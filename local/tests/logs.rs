//! The console of a box, as it was and as it grows.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use boxd_local::Cluster;
use common::wire::{CreateVmRequest, DestroyVmRequest, LogChunk, RebootVmRequest, StreamLogsRequest};
use common::{Client, client, eventually, sh};
use tonic::{Code, Streaming};

async fn logs(client: &mut Client, id: &str, follow: bool) -> Streaming<LogChunk> {
    client.stream_logs(StreamLogsRequest { vm_id: id.into(), follow }).await.unwrap().into_inner()
}

async fn snapshot(client: &mut Client, id: &str) -> String {
    let mut chunks = logs(client, id, false).await;
    let mut text = Vec::new();
    while let Some(chunk) = chunks.message().await.unwrap() {
        text.extend_from_slice(&chunk.data);
    }
    String::from_utf8(text).unwrap()
}

async fn until(chunks: &mut Streaming<LogChunk>, text: &mut String, end: &str) {
    while !text.contains(end) {
        let chunk = chunks.message().await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk.data).unwrap());
    }
}

/// A box whose main process writes to the console what it finds in a file.
async fn echoing(client: &mut Client) -> String {
    let script = "mkfifo lines 2>/dev/null; echo booted; exec cat <>lines";
    let request =
        CreateVmRequest { cmd: ["sh", "-c", script].map(str::to_owned).to_vec(), ..Default::default() };
    client.create_vm(request).await.unwrap().into_inner().vm_id
}

#[tokio::test]
async fn a_follower_sees_what_comes_and_ends_with_the_box() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = echoing(&mut client).await;
    eventually("the main process writes", async || snapshot(&mut client, &id).await == "booted\n").await;

    let mut follower = logs(&mut client, &id, true).await;
    let mut text = String::new();
    until(&mut follower, &mut text, "booted\n").await;
    for line in ["one", "two"] {
        let command = format!("cd; until [ -p lines ]; do sleep 0.01; done; echo {line} > lines");
        assert_eq!(sh(&mut client, &id, &command).await.exit_code, 0);
        until(&mut follower, &mut text, line).await;
    }
    assert_eq!(snapshot(&mut client, &id).await, text);
    client.reboot_vm(RebootVmRequest { vm_id: id.clone() }).await.unwrap();
    text.clear();
    until(&mut follower, &mut text, "booted\n").await;

    client.destroy_vm(DestroyVmRequest { vm_id: id.clone() }).await.unwrap();
    while follower.message().await.unwrap().is_some() {}
    let gone = client.stream_logs(StreamLogsRequest { vm_id: id, follow: true }).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
}

#[tokio::test]
async fn many_follow_one_console() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = echoing(&mut client).await;
    let mut followers = Vec::new();
    for _ in 0..150 {
        followers.push(logs(&mut client, &id, true).await);
    }
    sh(&mut client, &id, "until [ -p lines ]; do sleep 0.01; done; echo for-all > lines").await;
    for follower in &mut followers {
        until(follower, &mut String::new(), "for-all\n").await;
    }
}

#[tokio::test]
async fn a_follower_does_not_keep_a_cluster_alive() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = echoing(&mut client).await;
    let mut follower = logs(&mut client, &id, true).await;
    until(&mut follower, &mut String::new(), "booted\n").await;
    let started = std::time::Instant::now();
    cluster.shutdown().await;
    assert!(started.elapsed() < std::time::Duration::from_secs(30), "{:?}", started.elapsed());
    let end = follower.message().await.unwrap_err();
    assert_eq!(end.code(), Code::Unavailable, "{end}");
}

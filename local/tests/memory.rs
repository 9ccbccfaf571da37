//! What passes through the server does not pile up in it.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use bytes::Bytes;
use common::server::Server;
use common::wire::{DownloadFileRequest, UploadFileChunk};
use common::{Client, create, first};
use futures_util::stream;

const GIB: u64 = 1 << 30;
/// More than an idle server takes.
const ALLOWED: u64 = 64 << 20;

/// The most memory that the server has ever had resident.
fn peak(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() * 1024
}

async fn served() -> (tempfile::TempDir, Server, Client, String) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let mut client = server.client(data.path()).await;
    let id = create(&mut client, "").await.vm_id;
    common::sh(&mut client, &id, "true").await;
    (data, server, client, id)
}

#[tokio::test]
async fn a_gibibyte_of_output_with_pauses_of_its_reader() {
    let (_data, server, mut client, id) = served().await;
    let idle = peak(&server);
    let chunks = stream::iter([first(&id, "head -c 1G /dev/zero")]);
    let mut output = client.exec(chunks).await.unwrap().into_inner();
    let mut received = 0;
    while let Some(chunk) = output.message().await.unwrap() {
        let pause = received / (GIB / 8) != (received + chunk.data.len() as u64) / (GIB / 8);
        received += chunk.data.len() as u64;
        if pause {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
    assert_eq!(received, GIB);
    let more = peak(&server) - idle;
    assert!(more < ALLOWED, "{} MiB more than idle", more >> 20);
}

#[tokio::test]
async fn a_gibibyte_into_a_file_and_out_of_it() {
    let (_data, server, mut client, id) = served().await;
    let idle = peak(&server);
    let header =
        UploadFileChunk { vm_id: id.clone(), path: "big".into(), total_size: GIB, data: Bytes::new() };
    let piece = UploadFileChunk { data: Bytes::from(vec![7; 1 << 20]), ..Default::default() };
    let chunks = std::iter::once(header).chain(std::iter::repeat_n(piece, 1024));
    let answer = client.upload_file_stream(stream::iter(chunks)).await.unwrap().into_inner();
    assert_eq!(answer.bytes_written, GIB);
    let request = DownloadFileRequest { vm_id: id, path: "big".into() };
    let mut chunks = client.download_file_stream(request).await.unwrap().into_inner();
    let mut received = 0;
    while let Some(chunk) = chunks.message().await.unwrap() {
        received += chunk.data.len() as u64;
    }
    assert_eq!(received, GIB);
    let more = peak(&server) - idle;
    assert!(more < ALLOWED, "{} MiB more than idle", more >> 20);
}

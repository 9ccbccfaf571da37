//! Files over the wire, whole and in pieces, and directories.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use boxd_local::Cluster;
use bytes::Bytes;
use common::wire::{
    CopyPathRequest, DeletePathRequest, DownloadFileRequest, ListDirRequest, MkdirRequest, RenamePathRequest,
    UploadFileChunk, UploadFileRequest,
};
use common::{Client, client, create, sh};
use futures_util::stream;
use tonic::{Code, Status};

async fn read(client: &mut Client, id: &str, path: &str) -> Result<Bytes, Status> {
    let request = DownloadFileRequest { vm_id: id.into(), path: path.into() };
    client.download_file(request).await.map(|answer| answer.into_inner().data)
}

async fn write(client: &mut Client, id: &str, path: &str, data: impl Into<Bytes>) -> Result<u64, Status> {
    let request = UploadFileRequest { vm_id: id.into(), path: path.into(), data: data.into() };
    client.upload_file(request).await.map(|answer| answer.into_inner().bytes_written)
}

/// The size that was announced, and the pieces.
async fn read_stream(client: &mut Client, id: &str, path: &str) -> (u64, Vec<Bytes>) {
    let request = DownloadFileRequest { vm_id: id.into(), path: path.into() };
    let mut chunks = client.download_file_stream(request).await.unwrap().into_inner();
    let (mut total, mut pieces) = (0, Vec::new());
    while let Some(chunk) = chunks.message().await.unwrap() {
        total = total.max(chunk.total_size);
        pieces.push(chunk.data);
    }
    (total, pieces)
}

/// Every byte value, at places that no chunk size divides.
fn pattern(length: usize) -> Bytes {
    (0..=250_u8).cycle().take(length).collect()
}

fn header(id: &str, path: &str, total_size: u64) -> UploadFileChunk {
    UploadFileChunk { vm_id: id.into(), path: path.into(), total_size, data: Bytes::new() }
}

fn piece(data: impl Into<Bytes>) -> UploadFileChunk {
    UploadFileChunk { data: data.into(), ..Default::default() }
}

#[tokio::test]
async fn whole_files_come_back_as_they_went() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "").await.vm_id;
    let all: Vec<u8> = (0..=255).collect();
    for (path, data) in [("/app/deep/all.bin", all), ("empty", Vec::new()), ("tmp/ünï cödé", b"x".to_vec())]
    {
        assert_eq!(write(&mut client, &id, path, data.clone()).await.unwrap(), data.len() as u64);
        assert_eq!(read(&mut client, &id, path).await.unwrap(), data, "{path}");
    }
    // A relative path starts at the user's home.
    assert_eq!(sh(&mut client, &id, "stat -c %s /home/boxd/empty").await.stdout, "0\n");
    let missing = read(&mut client, &id, "/nowhere/file").await.unwrap_err();
    assert!(missing.code() == Code::NotFound && missing.message().contains("/nowhere/file"), "{missing}");
    let directory = read(&mut client, &id, "/app").await.unwrap_err();
    assert_eq!(directory.code(), Code::InvalidArgument, "{directory}");

    let most = pattern((64 << 20) - 1024);
    write(&mut client, &id, "most", most.clone()).await.unwrap();
    assert_eq!(read(&mut client, &id, "most").await.unwrap(), most);
    sh(&mut client, &id, "truncate -s 65M more").await;
    let more = read(&mut client, &id, "more").await.unwrap_err();
    assert!(
        more.code() == Code::ResourceExhausted && more.message().contains("DownloadFileStream"),
        "{more}"
    );
}

#[tokio::test]
async fn streams_carry_any_size_in_pieces() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "").await.vm_id;
    for length in [0, 1, 1 << 20, (3 << 20) + 17, 100 << 20] {
        let data = pattern(length);
        let pieces = (0..length).step_by(1 << 20).map(|at| piece(data.slice(at..length.min(at + (1 << 20)))));
        let chunks: Vec<_> = std::iter::once(header(&id, "file", length as u64)).chain(pieces).collect();
        let answer = client.upload_file_stream(stream::iter(chunks)).await.unwrap().into_inner();
        assert_eq!(answer.bytes_written, length as u64);
        let (total, pieces) = read_stream(&mut client, &id, "file").await;
        assert_eq!(total, length as u64);
        assert!(pieces.iter().all(|piece| piece.len() <= 1 << 20));
        assert!(pieces.concat() == data, "{length} bytes came back otherwise");
    }
    // The published client puts the first piece into the first chunk.
    let first = UploadFileChunk { data: Bytes::from_static(b"ab"), ..header(&id, "file", 3) };
    client.upload_file_stream(stream::iter([first, piece("c")])).await.unwrap();
    assert_eq!(read(&mut client, &id, "file").await.unwrap(), "abc");
}

#[tokio::test]
async fn an_upload_that_is_not_what_it_announced_leaves_nothing() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "").await.vm_id;
    write(&mut client, &id, "old", "old").await.unwrap();
    for path in ["new", "old"] {
        for pieces in [vec![piece("abc")], vec![piece("abc"), piece("defghijkl")]] {
            let mut chunks = vec![header(&id, path, 10)];
            chunks.extend(pieces);
            let error = client.upload_file_stream(stream::iter(chunks)).await.unwrap_err();
            assert!(error.code() == Code::InvalidArgument && error.message().contains("10"), "{error}");
        }
    }
    let nothing = client.upload_file_stream(stream::empty()).await.unwrap_err();
    assert_eq!(nothing.code(), Code::InvalidArgument, "{nothing}");
    // Nor does one that is given up halfway.
    {
        let (mut sender, chunks) = futures_channel::mpsc::channel(4);
        sender.try_send(header(&id, "new", 10)).unwrap();
        sender.try_send(piece("abc")).unwrap();
        let upload = client.upload_file_stream(chunks);
        let given_up = tokio::time::timeout(std::time::Duration::from_millis(300), upload).await;
        assert!(given_up.is_err(), "it cannot have ended");
    }
    assert_eq!(read(&mut client, &id, "old").await.unwrap(), "old");
    common::eventually("only the old file is left", async || {
        sh(&mut client, &id, "find . -type f ! -name '.*rc' ! -name '.profile' ! -name '.bash_logout'")
            .await
            .stdout
            == "./old\n"
    })
    .await;
}

#[tokio::test]
async fn directories() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "").await.vm_id;
    let vm_id = id.clone();
    client.mkdir(MkdirRequest { vm_id: vm_id.clone(), path: "a/b/c".into() }).await.unwrap();
    write(&mut client, &id, "a/file", "12345").await.unwrap();
    sh(&mut client, &id, "chmod 640 a/file; touch -d @1700000000 a/file").await;
    let list = |path: &str| ListDirRequest { vm_id: vm_id.clone(), path: path.into() };
    let listing = client.list_dir(list("a")).await.unwrap().into_inner();
    assert!(!listing.truncated);
    let entries: Vec<_> = listing.entries.iter().map(|entry| (entry.name.as_str(), entry.is_dir)).collect();
    assert_eq!(entries, [("b", true), ("file", false)]);
    let file = &listing.entries[1];
    assert_eq!(
        (file.size_bytes, file.modified_at, file.permissions.as_str()),
        (5, 1_700_000_000, "-rw-r-----")
    );

    let pair = |from: &str, to: &str| (vm_id.clone(), from.to_owned(), to.to_owned());
    let (vm, old_path, new_path) = pair("a", "z");
    client.copy_path(CopyPathRequest { vm_id: vm, old_path, new_path }).await.unwrap();
    let (vm, old_path, new_path) = pair("a/file", "moved");
    client.rename_path(RenamePathRequest { vm_id: vm, old_path, new_path }).await.unwrap();
    assert_eq!(read(&mut client, &id, "moved").await.unwrap(), "12345");
    assert_eq!(read(&mut client, &id, "z/file").await.unwrap(), "12345");
    client.delete_path(DeletePathRequest { vm_id: vm_id.clone(), path: "z".into() }).await.unwrap();
    assert_eq!(client.list_dir(list("z")).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(client.list_dir(list("moved")).await.unwrap_err().code(), Code::InvalidArgument);
    let missing = DeletePathRequest { vm_id, path: "z".into() };
    assert_eq!(client.delete_path(missing).await.unwrap_err().code(), Code::NotFound);
}

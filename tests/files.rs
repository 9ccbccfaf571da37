//! Files in and out of real boxes.

// What a test expects, it may insist on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod common;

use std::sync::{Arc, Mutex};

use boxd::{Content, ErrorKind, Progress};
use bytes::Bytes;
use futures_util::TryStreamExt;

/// Bytes in which every MiB differs.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at ^ (at >> 8) ^ (at >> 20)) & 0xff) as u8).collect()
}

#[tokio::test]
async fn content_of_every_kind_arrives_whole() {
    let (_cluster, compute) = common::cluster().await;
    let b = compute.boxes().create("web").await.unwrap();
    let all: Vec<u8> = (0..=255).collect();
    for (content, path) in [
        (Vec::new(), "/srv/empty"),
        (b"text".to_vec(), "/srv/text"),
        (all, "/srv/bytes"),
        (pattern(1 << 20), "/srv/one"),
        (pattern((3 << 20) + 5), "/srv/odd"),
        (b"deep".to_vec(), "/srv/a/new/folder/deep"),
        (b"named".to_vec(), "/srv/a name with 'quotes' and $"),
    ] {
        assert_eq!(b.write_file(content.clone(), path).await.unwrap(), content.len() as u64, "{path}");
        assert_eq!(b.read_file(path).await.unwrap(), content, "{path}");
        let streamed: Vec<Bytes> = b.read_file(path).stream().try_collect().await.unwrap();
        assert_eq!(streamed.concat(), content, "{path}");
    }
    b.write_file("home", "in-home").await.unwrap();
    assert_eq!(b.exec_shell("cat ~/in-home; pwd").await.unwrap().stdout_text(), "home/home/boxd\n");
    b.write_file("new", "/srv/text").await.unwrap();
    assert_eq!(b.read_file("/srv/text").await.unwrap(), "new");
}

#[tokio::test]
async fn files_of_this_machine_go_in_and_come_out() {
    let (_cluster, compute) = common::cluster().await;
    let b = compute.boxes().create("web").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (local, back) = (folder.path().join("local"), folder.path().join("back"));
    let content = pattern((100 << 20) + 1);
    std::fs::write(&local, &content).unwrap();

    let seen: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let record = |seen: &Arc<Mutex<Vec<Progress>>>| {
        let seen = seen.clone();
        move |progress| seen.lock().unwrap().push(progress)
    };
    let check = |seen: &Arc<Mutex<Vec<Progress>>>| {
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        assert!(seen.len() >= 100 && seen.is_sorted_by_key(|progress| progress.bytes));
        let last = seen.last().unwrap();
        assert_eq!((last.bytes, last.total), (content.len() as u64, Some(content.len() as u64)));
    };
    b.write_file(Content::file(&local), "/srv/big").progress(record(&seen)).await.unwrap();
    check(&seen);
    assert_eq!(
        b.read_file("/srv/big").progress(record(&seen)).to_path(&back).await.unwrap(),
        content.len() as u64
    );
    check(&seen);
    assert!(std::fs::read(&back).unwrap() == content, "what came back differs");
    b.write_file(local.as_path(), "/srv/again").await.unwrap();
    assert!(b.exec(["cmp", "/srv/big", "/srv/again"]).await.unwrap().success());

    let missing = b.write_file(Content::file(folder.path().join("missing")), "/srv/x").await.unwrap_err();
    assert!(missing.kind() == ErrorKind::NotFound && missing.message().contains("missing"), "{missing}");
    let error = b.write_file(Content::file(folder.path()), "/srv/x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
}

#[tokio::test]
async fn a_transfer_that_ends_early_leaves_nothing() {
    let (_cluster, compute) = common::cluster().await;
    let b = compute.boxes().create("web").await.unwrap();
    b.write_file("old", "/srv/file").await.unwrap();
    let short = std::io::Cursor::new(pattern(3 << 20));
    let error = b.write_file(Content::reader(short, 5 << 20), "/srv/file").await.unwrap_err();
    assert!(error.to_string().contains("/srv/file"), "{error}");
    assert_eq!(b.read_file("/srv/file").await.unwrap(), "old");

    // A reader that never ends, and a caller that leaves.
    let (mut feed, slow) = tokio::io::duplex(1 << 16);
    let upload = tokio::spawn(b.write_file(Content::reader(slow, 1 << 30), "/srv/file").into_future());
    tokio::io::AsyncWriteExt::write_all(&mut feed, &pattern(2 << 20)).await.unwrap();
    upload.abort();
    let left = "ls -A /srv | grep -vx file";
    for _ in 0..100 {
        if !b.exec_shell(left).await.unwrap().success() {
            break;
        }
    }
    assert_eq!(b.exec_shell(left).await.unwrap().stdout_text(), "");
    assert_eq!(b.read_file("/srv/file").await.unwrap(), "old");
}

#[tokio::test]
async fn what_cannot_be_read_or_written_says_why() {
    let (_cluster, compute) = common::cluster().await;
    let b = compute.boxes().create("web").await.unwrap();
    let error = b.read_file("/no/such/file").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("/no/such/file") && error.to_string().contains("\"web\""), "{error}");
    for error in [b.read_file("/srv").await.unwrap_err(), b.write_file("x", "/usr/bin/x").await.unwrap_err()]
    {
        assert!(error.grpc_code().is_some(), "{error}");
    }
    for error in [b.read_file("").await.unwrap_err(), b.write_file("x", "a\0b").await.unwrap_err()] {
        assert_eq!((error.kind(), error.grpc_code()), (ErrorKind::InvalidArgument, None), "{error}");
    }
}

//! Files in and out, and directories.

use std::time::{Duration, SystemTime};

use boxd_local::machine::{Error, Machine};
use bytes::Bytes;

use crate::support::boot;

async fn put(b: &Machine, path: &str, data: &[u8]) -> Result<u64, Error> {
    let mut upload = b.upload(path, data.len() as u64).await?;
    for piece in data.chunks(1 << 20) {
        upload.write(Bytes::copy_from_slice(piece)).await?;
    }
    upload.finish().await
}

async fn get(b: &Machine, path: &str) -> Result<Vec<u8>, Error> {
    let mut download = b.download(path).await?;
    let mut data = Vec::new();
    while let Some(piece) = download.next().await {
        data.extend(piece?);
    }
    Ok(data)
}

#[tokio::test]
async fn what_goes_in_comes_out() {
    let b = boot().await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..5_000_000_u32).map(|index| (index % 251) as u8).collect();
    for data in [&[][..], b"text", &every_byte, &large] {
        assert_eq!(put(&b, "a/b/file", data).await.unwrap(), data.len() as u64);
        assert!(get(&b, "/home/boxd/a/b/file").await.unwrap() == data);
        assert_eq!(b.download("a/b/file").await.unwrap().size(), data.len() as u64);
    }
    assert_eq!(b.say("stat -c %a a/b/file; ls -A a/b").await, "644\nfile");
}

#[tokio::test]
async fn a_replaced_file_keeps_its_permissions_and_a_link_its_target() {
    let b = boot().await;
    b.say("echo old > tool; chmod 750 tool; ln -s tool link; ln -s nowhere/yet dangling").await;
    put(&b, "link", b"new").await.unwrap();
    assert_eq!(b.say("cat tool; echo; stat -c %a tool; readlink link").await, "new\n750\ntool");
    put(&b, "dangling", b"made").await.unwrap();
    assert_eq!(b.say("cat nowhere/yet").await, "made");
}

#[tokio::test]
async fn an_unfinished_upload_leaves_nothing() {
    let b = boot().await;
    b.say("echo old > kept").await;
    let mut dropped = b.upload("kept", 10).await.unwrap();
    dropped.write(Bytes::from_static(b"12345")).await.unwrap();
    assert_eq!(b.say("cat kept").await, "old");
    drop(dropped);
    let mut short = b.upload("kept", 10).await.unwrap();
    short.write(Bytes::from_static(b"12345")).await.unwrap();
    assert!(matches!(short.finish().await, Err(Error::Invalid { .. })));
    let mut long = b.upload("kept", 3).await.unwrap();
    assert!(matches!(long.write(Bytes::from_static(b"12345")).await, Err(Error::Invalid { .. })));
    drop(long);
    assert_eq!(b.say("cat kept; ls -A").await, "old\nkept");
}

#[tokio::test]
async fn an_upload_into_a_box_that_ends_leaves_nothing() {
    let b = boot().await;
    let mut upload = b.upload("file", 10).await.unwrap();
    upload.write(Bytes::from_static(b"1234567890")).await.unwrap();
    b.shutdown(Duration::ZERO).await;
    assert!(matches!(upload.finish().await, Err(Error::Gone)));
    let home = b.home.path().join("root/home/boxd");
    assert_eq!(std::fs::read_dir(home).unwrap().count(), 0);
}

#[tokio::test]
async fn paths_that_do_not_fit_are_told_apart() {
    let b = boot().await;
    b.say("mkdir -p dir/sub; echo x > file; mkfifo pipe; mkdir locked; chmod 0 locked").await;
    assert!(
        matches!(get(&b, "missing").await, Err(Error::NotFound { path }) if path == "/home/boxd/missing")
    );
    assert!(matches!(get(&b, "file/x").await, Err(Error::NotADirectory { .. })));
    assert!(matches!(get(&b, "dir").await, Err(Error::Invalid { .. })));
    assert!(matches!(get(&b, "pipe").await, Err(Error::Invalid { .. })));
    assert!(matches!(get(&b, "locked/x").await, Err(Error::Denied { .. })));
    assert!(matches!(put(&b, "dir", b"x").await, Err(Error::Invalid { .. })));
    assert!(matches!(
        put(&b, "file/x", b"x").await,
        Err(Error::NotADirectory { .. } | Error::AlreadyExists { .. })
    ));
    assert!(matches!(put(&b, "/usr/bin/x", b"x").await, Err(Error::Denied { .. })));
    assert!(matches!(b.list_dir("file").await, Err(Error::NotADirectory { .. })));
    assert!(matches!(b.list_dir("missing").await, Err(Error::NotFound { .. })));
    assert!(matches!(b.mkdir("file").await, Err(Error::AlreadyExists { .. })));
    assert!(matches!(b.rename("missing", "x").await, Err(Error::NotFound { .. })));
    assert!(matches!(b.rename("file", "dir").await, Err(Error::AlreadyExists { .. })));
    assert!(matches!(b.copy("dir", "dir/sub/dir").await, Err(Error::Invalid { .. })));
    assert!(matches!(b.copy("file", "dir").await, Err(Error::AlreadyExists { .. })));
    assert!(matches!(b.delete("missing").await, Err(Error::NotFound { .. })));
    assert!(b.delete("/").await.is_err());
    assert!(get(&b, "/proc/self/status").await.unwrap().starts_with(b"Name:"), "a file without a size");
}

#[tokio::test]
async fn directories_are_made_listed_moved_copied_and_deleted() {
    let b = boot().await;
    let before = SystemTime::now() - Duration::from_secs(2);
    b.mkdir("a/b").await.unwrap();
    b.mkdir("a/b").await.unwrap();
    b.say("cd a; printf 12345 > z; chmod 4750 z; ln -s b link; ln -s nowhere broken; touch 'ü x'").await;
    let listing = b.list_dir("a").await.unwrap();
    assert!(!listing.truncated);
    let told: Vec<_> = listing.entries.iter().map(|e| (&*e.name, e.is_dir, &*e.permissions)).collect();
    assert_eq!(
        told,
        [
            ("b", true, "drwxr-xr-x"),
            ("broken", false, "lrwxrwxrwx"),
            ("link", true, "drwxr-xr-x"),
            ("z", false, "-rwsr-x---"),
            ("ü x", false, "-rw-r--r--"),
        ]
    );
    let z = &listing.entries[3];
    assert_eq!(z.size_bytes, 5);
    assert!(z.modified_at >= before && z.added_at >= before);

    b.copy("a", "copy").await.unwrap();
    b.rename("a", "moved").await.unwrap();
    assert_eq!(b.say("ls -d *; cat copy/z; stat -c %a moved/z copy/z; readlink copy/link").await, {
        "copy\nmoved\n123454750\n4750\nb"
    });
    b.delete("moved").await.unwrap();
    b.say("mkdir -p copy/locked/in; chmod 0 copy/locked").await;
    b.delete("copy").await.unwrap();
    assert!(b.list_dir("").await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn a_large_directory_is_told_in_order_and_up_to_a_limit() {
    let b = boot().await;
    b.say("mkdir d; cd d; seq -f %05g 0 9999 | xargs touch").await;
    let listing = b.list_dir("d").await.unwrap();
    assert_eq!((listing.entries.len(), listing.truncated), (10_000, false));
    assert!(listing.entries.iter().enumerate().all(|(index, entry)| entry.name == format!("{index:05}")));
    b.say("touch d/more").await;
    let listing = b.list_dir("d").await.unwrap();
    assert_eq!((listing.entries.len(), listing.truncated), (10_000, true));
}

#[tokio::test]
async fn a_file_that_is_cut_while_it_is_read_is_not_taken_for_whole() {
    let b = boot().await;
    b.say("head -c 3000000 /dev/zero > file").await;
    let mut download = b.download("file").await.unwrap();
    assert_eq!(download.next().await.unwrap().unwrap().len(), 1 << 20);
    b.say("truncate -s 2000000 file").await;
    let mut last = download.next().await.unwrap();
    while last.is_ok() {
        last = download.next().await.expect("the short file ended like a whole one");
    }
    assert!(download.next().await.is_none());
}

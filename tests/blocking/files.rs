//! Files and folders of boxes, and their log.

use std::io::Read;

use boxd::blocking::Content;
use boxd::{BoxConfig, ErrorKind};
use bytes::Bytes;

use crate::world::{cluster, ready, ready_box, refused, sh};

const MIB: usize = 1024 * 1024;

#[test]
fn files_go_in_and_come_out() {
    let (_cluster, _compute, b) = ready_box();
    let content: Vec<u8> = (0..=250).cycle().take(3 * MIB + 17).collect();
    let size = content.len() as u64;
    assert_eq!(b.write_file(content.clone(), "/tmp/file").call().unwrap(), size);
    assert!(b.read_file("/tmp/file").call().unwrap() == content);
    let pieces: Vec<Bytes> = b.read_file("/tmp/file").stream().collect::<Result<_, _>>().unwrap();
    assert!(pieces.concat() == content && pieces.len() > 1);
    b.write_file("text", "in-home").call().unwrap();
    assert_eq!(sh(&b, "cat ~/in-home"), "text");

    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("file");
    assert_eq!(b.read_file("/tmp/file").to_path(&local).unwrap(), size);
    assert!(std::fs::read(&local).unwrap() == content);
    assert_eq!(b.write_file(Content::file(&local), "/tmp/again").call().unwrap(), size);
    assert_eq!(b.write_file(local.as_path(), "/tmp/again").call().unwrap(), size);
    assert!(b.exec(["cmp", "/tmp/file", "/tmp/again"]).call().unwrap().success());

    refused(b.read_file("/no/such").call(), ErrorKind::NotFound, &["read file \"/no/such\"", "\"web\""]);
    refused(b.write_file("x", "").call(), ErrorKind::InvalidArgument, &["path: "]);
    let missing = Content::file(folder.path().join("missing"));
    refused(b.write_file(missing, "/tmp/x").call(), ErrorKind::NotFound, &["missing"]);
}

#[test]
fn folders_and_paths() {
    let (_cluster, _compute, b) = ready_box();
    b.create_dir("/tmp/folder").unwrap();
    b.write_file("12345", "/tmp/file").call().unwrap();
    b.copy_path("/tmp/file", "/tmp/folder/copy").unwrap();
    b.rename_path("/tmp/folder/copy", "/tmp/folder/moved").unwrap();
    let entries = b.list_dir("/tmp/folder").unwrap().entries;
    assert!(entries.len() == 1 && entries[0].name == "moved" && entries[0].size_bytes == 5, "{entries:?}");
    b.remove_path("/tmp/folder").unwrap();
    refused(b.list_dir("/tmp/folder"), ErrorKind::NotFound, &["/tmp/folder"]);
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the drawer is stuck"))
    }
}

struct Panics;

impl Read for Panics {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        panic!("as it is meant to")
    }
}

fn pieces<const N: usize>(pieces: [&'static str; N], size: u64) -> Content {
    Content::stream(pieces.into_iter().map(|piece| Ok::<_, String>(piece.into())), size)
}

#[test]
fn readers_and_iterators_are_read_as_the_server_takes_them() {
    let (_cluster, compute, b) = ready_box();
    // From one box into another, through this process.
    let from = ready(&compute, "from");
    let mut process = from.exec_shell("yes | head -c 9000001").stream().unwrap();
    let content = Content::reader(process.take_stdout().unwrap(), 9_000_001);
    assert_eq!(b.write_file(content, "/tmp/yes").call().unwrap(), 9_000_001);
    sh(&b, "yes | head -c 9000001 | cmp - /tmp/yes");
    let content = Content::stream(b.read_file("/tmp/yes").stream(), 9_000_001);
    from.write_file(content, "/tmp/yes").call().unwrap();
    sh(&from, "yes | head -c 9000001 | cmp - /tmp/yes");
    assert_eq!(b.write_file(pieces(["from ", "pieces"], 11), "/tmp/some").call().unwrap(), 11);
    assert_eq!(b.read_file("/tmp/some").call().unwrap(), "from pieces");

    for (content, why) in [
        (Content::reader(&b"short"[..], 6), "ended after 5 of 6 bytes"),
        (pieces(["shor", "t"], 6), "ended after 5 of 6 bytes"),
        (Content::reader(&b"too long"[..], 6), "longer than the 6 bytes"),
        (Content::reader(Broken, 6), "the drawer is stuck"),
        (Content::reader(Panics, 6), "panic"),
    ] {
        let error = b.write_file(content, "/tmp/none").call().unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    refused(b.read_file("/tmp/none").call(), ErrorKind::NotFound, &["/tmp/none"]);
}

#[test]
fn the_log_can_be_read_and_followed() {
    let (_cluster, compute) = cluster();
    let main = "mkfifo /tmp/fifo; exec 3<>/tmp/fifo; echo one; while read line <&3; do echo got $line; done";
    let config = BoxConfig::new().cmd(["sh", "-c", main]);
    let b = compute.boxes().create("web").config(config).call().unwrap();
    let mut log = b.stream_logs().follow(true);
    let mut seen = String::new();
    for (say, wanted) in [("", "one\n"), ("two", "got two\n"), ("three", "got three\n")] {
        if !say.is_empty() {
            sh(&b, &format!("echo {say} > /tmp/fifo"));
        }
        while !seen.ends_with(wanted) {
            seen.push_str(&String::from_utf8_lossy(&log.next().expect("not the end").unwrap()));
        }
    }
    let snapshot: Vec<Bytes> = b.stream_logs().collect::<Result<_, _>>().unwrap();
    assert_eq!(snapshot.concat(), seen.as_bytes());
    b.destroy().unwrap();
    // It ends with its box, by itself or with the box's absence.
    assert!(log.next().is_none_or(|last| last.is_err()));
}

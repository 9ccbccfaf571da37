//! Folders of a box, and what is done to paths as a whole.

use std::time::{Duration, SystemTime};

use boxd::transport::Transport;
use boxd::{BoxHandle, ErrorKind};

use crate::world::{World, over_each_transport, refused, sh};

over_each_transport!(
    folders_are_made_listed_copied_moved_and_deleted,
    what_cannot_be_done_with_a_path_is_refused
);

async fn names(b: &BoxHandle, path: &str) -> Vec<String> {
    let mut names: Vec<_> = b.list_dir(path).await.unwrap().into_iter().map(|entry| entry.name).collect();
    names.sort();
    names
}

async fn folders_are_made_listed_copied_moved_and_deleted<T: Transport>(world: World<T>) {
    let b = world.ready_box("web").await;
    let before = SystemTime::now() - Duration::from_secs(2);
    b.create_dir("/srv/it's a folder").await.unwrap();
    b.write_file("12345", "/srv/it's a folder/file").await.unwrap();
    b.create_dir("/srv/it's a folder/sub").await.unwrap();
    sh(&b, "chmod 640 '/srv/it'\"'\"'s a folder/file'").await;

    let listing = b.list_dir("/srv/it's a folder").await.unwrap();
    assert!(!listing.truncated && listing.entries.len() == 2, "{listing:?}");
    let entry = |name: &str| listing.entries.iter().find(|entry| entry.name == name).unwrap();
    let (file, sub) = (entry("file"), entry("sub"));
    assert_eq!((file.is_dir, file.size_bytes, file.permissions.as_str()), (false, 5, "-rw-r-----"));
    assert!(file.modified_at >= before && file.modified_at <= SystemTime::now(), "{file:?}");
    assert!(sub.is_dir && sub.size_bytes == 0 && sub.permissions.starts_with('d'), "{sub:?}");

    b.copy_path("/srv/it's a folder", "/srv/copy").await.unwrap();
    assert_eq!(names(&b, "/srv/copy").await, ["file", "sub"]);
    b.rename_path("/srv/copy/file", "/srv/copy/moved").await.unwrap();
    assert_eq!(names(&b, "/srv/copy").await, ["moved", "sub"]);
    assert_eq!(b.read_file("/srv/copy/moved").await.unwrap(), "12345");
    assert_eq!(names(&b, "/srv/it's a folder").await, ["file", "sub"], "the original stays");
    b.remove_path("/srv/copy").await.unwrap();
    refused(
        b.list_dir("/srv/copy").await,
        ErrorKind::NotFound,
        &["list folder \"/srv/copy\" in box \"web\""],
    );

    // A relative path starts at home.
    b.create_dir("at home").await.unwrap();
    assert_eq!(sh(&b, "test -d ~/'at home' && echo there").await, "there\n");
    assert!(names(&b, ".").await.contains(&"at home".to_owned()));
}

async fn what_cannot_be_done_with_a_path_is_refused<T: Transport>(world: World<T>) {
    let b = world.ready_box("web").await;
    refused(b.list_dir("").await, ErrorKind::InvalidArgument, &["path: "]);
    refused(b.create_dir("a\0b").await, ErrorKind::InvalidArgument, &["path: "]);
    refused(b.remove_path("").await, ErrorKind::InvalidArgument, &["path: "]);
    refused(b.rename_path("", "/x").await, ErrorKind::InvalidArgument, &["from: "]);
    refused(b.copy_path("/x", "").await, ErrorKind::InvalidArgument, &["to: "]);
    refused(b.remove_path("/no/such").await, ErrorKind::NotFound, &["/no/such", "\"web\""]);
    refused(b.rename_path("/no/such", "/srv/x").await, ErrorKind::NotFound, &["/no/such", "/srv/x"]);
    refused(b.copy_path("/no/such", "/srv/x").await, ErrorKind::NotFound, &["/no/such", "/srv/x"]);
    b.write_file("", "/srv/file").await.unwrap();
    refused(b.create_dir("/srv/file").await, ErrorKind::InvalidArgument, &["make folder", "/srv/file"]);
}

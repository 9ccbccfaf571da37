//! Disks: made, attached to boxes, kept.

use boxd::transport::{Code, Transport};
use boxd::{BoxConfig, DiskAttachment, DiskHandle, ErrorKind, Size, VolumeMount};

use crate::world::{World, over_each_transport, refused, sh};

over_each_transport!(
    a_disk_carries_files_from_box_to_box,
    a_read_only_disk_refuses_writes,
    what_cannot_be_done_with_a_disk_is_refused,
    disks_outlive_the_cluster,
);

fn place(disk: &DiskHandle) -> Option<(String, String, bool)> {
    let at: Vec<DiskAttachment> = disk.attachments();
    assert!(at.len() < 2, "{at:?}");
    at.into_iter().next().map(|at| (at.box_name, at.mount_path, at.read_only))
}

async fn a_disk_carries_files_from_box_to_box<T: Transport>(world: World<T>) {
    let disks = world.compute.disks();
    let disk = disks.create("data", "1G").await.unwrap();
    assert!(!disk.id().is_empty() && !disk.status().is_empty(), "{disk:?}");
    assert_eq!((disk.name().as_str(), disk.size_bytes(), place(&disk)), ("data", 1 << 30, None));
    for wanted in ["data", disk.id()] {
        assert_eq!(disks.get(wanted).await.unwrap().id(), disk.id());
    }
    let small = disks.create("small", Size::bytes(16 << 20)).await.unwrap();
    assert_eq!(small.size_bytes(), 16 << 20);

    let (first, second) = (world.ready_box("first").await, world.ready_box("second").await);
    disk.attach(&first, "/mnt/data").await.unwrap();
    let expected = Some(("first".to_owned(), "/mnt/data".to_owned(), false));
    assert_eq!(place(&disk), expected);
    assert_eq!(place(&disks.get("data").await.unwrap()), expected, "the server says so too");
    disk.refresh().await.unwrap();
    assert_eq!(place(&disk), expected);
    let listed = disks.list().await.unwrap();
    assert_eq!(listed.iter().map(DiskHandle::name).collect::<Vec<_>>(), ["data", "small"]);

    sh(&first, "echo carried > /mnt/data/file").await;
    disk.detach("first").await.unwrap();
    assert_eq!(place(&disk), None);
    assert_eq!(place(&disks.get("data").await.unwrap()), None);
    assert!(!first.exec(["test", "-e", "/mnt/data/file"]).await.unwrap().success());

    // By name, and elsewhere.
    disk.attach("second", "/srv/deep/er").await.unwrap();
    assert_eq!(sh(&second, "cat /srv/deep/er/file").await, "carried\n");
    disk.detach(second.id()).await.unwrap();
    disk.destroy().await.unwrap();
    assert_eq!(disk.status(), "destroyed");
    refused(disk.refresh().await, ErrorKind::NotFound, &["refresh disk", "\"data\""]);
    refused(disks.get("data").await, ErrorKind::NotFound, &["get disk", "\"data\""]);
    refused(disk.destroy().await, ErrorKind::NotFound, &["destroy disk", "\"data\""]);
}

async fn a_read_only_disk_refuses_writes<T: Transport>(world: World<T>) {
    let disk = world.compute.disks().create("data", "64M").await.unwrap();
    let b = world.ready_box("web").await;
    disk.attach(&b, "/mnt/data").await.unwrap();
    sh(&b, "echo kept > /mnt/data/file").await;
    disk.detach(&b).await.unwrap();
    disk.attach(&b, "/mnt/data").read_only(true).await.unwrap();
    assert_eq!(place(&disk), Some(("web".to_owned(), "/mnt/data".to_owned(), true)));
    assert_eq!(place(&world.compute.disks().get("data").await.unwrap()), place(&disk));
    assert_eq!(sh(&b, "cat /mnt/data/file").await, "kept\n");
    let result = b.exec_shell("echo more >> /mnt/data/file").await.unwrap();
    assert!(!result.success() && result.stderr_text().contains("Read-only"), "{result:?}");
    assert_eq!(sh(&b, "cat /mnt/data/file").await, "kept\n");
}

async fn what_cannot_be_done_with_a_disk_is_refused<T: Transport>(world: World<T>) {
    let disks = world.compute.disks();
    refused(disks.create("", "1G").await, ErrorKind::InvalidArgument, &["name: "]);
    refused(disks.create("data", "big").await, ErrorKind::InvalidArgument, &["size: ", "\"big\""]);
    refused(disks.get("").await, ErrorKind::InvalidArgument, &["name_or_id: "]);
    let disk = disks.create("data", "1G").await.unwrap();
    refused(disks.create("data", "1G").await, ErrorKind::InvalidArgument, &["\"data\""]);
    refused(disk.attach("web", "mnt").await, ErrorKind::InvalidArgument, &["mount_path: "]);
    refused(disk.attach("nope", "/mnt").await, ErrorKind::NotFound, &["nope"]);
    refused(disk.detach("nope").await, ErrorKind::NotFound, &["nope"]);

    let b = world.ready_box("web").await;
    disk.attach(&b, "/mnt").await.unwrap();
    let error = refused(disk.destroy().await, ErrorKind::Other, &["destroy disk \"data\""]);
    assert_eq!(error.grpc_code(), Some(Code::FailedPrecondition), "{error}");
    disk.detach(&b).await.unwrap();
    disk.destroy().await.unwrap();
}

async fn disks_outlive_the_cluster<T: Transport>(mut world: World<T>) {
    let disk = world.compute.disks().create("data", "64M").await.unwrap();
    // Attached from the start.
    let volume =
        VolumeMount { disk_id: disk.id().to_owned(), mount_path: "/mnt/data".into(), read_only: false };
    let b = world.compute.boxes().create("web").config(BoxConfig::new().volume(volume)).await.unwrap();
    b.wait_until_ready().await.unwrap();
    sh(&b, "echo kept > /mnt/data/file").await;
    let before = disk.refresh().await.unwrap();
    assert_eq!(before.attachments.len(), 1, "{before:?}");
    world.restart().await;
    assert_eq!(world.compute.disks().get("data").await.unwrap().info(), before);
    let b = world.compute.boxes().get("web").await.unwrap();
    b.wait_until_ready().await.unwrap();
    assert_eq!(sh(&b, "cat /mnt/data/file").await, "kept\n");
}

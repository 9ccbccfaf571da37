//! Disks: folders that outlive the boxes they are mounted into.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use boxd_local::Cluster;
use common::wire::{
    AttachDiskRequest, CreateDiskRequest, CreateVmRequest, DestroyDiskRequest, DestroyVmRequest,
    DetachDiskRequest, DiskInfo, ForkVmRequest, ListDisksRequest, RebootVmRequest, StartVmRequest,
    StopVmRequest, SuspendVmRequest, UploadFileRequest, VmConfig, VolumeMount,
};
use common::{Client, client, create, sh};
use tonic::{Code, Status};

async fn create_disk(client: &mut Client, name: &str) -> String {
    let request = CreateDiskRequest { name: name.to_owned(), size_bytes: 10 << 30 };
    client.create_disk(request).await.unwrap().into_inner().disk_id
}

async fn attach(
    client: &mut Client,
    disk: &str,
    vm: &str,
    path: &str,
    read_only: bool,
) -> Result<(), Status> {
    let (disk_id, vm_id) = (disk.to_owned(), vm.to_owned());
    let request = AttachDiskRequest { disk_id, vm_id, mount_path: path.to_owned(), read_only };
    client.attach_disk(request).await.map(drop)
}

async fn detach(client: &mut Client, disk: &str, vm: &str) -> Result<(), Status> {
    let request = DetachDiskRequest { disk_id: disk.to_owned(), vm_id: vm.to_owned() };
    client.detach_disk(request).await.map(drop)
}

async fn destroy(client: &mut Client, disk: &str) -> Result<(), Status> {
    client.destroy_disk(DestroyDiskRequest { disk_id: disk.to_owned() }).await.map(drop)
}

async fn disks(client: &mut Client) -> Vec<DiskInfo> {
    client.list_disks(ListDisksRequest {}).await.unwrap().into_inner().disks
}

/// The boxes of the one disk there is, with path and mode.
async fn attachments(client: &mut Client) -> Vec<(String, String, String)> {
    let [disk] = &disks(client).await[..] else { unreachable!("one disk") };
    let all = disk.attachments.iter();
    all.map(|at| (at.vm_id.clone(), at.mount_path.clone(), at.mount_mode.clone())).collect()
}

#[tokio::test]
async fn a_disk_carries_files_from_one_running_box_to_the_next() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let (one, two) = (create(&mut client, "one").await.vm_id, create(&mut client, "two").await.vm_id);
    let disk = create_disk(&mut client, "data").await;
    let [shown] = &disks(&mut client).await[..] else { unreachable!("one disk") };
    assert_eq!((shown.name.as_str(), shown.size_bytes, shown.status.as_str()), ("data", 10 << 30, "ready"));
    assert!(shown.attachments.is_empty() && shown.created_at > 1_700_000_000_000, "{shown:?}");

    attach(&mut client, &disk, &one, "/mnt/data", false).await.unwrap();
    assert_eq!(attachments(&mut client).await, [(one.clone(), "/mnt/data".into(), "rw".into())]);
    assert_eq!(sh(&mut client, &one, "echo from one > /mnt/data/note && sync").await.exit_code, 0);
    let upload = UploadFileRequest {
        vm_id: one.clone(),
        path: "/mnt/data/sub/upload".into(),
        data: bytes::Bytes::from_static(b"sent"),
    };
    client.upload_file(upload).await.unwrap();
    let refused = attach(&mut client, &disk, &two, "/mnt/data", false).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    assert!(refused.message().contains("\"one\"") && refused.message().contains("detach"), "{refused}");

    detach(&mut client, &disk, &one).await.unwrap();
    assert_eq!(sh(&mut client, &one, "ls /mnt/data").await.stdout, "", "it is out of the box");
    let refused = detach(&mut client, &disk, &one).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");

    // By the box's name as well as by its id.
    attach(&mut client, &disk, "two", "/srv/d", true).await.unwrap();
    let output = sh(&mut client, &two, "cat /srv/d/note /srv/d/sub/upload; echo x > /srv/d/note").await;
    assert_eq!(output.stdout, "from one\nsent");
    assert!(output.exit_code != 0 && output.stderr.contains("Read-only file system"), "{output:?}");
    assert_eq!(attachments(&mut client).await, [(two.clone(), "/srv/d".into(), "ro".into())]);
    detach(&mut client, &disk, "two").await.unwrap();
}

#[tokio::test]
async fn an_attachment_outlives_the_boxes_runs_and_ends_with_the_box() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "cycle").await.vm_id;
    let disk = create_disk(&mut client, "data").await;
    // To a box that is down: from its next start on.
    client.stop_vm(StopVmRequest { vm_id: id.clone() }).await.unwrap();
    attach(&mut client, &disk, &id, "/mnt/data", false).await.unwrap();
    client.start_vm(StartVmRequest { vm_id: id.clone() }).await.unwrap();
    assert_eq!(sh(&mut client, &id, "echo kept > /mnt/data/note").await.exit_code, 0);
    client.reboot_vm(RebootVmRequest { vm_id: id.clone() }).await.unwrap();
    assert_eq!(sh(&mut client, &id, "cat /mnt/data/note").await.stdout, "kept\n");
    // Out of a suspended box and into it again; and a running box gives up what it booted with.
    client.suspend_vm(SuspendVmRequest { vm_id: id.clone() }).await.unwrap();
    detach(&mut client, &disk, &id).await.unwrap();
    attach(&mut client, &disk, &id, "/mnt/again", true).await.unwrap();
    assert_eq!(sh(&mut client, &id, "ls /mnt/data; cat /mnt/again/note").await.stdout, "kept\n");

    let fork = ForkVmRequest { source_vm_id: id.clone(), ..Default::default() };
    let fork = client.fork_vm(fork).await.unwrap().into_inner().vm_id;
    assert_eq!(sh(&mut client, &fork, "ls /mnt/again").await.stdout, "", "a fork has no disk of its source");
    assert_eq!(attachments(&mut client).await.len(), 1);

    client.destroy_vm(DestroyVmRequest { vm_id: id }).await.unwrap();
    assert!(attachments(&mut client).await.is_empty());
    attach(&mut client, &disk, &fork, "/mnt/again", false).await.unwrap();
    assert_eq!(sh(&mut client, &fork, "cat /mnt/again/note").await.stdout, "kept\n");
}

#[tokio::test]
async fn a_box_can_be_made_with_its_disks() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let (disk, other) = (create_disk(&mut client, "data").await, create_disk(&mut client, "more").await);
    let with = |name: &str, volumes: &[(&str, &str, bool)]| CreateVmRequest {
        name: name.to_owned(),
        config: Some(VmConfig {
            volumes: volumes
                .iter()
                .map(|&(disk, path, read_only)| VolumeMount {
                    disk_id: disk.to_owned(),
                    mount_path: path.to_owned(),
                    read_only,
                })
                .collect(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let made = client.create_vm(with("made", &[(&disk, "/mnt/a", false), (&other, "/mnt/b", true)])).await;
    let id = made.unwrap().into_inner().vm_id;
    let output = sh(&mut client, &id, "touch /mnt/a/x && ! touch /mnt/b/x").await;
    assert_eq!(output.exit_code, 0, "{output:?}");

    for (expected, volumes) in [
        (Code::FailedPrecondition, vec![(disk.as_str(), "/mnt/a", false)]),
        (Code::NotFound, vec![("disk-none", "/mnt/a", false)]),
        (Code::InvalidArgument, vec![("disk-none", "mnt", false)]),
        (Code::InvalidArgument, vec![("disk-none", "/usr/x", false)]),
        (Code::InvalidArgument, vec![("d1", "/mnt", false), ("d2", "/mnt/below", false)]),
        (Code::InvalidArgument, vec![("d1", "/mnt", false), ("d1", "/srv", false)]),
    ] {
        let refused = client.create_vm(with("never", &volumes)).await.unwrap_err();
        assert_eq!(refused.code(), expected, "{volumes:?}: {refused}");
    }
    let names = client.list_vms(common::wire::ListVmsRequest::default()).await.unwrap().into_inner().vms;
    assert_eq!(names.len(), 1, "what was refused left nothing");
}

#[tokio::test]
async fn what_cannot_be_done_with_a_disk_says_why() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "busy").await.vm_id;
    let (disk, other) = (create_disk(&mut client, "data").await, create_disk(&mut client, "more").await);
    for (code, name, size_bytes) in [
        (Code::AlreadyExists, "data", 1),
        (Code::InvalidArgument, "", 1),
        (Code::InvalidArgument, "two\nlines", 1),
        (Code::InvalidArgument, "huge", u64::MAX),
    ] {
        let request = CreateDiskRequest { name: name.to_owned(), size_bytes };
        assert_eq!(client.create_disk(request).await.unwrap_err().code(), code, "{name:?}");
    }
    attach(&mut client, &disk, &id, "/mnt/data", false).await.unwrap();
    for (code, disk, vm, path) in [
        (Code::InvalidArgument, &*other, &*id, "mnt"),
        (Code::InvalidArgument, &*other, &*id, "/proc/x"),
        (Code::InvalidArgument, &*other, &*id, "/mnt/data"),
        (Code::InvalidArgument, &*other, &*id, "/mnt/data/below"),
        (Code::InvalidArgument, &*other, &*id, "/mnt"),
        (Code::FailedPrecondition, &*disk, &*id, "/mnt/data"),
        (Code::NotFound, "disk-none", &*id, "/mnt/x"),
        (Code::NotFound, &*other, "no-such-box", "/mnt/x"),
        // A file is in the way: nothing is attached then.
        (Code::InvalidArgument, &*other, &*id, "/etc/hosts/x"),
    ] {
        let refused = attach(&mut client, disk, vm, path, false).await.unwrap_err();
        assert_eq!(refused.code(), code, "{path}: {refused}");
    }
    assert_eq!(disks(&mut client).await.iter().map(|disk| disk.attachments.len()).sum::<usize>(), 1);

    let refused = destroy(&mut client, &disk).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    assert!(refused.message().contains("\"busy\""), "{refused}");
    // The command's own start is awaited by its first output.
    let line = "exec 3> /mnt/data/open; echo open; read line";
    let (sender, chunks) = futures_channel::mpsc::unbounded();
    sender.unbounded_send(common::first(&id, line)).unwrap();
    let mut process = client.exec(chunks).await.unwrap().into_inner();
    assert_eq!(process.message().await.unwrap().unwrap().data, "open\n");
    let refused = detach(&mut client, &disk, &id).await.unwrap_err();
    assert!(
        refused.code() == Code::FailedPrecondition && refused.message().contains("/mnt/data"),
        "{refused}"
    );
    drop(sender);
    while process.message().await.unwrap().is_some() {}
    detach(&mut client, &disk, &id).await.unwrap();

    destroy(&mut client, &disk).await.unwrap();
    for gone in [
        destroy(&mut client, &disk).await,
        attach(&mut client, &disk, &id, "/mnt/data", false).await,
        detach(&mut client, &disk, &id).await,
    ] {
        assert_eq!(gone.unwrap_err().code(), Code::NotFound);
    }
    assert!(!cluster.data_dir().join("disks").join(&disk).exists());
    assert!(cluster.data_dir().join("disks").join(&other).exists());
}

//! Directories of the host in a running box.

use std::{fs, path::Path};

use boxd_local::machine::{Error, Mount};

use crate::support::{boot, boot_with};

fn mount(source: &Path, target: &str, read_only: bool) -> Mount {
    Mount { source: source.to_owned(), target: target.into(), read_only }
}

#[tokio::test]
async fn a_running_box_gets_a_directory_and_gives_it_back() {
    let shared = tempfile::tempdir().unwrap();
    fs::write(shared.path().join("there"), "before").unwrap();
    let it = boot().await;
    it.mount(mount(shared.path(), "/mnt/deep/data", false)).await.unwrap();
    assert_eq!(
        it.say("cat /mnt/deep/data/there; id -u > /mnt/deep/data/here; stat -c %u /mnt/deep/data/here").await,
        { format!("before{}", it.say("id -u").await) }
    );
    assert!(shared.path().join("here").exists());
    it.unmount("/mnt/deep/data").await.unwrap();
    assert_eq!(it.say("ls /mnt/deep/data").await, "", "its place stays, empty");
    assert!(!it.home.path().join("root/mnt/deep/data/here").exists());
    assert!(matches!(it.unmount("/mnt/deep/data").await, Err(Error::Io { .. })), "nothing is mounted there");
}

#[tokio::test]
async fn read_only_is_the_kernels_word_from_the_first_moment() {
    let shared = tempfile::tempdir().unwrap();
    fs::write(shared.path().join("there"), "before").unwrap();
    let it = boot().await;
    it.mount(mount(shared.path(), "/mnt/data", true)).await.unwrap();
    let outcome = it.run("echo x > /mnt/data/there").await;
    assert!(String::from_utf8_lossy(&outcome.stderr).contains("Read-only file system"), "{outcome:?}");
    assert!(matches!(it.delete("/mnt/data/there").await, Err(Error::Denied { .. })));
    assert_eq!(it.say("cat /mnt/data/there; grep ' /mnt/data ' /proc/mounts | cut -d' ' -f4 | tr , '\n' | grep -xE 'ro|nosuid|nodev' | sort | xargs").await, "beforenodev nosuid ro");
    // A box's own programs cannot take that back, not even in namespaces of their own.
    let outcome = it.run("unshare -Urm sh -c 'mount -o remount,bind,rw /mnt/data || umount /mnt/data'").await;
    assert_ne!(outcome.code, 0, "{outcome:?}");
}

#[tokio::test]
async fn what_is_in_use_is_not_taken_away() {
    let shared = tempfile::tempdir().unwrap();
    let it = boot().await;
    it.mount(mount(shared.path(), "/mnt/data", false)).await.unwrap();
    let (mut input, mut output) = it.start("exec 3> /mnt/data/open; echo open; read line", None).await;
    crate::support::read_until(&mut output, "open").await;
    let error = it.unmount("/mnt/data").await.unwrap_err();
    assert!(matches!(&error, Error::Busy { path } if path == "/mnt/data"), "{error}");
    input.write(crate::support::bytes("\n")).await.unwrap();
    crate::support::collect(output).await;
    it.unmount("/mnt/data").await.unwrap();
}

#[tokio::test]
async fn a_suspended_box_gets_a_directory_too_and_a_rebooted_one_only_what_its_spec_says() {
    let shared = tempfile::tempdir().unwrap();
    fs::write(shared.path().join("there"), "x").unwrap();
    let it = boot_with(|spec| spec.mounts.push(mount(shared.path(), "/srv/spec", true))).await;
    it.suspend().await.unwrap();
    it.mount(mount(shared.path(), "/srv/later", false)).await.unwrap();
    it.resume().await.unwrap();
    assert_eq!(it.say("ls /srv/spec /srv/later | xargs").await, "/srv/later: there /srv/spec: there");
    it.unmount("/srv/spec").await.unwrap();
    assert_eq!(it.say("ls /srv/spec").await, "");
}

#[tokio::test]
async fn what_cannot_be_a_mount_is_refused_and_leaves_nothing() {
    let shared = tempfile::tempdir().unwrap();
    let it = boot().await;
    it.say("touch file").await;
    for (source, target) in [
        (shared.path(), "/proc/here"),
        (shared.path(), "relative"),
        (shared.path(), "/mnt/../etc"),
        (Path::new("/no/such"), "/mnt/data"),
        (shared.path(), "/home/boxd/file"),
        (shared.path(), "/home/boxd/file/below"),
    ] {
        assert!(it.mount(mount(source, target, false)).await.is_err(), "{target}");
    }
    let mounts = "grep -c ' /mnt\\| /home' /proc/mounts";
    assert_eq!(it.run(mounts).await.text(), "0");
}

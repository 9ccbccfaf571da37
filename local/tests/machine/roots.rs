//! Roots: kept over a restart, copied, and with directories of the host in them.

use std::time::Duration;

use boxd_local::machine::{Error, Machine, Mount, copy_root, create_root, remove_root};

use crate::support::{TestBox, boot, boot_with, spec};

#[tokio::test]
async fn files_outlive_the_box() {
    let home = tempfile::tempdir().unwrap();
    create_root(&spec(&home).root).await.unwrap();
    let b = TestBox::boot(spec(&home), home).await;
    b.say("echo kept > file; echo kept > /tmp/file; echo gone > /run/file; echo kept > /etc/own").await;
    b.shutdown(Duration::from_secs(5)).await;
    let b = b.boot_again().await;
    assert_eq!(b.say("cat file /tmp/file /etc/own; ls /run").await, "kept\nkept\nkept\nboxd\nlock");
}

#[tokio::test]
async fn a_copy_is_a_box_of_its_own() {
    let b = boot().await;
    b.say(
        "echo shared > file; mkdir d; ln -s ../file d/link; chmod 700 d; mkfifo pipe; truncate -s 1G holes",
    )
    .await;
    let home = tempfile::tempdir().unwrap();
    let mut other = spec(&home);
    other.hostname = "fork".into();
    copy_root(&spec(&b.home).root, &other.root).await.unwrap();
    let fork = TestBox::boot(other, home).await;
    assert_eq!(fork.say("cat d/link; stat -c %a d; test -p pipe && hostname; cat /etc/hostname").await, {
        "shared\n700\nfork\nfork"
    });
    assert_eq!(fork.say("getent hosts fork | cut -d' ' -f1; du -k holes | cut -f1").await, "127.0.1.1\n0");
    fork.say("echo changed > file").await;
    assert_eq!(b.say("cat file").await, "shared");
    fork.shutdown(Duration::ZERO).await;
    let root = spec(&fork.home).root;
    remove_root(&root).await.unwrap();
    assert!(!root.exists());
    remove_root(&root).await.unwrap();
}

#[tokio::test]
async fn mounts_are_seen_and_a_read_only_one_refuses_writes() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("file"), "from the host").unwrap();
    let mount =
        |target: &str, read_only| Mount { source: data.path().into(), target: target.into(), read_only };
    let b = boot_with(|spec| spec.mounts = vec![mount("/data", false), mount("/mnt/fixed", true)]).await;
    assert_eq!(b.say("cat /data/file; echo; cat /mnt/fixed/file").await, "from the host\nfrom the host");
    b.say("echo from the box > /data/new").await;
    assert_eq!(std::fs::read_to_string(data.path().join("new")).unwrap(), "from the box\n");
    let refused = b.run("echo x > /mnt/fixed/new").await;
    assert_eq!(refused.code, 1);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Read-only file system"));
    assert!(matches!(b.upload("/mnt/fixed/x", 0).await, Err(Error::Denied { .. })));
}

#[tokio::test]
async fn a_box_that_cannot_be_made_says_why() {
    let home = tempfile::tempdir().unwrap();
    let refused = async |change: fn(&mut boxd_local::machine::MachineSpec)| {
        let mut spec = spec(&home);
        change(&mut spec);
        Machine::boot(spec).await.err().unwrap()
    };
    assert!(refused(|_| {}).await.to_string().contains("is not a box's root"));
    create_root(&spec(&home).root).await.unwrap();
    assert!(matches!(refused(|spec| spec.id = "a/b".into()).await, Error::Invalid { .. }));
    let error = refused(|spec| spec.env = vec![("A=B".into(), "secret".into())]).await.to_string();
    assert!(error.contains("A=B") && !error.contains("secret"));
    let missing = |spec: &mut boxd_local::machine::MachineSpec| {
        spec.mounts = vec![Mount { source: "/no/such".into(), target: "/x".into(), read_only: false }];
    };
    assert!(matches!(refused(missing).await, Error::NotFound { .. }));
    // bubblewrap itself refuses: the place of the mount is a file.
    let misplaced = |spec: &mut boxd_local::machine::MachineSpec| {
        spec.mounts = vec![Mount { source: "/tmp".into(), target: "/etc/passwd".into(), read_only: true }];
    };
    let error = refused(misplaced).await;
    assert!(matches!(&error, Error::Boot { message } if message.contains("passwd")), "{error}");
}

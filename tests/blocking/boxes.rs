//! The life of boxes.

use std::time::Duration;

use boxd::blocking::BoxHandle;
use boxd::{BoxConfig, BoxStatus, ErrorKind, RestartPolicy};

use crate::world::{cluster, ready_box, refused, sh, until};

#[test]
fn a_box_is_made_as_asked_and_found_by_name_and_id() {
    let (_cluster, compute) = cluster();
    let config = BoxConfig::new()
        .vcpu(2)
        .memory("1G")
        .disk("10G")
        .env("GREETING", "hello world")
        .cmd(["sh", "-c", "echo main $GREETING; exec sleep infinity"])
        .restart_policy(RestartPolicy::Never)
        .auto_suspend(Duration::from_secs(3600))
        .proxy("api", 3001);
    let b = compute.boxes().create("web").image("ubuntu:latest").config(config).call().unwrap();
    b.wait_until_ready().call().unwrap();
    assert_eq!((b.name().as_str(), b.image().as_str()), ("web", "ubuntu:latest"));
    assert!(b.url().unwrap().starts_with("http://web.localhost:") && b.boot_time().is_some(), "{b:?}");
    assert_eq!((b.forked_from(), b.public_ip()), (None, b.info().public_ip));
    assert_eq!(b.proxies().unwrap().len(), 2);

    for wanted in ["web", b.id()] {
        let found = compute.boxes().get(wanted).unwrap();
        assert_eq!((found.id(), found.status()), (b.id(), BoxStatus::Running));
        assert_eq!(found.restart_policy(), Some(RestartPolicy::Never));
        assert_eq!(found.disk_bytes(), Some(10 << 30));
        assert_eq!(found.auto_suspend_timeout(), Some(Duration::from_secs(3600)));
    }
    let listed = compute.boxes().list().unwrap();
    assert_eq!(listed.iter().map(BoxHandle::name).collect::<Vec<_>>(), ["web"]);
    refused(compute.boxes().create("web").call(), ErrorKind::InvalidArgument, &["web"]);
    refused(compute.boxes().get("nope"), ErrorKind::NotFound, &["nope"]);
    let wrong = BoxConfig::new().memory("lots");
    let error = compute.boxes().create("other").config(wrong).call();
    assert_eq!(refused(error, ErrorKind::InvalidArgument, &["memory: "]).grpc_code(), None);
}

#[test]
fn stop_start_and_reboot_end_processes_and_keep_files() {
    let (_cluster, _compute, b) = ready_box();
    b.write_file("kept", "/srv/kept").call().unwrap();
    for way in ["stop", "reboot"] {
        sh(&b, "sleep 1234 >/dev/null 2>&1 &");
        if way == "stop" {
            b.stop().unwrap();
            assert_eq!(b.refresh().unwrap().status, BoxStatus::Stopped);
            refused(b.wait_until_ready().call(), ErrorKind::Other, &["stopped"]);
            b.start().unwrap();
        } else {
            b.reboot().unwrap();
        }
        b.wait_until_ready().call().unwrap();
        assert_eq!(sh(&b, "cat /srv/kept; pgrep -fc '^sleep 1234$' || true"), "kept0\n", "{way}");
    }
}

#[test]
fn suspend_and_hibernate_stand_still_with_the_memory() {
    let (_cluster, _compute, b) = ready_box();
    sh(&b, "sleep 4321 > /dev/null 2>&1 &");
    assert!(b.suspend().unwrap().duration > Duration::ZERO);
    assert_eq!(b.refresh().unwrap().status, BoxStatus::Suspended);
    let late = b.wait_until_ready().timeout(Duration::from_millis(200)).call();
    refused(late, ErrorKind::Timeout, &["suspended"]);
    assert!(b.resume().unwrap().duration > Duration::ZERO);
    assert_eq!(sh(&b, "pgrep -fxc 'sleep 4321'"), "1\n");
    b.hibernate().unwrap();
    assert_eq!(b.refresh().unwrap().status, BoxStatus::Hibernated);
    b.wake().unwrap();
    assert_eq!(b.refresh().unwrap().status, BoxStatus::Running);
    assert_eq!(sh(&b, "pgrep -fxc 'sleep 4321'"), "1\n");
}

#[test]
fn a_fork_has_the_files_and_goes_its_own_way() {
    let (_cluster, compute, b) = ready_box();
    b.write_file("before", "/srv/shared").call().unwrap();
    let fork = compute.boxes().fork("web").name("f1").call().unwrap();
    fork.wait_until_ready().call().unwrap();
    assert_eq!(fork.forked_from().as_deref(), Some(b.id()));
    fork.write_file("after", "/srv/shared").call().unwrap();
    assert_eq!(b.read_file("/srv/shared").call().unwrap(), "before");
    assert_eq!(fork.read_file("/srv/shared").call().unwrap(), "after");
    assert!(!compute.boxes().fork(&b).call().unwrap().name().is_empty());
    refused(compute.boxes().fork("nope").call(), ErrorKind::NotFound, &["nope"]);
    b.destroy().unwrap();
    refused(b.destroy(), ErrorKind::NotFound, &["web"]);
    assert_eq!(fork.read_file("/srv/shared").call().unwrap(), "after");
}

#[test]
fn a_renamed_box_is_found_by_its_new_name() {
    let (_cluster, compute, b) = ready_box();
    b.rename("after").unwrap();
    assert_eq!((b.name(), b.refresh().unwrap().name), ("after".to_owned(), "after".to_owned()));
    assert_eq!(compute.boxes().get("after").unwrap().id(), b.id());
    assert_eq!(compute.boxes().attach(b.id(), "").refresh().unwrap().name, "after");
}

#[test]
fn an_idle_box_is_suspended() {
    let (_cluster, _compute, b) = ready_box();
    b.set_auto_suspend_timeout(Duration::from_secs(1)).unwrap();
    assert_eq!(b.auto_suspend_timeout(), Some(Duration::from_secs(1)));
    until("it is suspended", || b.refresh().unwrap().status == BoxStatus::Suspended);
}

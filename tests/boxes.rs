//! The life of real boxes: made, found, stopped in their tracks, booted again, forked, destroyed; their log.

// What a test expects, it may insist on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::{Duration, Instant};

use boxd::{BoxConfig, BoxHandle, BoxStatus, Compute, ErrorKind, RestartPolicy};
use common::cluster;
use futures_util::{StreamExt, TryStreamExt};

async fn text(b: &BoxHandle, line: &str) -> String {
    b.exec_shell(line).await.unwrap().stdout_text().into_owned()
}

#[tokio::test]
async fn a_box_is_made_as_asked_and_found_by_name_and_id() {
    let (_cluster, compute) = cluster().await;
    let config = BoxConfig::new()
        .vcpu(2)
        .memory("1G")
        .disk("10G")
        .env("GREETING", "hello world")
        .cmd(["sh", "-c", "echo main $GREETING; exec sleep infinity"])
        .restart_policy(RestartPolicy::Never)
        .auto_suspend(Duration::from_secs(3600));
    let b = compute.boxes().create("web").image("ubuntu:latest").config(config).await.unwrap();
    b.wait_until_ready().await.unwrap();
    assert_eq!((b.name().as_str(), b.image().as_str()), ("web", "ubuntu:latest"));
    assert!(b.url().unwrap().starts_with("http://web.localhost:"), "{b:?}");
    assert_eq!(b.public_ip(), "127.0.0.1");
    assert!(b.boot_time().is_some_and(|time| time > Duration::ZERO), "{b:?}");
    assert_eq!(b.forked_from(), None);

    for wanted in ["web", b.id()] {
        let found = compute.boxes().get(wanted).await.unwrap();
        assert_eq!((found.id(), found.status()), (b.id(), BoxStatus::Running));
        assert_eq!(found.restart_policy(), Some(RestartPolicy::Never));
        assert_eq!(found.disk_bytes(), Some(10 << 30));
        assert_eq!(found.auto_suspend_timeout(), Some(Duration::from_secs(3600)));
    }
    let listed = compute.boxes().list().await.unwrap();
    assert_eq!(listed.iter().map(BoxHandle::name).collect::<Vec<_>>(), ["web"]);
    assert_eq!(text(&b, "hostname").await, "web\n");

    let error = compute.boxes().create("web").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    let error = compute.boxes().get("nope").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("nope"), "{error}");
    let named = compute.boxes().create("").await.unwrap();
    assert!(!named.name().is_empty());
}

#[tokio::test]
async fn stop_start_and_reboot_end_processes_and_keep_files() {
    let (_cluster, compute) = cluster().await;
    let b = compute.boxes().create("web").await.unwrap();
    b.write_file("kept", "/srv/kept").await.unwrap();
    assert!(b.exec_shell("sleep 1234 >/dev/null 2>&1 &").await.unwrap().success());

    b.stop().await.unwrap();
    assert_eq!((b.status(), b.refresh().await.unwrap().status), (BoxStatus::Stopped, BoxStatus::Stopped));
    let error = b.wait_until_ready().await.unwrap_err();
    assert!(error.message().contains("stopped"), "{error}");
    b.start().await.unwrap();
    b.wait_until_ready().await.unwrap();
    assert_eq!(text(&b, "cat /srv/kept; pgrep -fc '^sleep 1234$'").await, "kept0\n");

    assert!(b.exec_shell("sleep 1234 >/dev/null 2>&1 &").await.unwrap().success());
    b.reboot().await.unwrap();
    b.wait_until_ready().await.unwrap();
    assert_eq!(text(&b, "cat /srv/kept; pgrep -fc '^sleep 1234$'").await, "kept0\n");
}

#[tokio::test]
async fn suspend_stands_still_and_resume_goes_on_with_the_memory() {
    let (_cluster, compute) = cluster().await;
    let b = compute.boxes().create("web").await.unwrap();
    // The count is in the shell's memory alone; each step is written down.
    let count = "n=0; while :; do n=$((n+1)); echo $n; sleep 0.01; done";
    let mut process = b.exec_shell(count).stream().await.unwrap();
    let mut output = process.take_stdout().unwrap();
    let first = output.next().await.unwrap().unwrap();
    assert!(first.starts_with(b"1\n"), "{first:?}");

    let suspended = b.suspend().await.unwrap();
    assert!(suspended.duration > Duration::ZERO);
    assert_eq!(b.refresh().await.unwrap().status, BoxStatus::Suspended);
    // What was on its way arrives; then nothing more does.
    let mut seen = first.to_vec();
    while let Ok(chunk) = tokio::time::timeout(Duration::from_millis(500), output.next()).await {
        seen.extend_from_slice(&chunk.unwrap().unwrap());
    }
    assert!(b.resume().await.unwrap().duration > Duration::ZERO);
    assert_eq!(b.refresh().await.unwrap().status, BoxStatus::Running);
    seen.extend_from_slice(&output.next().await.unwrap().unwrap());
    let seen = String::from_utf8(seen).unwrap();
    let numbers: Vec<u32> = seen.lines().map(|line| line.parse().unwrap()).collect();
    assert!(numbers.iter().zip(1..).all(|(have, want)| *have == want), "{numbers:?}");
}

#[tokio::test]
async fn a_fork_has_the_files_and_goes_its_own_way() {
    let (_cluster, compute) = cluster().await;
    let b = compute.boxes().create("web").await.unwrap();
    b.write_file("before", "/srv/shared").await.unwrap();
    let fork = compute.boxes().fork("web").name("f1").await.unwrap();
    fork.wait_until_ready().await.unwrap();
    assert_eq!(fork.forked_from().as_deref(), Some(b.id()));
    fork.write_file("after", "/srv/shared").await.unwrap();
    assert_eq!(b.read_file("/srv/shared").await.unwrap(), "before");
    assert_eq!(fork.read_file("/srv/shared").await.unwrap(), "after");
    assert_eq!(text(&fork, "hostname").await, "f1\n");
    let again = compute.boxes().fork(&b).await.unwrap();
    assert_ne!(again.name(), "");
    assert_eq!(compute.boxes().fork("nope").await.unwrap_err().kind(), ErrorKind::NotFound);
    b.destroy().await.unwrap();
    assert_eq!(fork.read_file("/srv/shared").await.unwrap(), "after");
}

#[tokio::test]
async fn waiting_ends_in_time() {
    let (_cluster, compute) = cluster().await;
    let b = compute.boxes().create("web").await.unwrap();
    b.wait_until_ready().await.unwrap();
    b.suspend().await.unwrap();
    let started = Instant::now();
    let error = b.wait_until_ready().timeout(Duration::from_millis(200)).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(30));
    assert!(error.kind() == ErrorKind::Timeout && error.message().contains("suspended"), "{error}");
}

#[tokio::test]
async fn the_log_is_the_main_process_and_can_be_followed() {
    let (_cluster, compute) = cluster().await;
    // Open for writing too, so that no writer's close is the end of the input.
    let main = "mkfifo /tmp/fifo; exec 3<>/tmp/fifo; echo one; while read line <&3; do echo got $line; done";
    let config = BoxConfig::new().cmd(["sh", "-c", main]);
    let b = compute.boxes().create("web").config(config).await.unwrap();
    let mut log = b.stream_logs().follow(true);
    let mut seen = String::new();
    for (say, wanted) in [("", "one\n"), ("two", "got two\n"), ("three", "got three\n")] {
        if !say.is_empty() {
            b.exec_shell(format!("echo {say} > /tmp/fifo")).await.unwrap();
        }
        while !seen.ends_with(wanted) {
            let chunk =
                tokio::time::timeout(Duration::from_secs(10), log.try_next()).await.expect("more log");
            seen.push_str(&String::from_utf8_lossy(&chunk.unwrap().expect("not the end")));
        }
    }
    let snapshot: Vec<_> = b.stream_logs().try_collect().await.unwrap();
    assert_eq!(snapshot.concat(), seen.as_bytes());
    b.destroy().await.unwrap();
    // A log ends with its box, by itself or with the box's absence; it never hangs.
    let end = tokio::time::timeout(Duration::from_secs(10), log.next()).await.expect("the end");
    assert!(end.is_none_or(|last| last.is_err()));
}

#[tokio::test]
async fn identity_and_defaults() {
    let (cluster, compute) = cluster().await;
    let me = compute.whoami().await.unwrap();
    assert!(!me.user_id.is_empty() && !me.default_network_id.is_empty());
    let config = compute.config().await.unwrap();
    assert_eq!(config.default_image, "ubuntu:latest");
    let wrong = Compute::builder()
        .api_key("bxk_wrong")
        .api_url(cluster.api_url())
        .exchange_url(cluster.exchange_url())
        .build()
        .unwrap();
    assert_eq!(wrong.whoami().await.unwrap_err().kind(), ErrorKind::Authentication);
    let wrong = Compute::builder().token("eyJ.wrong").api_url(cluster.api_url()).build().unwrap();
    assert_eq!(wrong.whoami().await.unwrap_err().kind(), ErrorKind::Authentication);
    // The escape hatch for what has no method of its own.
    let request = boxd::wire::CreateTokenRequest { expires_in_secs: 60 };
    let made = compute.call(boxd::wire::methods::CREATE_TOKEN, &request).await.unwrap();
    assert!(!format!("{made:?}").contains(&made.token));
    let with_token = Compute::builder().token(&made.token).api_url(cluster.api_url()).build().unwrap();
    assert_eq!(with_token.whoami().await.unwrap(), me);
    let error = compute.call(boxd::wire::methods::EXEC, &boxd::wire::ExecChunk::default()).await.unwrap_err();
    assert!(error.message().starts_with("method: "), "{error}");
}

//! Boots and ends.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use boxd_local::machine::{Error, ExecRequest, check_host};

use crate::support::{Marker, PATIENCE, boot, boot_with, read_until};

#[test]
fn this_machine_can_run_boxes() {
    check_host().unwrap();
}

#[tokio::test]
async fn a_box_sees_only_itself() {
    let b = boot().await;
    // Looked at before anything else starts.
    let seen = b.say("seen=$(ps -e -o comm=); echo \"$seen\" | sort -u").await;
    assert_eq!(seen, "agent\nbash\nbwrap\nps");
    assert_eq!(b.say("ls /").await.split_whitespace().filter(|name| *name == "work").count(), 0);
    assert_eq!(b.say("ls /home").await, "boxd");
}

#[tokio::test]
async fn a_long_path_to_the_sockets_is_fine() {
    let b = boot_with(|spec| spec.runtime_dir = spec.runtime_dir.join("d".repeat(120)).join("e".repeat(120)))
        .await;
    assert_eq!(b.say("echo here").await, "here");
}

#[tokio::test]
async fn shutdown_lets_processes_end_well_and_leaves_none() {
    let b = boot().await;
    let marker = Marker::new();
    let sleep = marker.command();
    let script = format!(
        "trap 'echo done > well; exit' TERM; (trap '' TERM; exec {sleep}) & setsid {sleep} & setsid -f {sleep}; echo up; wait"
    );
    let (_input, mut output) = b.start(&script, None).await;
    read_until(&mut output, "up").await;
    marker.await_count(3).await;
    let began = Instant::now();
    // Time enough for the trap on a busy machine, and to be waited out because of those that do not listen.
    b.shutdown(Duration::from_secs(3)).await;
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert_eq!(marker.count(), 0);
    assert_eq!(std::fs::read_to_string(b.home.path().join("root/home/boxd/well")).unwrap(), "done\n");
    b.exited().await;
    b.shutdown(Duration::from_secs(5)).await;
    let gone = b.exec(ExecRequest { command: "true".into(), tty: None }).await;
    assert!(matches!(gone, Err(Error::Gone)));
    assert!(
        std::fs::read_dir(b.home.path().join("run"))
            .unwrap()
            .all(|entry| { !entry.unwrap().file_name().to_string_lossy().ends_with(".sock") })
    );
}

#[tokio::test]
async fn shutdown_of_an_idle_box_is_quick() {
    let b = boot().await;
    let began = Instant::now();
    b.shutdown(2 * PATIENCE).await;
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_death_of_the_agent_is_the_end_of_the_box_and_noticed() {
    let b = boot().await;
    let marker = Marker::new();
    let (_input, mut output) = b.start(&format!("{} & echo up; wait", marker.command()), None).await;
    read_until(&mut output, "up").await;
    marker.await_count(1).await;
    let (_killer_input, _killer) = b.start("kill -9 -1", None).await;
    tokio::time::timeout(PATIENCE, b.exited()).await.unwrap();
    assert_eq!(marker.count(), 0);
    // A command that was cut off has no code.
    let last = tokio::time::timeout(PATIENCE, output.next()).await.unwrap();
    assert!(matches!(last, Some(Err(Error::Gone))), "{last:?}");
    assert!(output.next().await.is_none());
}

#[tokio::test]
async fn the_last_handle_takes_the_box_down() {
    let b = boot().await;
    let marker = Marker::new();
    let (_input, mut output) = b.start(&format!("{} & echo up; wait", marker.command()), None).await;
    read_until(&mut output, "up").await;
    marker.await_count(1).await;
    drop(b);
    marker.await_count(0).await;
}

#[test]
fn a_box_does_not_outlive_its_host_though_that_is_killed() {
    let marker = Marker::new();
    for suspended in ["", "yes"] {
        let mut host = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "lifecycle::a_host_to_be_killed", "--ignored", "--nocapture"])
            .env("BOXD_TEST_MARKER", marker.name())
            .env("BOXD_TEST_SUSPENDED", suspended)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(host.stdout.take().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.contains("the box runs")));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(marker.await_count(1));
        host.kill().unwrap();
        host.wait().unwrap();
        runtime.block_on(marker.await_count(0));
    }
}

/// Not a test by itself: the process that the test above kills.
#[tokio::test]
#[ignore = "runs inside another test"]
async fn a_host_to_be_killed() {
    let Ok(marker) = std::env::var("BOXD_TEST_MARKER").map(Marker::named) else { return };
    // Booted from a thread that ends, as threads of runtimes do.
    let booting = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(boot())
    });
    let b = booting.join().unwrap();
    let (_input, mut output) = b.start(&format!("{} & echo up; wait", marker.command()), None).await;
    read_until(&mut output, "up").await;
    marker.await_count(1).await;
    if std::env::var("BOXD_TEST_SUSPENDED").is_ok_and(|value| !value.is_empty()) {
        b.suspend().await.unwrap();
    }
    println!("the box runs");
    std::future::pending::<()>().await;
}

//! A box that stands still.

use std::{path::Path, time::Duration};

use boxd_local::machine::{Error, ExecEvent};

use crate::support::{Marker, boot, next, read_until};

/// A command that counts in memory only.
const COUNTER: &str = "n=0; while :; do n=$((n+1)); echo $n; sleep 0.01; done";

/// The numbers that came at once: several, where the machine was busy elsewhere.
async fn numbers(output: &mut boxd_local::machine::ExecOutput) -> Vec<u64> {
    let ExecEvent::Stdout(data) = next(output).await else { panic!() };
    std::str::from_utf8(&data).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_suspended_box_stands_still_and_goes_on_where_it_was() {
    let b = boot().await;
    let (_input, mut output) = b.start(COUNTER, None).await;
    assert_eq!(numbers(&mut output).await[0], 1);
    for _ in 0..3 {
        b.suspend().await.unwrap();
        assert!(b.is_suspended());
        b.suspend().await.unwrap();
        // What was said before the box stood still is still in the pipe; after that there is silence.
        let mut last = 0;
        while let Ok(said) = tokio::time::timeout(Duration::from_millis(200), numbers(&mut output)).await {
            last = *said.last().unwrap();
        }
        b.resume().await.unwrap();
        b.resume().await.unwrap();
        assert!(!b.is_suspended());
        let next = numbers(&mut output).await[0];
        assert!(last == 0 || next == last + 1, "{last}, then {next}");
    }
}

#[tokio::test]
async fn a_storm_of_short_processes_stands_still_too() {
    let b = boot().await;
    let marker = Marker::new();
    let storm = "for i in 1 2 3 4; do (while :; do /bin/true; done) & done; echo up";
    let (_input, mut output) = b.start(&format!("{storm}; {}", marker.command()), None).await;
    read_until(&mut output, "up").await;
    marker.await_count(1).await;
    let namespace = |process: &Path| std::fs::read_link(process.join("ns/pid")).ok();
    let ours = namespace(&marker.processes()[0]).unwrap();
    let snapshot = || -> Vec<_> {
        let all = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        all.filter(|process| namespace(process).as_ref() == Some(&ours)).collect()
    };
    for _ in 0..5 {
        b.suspend().await.unwrap();
        let before = snapshot();
        assert!(before.len() > 5, "{before:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(before, snapshot());
        b.resume().await.unwrap();
        assert_eq!(b.say("echo alive").await, "alive");
    }
}

#[tokio::test]
async fn requests_to_a_suspended_box_wait_for_it() {
    let b = boot().await;
    b.suspend().await.unwrap();
    let mut asking = std::pin::pin!(b.say("echo here"));
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut asking).await.is_err());
    b.resume().await.unwrap();
    assert_eq!(asking.await, "here");
}

#[tokio::test]
async fn a_suspended_box_can_be_shut_down() {
    for grace in [Duration::ZERO, Duration::from_secs(5)] {
        let b = boot().await;
        let marker = Marker::new();
        let (_input, mut output) = b.start(&format!("{} & echo up; wait", marker.command()), None).await;
        read_until(&mut output, "up").await;
        marker.await_count(1).await;
        b.suspend().await.unwrap();
        b.shutdown(grace).await;
        assert_eq!(marker.count(), 0);
        assert!(matches!(b.suspend().await, Err(Error::Gone)));
    }
}

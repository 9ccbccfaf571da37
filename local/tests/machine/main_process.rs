//! The main process, its console and its restarts.

use std::{path::Path, time::Duration};

use boxd_local::machine::RestartPolicy;

use crate::support::{PATIENCE, boot_with};

fn shell(script: &str) -> Vec<String> {
    vec!["sh".into(), "-c".into(), script.into()]
}

/// The console once it is as wanted.
async fn await_console(home: &Path, wanted: impl Fn(&str) -> bool) -> String {
    let reached = async {
        loop {
            let text = std::fs::read_to_string(home.join("console.log")).unwrap();
            if wanted(&text) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.expect("the console never says so")
}

#[tokio::test]
async fn the_console_is_what_the_main_process_says() {
    let b = boot_with(|spec| {
        spec.cmd = shell("echo out $NAME; echo err >&2; exec sleep 1000");
        spec.env = vec![("NAME".into(), "value".into())];
    })
    .await;
    assert_eq!(await_console(b.home.path(), |text| text.lines().count() == 2).await, "out value\nerr\n");
    b.shutdown(Duration::from_secs(5)).await;
    assert_eq!(await_console(b.home.path(), |_| true).await, "out value\nerr\n", "ended, not failed");
}

#[tokio::test]
async fn a_failing_main_process_starts_again_after_growing_pauses() {
    let b = boot_with(|spec| {
        spec.cmd = shell("echo run; exit 3");
        spec.restart = RestartPolicy::OnFailure;
    })
    .await;
    let text = await_console(b.home.path(), |text| text.matches("run\n").count() >= 3).await;
    assert!(text.contains("ended with code 3; it starts again in 100ms"), "{text}");
    assert!(text.contains("starts again in 200ms"), "{text}");
}

#[tokio::test]
async fn the_policy_decides() {
    let once = |policy| {
        boot_with(move |spec| {
            spec.cmd = shell("echo run; test -e /tmp/again && exec sleep 1000; touch /tmp/again; exit 0");
            spec.restart = policy;
        })
    };
    let never = boot_with(|spec| {
        spec.cmd = shell("echo run; exit 1");
        spec.restart = RestartPolicy::Never;
    })
    .await;
    let on_failure = once(RestartPolicy::OnFailure).await;
    let always = once(RestartPolicy::Always).await;
    await_console(always.home.path(), |text| text.matches("run\n").count() == 2).await;
    await_console(never.home.path(), |text| text.ends_with("the main process ended with code 1\n")).await;
    await_console(on_failure.home.path(), |text| !text.is_empty()).await;
    // Twice the pause in which the others would have come back.
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(await_console(on_failure.home.path(), |_| true).await, "run\n");
    assert_eq!(await_console(never.home.path(), |_| true).await.matches("run\n").count(), 1);
    assert_eq!(never.say("echo the box lives on").await, "the box lives on");
}

#[tokio::test]
async fn a_main_process_that_cannot_start_says_so() {
    let b = boot_with(|spec| spec.cmd = vec!["no-such-program".into()]).await;
    let text = await_console(b.home.path(), |text| text.contains("code 127")).await;
    assert!(text.contains("no-such-program: No such file or directory"), "{text}");
}

#[tokio::test]
async fn no_restart_holds_up_the_end() {
    let b = boot_with(|spec| spec.cmd = shell("exit 1")).await;
    await_console(b.home.path(), |text| text.contains("starts again in 800ms")).await;
    tokio::time::timeout(PATIENCE, b.shutdown(2 * PATIENCE)).await.unwrap();
}

//! Commands on a terminal.

use boxd_local::machine::{ExecEvent, WindowSize};

use crate::support::{Marker, boot, bytes, collect, next, read_until};

const SIZE: Option<WindowSize> = Some(WindowSize { cols: 132, rows: 43 });

#[tokio::test]
async fn the_terminal_is_the_boxes_own_and_has_the_size_asked_for() {
    let b = boot().await;
    let (_input, output) =
        b.start("tty; stty size; echo $TERM; test -t 0 -a -t 1 -a -t 2 && echo yes", SIZE).await;
    let outcome = collect(output).await;
    let lines: Vec<_> = outcome.text().lines().collect();
    assert!(lines[0].starts_with("/dev/pts/"), "{lines:?}");
    assert_eq!(lines[1..], ["43 132", "xterm-256color", "yes"]);
    assert!(outcome.stderr.is_empty());
}

#[tokio::test]
async fn a_new_size_is_seen_and_signalled() {
    let b = boot().await;
    // The trap tells of the signal, the loop of the size: bash may miss a signal while it runs a trap.
    let script = "trap 'echo changed' WINCH; while :; do stty size; sleep 0.02; done";
    let (mut input, mut output) = b.start(script, SIZE).await;
    read_until(&mut output, "43 132").await;
    input.resize(WindowSize { cols: 80, rows: 24 }).unwrap();
    let seen = read_until(&mut output, "24 80").await;
    if !seen.contains("changed") {
        read_until(&mut output, "changed").await;
    }
    input.resize(WindowSize { cols: 200, rows: 50 }).unwrap();
    read_until(&mut output, "50 200").await;
}

#[tokio::test]
async fn keys_become_signals_and_input_is_echoed() {
    let b = boot().await;
    let (mut input, mut output) = b.start("cat", SIZE).await;
    input.write(bytes("hi\n")).await.unwrap();
    read_until(&mut output, "hi\r\nhi\r\n").await;
    input.write(bytes("\x03")).await.unwrap();
    assert_eq!(collect(output).await.code, 130);
}

#[tokio::test]
async fn closing_the_input_is_the_end_of_file_key() {
    let b = boot().await;
    for typed in ["", "a whole line\n", "half a line"] {
        let (mut input, mut output) = b.start("cat >/dev/null; echo over", SIZE).await;
        if !typed.is_empty() {
            input.write(bytes(typed)).await.unwrap();
            read_until(&mut output, typed.trim_end()).await;
        }
        input.close().await.unwrap();
        assert!(collect(output).await.text().ends_with("over"), "after {typed:?}");
    }
}

#[tokio::test]
async fn a_login_shell_takes_commands_and_controls_jobs() {
    let b = boot().await;
    let (mut input, mut output) = b.start("", SIZE).await;
    read_until(&mut output, "boxd@testbox:~$ ").await;
    input.write(bytes("sleep 1000 &\n")).await.unwrap();
    read_until(&mut output, "[1]").await;
    input.write(bytes("kill %1; wait; exit 9\n")).await.unwrap();
    assert_eq!(collect(output).await.code, 9);
}

#[tokio::test]
async fn hanging_up_ends_the_whole_session() {
    let b = boot().await;
    let marker = Marker::new();
    let (mut input, mut output) = b.start("", SIZE).await;
    read_until(&mut output, "$ ").await;
    let sleep = marker.command();
    input.write(format!("{sleep} &\n{sleep}\n").into()).await.unwrap();
    marker.await_count(2).await;
    drop(output);
    marker.await_count(0).await;
}

#[tokio::test]
async fn a_terminals_output_arrives_whole() {
    let b = boot().await;
    let (_input, output) = b.start("seq 100000", SIZE).await;
    let outcome = collect(output).await;
    let lines: Vec<_> = std::str::from_utf8(&outcome.stdout).unwrap().split("\r\n").collect();
    assert_eq!(lines.len(), 100_001);
    assert!((1..).zip(&lines[..100_000]).all(|(number, line)| line.parse() == Ok(number)));
}

#[tokio::test]
async fn a_terminal_that_is_left_open_does_not_hold_up_the_end() {
    let b = boot().await;
    let (_input, mut output) = b.start("setsid sleep 1000 & echo up; exit 6", SIZE).await;
    loop {
        if let ExecEvent::Exit(code) = next(&mut output).await {
            break assert_eq!(code, 6);
        }
    }
}
